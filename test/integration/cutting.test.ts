import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as Voice from "../../src/Voice.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const frame = 960
const hz = 1_000

type Session = Effect.Success<ReturnType<typeof Rig.join>>

const voice = Hearing.pcm(Hearing.sine(hz), 10_000)

/** A silent track: only the music is heard, but it still has to be mixed. */
const mute = Hearing.pcm(() => 0, 10_000)

/** Runs the program, and returns what a guest heard. `sent` says how many frames have been sent at that moment. */
const playing = <A>(
  program: (session: Session, sent: Effect.Effect<number, VoiceError>) => Effect.Effect<A, VoiceError>,
  options: { readonly channel?: string; readonly mixer?: Mixer.Options } & Emulator.MemoryOptions = {}
) =>
  Rig.run(Effect.gen(function*() {
    const { channel = "lobby" } = options
    const guest = yield* Rig.guest(channel)
    const session = yield* Rig.join(channel)
    if (channel === "secure") yield* Rig.encrypted(session)
    const value = yield* program(session, Effect.map(session.statistics, ({ packetsSent }) => packetsSent))
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { value, heard, sound: yield* Hearing.decode(heard) }
  })).pipe(
    Effect.provide(Layer.merge(Rig.inMemory(Rig.bot, options), Mixer.layerWith(options.mixer ?? {})))
  )

const music = Hearing.sine(440)

/**
 * How long anything but the music is heard after the beginning of the frame that was sent last before the call, in
 * milliseconds.
 */
const afterCall = ({ left }: Hearing.Sound, sent: number): number => {
  let last = 0
  for (let at = sent * frame - frame; at < frame * 198; at += 48) {
    let power = 0
    for (let i = at; i < at + 48; i++) power += ((left[i] ?? 0) - music(i)) ** 2
    if (Math.sqrt(power / 48) > 0.03) last = at + 48
  }
  return (last - (sent - 1) * frame) / 48
}

describe("cutting", () => {
  for (const afterMs of [1_000, 1_001, 1_007, 1_013, 1_019]) {
    it.effect(`silences a voice immediately while PCM music continues, ${afterMs} ms after it began`, () =>
      Effect.gen(function*() {
        const { sound, value } = yield* playing((session, sent) =>
          Effect.gen(function*() {
            const song = yield* session.play(Hearing.pcm(music, 4_000))
            yield* Effect.sleep("500 millis")
            const track = yield* session.play(voice)
            const waiting = yield* session.play(voice, { after: track })
            yield* Effect.sleep(afterMs)
            const at = yield* sent
            const cut = yield* session.cut([waiting, track])
            assert.deepStrictEqual(cut.map((one) => one.track), [track, waiting])
            assert.deepStrictEqual(yield* session.tracks, [song])
            assert.deepStrictEqual(yield* song.awaitEnd, { _tag: "Finished" })
            assert.deepStrictEqual(yield* session.cut([track]), [])
            return {
              at,
              positions: cut.map(({ positionMs }) => positionMs),
              ends: yield* Effect.all([track.awaitEnd, waiting.awaitEnd]),
              position: yield* song.position,
              metrics: yield* song.metrics
            }
          })
        )
        assert.deepStrictEqual(value.ends.map(({ _tag }) => _tag), ["Stopped", "Stopped"])
        assert.strictEqual(value.position, 4_000)
        assert.deepStrictEqual(value.metrics, { sent: 200, late: 0, missed: 0, concealed: 0 })
        assert.deepStrictEqual(sound.gaps, [])
        const heardFor = afterCall(sound, value.at)
        assert.isAtLeast(heardFor, 20)
        assert.isAtMost(heardFor, 30)
        // the reported position is what was heard, except for the edges
        const first = Array.from({ length: 60 }, (_, i) =>
          i).find((i) =>
            Hearing.levelOf(sound.left, hz, i * frame, frame) > 0.2
          ) ?? 0
        assert.closeTo(value.positions[0] ?? 0, (value.at - first) * 20, 20)
        assert.strictEqual(value.positions[1], 0)
        // no gap and no click, and the music is in its place
        for (let at = value.at + 1; at < 198; at++) {
          assert.isAbove(Hearing.ratio(sound.left, music, at * frame, frame), 22, `frame ${at}`)
        }
        const most = (0.3 * 2 * Math.PI * (440 + hz) * 1.02) / 48_000
        assert.isBelow(Hearing.steepest(sound.left, frame * (value.at - 3), frame * 198), most)
      }))
  }

  for (const channel of ["lobby", "secure"]) {
    for (const afterMs of [0, 15, 45, 100, 150, 165, 180, 200, 250, 333, 1_000]) {
      it.effect(`leaves Opus in ${channel} intact and passes it through again, ${afterMs} ms after a voice began`, () =>
        Effect.gen(function*() {
          const frames = yield* Hearing.encode(Hearing.music, 3_000)
          const alone = yield* Hearing.decode(frames.map(({ data }, i) => ({ payload: data, timestamp: i * frame })))
          const { heard, sound, value } = yield* playing((session) =>
            Effect.gen(function*() {
              const song = yield* session.play(AudioSource.fromFrames(frames))
              yield* Effect.sleep("500 millis")
              const track = yield* session.play(mute)
              yield* Effect.sleep(afterMs)
              yield* session.cut([track])
              assert.deepStrictEqual(yield* song.awaitEnd, { _tag: "Finished" })
              return yield* Effect.all([song.position, song.metrics])
            }), { channel })
          assert.deepStrictEqual(value, [3_000, { sent: 150, late: 0, missed: 0, concealed: 0 }])
          assert.deepStrictEqual(sound.gaps, [])
          const same = frames.map(({ data }, i) => Buffer.from(heard[i]?.payload ?? []).equals(data))
          assert.isTrue(same.slice(0, 25).every((is) => is))
          assert.isTrue(same.slice(-50).every((is) => is))
          for (let at = 2; at < 148; at++) {
            assert.isAbove(Hearing.ratio(sound.left, (i) => alone.left[i] ?? 0, at * frame, frame), 22, `frame ${at}`)
          }
          assert.isAtMost(Hearing.steepest(sound.left, frame, frame * 148), Hearing.steepest(alone.left) * 1.05)
        }))
    }
  }

  for (const afterMs of [0, 30, 90, 150, 170, 300]) {
    it.effect(`silences a track that was passed through, ${afterMs} ms after music began`, () =>
      Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.sine(hz), 10_000)
        const { sound, value } = yield* playing((session, sent) =>
          Effect.gen(function*() {
            const speech = yield* session.play(AudioSource.fromFrames(frames))
            yield* Effect.sleep("490 millis")
            const song = yield* session.play(Hearing.pcm(music, 2_000))
            yield* Effect.sleep(afterMs)
            const at = yield* sent
            const [cut] = yield* session.cut([speech])
            assert.deepStrictEqual(yield* song.awaitEnd, { _tag: "Finished" })
            return { at, positionMs: cut?.positionMs, metrics: yield* song.metrics, spoken: yield* speech.metrics }
          })
        )
        assert.deepStrictEqual(value.metrics, { sent: 100, late: 0, missed: 0, concealed: 0 })
        assert.strictEqual(value.spoken.sent, value.at)
        assert.strictEqual(value.positionMs, value.at * 20)
        assert.deepStrictEqual(sound.gaps, [])
        // at most one frame later, there is only music
        const from = (value.at + 1) * frame
        const at = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((frames) => from - frames * frame).findLast((start) =>
          Hearing.ratio(sound.left, (i) => music(i - start), from + frame, frame * 85) > 22
        )
        assert.isDefined(at)
      }))
  }

  it.effect("cuts several tracks in quick succession, also within the same frame", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session, sent) =>
        Effect.gen(function*() {
          const song = yield* session.play(Hearing.pcm(music, 3_000))
          const voices = yield* Effect.forEach([0, 1, 2, 3], () => session.play(voice, { gain: 0.25, duck: false }))
          yield* Effect.sleep("1 second")
          for (const one of voices.slice(0, 3)) yield* session.cut([one])
          yield* Effect.sleep("5 millis")
          const at = yield* sent
          yield* session.cut(voices)
          assert.deepStrictEqual(yield* song.awaitEnd, { _tag: "Finished" })
          return { at, metrics: yield* song.metrics }
        })
      )
      assert.deepStrictEqual(value.metrics, { sent: 150, late: 0, missed: 0, concealed: 0 })
      assert.deepStrictEqual(sound.gaps, [])
      for (let at = value.at + 1; at < 148; at++) {
        assert.isAbove(Hearing.ratio(sound.left, music, at * frame, frame), 22, `frame ${at}`)
      }
    }))

  for (const ahead of [60, 600]) {
    it.effect(`is as quick with ${ahead} ms mixed ahead, also for a voice that is already mixed to its end`, () =>
      Effect.gen(function*() {
        for (const ms of [10_000, 300]) {
          const { sound, value } = yield* playing((session, sent) =>
            Effect.gen(function*() {
              const song = yield* session.play(Hearing.pcm(music, 3_000))
              yield* Effect.sleep("500 millis")
              const track = yield* session.play(Hearing.pcm(Hearing.sine(hz), ms))
              // some of it is heard
              while ((yield* track.position) < 100) yield* Effect.sleep("7 millis")
              const at = yield* sent
              yield* session.cut([track])
              assert.deepStrictEqual(yield* song.awaitEnd, { _tag: "Finished" })
              return { at, metrics: yield* song.metrics, end: (yield* track.awaitEnd)._tag }
            }), { mixer: { ahead } })
          assert.strictEqual(value.end, "Stopped")
          assert.deepStrictEqual(value.metrics, { sent: 150, late: 0, missed: 0, concealed: 0 })
          assert.deepStrictEqual(sound.gaps, [])
          for (let at = value.at + 1; at < 148; at++) {
            assert.isAbove(Hearing.ratio(sound.left, music, at * frame, frame), 22, `frame ${at}`)
          }
        }
      }))
  }

  it.effect("lets ducked music return to its level", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session, sent) =>
        Effect.gen(function*() {
          yield* session.play(Hearing.pcm(music, 4_000))
          yield* Effect.sleep("500 millis")
          const track = yield* session.play(voice, { duck: true })
          yield* Effect.sleep("1 second")
          const at = yield* sent
          yield* session.cut([track])
          yield* Effect.sleep("2 seconds")
          return at
        })
      )
      assert.closeTo(Hearing.levelOf(sound.left, 440, (value + 1) * frame, 4 * frame), 0.3 / 4, 0.01)
      assert.isBelow(Hearing.levelOf(sound.left, hz, (value + 1) * frame, 4 * frame), 0.005)
      assert.closeTo(Hearing.levelOf(sound.left, 440, (value + 50) * frame, 10 * frame), 0.3, 0.01)
    }))

  it.live("leaves no gap when mixing and encryption run in threads", () =>
    Effect.gen(function*() {
      const guest = yield* Rig.guest("secure")
      const session = yield* Rig.join("secure")
      yield* Rig.encrypted(session)
      yield* session.play(Hearing.pcm(music, 3_000))
      yield* Effect.sleep("300 millis")
      const track = yield* session.play(voice)
      yield* guest.awaitFrames(40)
      const [cut] = yield* session.cut([track])
      const heard = yield* guest.awaitFrames(150)
      const voiced = heard.filter(({ payload }) => payload.length > 3)
      assert.lengthOf(voiced, 150)
      const sound = yield* Hearing.decode(voiced.map(({ payload }, i) => ({ payload, timestamp: i * frame })))
      // the first frame comes from an encoder that has just started
      const both = Array.from({ length: 147 }, (_, i) => i + 1)
        .filter((i) => Hearing.ratio(sound.left, music, i * frame, frame) < 20)
      // only the cut itself can tell when a busy machine got to it
      assert.closeTo(both.length * 20, cut?.positionMs ?? 0, 40)
      assert.deepStrictEqual(both, both.map((_, i) => (both[0] ?? 0) + i))
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.unwrap(Emulator.Emulator.useSync((discord) =>
          Layer.mergeAll(Voice.layer, Mixer.layerThreadWith({ use: "always" }), discord.layerGateway("bot"))
        )).pipe(Layer.provideMerge(Emulator.layer()))
      )
    ))
})
