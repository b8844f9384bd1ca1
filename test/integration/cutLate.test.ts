import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { codec } from "../../src/codec/FloatCodec.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as Mix from "../../src/mixer/Mix.ts"
import * as Pump from "../../src/ring/Pump.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const frame = 960
const hz = 1_000

/** A mixer that receives its commands `lateMs` later, as if it ran in another thread. */
const lateMixer = (lateMs: number) =>
  Layer.effect(
    Mixer.Mixer,
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      yield* Effect.promise(codec.prepare)
      return Mixer.Mixer.of({
        aheadMs: 120,
        open: (options) =>
          Effect.gen(function*() {
            const clock = yield* Clock.Clock
            let mix: Mix.Mix | undefined
            const mixing = yield* Mixer.openWith(120, options, async (setup, onBroken) => {
              const made = await Mix.make(codec, setup, onBroken)
              mix = made
              return {
                isHere: false,
                command: (command) => {
                  Effect.runForkWith(context)(Effect.andThen(
                    Effect.sleep(lateMs),
                    Effect.sync(() => made.command(command))
                  ))
                },
                close: () => made.close()
              }
            })
            const fill = () => {
              mix?.fill()
              return 20
            }
            yield* Effect.forkScoped(Pump.refill(clock, 20, fill), { startImmediately: true })
            return mixing
          })
      })
    })
  )

/** A driver to which tracks are attached and detached `lateMs` later, as if it ran in another thread. */
const lateDriver = (lateMs: number) =>
  Layer.effect(
    VoiceDriver.VoiceDriver,
    Effect.map(VoiceDriver.VoiceDriver, (driver) =>
      VoiceDriver.VoiceDriver.of({
        connect: (info, options) =>
          Effect.map(driver.connect(info, options), (connection) => {
            let tracks = 0
            const late = (effect: Effect.Effect<unknown, VoiceError>) =>
              Effect.forkDetach(Effect.andThen(Effect.sleep(lateMs), Effect.ignore(effect)))
            const attach: VoiceDriver.VoiceConnection["attach"] = (...args) =>
              Effect.as(late(connection.attach(...args)), ++tracks)
            const detach: VoiceDriver.VoiceConnection["detach"] = (track) => late(connection.detach(track))
            return new Proxy(connection, {
              get: (target, key) => {
                if (key === "attach") return attach
                if (key === "detach") return detach
                const value: unknown = Reflect.get(target, key, target)
                return typeof value === "function" ? value.bind(target) : value
              }
            })
          })
      }))
  )

/** The frames in which the voice is audible, in what a guest was sent. */
const framesOf = ({ left }: Hearing.Sound): ReadonlyArray<number> =>
  Array.from({ length: Math.floor(left.length / frame) }, (_, i) => i)
    .filter((i) => Hearing.levelOf(left, hz, i * frame, frame) > 0.15)

const music = Hearing.pcm(Hearing.sine(440), 3_000)
const voice = Hearing.pcm(Hearing.sine(hz), 10_000)

interface Options {
  readonly mixerMs?: number
  readonly driverMs?: number
}

/** The position that was reported for the voice, and how much of it was heard, in milliseconds. */
const trial = (
  program: (session: VoiceSession.VoiceSession) => Effect.Effect<number | undefined, VoiceError>,
  { driverMs, mixerMs }: Options
) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const told = yield* program(session)
    yield* Effect.sleep("1 second")
    return { told, heard: framesOf(yield* Hearing.decode(yield* guest.heard)).length * 20 }
  })).pipe(Effect.provide(
    // of two mixers, the last one is used
    Layer.merge(
      Rig.inMemory(driverMs === undefined ? Rig.bot : Layer.provideMerge(lateDriver(driverMs), Rig.bot)),
      mixerMs === undefined ? Mixer.layer : lateMixer(mixerMs)
    )
  ))

const late: ReadonlyArray<Options> = [
  {},
  { mixerMs: 1 },
  { mixerMs: 67 },
  { driverMs: 3 },
  { driverMs: 60 },
  { mixerMs: 45, driverMs: 21 },
  { mixerMs: 10, driverMs: 50 }
]

describe("the reported position of a silenced voice", () => {
  for (const options of late) {
    const name = Object.entries(options).map(([what, ms]) => `${what} ${ms}`).join(", ") || "nothing late"

    for (const how of ["cut", "interrupt"] as const) {
      for (const afterMs of [507, 519]) {
        it.effect(`equals what was heard over music: ${how} after ${afterMs} ms, ${name}`, () =>
          Effect.gen(function*() {
            const { heard, told } = yield* trial((session) =>
              Effect.gen(function*() {
                const song = yield* session.play(music)
                yield* Effect.sleep("500 millis")
                const track = yield* session.play(voice)
                yield* Effect.sleep(afterMs)
                const [all, tookMs] = yield* Rig.timed(how === "cut" ? session.cut([track]) : session.interrupt)
                // without another thread, no time has to pass
                if (name === "nothing late") assert.strictEqual(tookMs, 0)
                assert.isAtMost(tookMs, 110)
                const positionMs = all.find((one) => one.track === track)?.positionMs
                assert.strictEqual((yield* track.metrics).sent * 20, positionMs)
                if (how === "cut") assert.strictEqual((yield* song.state)._tag, "Playing")
                yield* Effect.sleep("300 millis")
                assert.strictEqual(yield* track.position, positionMs)
                return positionMs
              }), options)
            assert.strictEqual(told, heard)
          }))
      }

      it.effect(`equals what was heard of the voice alone: ${how}, ${name}`, () =>
        Effect.gen(function*() {
          const frames = yield* Hearing.encode(Hearing.sine(hz), 3_000)
          const { heard, told } = yield* trial((session) =>
            Effect.gen(function*() {
              const track = yield* session.play(AudioSource.fromFrames(frames))
              yield* Effect.sleep("513 millis")
              const [one] = yield* how === "cut" ? session.cut([track]) : session.interrupt
              assert.strictEqual((yield* track.metrics).sent * 20, one?.positionMs)
              return one?.positionMs
            }), options)
          assert.strictEqual(told, heard)
        }))
    }

    it.effect(`equals what was heard if another track is cut just before, ${name}`, () =>
      Effect.gen(function*() {
        const { heard, told } = yield* trial((session) =>
          Effect.gen(function*() {
            const song = yield* session.play(music)
            yield* Effect.sleep("500 millis")
            const other = yield* session.play(Hearing.pcm(Hearing.sine(700, 0.1), 10_000))
            const track = yield* session.play(voice)
            yield* Effect.sleep("505 millis")
            const cutting = yield* Effect.forkChild(session.cut([other]), { startImmediately: true })
            yield* Effect.sleep("7 millis")
            const [cut] = yield* session.cut([track])
            yield* Fiber.join(cutting)
            assert.deepStrictEqual(yield* song.awaitEnd, { _tag: "Finished" })
            assert.deepStrictEqual(yield* song.metrics, { sent: 150, late: 0, missed: 0, concealed: 0 })
            return cut?.positionMs
          }), options)
        assert.strictEqual(told, heard)
      }))
  }

  for (const afterMs of [0, 30, 150, 165, 175, 190, 210, 300]) {
    it.effect(`equals what was heard if it was passed through before the mix, ${afterMs} ms after music began`, () =>
      Effect.gen(function*() {
        const frames = yield* Hearing.encode(Hearing.sine(hz), 3_000)
        for (const options of late) {
          const { heard, told } = yield* trial((session) =>
            Effect.gen(function*() {
              const track = yield* session.play(AudioSource.fromFrames(frames))
              yield* Effect.sleep("490 millis")
              yield* session.play(music)
              yield* Effect.sleep(afterMs)
              const [one] = yield* session.cut([track])
              return one?.positionMs
            }), options)
          assert.strictEqual(told, heard, JSON.stringify(options))
        }
      }))
  }

  it.effect("is final a little later if the track is stopped and the driver is late", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.sine(hz), 3_000)
      const { heard, told } = yield* trial((session) =>
        Effect.gen(function*() {
          const track = yield* session.play(AudioSource.fromFrames(frames))
          yield* Effect.sleep("513 millis")
          yield* track.stop
          const early = yield* track.position
          yield* Effect.sleep("200 millis")
          const positionMs = yield* track.position
          assert.isBelow(early, positionMs)
          return positionMs
        }), { driverMs: 60 })
      assert.strictEqual(told, heard)
    }))

  it.effect("takes at most half a second to be reported, and the wait can be interrupted", () =>
    Effect.gen(function*() {
      const frames = yield* Hearing.encode(Hearing.sine(hz), 6_000)
      yield* trial((session) =>
        Effect.gen(function*() {
          for (const isInterrupted of [true, false]) {
            const track = yield* session.play(AudioSource.fromFrames(frames))
            yield* Effect.sleep("1500 millis")
            const asking = yield* Effect.forkChild(Rig.timed(session.interrupt), { startImmediately: true })
            yield* Effect.sleep("10 millis")
            if (isInterrupted) {
              const [, tookMs] = yield* Rig.timed(Fiber.interrupt(asking))
              assert.strictEqual(tookMs, 0)
            } else {
              const [all, tookMs] = yield* Fiber.join(asking)
              assert.lengthOf(all, 1)
              assert.closeTo(tookMs, 500, 10)
            }
            assert.strictEqual((yield* track.awaitEnd)._tag, "Stopped")
          }
          return undefined
        }), { driverMs: 900 })
    }))
})
