import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { dataBytes, layer, lobby, loud, memory as layerMemory, start } from "./record/recording.ts"
import { dice } from "./record/speaker.ts"

describe("Recorder, with a maximum", () => {
  it.effect("ends at the maximum duration, to the millisecond, and says so", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { files: "wav", maximum: { duration: "2050 millis" } })
      yield* Effect.forkScoped(ada.speak(Rig.frames(500)))
      const manifest = yield* recording.awaitEnd
      assert.deepInclude(manifest, { state: "complete", endedBy: "maximum-duration", durationMs: 2_050 })
      assert.strictEqual(dataBytes(disk.file(`${ada.userId}.wav`)), 4 * 2_050 * 48)
      assert.strictEqual((yield* Kit.decode(disk.file("mixed.ogg"))).samples, 2_050 * 48)
      assert.strictEqual((yield* session.state)._tag, "Ready")
      assert.deepStrictEqual(yield* recording.stop, manifest)
    })).pipe(Effect.provide(layer)))

  const formats = (["opus", "wav", "none"] as const).flatMap((files) =>
    (["opus", "wav", "none"] as const).map((mixed) => ({ files, mixed }))
  ).filter(({ files, mixed }) => files !== "none" || mixed !== "none")
  for (const { files, mixed } of formats) {
    it.effect(
      `ends at the maximum number of bytes with complete files: ${files}, mixed ${mixed}`,
      () =>
        Rig.run(Effect.gen(function*() {
          const { ada, bob, session } = yield* lobby
          const bytes = files === "wav" ? 2_000_000 : 300_000
          const memory = Recorder.memoryStorage()
          const recording = yield* start(session, memory, { files, mixed, maximum: { bytes } })
          yield* Effect.forkScoped(Effect.forever(ada.speak(loud(100))))
          yield* Effect.forkScoped(
            Effect.andThen(Effect.sleep("777 millis"), Effect.forever(bob.speak(loud(77, 1))))
          )
          const manifest = yield* recording.awaitEnd
          assert.deepInclude(manifest, { state: "complete", endedBy: "maximum-bytes" })
          let total = 0
          for (const [path, file] of memory.files()) {
            if (path.endsWith(".json")) continue
            total += file.length
            if (path.endsWith(".wav")) assert.closeTo(dataBytes(file), manifest.durationMs * 192, 20)
            else {
              const { errors, samples } = yield* Kit.decode(file)
              assert.lengthOf(errors.filter(({ message }) => !message.includes("opus")), 0)
              assert.closeTo(samples, manifest.durationMs * 48, 5)
            }
          }
          assert.isAtMost(total, bytes)
          assert.strictEqual((yield* recording.statistics).bytes, total)
          // no more room is left than was set aside
          assert.isAbove(total, bytes - 120_000)
        })).pipe(Effect.provide(layer))
    )
  }

  it.effect(
    "keeps to the maximum number of bytes when there is no room for a late user's file",
    () =>
      Rig.run(Effect.gen(function*() {
        const { ada, bob, session } = yield* lobby
        const memory = Recorder.memoryStorage()
        const bytes = 4_000_000
        const recording = yield* start(session, memory, { files: "wav", mixed: "none", maximum: { bytes } })
        yield* ada.speak(Rig.frames(10))
        yield* Effect.sleep("12 seconds")
        yield* Effect.forkScoped(bob.speak(Rig.frames(100)))
        const manifest = yield* recording.awaitEnd
        assert.strictEqual(manifest.endedBy, "maximum-bytes")
        assert.closeTo(manifest.durationMs, 12_200, 100)
        assert.deepStrictEqual([...memory.files().keys()].toSorted(), [
          `/recording/${ada.userId}.wav`,
          "/recording/recording.json"
        ])
      })).pipe(Effect.provide(layer))
  )

  for (const seed of [1, 2, 3, 4]) {
    it.effect(
      `keeps to the maximum number of bytes as users come and go, despite jitter: ${seed}`,
      () =>
        Rig.run(Effect.gen(function*() {
          const random = dice(seed)
          const discord = yield* Emulator.Emulator
          const session = yield* Rig.join("lobby")
          const memory = Recorder.memoryStorage()
          const isSlow = seed > 2
          const storage: Recorder.Storage = {
            ...memory,
            create: async (path) => {
              const file = await memory.create(path)
              return {
                ...file,
                append: async (bytes) => {
                  if (isSlow) await new Promise(setImmediate)
                  return file.append(bytes)
                }
              }
            }
          }
          const files = seed % 2 === 0 ? "wav" as const : "opus" as const
          const bytes = Math.floor((files === "wav" ? 3_000_000 : 300_000) * (1 + random()))
          const recording = yield* start(session, storage, {
            files,
            mixed: seed === 4 ? "wav" : "opus",
            self: true,
            maximum: { bytes },
            ...isSlow ? { maxPendingBytes: 30_000 } : {}
          })
          for (let i = 0; i < 4; i++) {
            yield* Effect.gen(function*() {
              yield* Effect.sleep(random() * 3_000)
              const guest = yield* discord.join({ user: `guest ${i}`, channel: "lobby" })
              for (let turn = 0;; turn++) {
                yield* guest.speak(loud(1 + Math.floor(random() * 150), turn))
                yield* Effect.sleep(random() * 700)
              }
            }).pipe(Effect.forkScoped)
          }
          yield* session.play(Rig.source(500), { loop: "forever" })
          const manifest = yield* recording.awaitEnd
          assert.strictEqual(manifest.endedBy, "maximum-bytes")
          let total = 0
          for (const [path, file] of memory.files()) {
            if (path.endsWith(".json")) continue
            total += file.length
            if (path.endsWith(".wav")) assert.closeTo(dataBytes(file), manifest.durationMs * 192, 20)
            else assert.closeTo((yield* Kit.demux(file)).seconds, manifest.durationMs / 1000, 0.02)
          }
          assert.isAtMost(total, bytes)
        })).pipe(Effect.provide(
          layerMemory({ network: { latencyMs: 20, jitterMs: 40 }, seed })
        ))
    )
  }

  it.effect("says in the manifest what else has ended it", () =>
    Rig.run(Effect.gen(function*() {
      const { discord, session } = yield* lobby
      const stopped = yield* start(session, Kit.disk())
      yield* Effect.sleep("100 millis")
      assert.strictEqual((yield* stopped.manifest).endedBy, undefined)
      assert.strictEqual((yield* stopped.stop).endedBy, "stop")
      const awaitEnd = yield* Effect.scoped(Effect.map(start(session, Kit.disk()), (recording) => recording.awaitEnd))
      assert.strictEqual((yield* awaitEnd).endedBy, "scope")
      const last = yield* start(session, Kit.disk(), { self: true })
      yield* discord.faults.kick("bot")
      assert.strictEqual((yield* last.awaitEnd).endedBy, "session")
    })).pipe(Effect.provide(layer)))
})
