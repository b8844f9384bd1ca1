import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as SoundEffect from "../../src/SoundEffect.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import * as Hearing from "../mixer/hearing.ts"
import { randomPlays } from "./mixingRandom.ts"
import { isVoiced, playing } from "./playingTo.ts"
import * as Rig from "./rig.ts"

const frame = 960

const high = { _tag: "HighPass", hz: 2_000 } as const

/** Two tones, so that effects can remove one of them. */
const tones = (sample: number) => Hearing.sine(300, 0.2)(sample) + Hearing.sine(5_000, 0.2)(sample)

const levels = (sound: Hearing.Sound, fromMs: number) =>
  [300, 5_000].map((hz) => Math.round(Hearing.levelOf(sound.left, hz, fromMs * 48, 9_600) * 20) / 20)

describe("effects of a track", () => {
  it.effect("change during playback without a click or a gap, and positions stay right", () =>
    Effect.gen(function*() {
      const { sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const low = { _tag: "LowPass", hz: 1_000 } as const
          const track = yield* session.play(Hearing.pcm(tones, 4_000), { effects: [low] })
          assert.deepStrictEqual(yield* track.effects, [{ ...low, q: Math.SQRT1_2 }])
          yield* Effect.sleep("1 second")
          assert.isTrue(yield* track.reached("1 second"))
          yield* track.setEffects([high])
          assert.deepStrictEqual(yield* track.effects, [{ ...high, q: Math.SQRT1_2 }])
          yield* Effect.sleep("1 second")
          yield* track.setEffects([])
          assert.deepStrictEqual(yield* track.effects, [])
          const end = yield* track.awaitEnd
          return { end, positionMs: yield* track.position, metrics: yield* track.metrics }
        })
      )
      assert.deepStrictEqual(value, {
        end: { _tag: "Finished" },
        positionMs: 4_000,
        metrics: { sent: 200, late: 0, missed: 0, concealed: 0 }
      })
      assert.deepStrictEqual(sound.gaps, [])
      assert.deepStrictEqual(levels(sound, 500), [0.2, 0])
      assert.deepStrictEqual(levels(sound, 1_500), [0, 0.2])
      assert.deepStrictEqual(levels(sound, 2_500), [0.2, 0.2])
      const plain = Hearing.samplesOf(tones, 1_000).filter((_, i) => i % 2 === 0)
      assert.isAtMost(Hearing.steepest(sound.left, 4 * frame, 196 * frame), Hearing.steepest(plain) * 1.1)
    }))

  it.effect("let Opus be passed through bit for bit again once they are removed", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.music, 4_000)
      const alone = yield* Hearing.decode(frames.map(({ data }, i) => ({ payload: data, timestamp: i * frame })))
      const { heard, sound, value } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(AudioSource.fromFrames(frames))
          yield* Effect.sleep("1 second")
          // at once, since nothing was requested
          yield* track.setEffects([])
          yield* track.setEffects([{ _tag: "LowPass", hz: 400 }, { _tag: "Rotation", hz: 1 }])
          yield* Effect.sleep("1 second")
          yield* track.setEffects([])
          yield* track.awaitEnd
          return yield* Effect.all([track.position, track.metrics])
        })
      )
      assert.deepStrictEqual(value, [4_000, { sent: 200, late: 0, missed: 0, concealed: 0 }])
      assert.deepStrictEqual(sound.gaps, [])
      const same = frames.map(({ data }, i) => Buffer.from(heard[i]?.payload ?? []).equals(data))
      const [first, last] = [same.indexOf(false), same.lastIndexOf(false)]
      // it is mixed while they are set; how soon it stops after that also depends on how long it takes to make decoders
      assert.isAtLeast(first, 50)
      assert.isAtLeast(last - first, 50)
      assert.isBelow(last, 180)
      assert.isAtMost(Hearing.steepest(sound.left, frame, frame * 198), Hearing.steepest(alone.left) * 1.02)
      // unchanged on both sides of it
      for (const at of [...range(2, first - 1), ...range(last - 7, 198)]) {
        assert.isAbove(Hearing.ratio(sound.left, (i) => alone.left[i] ?? 0, at * frame, frame), 20, `frame ${at}`)
      }
    }))

  it.effect("ring out after the track's end without delaying it, until the session is interrupted", () =>
    Effect.gen(function*() {
      const { heard, sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const echo = { _tag: "Echo", delayMs: 500, level: 1, decay: 0.9 } as const
          const play = session.play(Hearing.pcm(Hearing.sine(440, 0.2), 200), { effects: [echo] })
          const first = yield* play
          yield* first.awaitEnd
          assert.deepStrictEqual(yield* session.tracks, [])
          yield* Effect.sleep("1 second")
          assert.deepStrictEqual(yield* session.interrupt, [])
          yield* Effect.sleep("1 second")
          // tracks that are played after that are heard
          const second = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 200))
          assert.deepStrictEqual(yield* second.awaitEnd, { _tag: "Finished" })
        })
      )
      const level = (hz: number, fromMs: number) => Hearing.levelOf(sound.left, hz, fromMs * 48, 4_800)
      assert.closeTo(level(440, 50), 0.2, 0.02)
      assert.closeTo(level(440, 350), 0, 0.01)
      assert.closeTo(level(440, 550), 0.2, 0.02)
      assert.closeTo(level(440, 1_050), 0.18, 0.02)
      assert.isBelow(level(440, 1_500), 0.01)
      assert.strictEqual(heard.filter(isVoiced).length <= 75, true)
      assert.closeTo(level(1_000, 2_280), 0.3, 0.03)
    }))

  it.effect("close the mix when they have faded out or are interrupted", () =>
    Rig.run(Effect.gen(function*() {
      let open = 0
      const session = yield* Effect.updateService(Rig.join("lobby"), Mixer.Mixer, (mixer) => ({
        ...mixer,
        open: (options) =>
          Effect.andThen(
            Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
            mixer.open(options)
          )
      }))
      const effects = [{ _tag: "Echo", delayMs: 500, decay: 0.9 }] as const
      const track = yield* session.play(Hearing.pcm(tones, 200), { effects })
      yield* track.awaitEnd
      assert.strictEqual(open, 1)
      yield* session.interrupt
      yield* Effect.sleep("20 millis")
      assert.strictEqual(open, 0)
      const again = yield* session.play(Hearing.pcm(tones, 200), { effects })
      yield* again.awaitEnd
      assert.strictEqual(open, 1)
      yield* Effect.sleep("6 seconds")
      assert.strictEqual(open, 0)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("end with the track when it is stopped", () =>
    Effect.gen(function*() {
      const { heard } = yield* playing((session) =>
        Effect.gen(function*() {
          const echo = { _tag: "Echo", delayMs: 100, level: 1, decay: 0.9 } as const
          const track = yield* session.play(Hearing.pcm(Hearing.sine(440), 5_000), { effects: [echo] })
          yield* Effect.sleep("500 millis")
          yield* track.stop
          yield* Effect.sleep("3 seconds")
        })
      )
      assert.isAtMost(heard.filter(isVoiced).length, 26)
    }))

  it.effect("survive a seek, and can be set on a track that is still waiting", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const first = yield* session.play(Hearing.pcm(tones, 3_000), { effects: [high] })
          const frames = yield* Hearing.encode(tones, 1_000)
          const second = yield* session.play(AudioSource.fromFrames(frames), { after: first })
          yield* second.setEffects([{ _tag: "LowPass", hz: 1_000 }])
          yield* Effect.sleep("500 millis")
          yield* first.seek("2 seconds")
          yield* second.awaitEnd
        })
      )
      assert.deepStrictEqual(levels(sound, 200), [0, 0.2])
      assert.deepStrictEqual(levels(sound, 900), [0, 0.2])
      const end = sound.left.length / 48
      const silent = sound.left.length - sound.left.findLastIndex((value) => Math.abs(value) > 0.01)
      assert.deepStrictEqual(levels(sound, end - silent / 48 - 600), [0.2, 0])
    }))

  it.effect("apply from the first sample of a track that was paused until then", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.sine(300, 0.3), 1_000)
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(AudioSource.fromFrames(frames), { paused: true })
          yield* Effect.sleep("500 millis")
          yield* track.setEffects([{ _tag: "ChannelMix", leftToLeft: 0, rightToRight: 0 }])
          yield* Effect.sleep("500 millis")
          yield* track.resume
          yield* track.awaitEnd
        })
      )
      assert.isBelow(Math.max(...sound.left.map(Math.abs)), 0.001)
    }))

  it.effect("fail with Unsupported if they are invalid, and change nothing", () =>
    playing((session) =>
      Effect.gen(function*() {
        const wrong = [{ _tag: "Tremolo", hz: NaN }] as const
        const refused = yield* Effect.flip(session.play(Hearing.pcm(tones, 100), { effects: wrong }))
        assert.strictEqual(refused.reason._tag, "Unsupported")
        assert.deepStrictEqual(yield* session.tracks, [])
        const track = yield* session.play(Hearing.pcm(tones, 200), { effects: [high] })
        const error = yield* Effect.flip(track.setEffects([high, ...wrong]))
        assert.strictEqual(error.reason._tag, "Unsupported")
        assert.lengthOf(yield* track.effects, 1)
        yield* track.awaitEnd
        yield* track.setEffects([])
      })
    ))

  it.effect("are not set if nothing can be mixed, and the track continues", () =>
    Effect.gen(function*() {
      yield* Rig.run(Effect.gen(function*() {
        yield* Rig.guest()
        const session = yield* Rig.withoutCodec(Rig.join("lobby"))
        const frames = yield* Hearing.encode(Hearing.music, 1_000)
        const track = yield* session.play(AudioSource.fromFrames(frames))
        const error = yield* Effect.flip(track.setEffects([high]))
        assert.strictEqual(error.reason._tag, "CodecUnavailable")
        assert.deepStrictEqual(yield* track.effects, [])
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      }))
    }).pipe(Effect.provide(Rig.memory())))

  it.effect("are not set by several concurrent requests that all fail", () =>
    Rig.run(Effect.gen(function*() {
      yield* Rig.guest()
      const session = yield* Effect.updateService(Rig.join("lobby"), Mixer.Mixer, (mixer) => ({
        ...mixer,
        open: () =>
          Effect.andThen(
            Effect.sleep("10 millis"),
            VoiceError.fail(new VoiceError.CodecUnavailable({ codec: "libopus", detail: "there is none" }))
          )
      }))
      const frames = yield* Hearing.encode(Hearing.music, 1_000)
      const track = yield* session.play(AudioSource.fromFrames(frames))
      const asked = [[high], [{ _tag: "Rotation" }], [{ _tag: "Timescale", speed: 2 }]] as const
      yield* Effect.forEach(asked, (list) => Effect.flip(track.setEffects(list)), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* track.effects, [])
      assert.strictEqual(track.speed, 1)
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("can be set for a queue", () =>
    Effect.gen(function*() {
      const { sound } = yield* playing((session) =>
        Effect.gen(function*() {
          const queue = yield* TrackQueue.make(session, { effects: [high] })
          yield* queue.add(Hearing.pcm(tones, 1_000))
          yield* queue.add(Hearing.pcm(tones, 1_000))
          yield* Effect.sleep("500 millis")
          yield* queue.setEffects([{ _tag: "LowPass", hz: 1_000 }])
          assert.deepStrictEqual((yield* queue.contents).effects, [{ _tag: "LowPass", hz: 1_000, q: Math.SQRT1_2 }])
          const error = yield* Effect.flip(queue.setEffects([{ _tag: "Echo", decay: 2 }]))
          assert.strictEqual(error.reason._tag, "Unsupported")
          yield* queue.awaitIdle
        }).pipe(Effect.scoped)
      )
      assert.deepStrictEqual([200, 750, 1_500].map((at) => levels(sound, at)), [[0, 0.2], [0.2, 0], [0.2, 0]])
    }))

  describe("that change speed and pitch", () => {
    const fast = { _tag: "Timescale", speed: 2 } as const

    it.effect("advance positions at that speed, also for `every` and `reached`", () =>
      Effect.gen(function*() {
        const { sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const startMs = yield* Clock.currentTimeMillis
            const passed = Effect.map(Clock.currentTimeMillis, (now) => now - startMs)
            const track = yield* session.play(Hearing.pcm(tones, 4_000), { effects: [fast] })
            assert.deepStrictEqual([track.speed, track.durationMs], [2, 4_000])
            const places = yield* track.every("500 millis").pipe(
              Stream.mapEffect((place) => Effect.map(passed, (at) => [place, at] as const)),
              Stream.runCollect,
              Effect.forkChild({ startImmediately: true })
            )
            assert.isTrue(yield* track.reached("2 seconds"))
            const half = yield* passed
            const at = yield* track.position
            yield* track.awaitEnd
            const end = yield* passed
            return {
              half,
              at,
              end,
              positionMs: yield* track.position,
              metrics: yield* track.metrics,
              places: yield* Fiber.join(places)
            }
          })
        )
        assert.closeTo(value.half, 1_000, 60)
        assert.closeTo(value.at, 2_000, 60)
        assert.closeTo(value.end, 2_060, 120)
        assert.strictEqual(value.positionMs, 4_000)
        assert.deepInclude(value.metrics, { late: 0, missed: 0 })
        assert.deepStrictEqual(value.places.map(([place]) => place), range(0, 9).map((i) => i * 500))
        for (const [place, at] of value.places) assert.closeTo(at, place / 2, 60)
        assert.deepStrictEqual(sound.gaps, [])
        assert.deepStrictEqual(levels(sound, 500), [0.2, 0.2])
      }))

    it.effect("do not starve a source read ahead at normal speed, and let it be passed through again", () =>
      Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.music, 16_000)
        const { heard, sound, value } = yield* playing((session) =>
          Effect.gen(function*() {
            const track = yield* session.play(AudioSource.fromFrames(frames))
            yield* Effect.sleep("1 second")
            yield* track.setEffects([{ ...fast, pitch: 1.3 }])
            yield* Effect.sleep("2 seconds")
            yield* track.setEffects([])
            assert.strictEqual(track.speed, 1)
            yield* track.awaitEnd
            return yield* Effect.all([track.position, track.metrics])
          })
        )
        assert.strictEqual(value[0], 16_000)
        assert.deepInclude(value[1], { late: 0, missed: 0, concealed: 0 })
        assert.deepStrictEqual(sound.gaps, [])
        // one second, two at twice the speed, eleven
        const voiced = heard.filter(isVoiced)
        assert.closeTo(voiced.length, 50 + 100 + 550, 12)
        const last = voiced.slice(-250).map(({ payload }) => payload)
        assert.deepStrictEqual(last, Rig.payloads(frames.slice(-250)))
        const plain = Hearing.samplesOf(Hearing.music, 2_000).filter((_, i) => i % 2 === 0)
        assert.isAtMost(
          Hearing.steepest(sound.left, frame, sound.left.length - 20 * frame),
          Hearing.steepest(plain) * 1.4
        )
      }))

    it.effect("bring forward the moment at which an awaited position is reached", () =>
      playing((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(Hearing.pcm(() => 0, 12_000))
          const reaching = yield* Effect.forkChild(
            Effect.andThen(track.reached("10 seconds"), Clock.currentTimeMillis),
            { startImmediately: true }
          )
          yield* track.reached("1 second")
          const fromMs = yield* Clock.currentTimeMillis
          yield* track.setEffects([fast])
          assert.closeTo((yield* Fiber.join(reaching)) - fromMs, 4_500, 150)
          yield* track.stop
        })
      ))

    it.effect("buffer enough before the start that playback does not stall", () =>
      Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.music, 1_000)
        const { value } = yield* playing((session) =>
          Effect.gen(function*() {
            const late: Array<string> = []
            for (const source of [AudioSource.fromFrames(frames), Hearing.pcm(Hearing.music, 1_000)]) {
              for (const [speed, pitch] of [[2, 0.5], [2, 1], [0.5, 2], [1, 2], [1, 0.5]] as const) {
                const track = yield* session.play(source, {
                  lead: "60 millis",
                  effects: [{ _tag: "Timescale", speed, pitch }]
                })
                yield* track.awaitEnd
                if ((yield* track.metrics).late > 0) late.push(`${source.name} ${speed} ${pitch}`)
              }
            }
            return late
          })
        )
        assert.deepStrictEqual(value, [])
      }))

    it.effect("hurry the reader of the source, even if it has just begun to rest", () =>
      Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.music, 2_000)
        const { value } = yield* playing((session) =>
          // each rests for a different time
          Effect.forEach(range(0, 8), () =>
            Effect.gen(function*() {
              const track = yield* session.play(AudioSource.fromFrames(frames), { gain: 0.5 })
              yield* Effect.sleep("100 millis")
              yield* track.setEffects([fast])
              yield* track.awaitEnd
              return (yield* track.metrics).late
            }))
        )
        assert.deepStrictEqual(value, range(0, 8).map(() => 0))
      }))

    it.effect("hurry the reader even if the caller is interrupted", () =>
      Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.music, 3_000)
        const { value } = yield* playing((session) =>
          Effect.forEach(range(0, 12), (i) =>
            Effect.gen(function*() {
              const track = yield* session.play(AudioSource.fromFrames(frames))
              yield* Effect.sleep(100 + i * 37)
              const asking = yield* Effect.forkChild(track.setEffects([fast]), { startImmediately: true })
              // a mix is being opened
              assert.isUndefined(asking.pollUnsafe())
              yield* Fiber.interrupt(asking)
              assert.strictEqual(track.speed, 2)
              yield* track.awaitEnd
              return (yield* track.metrics).late
            }))
        )
        assert.deepStrictEqual(value, range(0, 12).map(() => 0))
      }))

    it.effect("apply to crossfades, and in each pass of a loop", () =>
      Effect.gen(function*() {
        for (
          const source of [
            Hearing.pcm(Hearing.sine(440), 6_000),
            AudioSource.fromFrames(yield* Hearing.encode(Hearing.sine(440), 6_000))
          ]
        ) {
          const { sound, value } = yield* playing((session) =>
            Effect.gen(function*() {
              const first = yield* session.play(source, { effects: [fast], loop: 1 })
              const next = yield* session.play(Hearing.pcm(Hearing.sine(1_000), 3_000), {
                after: first,
                crossfade: "500 millis"
              })
              yield* next.awaitEnd
              return yield* first.position
            })
          )
          assert.closeTo(value, 6_000, 300)
          const level = (hz: number, fromMs: number) => Hearing.levelOf(sound.left, hz, fromMs * 48, 4_800)
          assert.closeTo(level(440, 5_300), 0.3, 0.03)
          assert.isBelow(level(1_000, 5_300), 0.02)
          // in the middle both are heard, at equal power
          assert.closeTo(Math.hypot(level(440, 5_700), level(1_000, 5_700)), 0.3, 0.05)
          assert.isAbove(level(440, 5_650), 0.1)
          assert.isAbove(level(1_000, 5_800), 0.1)
          assert.closeTo(level(1_000, 6_200), 0.3, 0.03)
          assert.isBelow(level(440, 6_200), 0.02)
        }
      }))
  })

  for (const seed of [1, 2, 3]) {
    it.effect(`leave nothing behind: 50 random plays, stops and interruptions, seed ${seed}`, () =>
      randomPlays(50, seed, [
        [],
        [high],
        [{ _tag: "Echo", delayMs: 700, decay: 0.8 }],
        [{ _tag: "Timescale", speed: 1.7, pitch: 0.8 }, { _tag: "Echo" }],
        [{ _tag: "Timescale", speed: 0.6 }]
      ]))
  }

  it.live("apply to a track that is mixed in a thread", () =>
    Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      yield* Rig.encrypted(session, guest.userId)
      const track = yield* session.play(Hearing.pcm(tones, 2_000), {
        effects: [{ _tag: "LowPass", hz: 1_000 }, SoundEffect.lavalinkEqualizer([0, 0.1]), {
          _tag: "Timescale",
          speed: 0.9
        }]
      })
      assert.isTrue(yield* track.reached("700 millis"))
      yield* track.setEffects([high])
      assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Finished" })
      const voiced = (yield* guest.awaitFrames(100)).filter(isVoiced)
      const sound = yield* Hearing.decode(voiced.map(({ payload }, i) => ({ payload, timestamp: i * frame })))
      assert.deepStrictEqual(levels(sound, 300), [0.2, 0])
      assert.deepStrictEqual(levels(sound, 1_500), [0, 0.2])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.unwrap(
          Emulator.Emulator.useSync((discord) =>
            Layer.mergeAll(
              Voice.layer,
              Mixer.layerThreadWith({ use: "always" }),
              discord.layerGateway("bot")
            )
          )
        ).pipe(Layer.provideMerge(Emulator.layer()))
      )
    ))
})

/** Integers from `from` up to, but not including, `to`. */
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
