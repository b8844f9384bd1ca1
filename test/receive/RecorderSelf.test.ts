import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { hex, layer, leftOf, lobby, soundsIn, start } from "./record/recording.ts"

describe("Recorder, the bot itself", () => {
  it.effect(
    "is in a file of its own, bit for bit and on time, encrypted or not",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        for (const channel of ["lobby", "secure"]) {
          yield* Effect.scoped(Effect.gen(function*() {
            const guest = yield* discord.join({ user: "ada", channel })
            const session = yield* Rig.join(channel)
            yield* Rig.encrypted(session, guest.userId)
            yield* Effect.sleep("1 second")
            // it began before the recording did
            const first = yield* session.play(Rig.source(100))
            yield* Effect.sleep("503 millis")
            const disk = Kit.disk()
            const recording = yield* start(session, disk, { self: true })
            yield* first.awaitEnd
            yield* Effect.sleep("707 millis")
            const from = (yield* recording.statistics).elapsedMs
            const second = yield* session.play(Rig.source(100, 1))
            yield* Effect.sleep("1 second")
            yield* second.pause
            yield* Effect.sleep("500 millis")
            yield* second.resume
            yield* second.awaitEnd
            yield* Effect.sleep("1 second")
            const manifest = yield* recording.stop
            const user = manifest.users.find(({ userId }) => userId === session.userId)
            assert.deepStrictEqual(user?.ssrcs, [])
            assert.deepStrictEqual(user?.present, [{ fromMs: user?.present[0]?.fromMs ?? NaN }])
            assert.isBelow(user?.present[0]?.fromMs ?? NaN, 20)
            assert.deepStrictEqual([user?.packets.lost, user?.packets.late, user?.gaps.length], [0, 0, 0])
            const bytes = disk.file(`${session.userId}.ogg`)
            const sounds = yield* soundsIn(bytes)
            const own = (seed: number) => Rig.frames(100, seed).map(({ data }) => hex(data))
            const ofFirst = sounds.filter(({ data }) => own(0).includes(data))
            assert.deepStrictEqual(ofFirst.map(({ data }) => data), own(0).slice(100 - ofFirst.length))
            assert.closeTo(ofFirst.length, 75, 3)
            const ofSecond = sounds.filter(({ data }) => own(1).includes(data))
            assert.deepStrictEqual(ofSecond.map(({ data }) => data), own(1))
            assert.closeTo(ofSecond[0]?.ms ?? 0, from + 10, 15)
            assert.closeTo((ofSecond[99]?.ms ?? 0) - (ofSecond[0]?.ms ?? 0), 99 * 20 + 500, 25)
            assert.closeTo((yield* Kit.decode(bytes)).samples, manifest.durationMs * 48, 5)
          }))
        }
        yield* Rig.blameless
      })).pipe(Effect.provide(layer))
  )

  it.effect(
    "is recorded as far as it was heard: what is interrupted or muted is left out",
    () =>
      Rig.run(Effect.gen(function*() {
        const { ada, session } = yield* lobby
        const disk = Kit.disk()
        const recording = yield* start(session, disk, { self: true, mixed: "none", users: () => false })
        const heard = Effect.map(
          ada.heard,
          (all) => all.filter(({ silence }) => !silence).map(({ payload }) => hex(payload))
        )
        yield* session.play(Rig.source(200))
        yield* Effect.sleep("1 second")
        yield* session.interrupt
        yield* Effect.sleep("1 second")
        const track = yield* session.play(Rig.source(200, 1))
        yield* Effect.sleep("1 second")
        yield* session.setSelf({ mute: true })
        yield* Effect.sleep("1 second")
        yield* session.setSelf({ mute: false })
        yield* track.awaitEnd
        yield* Effect.sleep("1 second")
        // across a connection that is lost meanwhile
        const last = yield* session.play(Rig.source(150, 2))
        yield* Effect.sleep("1 second")
        yield* (yield* Emulator.Emulator).faults.moveServer("lobby")
        yield* last.awaitEnd
        yield* Effect.sleep("1 second")
        const manifest = yield* recording.stop
        assert.deepStrictEqual(manifest.users.map(({ userId }) => userId), [session.userId])
        const sounds = (yield* soundsIn(disk.file(`${session.userId}.ogg`))).map(({ data }) => data)
        const there = new Set(yield* heard)
        const unheard = sounds.filter((data) => !there.has(data))
        // what was on its way to the server that the bot left
        assert.isAtMost(unheard.length, 2)
        assert.deepStrictEqual(unheard.filter((data) => !data.startsWith("fc00") || data.slice(6, 8) !== "02"), [])
        assert.isAtMost([...there].filter((data) => !sounds.includes(data)).length, 2)
      })).pipe(Effect.provide(layer))
  )

  it.effect("is in the mixed file, and its own file holds its mix of two tracks", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { self: true, files: "wav", mixed: "wav" })
      const source = (frames: ReadonlyArray<{ readonly data: Uint8Array; readonly samples: number }>) =>
        AudioSource.fromFrames(frames)
      const one = yield* session.play(source(yield* Kit.clicks(100, [20_000, 60_000])), { gain: 0.8 })
      const other = yield* session.play(source(yield* Kit.clicks(100, [40_000])), { gain: 0.8 })
      yield* Effect.forkScoped(ada.speak(yield* Kit.clicks(100, [80_000])))
      yield* one.awaitEnd
      yield* other.awaitEnd
      yield* Effect.sleep("1 second")
      yield* recording.stop
      const own = leftOf(disk.file(`${session.userId}.wav`))
      assert.lengthOf(Kit.clicksIn(own), 3)
      assert.lengthOf(Kit.clicksIn(leftOf(disk.file("mixed.wav"))), 4)
    })).pipe(Effect.provide(layer)))
})
