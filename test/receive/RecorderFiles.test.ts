import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OggPage from "../../src/audio/ogg/OggPage.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import * as Rig from "../integration/rig.ts"
import * as Foreign from "../interop/Foreign.ts"
import type { Place } from "./process/recorder.ts"
import * as Kit from "./record/kit.ts"
import { dataBytes, layer, leftOf, lobby, sha256, start } from "./record/recording.ts"

/** Where the pages of an Ogg file end, in samples. */
const pageEnds = (bytes: Uint8Array): ReadonlyArray<number> => {
  const ends: Array<number> = []
  for (let offset = 0; offset < bytes.length;) {
    const page = OggPage.decode(bytes, offset, bytes.length)
    if (typeof page !== "object") assert.fail("there is something that is no page")
    ends.push(page.granule)
    offset = page.end
  }
  return ends
}

describe("Recorder, files of users", () => {
  for (const frames of [1, 3, 6]) {
    it.effect(`end with the recording while a user is speaking, in packets of ${20 * frames} ms`, () =>
      Rig.run(Effect.gen(function*() {
        const { ada, session } = yield* lobby
        const data = Uint8Array.of(0xff, frames, ...Array.from({ length: frames * 40 }, (_, i) => i))
        yield* Effect.forkScoped(ada.speak(Array.from({ length: 1_000 }, () => ({ data, samples: frames * 960 }))))
        yield* Effect.sleep("1 second")
        for (let i = 0; i < 10; i++) {
          const disk = Kit.disk()
          const recording = yield* start(session, disk)
          // pages are written every half second, so some have just been written
          yield* Effect.sleep("1001 millis")
          const { durationMs, users } = yield* recording.stop
          assert.isAbove(users[0]?.packets.written ?? 0, 5)
          for (const name of [`${ada.userId}.ogg`, "mixed.ogg"]) {
            const ends = pageEnds(disk.file(name))
            assert.deepStrictEqual(ends, ends.toSorted((a, b) => a - b), name)
            // the duration is reported in tenths of a millisecond
            assert.closeTo(ends.at(-1) ?? 0, durationMs * 48 + 312, 2.5, name)
          }
          yield* Effect.sleep("7 millis")
        }
      })).pipe(Effect.provide(layer)))
  }

  it.effect(
    "are WAV on request, in step with the mixed file, and playable during the recording",
    () =>
      Rig.run(Effect.gen(function*() {
        const { ada, bob, session } = yield* lobby
        const disk = Kit.disk()
        const recording = yield* start(session, disk, { files: "wav", mixed: "wav" })
        yield* Effect.sleep("300 millis")
        yield* Effect.forkScoped(ada.speak(yield* Kit.clicks(50, [4_000, 20_000])))
        yield* bob.speak(yield* Kit.clicks(75, [9_000, 40_000]))
        yield* Effect.sleep("1 second")
        for (const { userId } of [ada, bob]) {
          const now = disk.file(`${userId}.wav`)
          assert.isAbove(dataBytes(now), 1.5 * 192_000)
          assert.isAtMost(dataBytes(now), now.length - 44)
        }
        const manifest = yield* recording.stop
        const length = Math.round(manifest.durationMs * 48)
        for (const { file, userId } of manifest.users) {
          const wav = disk.file(`${userId}.wav`)
          assert.deepStrictEqual(file, { name: `${userId}.wav`, bytes: wav.length, sha256: sha256(wav) })
          assert.strictEqual(wav.length, 44 + 4 * length)
          assert.strictEqual(dataBytes(wav), 4 * length)
        }
        const [ofAda, ofBob, mixed] = [`${ada.userId}.wav`, `${bob.userId}.wav`, "mixed.wav"].map((name) =>
          leftOf(disk.file(name))
        )
        assert.lengthOf(Kit.clicksIn(ofAda ?? new Float32Array()), 2)
        assert.lengthOf(Kit.clicksIn(ofBob ?? new Float32Array()), 2)
        let worst = 0
        mixed?.forEach((value, i) => {
          const sum = (ofAda?.[i] ?? 0) + (ofBob?.[i] ?? 0)
          if (Math.abs(sum) < 0.8) worst = Math.max(worst, Math.abs(value - sum))
        })
        assert.isBelow(worst, 3 / 32_768)
      })).pipe(Effect.provide(layer))
  )

  it.effect("contain the same in WAV as in Ogg Opus, also without a mixed file", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disks = [Kit.disk(), Kit.disk()]
      const [ogg, wav] = yield* Effect.forEach(disks, (disk, i) =>
        start(session, disk, { files: i === 0 ? "opus" : "wav", mixed: "none" }))
      yield* Effect.sleep("1 second")
      yield* ada.speak(yield* Kit.clicks(100, [10_000, 50_000], 800))
      yield* Effect.sleep("1 second")
      yield* ogg?.stop ?? Effect.void
      yield* wav?.stop ?? Effect.void
      const { left } = yield* Kit.decode(disks[0]?.file(`${ada.userId}.ogg`) ?? new Uint8Array())
      const [ofOgg, ofWav] = [left, leftOf(disks[1]?.file(`${ada.userId}.wav`) ?? new Uint8Array())].map(Kit.clicksIn)
      assert.lengthOf(ofOgg ?? [], 2)
      const later = ((wav?.startMs ?? 0) - (ogg?.startMs ?? 0)) * 48
      assert.lengthOf(ofWav ?? [], 2)
      ofWav?.forEach((at, i) =>
        assert.closeTo(at, (ofOgg?.[i] ?? 0) - later, 125)
      )
    })).pipe(Effect.provide(layer)))

  it.effect("do not exist if only the mixed file is wanted", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { files: "none" })
      yield* ada.speak(yield* Kit.clicks(100, [50_000]))
      const manifest = yield* recording.stop
      assert.deepStrictEqual([...disk.files.keys()].toSorted(), ["/recording/mixed.ogg", "/recording/recording.json"])
      const user = manifest.users.find(({ userId }) => userId === ada.userId)
      assert.isUndefined(user?.file)
      assert.isAtLeast(user?.packets.written ?? 0, 99)
      assert.lengthOf(Kit.clicksIn((yield* Kit.decode(disk.file("mixed.ogg"))).left), 1)
    })).pipe(Effect.provide(layer)))

  it.effect("hold the time before a late first word as a hole in a WAV, not as written silence", () =>
    Rig.run(
      Effect.gen(function*() {
        const { ada, session } = yield* lobby
        const memory = Recorder.memoryStorage()
        let appended = 0
        const counting: Recorder.Storage = {
          ...memory,
          create: async (path) => {
            const file = await memory.create(path)
            return {
              ...file,
              append: (bytes) => {
                appended += bytes.length
                return file.append(bytes)
              }
            }
          }
        }
        const recording = yield* start(session, counting, {
          files: "wav",
          mixed: "none",
          maximum: { duration: "1 hour" }
        })
        yield* Effect.sleep("10 minutes")
        yield* ada.speak(Rig.frames(50))
        yield* Effect.sleep("2 seconds")
        const { pendingBytes } = yield* recording.statistics
        assert.isBelow(pendingBytes, 10_000)
        const manifest = yield* recording.stop
        assert.strictEqual(manifest.users[0]?.file?.bytes, 44 + 4 * Math.round(manifest.durationMs * 48))
        assert.isBelow(appended, 3 * 192_000)
      }),
      1_200_000
    ).pipe(Effect.provide(layer)), 60_000)

  it.effect("are repaired in WAV as well: readable, and all of the same length", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, bob, session } = yield* lobby
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { files: "wav", mixed: "opus" })
      yield* Effect.forkScoped(bob.speak(Rig.frames(60)))
      yield* ada.speak(yield* Kit.clicks(150, [48_000]))
      yield* recording.pause
      yield* Effect.sleep("50 millis")
      // what a process that dies now would leave behind
      const left = new Map(Array.from(disk.files, ([path, bytes]) => [path, bytes.slice()]))
      yield* recording.stop
      disk.files.clear()
      for (const [path, bytes] of left) disk.files.set(path, bytes)
      const path = `/recording/${ada.userId}.wav`
      const torn = disk.file(`${ada.userId}.wav`)
      disk.files.set(path, torn.slice(0, torn.length - 3))
      disk.file(`${bob.userId}.wav`).fill(0, 0, 44)

      const manifest = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk)
      assert.strictEqual(manifest.state, "repaired")
      assert.lengthOf(manifest.pauses, 1)
      assert.isAbove(manifest.durationMs, 2_000)
      for (const { file, userId } of manifest.users) {
        const wav = disk.file(`${userId}.wav`)
        assert.deepStrictEqual(file, { name: `${userId}.wav`, bytes: wav.length, sha256: sha256(wav) })
        assert.strictEqual(wav.length, 44 + dataBytes(wav))
        assert.closeTo(dataBytes(wav), manifest.durationMs * 192, 4 * 5)
        assert.strictEqual(Buffer.from(wav.subarray(0, 4)).toString(), "RIFF")
      }
      assert.closeTo((yield* Kit.decode(disk.file("mixed.ogg"))).samples, manifest.durationMs * 48, 5)
      assert.lengthOf(Kit.clicksIn(leftOf(disk.file(`${ada.userId}.wav`))), 1)
      assert.deepStrictEqual(
        yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk),
        manifest
      )
    })).pipe(Effect.provide(layer)))
})

describe("Recorder, WAV files", () => {
  it.live("are playable when its process is killed", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { token } = yield* discord.user("bot")
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "recorder-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const place: Place = {
        url: discord.urls.gateway,
        token: Redacted.value(token),
        guildId: yield* discord.guild("guild"),
        channelId: yield* discord.channel("lobby"),
        folder,
        mixed: "wav",
        files: "wav"
      }
      const bot = yield* Foreign.start("../receive/process/recorder.ts", { args: place })
      yield* bot.untilTag("Recording")
      const sound = yield* Kit.clicks(150, Array.from({ length: 6 }, (_, i) => i * 24_000 + 4_800))
      yield* Effect.forkScoped(Effect.forever(ada.speak(sound)))
      const file = (name: string) => new Uint8Array(readFileSync(join(folder, name)))
      const names = [`${ada.userId}.wav`, "mixed.wav"]
      const hasClicks = () => names.forEach((name) => assert.isAbove(Kit.clicksIn(leftOf(file(name))).length, 2))
      yield* Rig.settled(Effect.sync(hasClicks))
      yield* bot.signal("SIGKILL")
      yield* bot.ended
      hasClicks()
      for (const bytes of names.map(file)) {
        assert.isAbove(dataBytes(bytes), 192_000)
        // the header does not count the newest bytes yet
        assert.isAtMost(dataBytes(bytes), bytes.length - 44)
      }
      const longest = Math.max(...names.map((name) => file(name).length))
      const manifest = yield* Recorder.repair(folder)
      assert.strictEqual(manifest.state, "repaired")
      const described = [manifest.users[0]?.file, manifest.mixed]
      for (const [i, name] of names.entries()) {
        const bytes = file(name)
        // no whole sample is lost, and shorter files become as long as the longest
        assert.strictEqual(bytes.length, longest - longest % 4)
        assert.deepStrictEqual(described[i], { name, bytes: bytes.length, sha256: sha256(bytes) })
        assert.strictEqual(dataBytes(bytes), bytes.length - 44)
        assert.closeTo(dataBytes(bytes), manifest.durationMs * 192, 20)
      }
    }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Rig.floor(), OpusEncoder.layer))))
})

describe("memoryStorage", () => {
  it.effect("keeps the files of a recording as bytes, and does not let another overwrite them", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, session } = yield* lobby
      const memory = Recorder.memoryStorage()
      const recording = yield* Recorder.start(session, { folder: "call", maximum: { duration: "1 second" } }).pipe(
        Effect.provideService(Recorder.Storage, memory)
      )
      yield* Effect.forkScoped(ada.speak(Rig.frames(100)))
      const manifest = yield* recording.awaitEnd
      const files = memory.files()
      assert.sameMembers([...files.keys()], [`call/${ada.userId}.ogg`, "call/mixed.ogg", "call/recording.json"])
      for (const file of [manifest.mixed, manifest.users[0]?.file]) {
        const bytes = files.get(`call/${file?.name}`) ?? new Uint8Array()
        assert.deepStrictEqual([file?.bytes, file?.sha256], [bytes.length, sha256(bytes)])
      }
      const again = yield* Effect.flip(start(session, memory, { folder: "call", maximum: { duration: "1 second" } }))
      assert.deepInclude(again.reason, { _tag: "RecordingFailed", kind: "Exists" })
    })).pipe(Effect.provide(layer)))
})
