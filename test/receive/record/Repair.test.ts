import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OggPage from "../../../src/audio/ogg/OggPage.ts"
import * as OggWriter from "../../../src/audio/ogg/OggWriter.ts"
import { ChannelId, GuildId, UserId } from "../../../src/protocol/Identifier.ts"
import * as Manifest from "../../../src/receive/record/Manifest.ts"
import * as Repair from "../../../src/receive/record/Repair.ts"
import { fileSystem, type Storage } from "../../../src/receive/record/Storage.ts"
import * as Wav from "../../../src/receive/record/Wav.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as Rig from "../../integration/rig.ts"
import * as Kit from "./kit.ts"
import { dataBytes, sha256 } from "./recording.ts"

const [ada, bob] = [UserId.make("100000000000000001"), UserId.make("100000000000000002")]

const user = (userId: UserId): Manifest.RecordedUser => ({
  userId,
  present: [{ fromMs: 0 }],
  ssrcs: [],
  packets: { written: 0, lost: 0, duplicates: 0, late: 0, malformed: 0, dropped: 0 },
  gaps: [],
  gapsOmitted: 0,
  jitterMs: 0,
  alignmentErrorMs: 0
})

const running = Manifest.encode({
  format: "effect-discord-voice/recording/1",
  state: "recording",
  guildId: GuildId.make("200000000000000001"),
  channels: [{ channelId: ChannelId.make("300000000000000001"), fromMs: 0 }],
  recordedBy: UserId.make("100000000000000003"),
  startedAt: "2026-01-01T00:00:00.000Z",
  durationMs: 0,
  interruptions: [],
  pauses: [],
  users: [user(ada), user(bob)],
  unknownPackets: 0
})

/** Complete pages with `count` frames of 20 ms, and a part of another page after them. */
const broken = (count: number): { readonly bytes: Uint8Array; readonly whole: Uint8Array } => {
  const writer = OggWriter.make()
  const parts = Rig.frames(count).map(({ data }) => writer.add({ data }) ?? new Uint8Array())
  const whole = new Uint8Array(Buffer.concat([...parts, writer.flush()]))
  const rest = writer.finish()
  return { whole, bytes: new Uint8Array(Buffer.concat([whole, rest.subarray(0, 10)])) }
}

const [long, short] = [broken(500), broken(20)]

/** What a process that died while it recorded has left behind. */
const left = (room = Infinity): Kit.Disk => {
  const disk = Kit.disk(room)
  disk.files.set("/recording/recording.json", running)
  disk.files.set(`/recording/${ada}.ogg`, long.bytes)
  disk.files.set(`/recording/${bob}.ogg`, short.bytes)
  return disk
}

const pagesOf = (bytes: Uint8Array): ReadonlyArray<OggPage.OggPage> => {
  const pages: Array<OggPage.OggPage> = []
  for (let offset = 0; offset < bytes.length;) {
    const page = OggPage.decode(bytes, offset, bytes.length)
    if (typeof page !== "object") assert.fail("there is something that is no page")
    pages.push(page)
    offset = page.end
  }
  return pages
}

/** A disk that counts how many files are opened, synced and closed. */
const counted = (disk: Kit.Disk) => {
  const counts = { opened: 0, synced: 0, closed: 0 }
  const storage: Storage = {
    ...disk,
    open: async (path) => {
      const file = await disk.open(path)
      counts.opened++
      return {
        ...file,
        sync: async () => void counts.synced++,
        close: async () => void counts.closed++
      }
    }
  }
  return { counts, storage }
}

const reasonOf = (storage: Storage) =>
  Effect.map(Effect.flip(Repair.run(storage, "/recording")), ({ reason }) => reason)

describe("Repair", () => {
  it.effect("keeps all complete pages on a full disk, and continues once there is room", () =>
    Effect.gen(function*() {
      const roomy = left()
      yield* Repair.run(roomy, "/recording")
      for (const room of [0, 10, 100, 300]) {
        const disk = left(room)
        assert.deepInclude(yield* reasonOf(disk), { _tag: "RecordingFailed", kind: "DiskFull" }, `${room} bytes`)
        assert.deepStrictEqual(disk.file("recording.json"), running)
        // the file at which it failed ends after its complete pages, and those after it are unchanged
        const at = disk.file(`${ada}.ogg`).length === long.whole.length ? short.bytes : short.whole
        assert.deepStrictEqual(disk.file(`${bob}.ogg`), at, `${room} bytes`)
        assert.deepStrictEqual(disk.file(`${ada}.ogg`).subarray(0, long.whole.length), long.whole)
        disk.room = Infinity
        assert.strictEqual((yield* Repair.run(disk, "/recording")).state, "repaired")
        assert.deepStrictEqual(disk.files, roomy.files)
      }
    }))

  it.effect("makes all files as long as the longest to the sample, in Ogg and WAV, and syncs them", () =>
    Effect.gen(function*() {
      const disk = left()
      const samples = 500 * 960 + 4_801
      const pcm = new Int16Array(2 * samples).fill(7)
      const header = Wav.header({ channels: 2, rate: 48_000, dataBytes: 0 })
      // the last sample was not written completely
      const wav = new Uint8Array(Buffer.concat([header, Wav.samples(pcm), Uint8Array.of(7, 0, 7)]))
      disk.files.set("/recording/mixed.wav", wav)
      disk.files.set(`/recording/${bob}.wav`, header)
      const { counts, storage } = counted(disk)
      const manifest = yield* Repair.run(storage, "/recording")
      assert.deepStrictEqual(counts, { opened: 4, synced: 4, closed: 4 })
      assert.strictEqual(manifest.durationMs, Math.round(samples / 4.8) / 10)
      for (const name of ["mixed.wav", `${bob}.wav`]) {
        assert.strictEqual(disk.file(name).length, Wav.headerBytes + 4 * samples)
        assert.strictEqual(dataBytes(disk.file(name)), 4 * samples)
      }
      assert.deepStrictEqual(
        disk.file("mixed.wav").subarray(Wav.headerBytes),
        wav.subarray(Wav.headerBytes, Wav.headerBytes + 4 * samples)
      )
      assert.deepStrictEqual(manifest.mixed, {
        name: "mixed.wav",
        bytes: disk.file("mixed.wav").length,
        sha256: sha256(disk.file("mixed.wav"))
      })
      for (const { file } of manifest.users) {
        const bytes = disk.file(file?.name ?? "")
        assert.strictEqual(file?.sha256, sha256(bytes))
        const pages = pagesOf(bytes)
        assert.deepStrictEqual(pages.map(({ sequence }) => sequence), pages.map((_, at) => at))
        assert.strictEqual(pages.at(-1)?.granule, samples + 312)
      }
      // a repaired recording stays as it is
      assert.deepStrictEqual(yield* Repair.run(storage, "/recording"), manifest)
      assert.strictEqual(counts.opened, 4)
    }))

  it.effect("ends the longest file with a packet, too", () =>
    Effect.gen(function*() {
      const disk = left()
      const manifest = yield* Repair.run(disk, "/recording")
      assert.strictEqual(manifest.durationMs, Math.round((500 * 960 - 312) / 4.8) / 10)
      for (const { file } of manifest.users) {
        const last = pagesOf(disk.file(file?.name ?? "")).at(-1)
        assert.isAbove(last?.segments ?? 0, 0)
        assert.strictEqual(last?.granule, 500 * 960)
      }
    }))

  it.effect("closes what it could not complete, and passes on every error of the disk", () =>
    Effect.gen(function*() {
      const { counts, storage } = counted(left(10))
      assert.deepInclude(yield* reasonOf(storage), { kind: "DiskFull" })
      assert.deepStrictEqual(counts, { opened: 1, synced: 0, closed: 1 })
      const refuse = (code: string) => Promise.reject(Object.assign(new Error(`${code}: said by the test`), { code }))
      const disk = left()
      const read = (path: string) => path.endsWith(".ogg") ? refuse("EIO") : disk.read(path)
      assert.deepInclude(yield* reasonOf({ ...disk, read }), { kind: "Failed", path: `/recording/${ada}.ogg` })
      const size = () => refuse("EACCES")
      assert.deepInclude(yield* reasonOf({ ...disk, size }), { kind: "Unwritable", path: `/recording/${ada}.wav` })
    }))

  it.effect("releases a file that cannot be read to its end", () =>
    Effect.gen(function*() {
      let returned = 0
      const manifest = yield* Manifest.decode(new TextDecoder().decode(running))
      const storage: Storage = {
        ...left(),
        readParts: () => ({
          [Symbol.asyncIterator]: () => ({
            next: () => new Promise<never>(() => undefined),
            return: async () => {
              returned++
              return { done: true, value: undefined }
            }
          })
        })
      }
      const mixed = { ...manifest, mixed: { name: "mixed.wav", bytes: 44 } }
      const hashing = Repair.hashOverwritten(
        storage,
        "/recording",
        mixed,
        Effect.timeoutOrElse({
          duration: 0,
          orElse: () =>
            VoiceError.fail(
              new VoiceError.RecordingFailed({ path: "/recording", kind: "Failed", detail: "by the test" })
            )
        })
      )
      assert.strictEqual((yield* Effect.flip(hashing)).reason._tag, "RecordingFailed")
      assert.strictEqual(returned, 1)
    }))

  it.effect("rewrites headers that are torn at any byte, and keeps intact ones", () =>
    Effect.gen(function*() {
      const anew = OggWriter.make({ tags: { ARTIST: bob } }).flush()
      const repaired = Effect.fnUntraced(function*(bytes: Uint8Array) {
        const disk = left()
        disk.files.set("/recording/mixed.ogg", bytes)
        disk.files.set(`/recording/${bob}.ogg`, bytes)
        const { durationMs, mixed, users } = yield* Repair.run(disk, "/recording")
        const file = disk.file(`${bob}.ogg`)
        assert.deepStrictEqual(users[1]?.file, { name: `${bob}.ogg`, bytes: file.length, sha256: sha256(file) })
        assert.strictEqual(mixed?.sha256, sha256(disk.file("mixed.ogg")))
        const pages = pagesOf(file)
        assert.deepStrictEqual(pages.map(({ sequence }) => sequence), pages.map((_, at) => at), `${bytes.length} bytes`)
        const { seconds } = yield* Kit.demux(file)
        assert.closeTo(seconds * 1_000, durationMs, 1, `${bytes.length} bytes`)
        return { file, mixed: disk.file("mixed.ogg") }
      })
      // the second headers are longer than a page, and may be torn between pages, too
      for (const title of ["a call", "a call".repeat(20_000)]) {
        const headers = OggWriter.make({ tags: { TITLE: title, ARTIST: bob } }).flush()
        const ends = pagesOf(headers).map(({ end }) => end)
        const cuts = headers.length < 1_000
          ? Array.from({ length: headers.length }, (_, cut) => cut)
          : ends.flatMap((end) => [end - 1, end, end + 1]).filter((cut) => cut < headers.length)
        for (const cut of cuts) {
          const { file, mixed } = yield* repaired(headers.slice(0, cut))
          assert.deepStrictEqual(file.subarray(0, anew.length), anew, `${cut} bytes`)
          assert.include(Buffer.from(mixed.subarray(0, anew.length)).toString("latin1"), "ARTIST=all")
        }
        const { file } = yield* repaired(headers)
        assert.deepStrictEqual(file.subarray(0, headers.length), headers)
        // as left by a disk that had reserved the room but not written to it yet
        for (const written of [0, 2, 60]) {
          const zeros = [headers.subarray(0, written), new Uint8Array(4_000)]
          const { file } = yield* repaired(new Uint8Array(Buffer.concat(zeros)))
          assert.deepStrictEqual(file.subarray(0, anew.length), anew, `${written} bytes`)
        }
      }
    }))

  it.effect("keeps complete pages after damaged ones", () =>
    Effect.gen(function*() {
      const pages = pagesOf(long.whole)
      const before = yield* Repair.run(left(), "/recording")
      for (const [first, last] of [[2, 2], [4, 6], [pages.length - 2, pages.length - 2]] as const) {
        const damaged = long.whole.slice()
        damaged.fill(0, (pages[first]?.start ?? 0) + 20, pages[last]?.end)
        const disk = left()
        disk.files.set(`/recording/${ada}.ogg`, damaged)
        const { durationMs } = yield* Repair.run(disk, "/recording")
        assert.strictEqual(durationMs, before.durationMs)
        const file = disk.file(`${ada}.ogg`)
        assert.deepStrictEqual(file.subarray(0, damaged.length), damaged)
        const { granule, sequence } = OggPage.all(file).at(-1) ?? {}
        assert.deepStrictEqual([granule, sequence], [pages.at(-1)?.granule, pages.length])
      }
    }))

  it.effect("ignores a page inside a spoken packet that claims that hours are missing", () =>
    Effect.gen(function*() {
      // after its first byte, an Opus packet may contain any bytes
      const spoken = (sequence: number, granule: number) =>
        Uint8Array.of(
          0xf8,
          ...OggPage.encode({
            flags: OggPage.flagLast,
            granule,
            serial: 1,
            sequence,
            lacing: [1],
            body: [new Uint8Array(1)]
          })
        )
      const cases = [[4, 2 ** 40], [2 ** 31, 2 ** 40], [2 ** 31, 100_000], [4, 0], [4, 960]] as const
      for (const [sequence, granule] of cases) {
        const writer = OggWriter.make()
        const frames = Rig.frames(130).map(({ data }, i) => i === 120 ? spoken(sequence, granule) : data)
        const parts = frames.map((data) => writer.add({ data }) ?? new Uint8Array())
        const sound = new Uint8Array(Buffer.concat([...parts, writer.flush()]))
        const end = pagesOf(sound).at(-1)?.start
        const zeros = sound.slice().fill(0, -1)
        // torn when a process died, damaged by the disk, and the latter with reserved room after it
        for (
          const damaged of [sound.subarray(0, -1), zeros, new Uint8Array(Buffer.concat([zeros, new Uint8Array(500)]))]
        ) {
          const disk = left()
          disk.files.set(`/recording/${ada}.ogg`, damaged)
          const { durationMs } = yield* Repair.run(disk, "/recording")
          assert.strictEqual(durationMs, (2 * 48_000 - 312) / 48)
          const file = disk.file(`${ada}.ogg`)
          assert.deepStrictEqual(file.subarray(0, end), sound.subarray(0, end))
          assert.strictEqual(pagesOf(file).at(-1)?.sequence, 4)
        }
      }
    }))

  it.effect("loses nothing after a page inside a spoken packet if the page around it is damaged", () =>
    Effect.gen(function*() {
      const spoken = (pages: ReadonlyArray<readonly [sequence: number, granule: number]>) =>
        Uint8Array.of(
          0xf8,
          ...pages.flatMap(([sequence, granule]) => [
            ...OggPage.encode({ flags: 0, granule, serial: 1, sequence, lacing: [1], body: [new Uint8Array(1)] })
          ])
        )
      const cases = [[[9, 8 * 48_000]], [[6, 4 * 48_000]], [[15, 9 * 48_000], [16, 10 * 48_000]], [[
        4,
        2 * 48_000
      ]]] as const
      for (const pages of cases) {
        const writer = OggWriter.make()
        const frames = Rig.frames(500).map(({ data }, i) => i === 120 ? spoken(pages) : data)
        const sound = new Uint8Array(
          Buffer.concat([...frames.map((data) => writer.add({ data }) ?? new Uint8Array()), writer.flush()])
        )
        const all = pagesOf(sound)
        const damaged = sound.slice()
        // the page that contains it and the one before are damaged, which leaves room for many pages
        damaged.fill(0, (all[3]?.start ?? 0) + 20, (all[3]?.start ?? 0) + 24)
        damaged.fill(0, (all[4]?.start ?? 0) + 20, (all[4]?.start ?? 0) + 24)
        const disk = left()
        disk.files.set(`/recording/${ada}.ogg`, damaged)
        const { durationMs } = yield* Repair.run(disk, "/recording")
        assert.strictEqual(durationMs, (10 * 48_000 - 312) / 48)
        assert.deepStrictEqual(disk.file(`${ada}.ogg`).subarray(0, damaged.length), damaged)
      }
    }))

  it.effect("leaves a file unchanged that is not Ogg or has damaged headers, and logs its path", () => {
    const said: Array<unknown> = []
    return Effect.gen(function*() {
      const damaged = long.whole.slice()
      damaged.fill(0xff, 60, 64)
      for (const bytes of [damaged, new TextEncoder().encode("ID3 and some more")]) {
        const disk = left()
        disk.files.set(`/recording/${bob}.ogg`, bytes.slice())
        const { state, users } = yield* Repair.run(disk, "/recording")
        assert.strictEqual(state, "repaired")
        assert.isUndefined(users[1]?.file)
        assert.deepStrictEqual(disk.file(`${bob}.ogg`), bytes)
        assert.lengthOf(said, 1)
        assert.include(String(said.splice(0)), `/recording/${bob}.ogg`)
      }
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => said.push(message))])))
  })

  it.effect("reports that nothing can be written, and leaves everything as it is", () =>
    Effect.gen(function*() {
      for (const code of ["EROFS", "EACCES"]) {
        const disk = left()
        const before = new Map(disk.files)
        const refuse = () => Promise.reject(Object.assign(new Error(`${code}: said by the test`), { code }))
        const reason = yield* reasonOf({ ...disk, open: refuse, replace: refuse })
        assert.deepInclude(reason, { _tag: "RecordingFailed", kind: "Unwritable", path: `/recording/${ada}.ogg` })
        assert.deepStrictEqual(disk.files, before)
      }
    }))

  it.effect("tells a manifest that cannot be read from a missing one", () =>
    Effect.gen(function*() {
      const refuse = (code: string) => () =>
        Promise.reject(Object.assign(new Error(`${code}: said by the test`), { code }))
      for (
        const [code, kind] of [["EACCES", "Unwritable"], ["EIO", "Failed"], ["ENOENT", "NotARecording"], [
          "ENOTDIR",
          "NotARecording"
        ]] as const
      ) {
        const reason = yield* reasonOf({ ...left(), read: refuse(code) })
        assert.deepInclude(reason, { _tag: "RecordingFailed", kind })
      }
    }))

  it.live("leaves no temporary file next to one that a real disk does not replace", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "edv-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      // a folder cannot be replaced by a file
      mkdirSync(join(folder, "recording.json"))
      writeFileSync(join(folder, "recording.json", "in it"), "")
      const replaced = yield* Effect.exit(
        Effect.tryPromise(() => fileSystem.replace(join(folder, "recording.json"), Uint8Array.of(1)))
      )
      assert.strictEqual(replaced._tag, "Failure")
      assert.deepStrictEqual(readdirSync(folder), ["recording.json"])
    }).pipe(Effect.scoped))
})
