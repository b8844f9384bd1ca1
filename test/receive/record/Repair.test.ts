import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OggWriter from "../../../src/audio/ogg/OggWriter.ts"
import { ChannelId, GuildId, UserId } from "../../../src/protocol/Identifier.ts"
import * as Manifest from "../../../src/receive/record/Manifest.ts"
import * as Repair from "../../../src/receive/record/Repair.ts"
import { fileSystem, type Storage } from "../../../src/receive/record/Storage.ts"
import * as Rig from "../../integration/rig.ts"
import * as Kit from "./kit.ts"

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

/** So many frames of 20 ms that are whole, and half a page behind them. */
const broken = (count: number): { readonly bytes: Uint8Array; readonly whole: Uint8Array } => {
  const writer = OggWriter.make()
  const parts = Rig.frames(count).map(({ data }) => writer.add({ data }) ?? new Uint8Array())
  const whole = new Uint8Array(Buffer.concat([...parts, writer.flush()]))
  const rest = writer.finish()
  return { whole, bytes: new Uint8Array(Buffer.concat([whole, rest.subarray(0, 10)])) }
}

const [long, short] = [broken(500), broken(20)]

/** What a process has left behind that died while it recorded. */
const left = (room = Infinity): Kit.Disk => {
  const disk = Kit.disk(room)
  disk.files.set("/recording/recording.json", running)
  disk.files.set(`/recording/${ada}.ogg`, long.bytes)
  disk.files.set(`/recording/${bob}.ogg`, short.bytes)
  return disk
}

const reasonOf = (storage: Storage) =>
  Effect.map(Effect.flip(Repair.run(storage, "/recording")), ({ reason }) => reason)

describe("Repair", () => {
  it.effect("keeps all that was whole where the disk is full, and goes on where it has become less so", () =>
    Effect.gen(function*() {
      const roomy = left()
      yield* Repair.run(roomy, "/recording")
      for (const room of [0, 10, 100, 300]) {
        const disk = left(room)
        assert.deepInclude(yield* reasonOf(disk), { _tag: "RecordingFailed", kind: "DiskFull" }, `${room} bytes`)
        assert.deepStrictEqual(disk.file("recording.json"), running)
        // the one that it failed at ends with what was whole, and those behind it are as they were
        const at = disk.file(`${ada}.ogg`).length === long.whole.length ? short.bytes : short.whole
        assert.deepStrictEqual(disk.file(`${bob}.ogg`), at, `${room} bytes`)
        assert.deepStrictEqual(disk.file(`${ada}.ogg`).subarray(0, long.whole.length), long.whole)
        disk.room = Infinity
        assert.strictEqual((yield* Repair.run(disk, "/recording")).state, "repaired")
        assert.deepStrictEqual(disk.files, roomy.files)
      }
    }))

  it.effect("says that nothing can be written, and leaves all as it is", () =>
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

  it.effect("tells a manifest that cannot be read from one that is not there", () =>
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

  it.live("leaves nothing beside a file that a real disk does not replace", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "edv-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      // a folder takes no file in its place
      mkdirSync(join(folder, "recording.json"))
      writeFileSync(join(folder, "recording.json", "in it"), "")
      const replaced = yield* Effect.exit(
        Effect.tryPromise(() => fileSystem.replace(join(folder, "recording.json"), Uint8Array.of(1)))
      )
      assert.strictEqual(replaced._tag, "Failure")
      assert.deepStrictEqual(readdirSync(folder), ["recording.json"])
    }).pipe(Effect.scoped))
})
