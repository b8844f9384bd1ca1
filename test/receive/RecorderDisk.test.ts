import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import type { VoiceError } from "../../src/VoiceError.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { layer, lobby, loud, sha256, start } from "./record/recording.ts"

const full = () => Object.assign(new Error("ENOSPC: said by the test"), { code: "ENOSPC" })

/** How a disk fails: permanently, permanently after half of a write, or only once. */
const ways = ["full", "torn", "once"] as const

/** A disk that fails at the `at`th operation, and a copy of everything that has reached it. */
const failing = (at: number, way: typeof ways[number]) => {
  const [disk, reached] = [Kit.disk(), Kit.disk()]
  const open = new Set<string>()
  let asked = 0
  const fails = () => ++asked === at || (way !== "once" && asked > at)
  const storage: Recorder.Storage = {
    ...disk,
    replace: async (path, bytes) => {
      if (fails()) throw full()
      await disk.replace(path, bytes)
      await reached.replace(path, bytes)
    },
    create: async (path) => {
      if (fails()) throw full()
      const [file, other] = [await disk.create(path), await reached.create(path)]
      open.add(path)
      const doing = async (use: (file: Recorder.StoredFile) => Promise<void>) => {
        if (fails()) throw full()
        await use(file)
        await use(other)
      }
      return {
        append: async (bytes) => {
          if (way === "torn" && asked + 1 === at) await file.append(bytes.subarray(0, bytes.length >> 1))
          await doing((one) => one.append(bytes))
        },
        overwrite: (bytes, position) => doing((one) => one.overwrite(bytes, position)),
        truncate: (size) => {
          // making a file smaller always succeeds
          const isLess = size <= disk.file(path.split("/").at(-1) ?? "").length
          return isLess ? file.truncate(size).then(() => other.truncate(size)) : doing((one) => one.truncate(size))
        },
        sync: () => doing((one) => one.sync()),
        close: async () => void open.delete(path)
      }
    }
  }
  return { disk, reached, storage, open }
}

interface Trial extends ReturnType<typeof failing> {
  readonly name: string
  readonly recording: Exit.Exit<Recorder.Recording, VoiceError>
}

/** Whether a file still begins with the same bytes. */
const isPrefix = (bytes: Uint8Array, of: Uint8Array) => bytes.every((byte, i) => byte === of[i])

/** The size of a file without sound. */
const emptyBytes = { opus: 400, wav: 44 }

/** Checks what is left of a recording that has failed, and what `repair` makes of it. */
const look = Effect.fnUntraced(function*({ disk, name, reached }: Trial, files: "opus" | "wav") {
  const before = new Map(disk.files)
  assert.deepStrictEqual(before, reached.files, name)
  const repair = Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk)
  const repaired = yield* repair
  assert.strictEqual(repaired.state, "repaired", name)
  const known = [...repaired.users.map(({ file }) => file), repaired.mixed].filter((file) => file !== undefined)
  for (const [path, bytes] of before) {
    if (path.endsWith(".json") || bytes.length <= emptyBytes[files]) continue
    assert.isTrue(known.some((file) => path.endsWith(`/${file.name}`)), `${name}: ${path} is forgotten`)
  }
  for (const { bytes, name: file, sha256: hash } of known) {
    const what = `${name}: ${file}`
    const now = disk.file(file)
    assert.deepStrictEqual([now.length, sha256(now)], [bytes, hash], what)
    const written = before.get(`/recording/${file}`) ?? new Uint8Array()
    if (files === "opus") {
      assert.isTrue(isPrefix(written, now), what)
      const { errors, samples } = yield* Kit.decode(now)
      assert.lengthOf(errors, 0, what)
      // this decoder gives a file of no length one millisecond
      assert.closeTo(samples, Math.max(48, repaired.durationMs * 48), 6, what)
    } else {
      assert.isTrue(isPrefix(written.subarray(44), now.subarray(44)), what)
      assert.closeTo((now.length - 44) / 4, repaired.durationMs * 48, 6, what)
    }
  }
  assert.deepStrictEqual(yield* repair, repaired, name)
})

describe("Recorder, a failing disk", () => {
  for (const files of ["opus", "wav"] as const) {
    it.effect(`keeps everything that was written, and repair recovers all of it: ${files}`, () =>
      Rig.run(Effect.gen(function*() {
        const { ada, bob, session } = yield* lobby
        const trials: Array<Trial> = []
        for (let at = 1; at <= 40; at += at < 6 ? 1 : 2) {
          const way = ways[at % 3] ?? "full"
          const disk = failing(at, way)
          const mixed = files === "opus" && at % 4 === 1 ? "opus" : "none"
          const recording = yield* Effect.exit(start(session, disk.storage, { files, mixed }))
          trials.push({ ...disk, name: `${way} at ${at}`, recording })
        }
        yield* Effect.forkScoped(ada.speak(yield* Kit.clicks(150, [24_000])))
        yield* Effect.sleep("1 second")
        yield* bob.speak(yield* Kit.clicks(75, [12_000]))
        yield* Effect.sleep("1 second")
        assert.strictEqual((yield* session.state)._tag, "Ready")
        let failed = 0
        for (const trial of trials) {
          const { disk, name, open, recording } = trial
          if (Exit.isFailure(recording)) {
            assert.deepStrictEqual([[...open], [...disk.files.keys()]], [[], []], name)
            continue
          }
          const stopped = yield* Effect.exit(recording.value.stop)
          assert.deepStrictEqual(yield* Effect.exit(recording.value.awaitEnd), stopped, name)
          assert.deepStrictEqual([...open], [], name)
          // the disk was not used often enough to fail
          if (Exit.isSuccess(stopped)) continue
          const { reason } = yield* Effect.flip(recording.value.awaitEnd)
          assert.deepInclude(reason, { _tag: "RecordingFailed", kind: "DiskFull" }, name)
          yield* look(trial, files)
          failed++
        }
        assert.isAbove(failed, 10)
      })).pipe(Effect.provide(layer)))
  }

  it.effect("ends one recording, and the next one of the same session is complete", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk(20_000)
      const recording = yield* start(session, disk, { mixed: "none" })
      const speaking = yield* Effect.forkScoped(ada.speak(loud(200)))
      assert.deepInclude((yield* Effect.flip(recording.awaitEnd)).reason, { kind: "DiskFull" })
      // somebody has freed space
      disk.room = Infinity
      const next = yield* start(session, disk, { folder: "/next", mixed: "none" })
      yield* Fiber.join(speaking)
      yield* Effect.sleep("1 second")
      const { state, users } = yield* next.stop
      assert.strictEqual(state, "complete")
      const repaired = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk)
      const written = (users[0]?.packets.written ?? 0) + (repaired.users[0]?.packets.written ?? 0)
      assert.isAbove(written, 150)
      assert.deepStrictEqual(users[0]?.gaps, [])
    })).pipe(Effect.provide(layer)))
})

describe("Recorder, a slow disk", () => {
  it.effect("loses nothing if there is room for everything that waits", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, bob, session } = yield* lobby
      const run = Effect.runPromiseWith(yield* Effect.context<never>())
      const disk = Kit.disk()
      const slowly = async <A>(use: () => Promise<A>) => {
        await run(Effect.sleep("700 millis"))
        return use()
      }
      const slow: Recorder.Storage = {
        ...disk,
        replace: (path, bytes) => slowly(() => disk.replace(path, bytes)),
        create: (path) =>
          slowly(async () => {
            const file = await disk.create(path)
            return {
              ...file,
              append: (bytes) => slowly(() => file.append(bytes)),
              overwrite: (bytes, position) => slowly(() => file.overwrite(bytes, position)),
              truncate: (size) => slowly(() => file.truncate(size)),
              sync: () => slowly(file.sync)
            }
          })
      }
      const good = Kit.disk()
      const recording = yield* start(session, slow)
      const other = yield* start(session, good)
      yield* Effect.forkScoped(ada.speak(Rig.frames(100)))
      yield* bob.speak(Rig.frames(100, 7))
      yield* Effect.sleep("2 seconds")
      assert.isAbove((yield* recording.statistics).pendingBytes, 0)
      const stopping = yield* Effect.forkChild(recording.stop, { startImmediately: true })
      const { users: expected } = yield* other.stop
      const { state, users } = yield* Fiber.join(stopping)
      assert.strictEqual(state, "complete")
      assert.deepStrictEqual(
        users.map(({ packets }) => [packets.written, packets.dropped]),
        expected.map(({ packets }) => [packets.written, 0])
      )
    })).pipe(Effect.provide(layer)))

  it.effect("records from the first moment, however long the disk takes to begin", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      let open = () => {}
      disk.gate = new Promise((resolve) => open = resolve)
      const starting = yield* Effect.forkScoped(start(session, disk), { startImmediately: true })
      yield* Effect.sleep("200 millis")
      yield* ada.speak(loud(50))
      assert.isUndefined(starting.pollUnsafe())
      open()
      const recording = yield* Fiber.join(starting)
      yield* Effect.sleep("1 second")
      const { channels, users } = yield* recording.stop
      assert.strictEqual(channels[0]?.fromMs, 0)
      assert.isAtLeast(users[0]?.packets.written ?? 0, 50)
    })).pipe(Effect.provide(layer)))

  it.effect("leaves nothing behind if the disk fails at the start while somebody speaks", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk(0)
      let open = () => {}
      disk.gate = new Promise((resolve) => open = resolve)
      const starting = yield* Effect.forkScoped(Effect.flip(start(session, disk)), { startImmediately: true })
      yield* ada.speak(loud(50))
      open()
      assert.deepInclude((yield* Fiber.join(starting)).reason, { kind: "DiskFull" })
      assert.strictEqual(disk.files.size, 0)
    })).pipe(Effect.provide(layer)))

  it.effect("is complete if the session ends before the disk has begun", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      let open = () => {}
      disk.gate = new Promise((resolve) => open = resolve)
      const starting = yield* Effect.forkScoped(start(session, disk), { startImmediately: true })
      yield* ada.speak(loud(50))
      const discord = yield* Emulator.Emulator
      yield* discord.faults.kick("bot")
      yield* Effect.exit(session.awaitClosed)
      open()
      const recording = yield* Fiber.join(starting)
      const manifest = yield* recording.awaitEnd
      assert.deepInclude(manifest, { state: "complete", endedBy: "session" })
      assert.isAtLeast(manifest.users[0]?.packets.written ?? 0, 45)
    })).pipe(Effect.provide(layer)))
})
