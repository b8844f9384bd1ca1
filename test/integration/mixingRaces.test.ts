import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { vi } from "vitest"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import type * as Track from "../../src/audio/Track.ts"
import { codec } from "../../src/codec/FloatCodec.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import { randomRaces } from "./mixingRandom.ts"
import * as Rig from "./rig.ts"

/** Encoders that are not made until `release` is called, and how many are in use. */
const slowEncoders: Effect.Effect<
  { readonly release: Effect.Effect<void>; readonly open: () => number },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const { encoder } = codec
  let release: () => void = () => {}
  let open = 0
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const spy = vi.spyOn(codec, "encoder").mockImplementation(async (options) => {
    await released
    const made = await encoder(options)
    open++
    return {
      ...made,
      free: () => {
        open--
        made.free()
      }
    }
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
  return { release: Effect.sync(() => release()), open: () => open }
})

const broken = VoiceError.make(new VoiceError.EncodeFailed({ codec: "libopus", detail: "its thread has ended" }))

const isVoiced = ({ payload }: { readonly payload: Uint8Array }) => !OpusPacket.isSilence(payload)

const tone = (hz: number, ms = 3_000) => Hearing.pcm(Hearing.sine(hz), ms)

type Session = Effect.Success<ReturnType<typeof Rig.join>>

/** What a guest heard of a session whose mixes do not begin until they are released. */
const opening = (
  program: (session: Session, release: Effect.Effect<void>) => Effect.Effect<void, VoiceError.VoiceError>
) =>
  Rig.run(Effect.gen(function*() {
    const encoders = yield* slowEncoders
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    yield* program(session, encoders.release)
    yield* Effect.sleep("4 seconds")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { heard, open: encoders.open(), sound: yield* Hearing.decode(heard), tracks: yield* session.tracks }
  })).pipe(Effect.provide(Rig.memory()))

describe("while a source is being opened", () => {
  it.effect("an interruption also ends its track, before any of it is heard", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      const slow: AudioSource.AudioSource = {
        name: "slow",
        open: Effect.delay(AudioSource.fromFrames(Rig.frames(50)).open, "500 millis")
      }
      const answering = yield* Effect.forkChild(session.play(slow), { startImmediately: true })
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual(yield* session.interrupt, [])
      const [track, waitedMs] = yield* Rig.timed(Fiber.join(answering))
      assert.strictEqual(waitedMs, 0, "nobody waits for the source")
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
      const next = yield* session.play(AudioSource.fromFrames(Rig.frames(50, 1)))
      assert.deepStrictEqual(yield* next.awaitEnd, { _tag: "Finished" })
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(
        (yield* guest.heard).filter(isVoiced).map(({ payload }) => payload),
        Rig.payloads(Rig.frames(50, 1))
      )
      assert.deepStrictEqual(yield* session.tracks, [])
    })).pipe(Effect.provide(Rig.memory())))
})

describe("while a mix is being opened", () => {
  it.effect("a track that is stopped is not heard, and leaves no mix behind", () =>
    Effect.gen(function*() {
      const { heard, open, tracks } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const track = yield* session.play(tone(440))
          const stopping = yield* Effect.forkChild(track.stop, { startImmediately: true })
          yield* release
          yield* Fiber.join(stopping)
        })
      )
      assert.lengthOf(heard.filter(isVoiced), 0)
      assert.strictEqual(open, 0)
      assert.deepStrictEqual(tracks, [])
    }))

  it.effect("a track that is paused is not heard", () =>
    Effect.gen(function*() {
      const { heard } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const track = yield* session.play(tone(440))
          const pausing = yield* Effect.forkChild(track.pause, { startImmediately: true })
          yield* release
          yield* Fiber.join(pausing)
          assert.strictEqual((yield* track.state)._tag, "Paused")
        })
      )
      assert.lengthOf(heard.filter(isVoiced), 0)
    }))

  it.effect("requests to a track are carried out even if their callers are interrupted", () =>
    Effect.gen(function*() {
      const { sound } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const opus = AudioSource.fromFrames(yield* Hearing.encodeIn(Hearing.sine(440), 4_000, 20))
          const track = yield* session.play(opus)
          const quiet = yield* session.play(tone(1_000))
          yield* Effect.sleep("100 millis")
          yield* session.play(tone(2_000))
          for (const asked of [track.pause, quiet.volume(0)]) {
            const asking = yield* Effect.forkChild(asked, { startImmediately: true })
            yield* Effect.forkChild(Fiber.interrupt(asking), { startImmediately: true })
          }
          yield* release
          yield* Effect.sleep("1 second")
          assert.strictEqual((yield* track.state)._tag, "Paused")
          assert.strictEqual(yield* quiet.gain, 0)
        })
      )
      for (let at = 48 * 600; at + 1_920 < 48 * 1_000; at += 960) {
        assert.isAbove(Hearing.levelOf(sound.left, 2_000, at, 1_920), 0.02, `at ${at / 48} ms`)
        for (const hz of [440, 1_000]) {
          assert.isBelow(Hearing.levelOf(sound.left, hz, at, 1_920), 0.02, `${hz} Hz at ${at / 48} ms`)
        }
      }
    }))

  it.effect("a track that is already read to its end still loops when told to", () =>
    Effect.gen(function*() {
      const { sound } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const track = yield* session.play(tone(440, 100))
          yield* track.loop(2)
          assert.strictEqual(yield* track.loopsLeft, 2)
          yield* release
          assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
          assert.strictEqual(yield* track.loopsLeft, 0)
        })
      )
      const voiced = sound.left.filter((value) => Math.abs(value) > 0.01).length / 48
      assert.isAbove(voiced, 250)
      assert.isBelow(voiced, 320)
    }))

  const asks: Record<string, (session: Session, track: Track.Track) => Effect.Effect<unknown, VoiceError.VoiceError>> =
    {
      "a level change": (_, track) => track.volume(0.5),
      "a paused second track": (session) => session.play(tone(1_000), { paused: true })
    }
  for (const [what, ask] of Object.entries(asks)) {
    it.effect(`opened for ${what}, a track that was passed through can be paused, and loses nothing`, () =>
      Effect.gen(function*() {
        const { heard } = yield* opening((session, release) =>
          Effect.gen(function*() {
            const opus = AudioSource.fromFrames(yield* Hearing.encodeIn(Hearing.sine(440), 2_000, 20))
            const track = yield* session.play(opus)
            yield* Effect.sleep("500 millis")
            yield* Effect.forkChild(ask(session, track), { startImmediately: true })
            const pausing = yield* Effect.forkChild(track.pause, { startImmediately: true })
            yield* release
            yield* Fiber.join(pausing)
            const positionMs = yield* track.position
            yield* Effect.sleep("1 second")
            assert.strictEqual(yield* track.position, positionMs)
            yield* track.resume
            assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
          })
        )
        assert.lengthOf(heard.filter(isVoiced), 100)
      }))
  }

  it.effect("a track that was passed through can be resumed, and the track mixed with it begins", () =>
    Effect.gen(function*() {
      const { heard } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const opus = AudioSource.fromFrames(yield* Hearing.encodeIn(Hearing.sine(440), 2_000, 20))
          const track = yield* session.play(opus)
          yield* Effect.sleep("500 millis")
          yield* track.pause
          const second = yield* session.play(tone(1_000, 500))
          const resuming = yield* Effect.forkChild(track.resume, { startImmediately: true })
          yield* release
          yield* Fiber.join(resuming)
          for (const { awaitEnd } of [second, track]) {
            assert.deepStrictEqual(yield* Effect.timeout(awaitEnd, "3 seconds"), { _tag: "Finished" })
          }
        }).pipe(Effect.orDie)
      )
      assert.lengthOf(heard.filter(isVoiced), 100)
    }))

  it.effect("a seek leaves nothing of the previous place to be heard", () =>
    Effect.gen(function*() {
      /** A different tone after 5 seconds. After a seek, its first piece takes long to come. */
      const source: AudioSource.AudioSource = {
        name: "late",
        open: Effect.sync((): AudioSource.OpenPcm => {
          let atMs = 0
          let waitMs = 0
          return {
            format: "pcm",
            durationMs: 10_000,
            tags: {},
            seek: (ms) =>
              Effect.sync(() => {
                waitMs = 500
                return atMs = ms
              }),
            pull: Effect.suspend(() => {
              const wave = Hearing.sine(atMs < 5_000 ? 440 : 1_000)
              const from = atMs * 48
              const samples = Float32Array.from({ length: 1_920 }, (_, i) => wave(from + (i >> 1)))
              const wait = Effect.sleep(waitMs)
              atMs += 20
              waitMs = 0
              return Effect.as(wait, samples)
            })
          }
        })
      }
      const { sound } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const track = yield* session.play(source)
          yield* Effect.sleep("40 millis")
          yield* track.seek("6 seconds")
          yield* release
          yield* Effect.sleep("2 seconds")
          yield* track.stop
        })
      )
      assert.isAbove(sound.left.length, 48_000)
      for (let at = 0; at + 1_920 < sound.left.length; at += 960) {
        assert.isBelow(Hearing.levelOf(sound.left, 440, at, 1_920), 0.02, `at ${at / 48} ms`)
      }
    }))

  it.effect("of two seeks in quick succession, only the last one counts", () =>
    Effect.gen(function*() {
      const { open, sound } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const opus = AudioSource.fromFrames(yield* Hearing.encodeIn(Hearing.sine(440), 4_000, 20))
          const track = yield* session.play(opus)
          yield* Effect.sleep("500 millis")
          const second = yield* session.play(tone(1_000, 500))
          const seeking = yield* Effect.forEach(
            ["1 second", "2 seconds"] as const,
            (place) => Effect.forkChild(track.seek(place), { startImmediately: true })
          )
          yield* Effect.sleep("20 millis")
          yield* release
          yield* Fiber.joinAll(seeking)
          assert.strictEqual((yield* track.awaitEnd)._tag, "Finished")
          assert.strictEqual((yield* second.awaitEnd)._tag, "Finished")
          assert.closeTo(yield* track.position, 4_000, 20)
        })
      )
      assert.strictEqual(open, 0)
      assert.isBelow(sound.left.length / 48, 3_500)
    }))

  it.effect("a mix that breaks fails its track, and the next track is mixed", () =>
    Rig.run(Effect.gen(function*() {
      yield* Rig.guest()
      for (const opens of [Effect.fail(broken), undefined]) {
        let breaks = true
        const breaking = Effect.updateService(Mixer.Mixer, (mixer) => ({
          ...mixer,
          open: (options) =>
            Effect.suspend(() => {
              if (!breaks) return mixer.open(options)
              breaks = false
              options.onBroken(broken)
              return opens ?? mixer.open(options)
            })
        }))
        yield* Effect.scoped(Effect.gen(function*() {
          const session = yield* breaking(Rig.join("lobby"))
          const track = yield* session.play(tone(440, 500))
          assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Failed", error: broken })
          const next = yield* session.play(tone(440, 500))
          assert.deepStrictEqual(yield* next.awaitEnd, { _tag: "Finished" })
        }))
      }
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("an interruption silences everything that was played before it", () =>
    Effect.gen(function*() {
      const { heard, sound, tracks } = yield* opening((session, release) =>
        Effect.gen(function*() {
          const opus = AudioSource.fromFrames(yield* Hearing.encodeIn(Hearing.sine(440), 4_000, 20))
          yield* session.play(opus)
          yield* Effect.sleep("500 millis")
          yield* session.play(tone(1_000))
          yield* session.play(tone(2_000))
          const interrupting = yield* Effect.forkChild(session.interrupt, { startImmediately: true })
          const next = yield* session.play(tone(3_000, 500))
          yield* Effect.sleep("200 millis")
          yield* release
          assert.lengthOf(yield* Fiber.join(interrupting), 3)
          assert.strictEqual((yield* next.awaitEnd)._tag, "Finished")
        })
      )
      assert.deepStrictEqual(tracks, [])
      const half = 48 * 520
      // nothing more was sent even though the mix was still being opened
      assert.isBelow(heard.findIndex(({ payload }) => OpusPacket.isSilence(payload)), 27)
      for (const hz of [1_000, 2_000]) {
        for (let at = 0; at + 1_920 < sound.left.length; at += 960) {
          assert.isBelow(Hearing.levelOf(sound.left, hz, at, 1_920), 0.02, `${hz} Hz at ${at / 48} ms`)
        }
      }
      for (let at = half; at + 1_920 < sound.left.length; at += 960) {
        assert.isBelow(Hearing.levelOf(sound.left, 440, at, 1_920), 0.02, `at ${at / 48} ms`)
      }
      assert.isAbove(heard.filter(isVoiced).length, 25 + 20)
    }))
})

describe("while a mix waits for its turn", () => {
  const ends: Record<string, (session: Session, track: Track.Track, other: Track.Track) => Effect.Effect<unknown>> = {
    "tracks that are stopped": (_, track, other) => Effect.andThen(track.stop, other.stop),
    "tracks that are stopped, the last one first": (_, track, other) => Effect.andThen(other.stop, track.stop),
    "tracks that are interrupted": (session) => session.interrupt,
    "tracks that are cut": (session, track, other) => session.cut([track, other])
  }
  for (const [what, end] of Object.entries(ends)) {
    it.effect(`${what} still end, including the one that is passed through`, () =>
      Rig.run(Effect.gen(function*() {
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        const track = yield* session.play(Rig.source(400))
        yield* Effect.sleep("1 second")
        const other = yield* session.play(tone(440))
        yield* Effect.sleep("40 millis")
        const { packetsSent } = yield* session.statistics
        yield* end(session, track, other)
        yield* Effect.sleep("2 seconds")
        assert.lengthOf((yield* guest.heard).filter(isVoiced), packetsSent)
        assert.deepStrictEqual(yield* session.tracks, [])
      })).pipe(Effect.provide(Rig.memory())))
  }

  it.effect("nothing that it was to play is heard any more if it breaks, and its tracks fail", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      let breakMix: () => void = assert.fail
      const breakable = Effect.updateService(Mixer.Mixer, (mixer) => ({
        ...mixer,
        open: (options) => {
          breakMix = () => options.onBroken(broken)
          return mixer.open(options)
        }
      }))
      const session = yield* breakable(Rig.join("lobby"))
      const track = yield* session.play(Rig.source(400))
      yield* Effect.sleep("1 second")
      const other = yield* session.play(tone(440))
      yield* Effect.sleep("40 millis")
      const { packetsSent } = yield* session.statistics
      breakMix()
      const failed = { _tag: "Failed", error: broken } as const
      assert.deepStrictEqual(yield* Effect.all([track.awaitEnd, other.awaitEnd]), [failed, failed])
      yield* Effect.sleep("2 seconds")
      assert.lengthOf((yield* guest.heard).filter(isVoiced), packetsSent)
    })).pipe(Effect.provide(Rig.memory())))
})

describe("concurrent requests", () => {
  for (const seed of [1, 2, 3]) {
    it.effect(`are all carried out, seed ${seed}`, () => randomRaces(12, seed))
  }
})
