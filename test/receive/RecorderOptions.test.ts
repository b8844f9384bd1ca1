import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Schema } from "effect"
import * as Recorder from "../../src/receive/Recorder.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { hex, layer, leftOf, lobby, soundsIn, start } from "./record/recording.ts"

describe("Recorder, pauses", () => {
  it.effect(
    "leave out what is said meanwhile, keep the timeline, and are listed in the manifest",
    () =>
      Rig.run(Effect.gen(function*() {
        const { ada, bob, discord, session } = yield* lobby
        const disk = Kit.disk()
        const recording = yield* start(session, disk, { mixed: "wav" })
        const said = Rig.frames(500)
        yield* Effect.sleep("100 millis")
        yield* Effect.forkScoped(ada.speak(said))
        yield* Effect.sleep("3 seconds")
        yield* recording.pause
        yield* recording.pause
        assert.isTrue((yield* recording.statistics).isPaused)
        // bob speaks only during the pause
        yield* Effect.forkScoped(bob.speak(Rig.frames(50, 1)))
        yield* Effect.sleep("2 seconds")
        const running = (yield* recording.manifest).pauses
        assert.closeTo(running[0]?.fromMs ?? 0, 3_100, 5)
        assert.deepStrictEqual(running.map(({ toMs }) => toMs), [undefined])
        yield* recording.resume
        yield* recording.resume
        yield* Effect.sleep("1 second")
        // a short pause, between two ticks
        yield* Effect.sleep("30 millis")
        yield* recording.pause
        yield* Effect.sleep("50 millis")
        yield* recording.resume
        yield* Effect.sleep("6 seconds")
        const manifest = yield* recording.stop
        assert.deepStrictEqual(
          manifest.pauses.map(({ fromMs, toMs = 0 }) => Math.round((toMs - fromMs) / 10)),
          [200, 5]
        )
        assert.isFalse(disk.files.has(`/recording/${bob.userId}.ogg`))
        assert.strictEqual(manifest.users.find(({ userId }) => userId === bob.userId)?.packets.written, 0)

        const bytes = disk.file(`${ada.userId}.ogg`)
        const sounds = yield* soundsIn(bytes)
        const isIn = (ms: number) =>
          manifest.pauses.some(({ fromMs, toMs = Infinity }) => ms > fromMs - 18.7 && ms < toMs - 1.3)
        assert.deepStrictEqual(sounds.filter(({ ms }) => isIn(ms)), [])
        // each frame is where it would be without pauses, and nothing else is missing
        const from = sounds[0]?.ms ?? 0
        const places = new Map(sounds.map(({ data, ms }) => [data, ms]))
        for (const [i, { data }] of said.entries()) {
          const ms = places.get(hex(data))
          if (isIn(from + i * 20)) assert.isUndefined(ms, String(i))
          else assert.closeTo(ms ?? NaN, from + i * 20, 2.6, String(i))
        }
        assert.closeTo((yield* Kit.decode(bytes)).samples, manifest.durationMs * 48, 5)
        const left = leftOf(disk.file("mixed.wav"))
        assert.isTrue(left.subarray(3_250 * 48, 5_090 * 48).every((value) => value === 0))
        assert.deepStrictEqual(yield* discord.violations, [])
      })).pipe(Effect.provide(layer))
  )

  it.effect("may last until the end, and change nothing after it", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { mixed: "none" })
      yield* ada.speak(Rig.frames(20))
      yield* recording.pause
      yield* Effect.forkScoped(ada.speak(Rig.frames(100, 1)))
      yield* Effect.sleep("1 second")
      const manifest = yield* recording.stop
      yield* recording.resume
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(manifest.pauses.map(({ toMs }) => toMs), [undefined])
      assert.deepStrictEqual(yield* recording.manifest, manifest)
      const bytes = disk.file(`${ada.userId}.ogg`)
      assert.isAtMost((yield* soundsIn(bytes)).length, 20)
      assert.closeTo((yield* Kit.decode(bytes)).samples, manifest.durationMs * 48, 5)
    })).pipe(Effect.provide(layer)))
})

describe("Recorder, options", () => {
  it.effect(
    "are rejected if they make no sense, before anyone is told of a recording",
    () =>
      Rig.run(Effect.gen(function*() {
        const { session } = yield* lobby
        const disk = Kit.disk()
        // values that an untyped program may pass
        const mp3 = JSON.parse("\"mp3\"")
        const wrong: ReadonlyArray<Partial<Recorder.Options>> = [
          { files: mp3 },
          { mixed: mp3 },
          { files: "none", mixed: "none" },
          { hold: "-1 millis" },
          { hold: NaN },
          { maxPendingBytes: 0 },
          { maximum: { duration: 0 } },
          { maximum: { duration: Duration.infinity } },
          { maximum: { bytes: NaN } },
          { maximum: { bytes: 1_000 } },
          { maximum: { bytes: 1_000_000.5 } }
        ]
        for (const options of wrong) {
          const error = yield* Effect.flip(start(session, disk, { onStart: Effect.die("told"), ...options }))
          assert.strictEqual(error.reason._tag, "Unsupported", JSON.stringify(options))
        }
        assert.strictEqual(disk.files.size, 0)
        const unbounded = yield* Effect.flip(start(session, Recorder.memoryStorage()))
        assert.strictEqual(unbounded.reason._tag, "Unsupported")
      })).pipe(Effect.provide(layer))
  )
})

describe("Recorder, failures", () => {
  it.effect("rejects a session that has ended before anyone is told of a recording", () =>
    Rig.run(Effect.gen(function*() {
      const disk = Kit.disk()
      const over = yield* Effect.scoped(Rig.join("lobby"))
      const late = yield* Effect.flip(start(over, disk, { onStart: Effect.die("told") }))
      assert.deepInclude(late.reason, { _tag: "NotConnected", operation: "Recording" })
      assert.strictEqual(disk.files.size, 0)
    })).pipe(Effect.provide(layer)))

  it.effect(
    "does not start if `users` throws for someone present, and frees the folder",
    () =>
      Rig.run(Effect.gen(function*() {
        const { session } = yield* lobby
        const disk = Kit.disk()
        let open = 0
        const storage: typeof disk = {
          ...disk,
          create: async (path) => {
            const file = await disk.create(path)
            open++
            return { ...file, close: () => (open--, file.close()) }
          }
        }
        const users = () => {
          throw new Error("said by the test")
        }
        const error = yield* Effect.flip(start(session, storage, { users, mixed: "wav" }))
        assert.deepInclude(error.reason, { _tag: "Unsupported", detail: "said by the test" })
        assert.strictEqual(open, 0)
        assert.deepStrictEqual([...disk.files.keys()], [])
        const again = yield* start(session, storage, { mixed: "wav" })
        assert.strictEqual((yield* again.stop).state, "complete")
      })).pipe(Effect.provide(layer))
  )

  it.effect("fails, and does not claim to have ended, if `users` throws during the recording", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      let chosen = 0
      const users = () => {
        if (chosen++ > 40) throw new Error("said by the test")
        return true
      }
      const recording = yield* start(session, disk, { users })
      yield* ada.speak(Rig.frames(100))
      for (const ended of [recording.awaitEnd, recording.stop]) {
        const exit = yield* Effect.exit(ended)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }
      const { endedBy, failure, state } = yield* recording.manifest
      assert.deepStrictEqual([state, failure, endedBy], ["failed", "said by the test", undefined])
      assert.deepInclude(JSON.parse(new TextDecoder().decode(disk.file("recording.json"))), { state, failure })
      const { durationMs } = yield* recording.manifest
      assert.closeTo((yield* Kit.demux(disk.file(`${ada.userId}.ogg`))).seconds, durationMs / 1000, 0.02)
      assert.strictEqual((yield* session.state)._tag, "Ready")
    })).pipe(Effect.provide(layer)))
})

describe("Recorder, manifest", () => {
  it.effect("can be read from a version that did not know pauses", () =>
    Effect.gen(function*() {
      const { pauses, ...older } = yield* Rig.run(
        Effect.gen(function*() {
          const { session } = yield* lobby
          return yield* Effect.flatMap(start(session, Kit.disk()), ({ stop }) => stop)
        })
      )
      assert.deepStrictEqual(pauses, [])
      const read = yield* Schema.decodeEffect(Recorder.Manifest)(older)
      assert.deepStrictEqual(read, { ...older, pauses })
    }).pipe(Effect.provide(layer)))
})
