import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { timestampDelta } from "../../src/protocol/RtpPacket.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const frame = 960

/** PCM that comes in pieces of 20 ms, each after its own delay. */
const slow = (
  delayMs: (piece: number) => number,
  pieces: number,
  options: { readonly live?: boolean; readonly failsAt?: number } = {}
): AudioSource.AudioSource => ({
  name: "slow",
  open: Effect.sync(() => {
    let piece = 0
    return {
      format: "pcm",
      durationMs: undefined,
      tags: {},
      ...(options.live === undefined ? {} : { live: options.live }),
      pull: Effect.suspend((): Effect.Effect<Float32Array, VoiceError.VoiceError | Cause.Done> => {
        if (piece === options.failsAt) {
          return VoiceError.fail(
            new VoiceError.SourceFailed({ source: "slow", kind: "Failed", positionMs: piece * 20, detail: "cut" })
          )
        }
        if (piece >= pieces) return Cause.done()
        const samples = Hearing.samplesOf(Hearing.sine(440), 20, piece * 20)
        const ms = delayMs(piece++)
        return ms === 0 ? Effect.succeed(samples) : Effect.delay(Effect.succeed(samples), ms)
      })
    }
  })
})

const played = (source: AudioSource.AudioSource, starveTimeout = "30 seconds" as const) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const track = yield* session.play(source, { starveTimeout })
    const end = yield* track.awaitEnd
    const tags = (yield* Stream.runCollect(track.events)).map(({ _tag }) => _tag)
    const positionMs = yield* track.position
    const metrics = yield* track.metrics
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { end, heard, metrics, positionMs, sound: yield* Hearing.decode(heard), tags }
  })).pipe(Effect.provide(Rig.memory()))

/** Everything comes at once, except for one piece that has to be waited for. */
const stallOf = (ms: number) => played(slow((piece) => piece === 100 ? ms : 0, 200), "30 seconds")

describe("a mixed source", () => {
  for (const ms of [50, 500] as const) {
    it.effect(`can stall for ${ms} ms without anybody hearing it`, () =>
      Effect.gen(function*() {
        const { end, metrics, positionMs, sound, tags } = yield* stallOf(ms)
        assert.deepStrictEqual(end, { _tag: "Finished" })
        assert.deepStrictEqual(tags, ["Started", "Ended"])
        assert.strictEqual(positionMs, 4_000)
        assert.deepStrictEqual(metrics, { sent: 200, late: 0, missed: 0, concealed: 0 })
        assert.deepStrictEqual(sound.gaps, [])
        assert.isAbove(Hearing.ratio(sound.left, Hearing.sine(440), frame * 2, frame * 196), 30)
      }))
  }

  it.effect("that stalls for 5 s continues where it was", () =>
    Effect.gen(function*() {
      const { end, metrics, positionMs, sound, tags } = yield* stallOf(5_000)
      assert.deepStrictEqual(end, { _tag: "Finished" })
      assert.deepStrictEqual(tags, ["Started", "Stalled", "Recovered", "Ended"])
      assert.strictEqual(positionMs, 4_000)
      assert.strictEqual(metrics.sent, 200)
      assert.lengthOf(sound.gaps, 1)
      assert.isBelow(Hearing.steepest(sound.left), (0.3 * 2 * Math.PI * 440 * 1.3) / 48_000)
    }))

  it.effect("that stalls forever ends its track as Starved", () =>
    Effect.gen(function*() {
      const { end, positionMs, tags } = yield* played(slow((piece) => piece === 100 ? Infinity : 0, 200))
      assert(end._tag === "Starved")
      assert.isAtLeast(end.silentMs, 30_000)
      assert.isBelow(end.silentMs, 32_000)
      assert.strictEqual(positionMs, 2_000)
      assert.deepStrictEqual(tags, ["Started", "Stalled", "Ended"])
    }))

  for (const samples of [9_600, 9_602, 10_080]) {
    it.effect(`starves also if it hangs after ${samples} samples, within a frame`, () =>
      Effect.gen(function*() {
        const pieces = Stream.concat(Stream.make(new Int16Array(samples)), Stream.never)
        const { end } = yield* played(AudioSource.fromPcm(pieces, { rate: 48_000, channels: 1 }))
        assert(end._tag === "Starved")
        assert.isBelow(end.silentMs, 32_000)
      }))
  }

  it.effect("reports stalls and starvation in the same way if it is Opus that is passed through", () =>
    Effect.gen(function*() {
      const stalling = (ms: number): AudioSource.AudioSource => ({
        name: "stalling",
        open: Effect.sync(() => {
          let packet = 0
          return {
            format: "opus",
            channels: 2,
            durationMs: undefined,
            tags: {},
            pull: Effect.suspend((): Effect.Effect<ReadonlyArray<AudioSource.OpusFrame>, Cause.Done> => {
              if (packet === 100) return Cause.done()
              const frames = Rig.frames(100).slice(packet, ++packet)
              return packet === 50 ? Effect.delay(Effect.succeed(frames), ms) : Effect.succeed(frames)
            })
          }
        })
      })
      const voiced = (heard: ReadonlyArray<{ readonly payload: Uint8Array }>) =>
        heard.filter(({ payload }) => payload.length > 3).map(({ payload }) => payload)
      for (const ms of [50, 500, 5_000]) {
        const { end, heard, metrics, positionMs, tags } = yield* played(stalling(ms))
        assert.deepStrictEqual(end, { _tag: "Finished" })
        assert.strictEqual(positionMs, 2_000)
        assert.deepStrictEqual(voiced(heard), Rig.payloads(Rig.frames(100)))
        assert.deepStrictEqual(tags, ms < 900 ? ["Started", "Ended"] : ["Started", "Stalled", "Recovered", "Ended"])
        assert.closeTo(metrics.late, ms < 900 ? 0 : 200, 5)
      }
      const { end, positionMs } = yield* played(stalling(Infinity))
      assert.strictEqual(end._tag, "Starved")
      assert.strictEqual(positionMs, 980)
    }))

  it.effect("may be slightly slower than real time, or faster", () =>
    Effect.gen(function*() {
      const late = yield* played(slow(() => 21, 100))
      assert.deepStrictEqual(late.end, { _tag: "Finished" })
      assert.strictEqual(late.metrics.sent, 100)
      const early = yield* played(slow(() => 1, 100))
      assert.deepStrictEqual(early.metrics, { sent: 100, late: 0, missed: 0, concealed: 0 })
      assert.deepStrictEqual(early.sound.gaps, [])
    }))

  it.effect("that fails in the middle is heard up to there", () =>
    Effect.gen(function*() {
      const { end, positionMs, heard } = yield* played(slow(() => 0, 200, { failsAt: 73 }))
      assert(end._tag === "Failed")
      assert.strictEqual(end.error.reason._tag, "SourceFailed")
      assert.strictEqual(positionMs, 73 * 20)
      assert.isAtLeast(heard.filter(({ payload }) => payload.length > 3).length, 73)
    }))

  it.effect("that is live is heard at once, and is not read ahead beyond the limit", () =>
    Effect.gen(function*() {
      let pulled = 0
      const counting = slow(() => 0, 10_000, { live: true })
      const source: AudioSource.AudioSource = {
        name: "live",
        open: Effect.map(counting.open, (opened) => ({
          ...opened,
          ...(opened.format === "pcm"
            ? { format: "pcm", pull: Effect.tap(opened.pull, () => Effect.sync(() => pulled++)) } as const
            : opened)
        }))
      }
      const value = yield* Rig.run(Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(source)
        yield* Effect.sleep("2 seconds")
        const position = yield* track.position
        yield* track.stop
        return position
      })).pipe(Effect.provide(Rig.memory()))
      assert.closeTo(value, 2_000, 60)
      // the limit, what is mixed ahead, and a piece that waits
      assert.isAtMost(pulled * 20 - value, 200 + 120 + 60)
    }))

  it.effect("that stalls does not hold up the others", () =>
    Effect.gen(function*() {
      const { sound, tags } = yield* Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const other = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 4_000))
        const stalling = yield* session.play(slow((piece) => piece === 50 ? 2_000 : 0, 100))
        yield* other.awaitEnd
        yield* stalling.awaitEnd
        const tags = (yield* Stream.runCollect(stalling.events)).map(({ _tag }) => _tag)
        assert.isAbove((yield* stalling.metrics).late, 40)
        assert.strictEqual((yield* other.metrics).late, 0)
        yield* Effect.sleep("1 second")
        return { sound: yield* Hearing.decode(yield* guest.heard), tags }
      })).pipe(Effect.provide(Rig.memory()))
      assert.deepStrictEqual(tags, ["Started", "Stalled", "Recovered", "Ended"])
      assert.deepStrictEqual(sound.gaps, [])
      for (let at = 4; at < 190; at += 2) {
        assert.closeTo(Hearing.levelOf(sound.left, 1_000, at * frame, frame * 2), 0.3, 0.02, `frame ${at}`)
      }
      assert.isBelow(Hearing.steepest(sound.left), (0.3 * 2 * Math.PI * 1_440 * 1.1) / 48_000)
    }))

  it.effect("keeps timestamps on the clock over pauses and gaps", () =>
    Effect.gen(function*() {
      const heard = yield* Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        for (let i = 0; i < 3; i++) {
          const track = yield* session.play(Hearing.pcm(Hearing.sine(200), 3_000))
          yield* Effect.sleep("1 second")
          yield* track.pause
          yield* Effect.sleep("7777 millis")
          yield* track.resume
          yield* track.awaitEnd
          yield* Effect.sleep("1234 millis")
        }
        return yield* guest.heard
      })).pipe(Effect.provide(Rig.memory()))
      const [first] = heard
      assert.isDefined(first)
      for (const { arrivalMs, timestamp } of heard) {
        assert.closeTo(timestampDelta(timestamp, first.timestamp) / 48, arrivalMs - first.arrivalMs, 0.05)
      }
    }))
})
