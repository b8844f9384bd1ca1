import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Mixer from "../../src/Mixer.ts"
import * as Station from "../../src/Station.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

const voiced = (heard: ReadonlyArray<Emulator.HeardFrame>) => heard.filter(({ silence }) => !silence)

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Average size in bytes of the frames in the last second that was heard. */
const bytes = (guest: { readonly heard: Effect.Effect<ReadonlyArray<Emulator.HeardFrame>> }) =>
  Effect.map(guest.heard, (heard) => mean(voiced(heard).slice(-50).map(({ payload }) => payload.length)))

describe("the encoder of a session", () => {
  it.effect("can be changed while it encodes, and keeps the change for the next mix", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { encoder: { bitrate: 96_000 } })
      const long = yield* session.play(Hearing.pcm(Hearing.music, 6_000))
      yield* Effect.sleep("2 seconds")
      const before = yield* bytes(guest)
      assert.closeTo(before, 240, 40)

      yield* session.setEncoder({ bitrate: 24_000, complexity: 3 })
      yield* Effect.sleep("2 seconds")
      assert.closeTo(yield* bytes(guest), 60, 15)
      // each setting stays as it is until it is changed
      yield* session.setEncoder({ dtx: false })
      yield* long.stop
      yield* Effect.sleep("1 second")

      const next = yield* session.play(Hearing.pcm(Hearing.music, 2_000))
      yield* next.awaitEnd
      yield* Effect.sleep("1 second")
      assert.closeTo(yield* bytes(guest), 60, 15)
      yield* session.setEncoder({ bitrate: "auto" })
      const last = yield* session.play(Hearing.pcm(Hearing.music, 2_000))
      yield* last.awaitEnd
      yield* Effect.sleep("1 second")
      assert.isAbove(yield* bytes(guest), 150)
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("can be set before anything plays, and refuses invalid settings with Unsupported", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby")
      for (
        const wrong of [{ bitrate: 100 }, { bitrate: NaN }, { complexity: 11 }, { expectedLossPercent: -1 }, {
          signal: "speech" as "voice"
        }]
      ) {
        const error = yield* Effect.flip(session.setEncoder(wrong))
        assert.strictEqual(error.reason._tag, "Unsupported")
      }
      yield* session.setEncoder({ bitrate: 16_000 })
      const track = yield* session.play(Hearing.pcm(Hearing.music, 2_000))
      yield* track.awaitEnd
      yield* Effect.sleep("1 second")
      assert.closeTo(yield* bytes(guest), 40, 12)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("changes its bandwidth when told to, also for later mixes", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      const session = yield* Rig.join("lobby", { encoder: { bandwidth: "wideband" } })
      const track = yield* session.play(Hearing.pcm(Hearing.music, 8_000))
      /** The bandwidths of the last second, by their configuration numbers (RFC 6716, table 2). */
      const isWide = Effect.map(
        guest.heard,
        (heard) => voiced(heard).slice(-50).map(({ payload }) => (payload[0] ?? 0) >> 3 >= 28)
      )
      yield* Effect.sleep("2 seconds")
      assert.notInclude(yield* isWide, true)
      yield* session.setEncoder({ bandwidth: "fullband", signal: "music" })
      yield* Effect.sleep("2 seconds")
      assert.notInclude(yield* isWide, false)
      yield* session.setEncoder({ bandwidth: "narrowband" })
      yield* track.stop
      yield* Effect.sleep("1 second")
      // and for later mixes
      const next = yield* session.play(Hearing.pcm(Hearing.music, 2_000))
      yield* next.awaitEnd
      yield* Effect.sleep("1 second")
      assert.notInclude(yield* isWide, true)
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("adds redundancy for lost packets when it is told to expect losses", () =>
    Rig.run(Effect.gen(function*() {
      const guest = yield* Rig.guest()
      // LBRR is for speech (RFC 6716, 2.1.7)
      const session = yield* Rig.join("lobby", { encoder: { application: "voip", bitrate: 24_000 } })
      const track = yield* session.play(Hearing.pcm(Hearing.voice, 6_000))
      yield* Effect.sleep("2500 millis")
      const plain = voiced(yield* guest.heard).length
      yield* session.setEncoder({ fec: true, expectedLossPercent: 20 })
      yield* track.awaitEnd
      yield* Effect.sleep("1 second")
      const payloads = voiced(yield* guest.heard).map(({ payload }) => payload)
      const redundant = (some: ReadonlyArray<Uint8Array>) => some.filter(Hearing.hasFec).length
      assert.strictEqual(redundant(payloads.slice(0, plain)), 0)
      assert.isAbove(redundant(payloads.slice(plain + 10)), 20)
    })).pipe(Effect.provide(Rig.memory())))

  it.live("can also be changed for a station, and in another thread", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* Effect.gen(function*() {
        const station = yield* Station.make({ encoder: { bitrate: 128_000 } })
        const guest = yield* Rig.guest()
        const session = yield* Rig.join("lobby")
        yield* session.play(station.source)
        yield* station.play(Hearing.pcm(Hearing.music, 60_000))
        yield* guest.awaitFrames(60)
        assert.isAbove(yield* bytes(guest), 250)
        yield* station.setEncoder({ bitrate: 16_000 })
        const heard = (yield* guest.heard).length
        yield* guest.awaitFrames(heard + 120)
        assert.isBelow(yield* bytes(guest), 80)
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(discord.layerVoice("bot"), Mixer.layerThreadWith({ use: "always" })))
      )
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
})
