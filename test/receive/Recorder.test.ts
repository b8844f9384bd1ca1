import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer, Redacted, Schema } from "effect"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import type { UserId } from "../../src/protocol/Identifier.ts"
import { fileSystem } from "../../src/receive/record/Storage.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import { readPages } from "../audio/samples.ts"
import * as Rig from "../integration/rig.ts"
import * as Foreign from "../interop/Foreign.ts"
import type { Place } from "./process/recorder.ts"
import * as Kit from "./record/kit.ts"
import { dice } from "./record/speaker.ts"

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)
const memory = (options?: Emulator.MemoryOptions) => Layer.merge(Rig.memory(options), codecs)

/** The two header pages are shorter than this. */
const readableHeader = 400

const hex = (packets: ReadonlyArray<Uint8Array>) => packets.map((data) => Buffer.from(data).toString("hex"))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "recorder-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const start = (
  session: VoiceSession.VoiceSession,
  disk: Recorder.Storage,
  options?: Partial<Recorder.Options<never, never>>
) =>
  Recorder.start(session, { folder: "/recording", ...options }).pipe(
    Effect.provideService(Recorder.Storage, disk)
  )

describe("Recorder", () => {
  it.effect("aligns the files of all users to 2.5 ms", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk)
      assert.strictEqual(recording.startMs, Number(yield* Clock.monotonicTimeNanos) / 1_000_000)
      // the same clicks, on tracks that begin at different times
      const second = 48_000
      const early = yield* Kit.clicks(200, [second, 2 * second, 3 * second])
      const late = yield* Kit.clicks(150, [second - 37_296, 2 * second - 37_296, 3 * second - 37_296])
      yield* Effect.sleep("203 millis")
      yield* Effect.forkScoped(ada.speak(early))
      yield* Effect.sleep("777 millis")
      yield* bob.speak(late)
      yield* Effect.sleep("1537 millis")
      const manifest = yield* recording.stop

      assert.strictEqual(manifest.state, "complete")
      assert.deepStrictEqual(manifest.users.map(({ userId }) => userId), [ada.userId, bob.userId])
      const length = Math.round(manifest.durationMs * 48)
      const places: Array<ReadonlyArray<number>> = []
      for (const { file, gaps, packets } of manifest.users) {
        const bytes = disk.file(file?.name ?? "")
        assert.strictEqual(file?.bytes, bytes.length)
        const { errors, left, samples } = yield* Kit.decode(bytes)
        assert.deepStrictEqual(errors, [])
        assert.closeTo(samples, length, 5)
        const { packets: demuxed, seconds } = yield* Kit.demux(bytes)
        assert.closeTo(seconds, length / 48_000, 0.01)
        for (const [i, { at, samples }] of demuxed.entries()) {
          const next = demuxed[i + 1]
          if (next !== undefined) assert.strictEqual(next.at, at + samples)
        }
        assert.deepStrictEqual([gaps.length, packets.lost, packets.late], [0, 0, 0])
        places.push(Kit.clicksIn(left))
      }
      const [ofAda = [], ofBob = []] = places
      assert.lengthOf(ofAda, 3)
      ofAda.forEach((at, i) => {
        assert.closeTo(at, (203 + 1) * 48 + (i + 1) * second, 130)
        assert.isAtMost(Math.abs(at - (ofBob[i] ?? 0)), 120)
      })
      const { left, samples } = yield* Kit.decode(disk.file("mixed.ogg"))
      assert.closeTo(samples, length, 5)
      Kit.clicksIn(left).forEach((at, i) => assert.closeTo(at, ofAda[i] ?? 0, 130))
      yield* Rig.blameless
    })).pipe(Effect.provide(memory())))

  it.effect(
    "records each user bit for bit, also when encrypted, and when they were present",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "secure" })
        const session = yield* Rig.join("secure")
        const disk = Kit.disk()
        const recording = yield* start(session, disk, { mixed: "none" })
        yield* Effect.sleep("1 second")
        const said = Rig.frames(50)
        yield* ada.speak(said)
        yield* Effect.sleep("1 second")
        const bob = yield* discord.join({ user: "bob", channel: "secure" })
        yield* Effect.sleep("1 second")
        yield* bob.speak(said)
        yield* bob.leave
        yield* Effect.sleep("2 seconds")
        const again = yield* discord.join({ user: "bob", channel: "secure" })
        yield* Effect.sleep("1 second")
        yield* again.speak(said)
        yield* Effect.sleep("1 second")
        const manifest = yield* recording.stop
        const sounds = (bytes: Uint8Array) =>
          Effect.map(
            Kit.demux(bytes),
            ({ packets }) => hex(packets.map(({ data }) => data).filter(([toc]) => toc === 0xfc))
          )
        assert.deepStrictEqual(yield* sounds(disk.file(`${ada.userId}.ogg`)), hex(Rig.payloads(said)))
        assert.deepStrictEqual(
          yield* sounds(disk.file(`${bob.userId}.ogg`)),
          hex([...Rig.payloads(said), ...Rig.payloads(said)])
        )
        const [, ofBob] = manifest.users
        assert.lengthOf(ofBob?.ssrcs ?? [], 2)
        assert.lengthOf(ofBob?.present ?? [], 2)
        assert.isDefined(ofBob?.present[0]?.toMs)
        assert.deepStrictEqual(manifest.users.map(({ packets }) => packets.lost), [0, 0])
        for (const { file } of manifest.users) {
          assert.strictEqual(file?.sha256, createHash("sha256").update(disk.file(file?.name ?? "")).digest("hex"))
          assert.closeTo((yield* Kit.decode(disk.file(file?.name ?? ""))).samples, manifest.durationMs * 48, 5)
        }
        assert.deepStrictEqual(
          yield* Schema.decodeEffect(Schema.fromJsonString(Recorder.Manifest))(
            new TextDecoder().decode(disk.file("recording.json"))
          ),
          manifest
        )
        yield* Rig.blameless
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "continues across servers and channels, and reports when it could hear nothing",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const disk = Kit.disk()
        const recording = yield* start(session, disk, { mixed: "wav" })
        yield* ada.speak(Rig.frames(50))
        yield* discord.faults.moveServer("lobby")
        yield* Effect.sleep("5 seconds")
        yield* ada.speak(Rig.frames(50, 1))
        yield* discord.faults.terminateVoice("bot")
        yield* ada.speak(Rig.frames(50, 2))
        const other = yield* discord.createChannel({ name: "other" })
        const bob = yield* discord.join({ user: "bob", channel: "other" })
        yield* session.move(other)
        yield* bob.speak(Rig.frames(50, 3))
        yield* Effect.sleep("500 millis")
        const manifest = yield* recording.stop
        assert.lengthOf(manifest.channels, 2)
        assert.isAbove(manifest.interruptions.length, 0)
        assert.isTrue(manifest.interruptions.every(({ toMs }) => toMs !== undefined))
        // one user stayed in the former channel, and another one was found in the new one
        const presence = (userId: UserId) => manifest.users.find((user) => user.userId === userId)?.present.at(-1)
        const movedMs = manifest.channels[1]?.fromMs ?? 0
        assert.isAtMost(presence(ada.userId)?.toMs ?? Infinity, movedMs)
        assert.isAtLeast(presence(bob.userId)?.fromMs ?? 0, movedMs)
        assert.isUndefined(presence(bob.userId)?.toMs)
        assert.isAbove(manifest.users.find(({ userId }) => userId === ada.userId)?.packets.written ?? 0, 140)
        assert.isAbove(manifest.users.find(({ userId }) => userId === bob.userId)?.packets.written ?? 0, 49)
        const length = Math.round(manifest.durationMs * 48)
        for (const { file } of manifest.users) {
          assert.closeTo((yield* Kit.decode(disk.file(file?.name ?? ""))).samples, length, 5)
        }
        const wav = disk.file("mixed.wav")
        assert.strictEqual(wav.length, 44 + 4 * length)
        assert.strictEqual(new DataView(wav.buffer).getUint32(40, true), 4 * length)
        assert.strictEqual(manifest.mixed?.sha256, createHash("sha256").update(wav).digest("hex"))
      })).pipe(Effect.provide(memory()))
  )

  it.effect("mixes into the mixed file exactly what the users' files contain", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const bob = yield* discord.join({ user: "bob", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { mixed: "wav" })
      yield* Effect.sleep("300 millis")
      yield* Effect.forkScoped(ada.speak(yield* Kit.clicks(50, [4_000, 20_000])))
      yield* bob.speak(yield* Kit.clicks(75, [9_000, 40_000]))
      yield* Effect.sleep("1400 millis")
      // a player that opens the file now can play all but the last second
      const half = disk.file("mixed.wav")
      assert.isAbove(new DataView(half.buffer).getUint32(40, true), 2 * 192_000)
      assert.isBelow(half.length - 44 - new DataView(half.buffer).getUint32(40, true), 192_000)
      yield* recording.stop
      const ofAda = (yield* Kit.decode(disk.file(`${ada.userId}.ogg`))).left
      const ofBob = (yield* Kit.decode(disk.file(`${bob.userId}.ogg`))).left
      const wav = disk.file("mixed.wav")
      const view = new DataView(wav.buffer, 44)
      let worst = 0
      for (let i = 0; i < ofAda.length; i++) {
        const sum = (ofAda[i] ?? 0) + (ofBob[i] ?? 0)
        if (Math.abs(sum) < 0.8) worst = Math.max(worst, Math.abs(view.getInt16(i * 4, true) / 32_768 - sum))
      }
      assert.isBelow(worst, 3 / 32_768)
      assert.lengthOf(Kit.clicksIn(ofAda), 2)
    })).pipe(Effect.provide(memory())))

  it.effect(
    "fails with `DiskFull` on a full disk, and keeps what was written",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const disk = Kit.disk(6_000)
        const recording = yield* start(session, disk, { mixed: "none" })
        yield* Effect.forkScoped(ada.speak(Rig.frames(500)))
        const error = yield* Effect.flip(recording.awaitEnd)
        assert.deepInclude(error.reason, { _tag: "RecordingFailed", kind: "DiskFull" })
        assert.strictEqual(yield* Effect.flip(recording.stop), error)
        // complete pages, and nothing after them
        const bytes = disk.file(`${ada.userId}.ogg`)
        assert.isAtLeast(readPages(bytes).length, 3)
        const { packets } = yield* Kit.demux(bytes)
        assert.isAbove(packets.length, 25)
        assert.strictEqual((yield* session.state)._tag, "Ready")
        disk.room = Infinity
        const repaired = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk)
        assert.strictEqual(repaired.state, "repaired")
        assert.strictEqual(
          repaired.users[0]?.file?.sha256,
          createHash("sha256").update(disk.file(`${ada.userId}.ogg`)).digest("hex")
        )
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "holds nobody up on a slow disk: it drops packets, counts them, and keeps the timeline",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const disk = Kit.disk()
        const recording = yield* start(session, disk, { mixed: "opus", maxPendingBytes: 4_000 })
        const speaking = yield* Effect.forkScoped(ada.speak(Rig.frames(400)))
        yield* Effect.sleep("1 second")
        const { promise, resolve } = Promise.withResolvers<void>()
        disk.gate = promise
        yield* Effect.sleep("4 seconds")
        const { dropped, pendingBytes } = yield* recording.statistics
        assert.isAbove(dropped, 50)
        assert.isBelow(pendingBytes, 10_000)
        resolve()
        yield* Fiber.join(speaking)
        yield* Effect.sleep("1 second")
        const manifest = yield* recording.stop
        const [user] = manifest.users
        assert.strictEqual((user?.packets.dropped ?? 0) + (user?.packets.written ?? 0), 405)
        assert.deepStrictEqual(user?.gaps.map(({ cause }) => cause), ["dropped"])
        for (const name of [user?.file?.name ?? "", "mixed.ogg"]) {
          assert.closeTo((yield* Kit.decode(disk.file(name))).samples, manifest.durationMs * 48, 5)
        }
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "announces itself before it records anything, and records nothing if that fails",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const disk = Kit.disk()
        const refused = yield* Recorder.start(session, {
          folder: "/recording",
          onStart: Effect.fail("no consent" as const)
        }).pipe(Effect.provideService(Recorder.Storage, disk), Effect.flip)
        assert.strictEqual(refused, "no consent")
        assert.strictEqual(disk.files.size, 0)

        const recording = yield* start(session, disk, {
          mixed: "none",
          // the last frame is still on its way when `speak` returns
          onStart: ada.speak(Rig.frames(50)).pipe(Effect.andThen(Effect.sleep("20 millis")), Effect.orDie)
        })
        const said = Rig.frames(20, 5)
        yield* ada.speak(said)
        yield* Effect.sleep("500 millis")
        const { users } = yield* recording.stop
        assert.deepStrictEqual(users.map(({ packets }) => packets.written), [20 + 5])
      })).pipe(Effect.provide(memory()))
  )

  it.effect("never overwrites a recording, and names the reason when it cannot start or repair one", () =>
    Rig.run(Effect.gen(function*() {
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk)
      yield* recording.stop
      const again = yield* Effect.flip(start(session, disk))
      // the process may have ended when only this was left to write
      const [path = "", bytes = new Uint8Array()] = Array.from(disk.files).find(([path]) => path.endsWith(".json")) ??
        []
      const whole = disk.file("mixed.ogg")
      const text = new TextDecoder().decode(bytes)
      disk.files.set(path, new TextEncoder().encode(text.replace("\"complete\"", "\"recording\"")))
      const repaired = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk)
      assert.strictEqual(repaired.state, "repaired")
      assert.deepStrictEqual(disk.file("mixed.ogg"), whole)
      assert.deepInclude(again.reason, { _tag: "RecordingFailed", kind: "Exists" })
      const unreadable = Object.assign(new Error("EACCES: said by the test"), { code: "EACCES" })
      const unknown = yield* Effect.flip(start(session, { ...Kit.disk(), read: () => Promise.reject(unreadable) }))
      assert.deepInclude(unknown.reason, { _tag: "RecordingFailed", kind: "Unwritable" })
      const full = yield* Effect.flip(start(session, Kit.disk(0), { mixed: "none" }))
      assert.deepInclude(full.reason, { _tag: "RecordingFailed", kind: "DiskFull" })
      const nothing = yield* Effect.flip(Effect.provideService(Recorder.repair("/nothing"), Recorder.Storage, disk))
      assert.deepInclude(nothing.reason, { _tag: "RecordingFailed", kind: "NotARecording" })
    })).pipe(Effect.provide(memory())))

  it.live("reports what it cannot write to a real disk", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const onRealDisk = (folder: string) =>
        Effect.flip(Recorder.start(session, { folder, mixed: "none" })).pipe(
          Effect.map(({ reason }) => reason)
        )
      assert.deepInclude(yield* onRealDisk("/dev/full"), { _tag: "RecordingFailed", kind: "Unwritable" })
      assert.deepInclude(yield* onRealDisk("/dev/full/folder"), { _tag: "RecordingFailed", kind: "Unwritable" })
      // the parent folder exists, but the system reports that it does not
      assert.deepInclude(yield* onRealDisk("/proc/recording/1"), { _tag: "RecordingFailed", kind: "Unwritable" })
      const folder = join(yield* temporary, "a", "b")
      const recording = yield* Recorder.start(session, { folder, mixed: "none" }).pipe(
        Effect.provideService(Recorder.Storage, {
          ...fileSystem,
          create: () => fileSystem.open("/dev/full")
        })
      )
      yield* Effect.forkScoped(ada.speak(Rig.frames(100)))
      const { reason } = yield* Effect.flip(recording.awaitEnd)
      assert.deepInclude(reason, { _tag: "RecordingFailed", kind: "DiskFull" })
      const manifest = yield* Schema.decodeEffect(Schema.fromJsonString(Recorder.Manifest))(
        readFileSync(join(folder, "recording.json"), "utf8")
      )
      assert.strictEqual(manifest.state, "failed")
      assert.include(manifest.failure, "ENOSPC")
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Rig.loopback(), codecs))))

  it.live("leaves playable files when its process is killed", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { token } = yield* discord.user("bot")
      const folder = yield* temporary
      const ada = yield* discord.join({ user: "ada", channel: "secure" })
      const bob = yield* discord.join({ user: "bob", channel: "secure" })
      const place: Place = {
        url: discord.urls.gateway,
        token: Redacted.value(token),
        guildId: yield* discord.guild("guild"),
        channelId: yield* discord.channel("secure"),
        folder,
        mixed: "opus"
      }
      const bot = yield* Foreign.start("../receive/process/recorder.ts", { args: place })
      yield* bot.untilTag("Recording")
      const sound = yield* Kit.clicks(150, Array.from({ length: 6 }, (_, i) => i * 24_000 + 4_800))
      yield* Effect.forkScoped(Effect.forever(ada.speak(sound)))
      yield* Effect.sleep("1500 millis")
      yield* Effect.forkScoped(Effect.forever(bob.speak(sound)))
      const file = (name: string) => new Uint8Array(readFileSync(join(folder, name)))
      const secondsOf = (name: string) => Number(readPages(file(name)).at(-1)?.granule) / 48_000
      const names = [`${ada.userId}.ogg`, `${bob.userId}.ogg`, "mixed.ogg"]
      yield* Rig.settled(Effect.sync(() => {
        for (const name of names) assert.isAbove(secondsOf(name), 4)
      }))
      // the file of a user who first speaks late begins with silence, however long
      yield* Rig.settled(Effect.gen(function*() {
        for (const name of names) assert.isNotEmpty(Kit.clicksIn((yield* Kit.decode(file(name))).left))
      }))
      yield* bot.signal("SIGKILL")
      yield* bot.ended

      for (const { userId } of [ada, bob]) {
        const { errors, left, samples } = yield* Kit.decode(file(`${userId}.ogg`))
        assert.deepStrictEqual(errors, [])
        assert.isAbove(samples / 48_000, 3.9)
        assert.isNotEmpty(Kit.clicksIn(left))
        assert.closeTo((yield* Kit.demux(file(`${userId}.ogg`))).seconds, samples / 48_000, 0.05)
      }
      assert.isAbove((yield* Kit.decode(file("mixed.ogg"))).samples / 48_000, 3.9)

      const manifest = yield* Recorder.repair(folder)
      assert.strictEqual(manifest.state, "repaired")
      assert.sameMembers(manifest.users.map(({ userId }) => userId), [ada.userId, bob.userId])
      for (const { file: recorded } of manifest.users) {
        const bytes = file(recorded?.name ?? "")
        assert.strictEqual(recorded?.sha256, createHash("sha256").update(bytes).digest("hex"))
        assert.closeTo((yield* Kit.decode(bytes)).samples, manifest.durationMs * 48, 5)
        assert.strictEqual(readPages(bytes).at(-1)?.flags, 4)
      }
      assert.deepStrictEqual(yield* Recorder.repair(folder), manifest)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Rig.floor(), codecs))))

  it.effect("has everything but the last second on disk at any time", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { mixed: "opus" })
      yield* Effect.forkScoped(ada.speak(Rig.frames(400)))
      yield* Effect.sleep("2 seconds")
      for (let i = 0; i < 30; i++) {
        yield* Effect.sleep("130 millis")
        const { elapsedMs } = yield* recording.statistics
        for (const name of [`${ada.userId}.ogg`, "mixed.ogg"]) {
          const granule = Number(readPages(disk.file(name)).at(-1)?.granule)
          assert.isAtLeast((granule - 312) / 48, elapsedMs - 1_050, name)
        }
      }
    })).pipe(Effect.provide(memory())))

  it.effect(
    "ends cleanly when its folder vanishes, and when the session ends before it has started",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const ada = yield* discord.join({ user: "ada", channel: "lobby" })
        const session = yield* Rig.join("lobby")
        const disk = Kit.disk()
        let isGone = false
        const gone = Object.assign(new Error("ENOENT: said by the test"), { code: "ENOENT" })
        const recording = yield* Recorder.start(session, { folder: "/recording", mixed: "none" }).pipe(
          Effect.provideService(Recorder.Storage, {
            ...disk,
            create: (path) => isGone ? Promise.reject(gone) : disk.create(path),
            replace: (path, bytes) => isGone ? Promise.reject(gone) : disk.replace(path, bytes)
          })
        )
        yield* Effect.sleep("1 second")
        isGone = true
        yield* Effect.forkScoped(ada.speak(Rig.frames(20)))
        const error = yield* Effect.flip(recording.awaitEnd)
        assert.deepInclude(error.reason, { _tag: "RecordingFailed", kind: "Unwritable" })
        const stops = yield* Effect.forEach([recording.stop, recording.stop], Effect.flip, { concurrency: 2 })
        assert.deepStrictEqual(stops, [error, error])

        const late = yield* start(session, Kit.disk(), {
          onStart: Effect.andThen(Effect.orDie(discord.faults.kick("bot")), Effect.sleep("1 second"))
        })
        const manifest = yield* late.awaitEnd
        assert.strictEqual(manifest.state, "complete")
        assert.deepStrictEqual(yield* Effect.all([late.stop, late.stop], { concurrency: 2 }), [manifest, manifest])
      })).pipe(Effect.provide(memory()))
  )

  it.effect("completes itself when its scope closes and when the session ends", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const disk = Kit.disk()
      const awaitEnd = yield* Effect.scoped(Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        const { awaitEnd } = yield* start(session, disk)
        yield* Effect.sleep("2 seconds")
        return awaitEnd
      }))
      const manifest = yield* awaitEnd
      assert.deepStrictEqual([manifest.state, manifest.durationMs], ["complete", 2_000])
      assert.closeTo((yield* Kit.decode(disk.file("mixed.ogg"))).samples, 96_000, 5)

      const other = Kit.disk()
      const session = yield* Rig.join("lobby")
      const recording = yield* start(session, other, { mixed: "none" })
      yield* Effect.sleep("1 second")
      yield* discord.faults.kick("bot")
      assert.strictEqual((yield* recording.awaitEnd).state, "complete")
    })).pipe(Effect.provide(memory())))

  it.effect("repairs whatever is left of a file", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { mixed: "none" })
      yield* ada.speak(Rig.frames(100))
      const running = yield* recording.manifest
      yield* recording.stop
      const name = `${ada.userId}.ogg`
      const whole = disk.file(name)
      const random = dice(7)
      for (let i = 0; i < 30; i++) {
        const cut = whole.slice(0, Math.floor(random() * whole.length))
        // the end may hold anything: a disk that was not synced yields blocks of zeros
        const left = i % 3 === 0 ? new Uint8Array(Buffer.concat([cut, new Uint8Array(500)])) : cut
        disk.files.set(`/recording/${name}`, left)
        disk.files.set("/recording/recording.json", new TextEncoder().encode(JSON.stringify(running)))
        const repaired = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, disk)
        assert.strictEqual(repaired.state, "repaired")
        const bytes = disk.file(name)
        if (readableHeader > cut.length) continue
        const pages = readPages(bytes)
        assert.strictEqual(pages.at(-1)?.flags, 4)
        assert.deepStrictEqual(pages.map(({ sequence }) => sequence), pages.map((_, at) => at))
        assert.closeTo((yield* Kit.demux(bytes)).seconds, repaired.durationMs / 1000, 0.01)
      }
    })).pipe(Effect.provide(memory())))

  it.effect("puts everything in its place even if the first packets were held back", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "secure" })
      const session = yield* Rig.join("secure")
      yield* Effect.sleep("3 seconds")
      const at = [1, 2, 3, 4].map((second) => second * 48_000)
      const said = yield* Kit.clicks(250, at, 1_000)
      const disk = Kit.disk()
      // in an encrypted call the driver holds frames back until it knows whose they are
      yield* discord.faults.when({ user: "bot", point: "voice-out", op: 5 }, { delayMs: 600 })
      const recording = yield* start(session, disk, { mixed: "none" })
      yield* Effect.sleep("500 millis")
      const spokeMs = Number(yield* Clock.monotonicTimeNanos) / 1_000_000 - recording.startMs
      yield* ada.speak(said)
      yield* Effect.sleep("1 second")
      yield* recording.stop
      const { left } = yield* Kit.decode(disk.file(`${ada.userId}.ogg`))
      const found = Kit.clicksIn(left)
      assert.lengthOf(found, 4)
      found.forEach((place, i) => assert.closeTo(place, 48 * spokeMs + (at[i] ?? 0), 480))
    })).pipe(Effect.provide(memory())))

  it.effect("completes and repairs a WAV file that is too long for memory", () =>
    Rig.run(Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ada = yield* discord.join({ user: "ada", channel: "lobby" })
      const session = yield* Rig.join("lobby")
      const disk = Kit.disk()
      const tooLong: Kit.Disk = {
        ...disk,
        read: (path) => path.endsWith(".wav") ? Promise.reject(new RangeError("said by the test")) : disk.read(path)
      }
      const recording = yield* start(session, tooLong, { mixed: "wav" })
      yield* ada.speak(yield* Kit.clicks(100, [48_000]))
      const running = yield* recording.manifest
      const manifest = yield* recording.stop
      const sha256 = () => createHash("sha256").update(disk.file("mixed.wav")).digest("hex")
      assert.deepInclude(manifest.mixed, { bytes: disk.file("mixed.wav").length, sha256: sha256() })

      disk.files.set("/recording/recording.json", new TextEncoder().encode(JSON.stringify(running)))
      disk.file("mixed.wav").fill(0, 40, 44)
      const repaired = yield* Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, tooLong)
      assert.deepInclude(repaired.mixed, { name: "mixed.wav", sha256: sha256() })
      const view = new DataView(disk.file("mixed.wav").buffer)
      assert.strictEqual(view.getUint32(40, true), disk.file("mixed.wav").length - 44)

      // a file that cannot be read exists all the same
      disk.files.set("/recording/recording.json", new TextEncoder().encode(JSON.stringify(running)))
      const broken = {
        ...tooLong,
        read: (path: string) => path.endsWith(".ogg") ? Promise.reject(new Error("EIO")) : disk.read(path)
      }
      const { reason } = yield* Effect.flip(
        Effect.provideService(Recorder.repair("/recording"), Recorder.Storage, broken)
      )
      assert.deepInclude(reason, { _tag: "RecordingFailed", kind: "Failed" })
    })).pipe(Effect.provide(memory())))

  it.effect(
    "closes all files when a write or a sync fails, and leaves none when it cannot start",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const guests = yield* Effect.forEach(["ada", "bob"], (user) => discord.join({ user, channel: "lobby" }))
        const session = yield* Rig.join("lobby")
        const disk = Kit.disk()
        const open = new Set<string>()
        let isFull = true
        const failing: Kit.Disk = {
          ...disk,
          create: async (path) => {
            const file = await disk.create(path)
            open.add(path)
            return {
              ...file,
              append: (bytes) => isFull ? Promise.reject(new Error("EIO")) : file.append(bytes),
              sync: () => path.endsWith(".ogg") ? Promise.reject(new Error("EIO")) : file.sync(),
              close: async () => void open.delete(path)
            }
          },
          replace: (path, bytes) =>
            isFull
              ? Promise.reject(Object.assign(new Error("ENOSPC: said by the test"), { code: "ENOSPC" }))
              : disk.replace(path, bytes)
        }
        assert.deepInclude((yield* Effect.flip(start(session, failing))).reason, { kind: "DiskFull" })
        assert.deepStrictEqual([[...open], [...disk.files.keys()]], [[], []])

        isFull = false
        const recording = yield* start(session, failing)
        for (const guest of guests) yield* guest.speak(Rig.frames(20))
        yield* Effect.sleep("1 second")
        assert.lengthOf([...open], 3)
        assert.deepInclude((yield* Effect.flip(recording.stop)).reason, { _tag: "RecordingFailed" })
        assert.deepStrictEqual([...open], [])

        const other = yield* Recorder.start(session, { folder: "/other" }).pipe(
          Effect.provideService(Recorder.Storage, failing)
        )
        yield* Effect.sleep("100 millis")
        isFull = true
        for (const guest of guests) yield* Effect.forkScoped(guest.speak(Rig.frames(100)))
        assert.deepInclude((yield* Effect.flip(other.awaitEnd)).reason, { _tag: "RecordingFailed" })
        assert.deepStrictEqual([...open], [])
      })).pipe(Effect.provide(memory()))
  )

  it.effect(
    "leaves nothing behind when its start is interrupted, whatever the disk was doing",
    () =>
      Rig.run(Effect.gen(function*() {
        const session = yield* Rig.join("lobby")
        for (const at of ["mixed.ogg", "recording.json"]) {
          const disk = Kit.disk()
          const asked = yield* Deferred.make<void>()
          let go = () => {}
          const gate = new Promise<void>((resolve) => {
            go = resolve
          })
          const open = new Set<string>()
          const waiting = async (path: string) => {
            if (!path.endsWith(at)) return
            Deferred.doneUnsafe(asked, Effect.void)
            await gate
          }
          const slow: Recorder.Storage = {
            ...disk,
            create: async (path) => {
              await waiting(path)
              const file = await disk.create(path)
              open.add(path)
              return { ...file, close: async () => void open.delete(path) }
            },
            replace: async (path, bytes) => {
              await waiting(path)
              await disk.replace(path, bytes)
            }
          }
          const starting = yield* Effect.forkChild(start(session, slow), { startImmediately: true })
          yield* Deferred.await(asked)
          const interrupting = yield* Effect.forkChild(Fiber.interrupt(starting), { startImmediately: true })
          yield* Effect.sleep("1 second")
          go()
          yield* Fiber.join(interrupting)
          yield* Effect.sleep("1 second")
          assert.deepStrictEqual([[...open], [...disk.files.keys()]], [[], []], at)
        }
      })).pipe(Effect.provide(memory()))
  )
})
