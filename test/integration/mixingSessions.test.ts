import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Worker } from "node:worker_threads"
import { vi } from "vitest"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { codec } from "../../src/codec/FloatCodec.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Hearing from "../mixer/hearing.ts"
import { randomOverlaps, randomPlays } from "./mixingRandom.ts"
import * as Rig from "./rig.ts"

const frame = 960

/** Opus that is passed through, mixed with silence for a while, and passed through again. */
const thereAndBack = Effect.fnUntraced(function*(
  session: VoiceSession.VoiceSession,
  frames: ReadonlyArray<AudioSource.OpusFrame>
) {
  const track = yield* session.play(AudioSource.fromFrames(frames))
  // a busy machine may be late with the first frames
  assert.isTrue(yield* track.reached("600 millis"))
  const second = yield* session.play(Hearing.pcm(() => 0, 600))
  yield* second.awaitEnd
  const end = yield* track.awaitEnd
  assert.deepStrictEqual(end, { _tag: "Finished" })
  assert.strictEqual(yield* track.position, frames.length * 20)
})

/**
 * Checks what was heard of it: nothing is missing, both ends are bit for bit the same, and the part between sounds the
 * same.
 */
const isWhole = Effect.fnUntraced(function*(
  heard: ReadonlyArray<{ readonly payload: Uint8Array }>,
  frames: ReadonlyArray<AudioSource.OpusFrame>
) {
  const voiced = heard.filter(({ payload }) => payload.length > 3)
  assert.strictEqual(voiced.length, frames.length)
  const alone = yield* Hearing.decode(frames.map(({ data }, i) => ({ payload: data, timestamp: i * frame })))
  // a busy machine sometimes puts the beat back on its grid, or a thread misses the beat
  const sound = yield* Hearing.decode(voiced.map(({ payload }, i) => ({ payload, timestamp: i * frame })))
  const same = frames.map(({ data }, i) => Buffer.from(voiced[i]?.payload ?? []).equals(data))
  assert.isTrue(same.slice(0, 25).every((is) => is))
  assert.isTrue(same.slice(-5).every((is) => is))
  assert.isAbove(same.filter((is) => !is).length, 20)
  for (let at = 2; at < frames.length - 2; at++) {
    assert.isAbove(Hearing.ratio(sound.left, (i) => alone.left[i] ?? 0, at * frame, frame), 22, `frame ${at}`)
  }
})

const live = (mixer: Layer.Layer<Mixer.Mixer>) =>
  Layer.unwrap(
    Emulator.Emulator.useSync((discord) => Layer.mergeAll(Voice.layer, mixer, discord.layerGateway("bot")))
  ).pipe(Layer.provideMerge(Emulator.layer()))

const inThread = Mixer.layerThreadWith({ use: "always" })

describe("a mix", () => {
  it.effect("is encrypted, also when it takes over and hands back, while members come and go", () =>
    Effect.gen(function*() {
      yield* Rig.run(Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.music, 3_000)
        const guest = yield* Rig.guest("secure")
        const session = yield* Rig.join("secure")
        yield* Rig.encrypted(session)
        yield* Effect.forkScoped(
          Effect.gen(function*() {
            yield* Effect.sleep("500 millis")
            for (let i = 0; i < 4; i++) {
              yield* Effect.scoped(Effect.andThen(Rig.guest("secure", `member ${i}`), Effect.sleep("300 millis")))
            }
          })
        )
        yield* thereAndBack(session, frames)
        yield* Effect.sleep("1 second")
        const heard = yield* guest.heard
        yield* isWhole(heard, frames)
        const silent = heard.findIndex(({ silence }) => silence)
        assert.strictEqual(silent, frames.length)
        assert.strictEqual((yield* session.statistics).framesEncrypted, frames.length)
      }))
      yield* Rig.blameless
    }).pipe(Effect.provide(Rig.memory())))

  it.live("can be made and encrypted in threads, where it also takes over and hands back", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.music, 3_500)
      const guest = yield* Rig.guest("secure")
      const session = yield* Rig.join("secure")
      yield* Rig.encrypted(session)
      yield* thereAndBack(session, frames)
      yield* isWhole(yield* guest.awaitFrames(frames.length), frames)
    }).pipe(Effect.scoped, Effect.provide(live(inThread))))

  it.live("reaches a driver in another thread completely", () =>
    Effect.gen(function*() {
      const worker = yield* Effect.acquireRelease(
        Effect.sync(() => new Worker(new URL("./driver-worker.ts", import.meta.url))),
        (started) => Effect.promise(() => started.terminate())
      )
      const frames = yield* Hearing.encode(Hearing.music, 3_500)
      const guest = yield* Rig.guest()
      yield* Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        yield* Rig.encrypted(session, guest.userId)
        yield* thereAndBack(session, frames)
      }).pipe(Effect.scoped, Effect.provide(VoiceDriver.layerMessagePort(worker)))
      yield* isWhole(yield* guest.awaitFrames(frames.length), frames)
    }).pipe(Effect.scoped, Effect.provide(live(inThread))))

  describe("outlives a connection that is lost", () => {
    // around the second at which the mix takes over
    for (const afterMs of [0, 30, 90, 150, 400, 1_050] as const) {
      it.effect(`${afterMs} ms after it began`, () =>
        Effect.gen(function*() {
          yield* Rig.run(Effect.gen(function*() {
            const discord = yield* Emulator.Emulator
            const frames = yield* Hearing.encode(Hearing.sine(440), 4_000)
            const guest = yield* Rig.guest()
            const session = yield* Rig.join("lobby")
            const track = yield* session.play(AudioSource.fromFrames(frames))
            yield* Effect.sleep("1 second")
            const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 1_000))
            yield* Effect.sleep(afterMs)
            yield* discord.faults.closeVoice("bot", 4006)
            assert.deepStrictEqual(yield* second.awaitEnd, { _tag: "Finished" })
            assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
            assert.strictEqual(yield* track.position, 4_000)
            assert.deepStrictEqual(yield* session.tracks, [])
            yield* Effect.sleep("1 second")
            const heard = (yield* guest.heard).filter(({ payload }) => payload.length > 3)
            // only what was in flight is lost
            assert.isAtLeast(heard.length, 196)
            assert.isAtMost(heard.length, 201)
            const last = heard.slice(-20).map(({ payload }) => payload)
            assert.deepStrictEqual(last, Rig.payloads(frames.slice(-20)))
          }))
        }).pipe(Effect.provide(Rig.memory())))
    }
  })

  it.effect("that breaks ends its own tracks with the error, and no others", () =>
    Effect.gen(function*() {
      let isBroken = false
      const { encoder } = codec
      const spy = vi.spyOn(codec, "encoder").mockImplementation(async (options) => {
        const made = await encoder(options)
        return {
          ...made,
          encode: (pcm) => {
            if (isBroken) throw new Error("it is worn out")
            return made.encode(pcm)
          }
        }
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
      yield* Rig.run(Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        const frames = yield* Hearing.encode(Hearing.music, 3_000)
        const track = yield* session.play(AudioSource.fromFrames(frames))
        const second = yield* session.play(Hearing.pcm(Hearing.music, 3_000))
        const third = yield* session.play(AudioSource.fromFrames(frames), { after: second })
        yield* Effect.sleep("1 second")
        isBroken = true
        for (const end of [yield* track.awaitEnd, yield* second.awaitEnd]) {
          assert(end._tag === "Failed")
          assert.strictEqual(end.error.reason._tag, "EncodeFailed")
        }
        // Opus does not need an encoder
        assert.deepStrictEqual(yield* third.awaitEnd, { _tag: "Finished" })
      }))
    }).pipe(Effect.scoped, Effect.provide(Rig.memory())))

  it.effect("leaves nothing behind after 50 random plays, stops and interruptions", () => randomPlays(50, 1))

  for (const seed of [1, 2, 3]) {
    it.effect(`lets nothing stall: 40 overlapping plays, seed ${seed}`, () => randomOverlaps(40, seed))
  }
})
