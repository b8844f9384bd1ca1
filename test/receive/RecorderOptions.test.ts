import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Schema } from "effect"
import { createHash } from "node:crypto"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Recorder from "../../src/receive/Recorder.ts"
import type * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Kit from "./record/kit.ts"
import { dice } from "./record/speaker.ts"

const layer = Layer.mergeAll(Rig.memory(), OpusDecoder.layer, OpusEncoder.layer)

const start = (session: VoiceSession.VoiceSession, storage: Recorder.Storage, options?: Partial<Recorder.Options>) =>
  Recorder.start(session, { folder: "/recording", ...options }).pipe(
    Effect.provideService(Recorder.Storage, storage)
  )

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex")

/** The sounds of an Ogg file, and where each is heard, in milliseconds: later than it is decoded by the look-ahead. */
const soundsIn = (bytes: Uint8Array) =>
  Effect.map(
    Kit.demux(bytes),
    ({ packets }) =>
      packets.filter(({ data }) => data[0] === 0xfc).map(({ at, data }) => ({ data: hex(data), ms: (at + 312) / 48 }))
  )

const dataBytes = (wav: Uint8Array) => new DataView(wav.buffer, wav.byteOffset).getUint32(40, true)

/** The left channel of a WAV file. */
const leftOf = (wav: Uint8Array) => {
  const view = new DataView(wav.buffer, wav.byteOffset + 44)
  return Float32Array.from({ length: (wav.length - 44) / 4 }, (_, i) => view.getInt16(4 * i, true) / 32_768)
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

const lobby = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const bob = yield* discord.join({ user: "bob", channel: "lobby" })
  const session = yield* Rig.join("lobby")
  return { ada, bob, discord, session }
})

describe("Recorder, files of users", () => {
  it.effect(
    "are WAV where that is wanted, in step with the mixed file, and playable while it runs",
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
      })).pipe(Effect.provide(layer)),
    60_000
  )

  it.effect("have the same in WAV as in Ogg Opus, also without a mixed file", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)

  it.effect("are not there where only the mixed one is wanted", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)

  it.effect("come to the time line of a WAV as a hole, however late somebody speaks first", () =>
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

  it.effect("are repaired in WAV as well: whole, and as long as each other", () =>
    Rig.run(Effect.gen(function*() {
      const { ada, bob, session } = yield* lobby
      const disk = Kit.disk()
      const recording = yield* start(session, disk, { files: "wav", mixed: "opus" })
      yield* Effect.forkScoped(bob.speak(Rig.frames(60)))
      yield* ada.speak(yield* Kit.clicks(150, [48_000]))
      yield* recording.pause
      yield* Effect.sleep("50 millis")
      // what a process leaves behind that dies now
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
    })).pipe(Effect.provide(layer)), 60_000)
})

describe("Recorder, pauses", () => {
  it.effect(
    "leave out what is said meanwhile, keep the time line, and are named",
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
        // somebody who speaks in between only
        yield* Effect.forkScoped(bob.speak(Rig.frames(50, 1)))
        yield* Effect.sleep("2 seconds")
        const running = (yield* recording.manifest).pauses
        assert.closeTo(running[0]?.fromMs ?? 0, 3_100, 5)
        assert.deepStrictEqual(running.map(({ toMs }) => toMs), [undefined])
        yield* recording.resume
        yield* recording.resume
        yield* Effect.sleep("1 second")
        // a short one, between two ticks
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
        // each where it would have been without: nothing else is missing
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
      })).pipe(Effect.provide(layer)),
    60_000
  )

  it.effect("may last until the end, and change nothing behind it", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)
})

describe("Recorder, its maximum", () => {
  it.effect("of time ends it, to the millisecond, and it says so", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)

  const formats = (["opus", "wav", "none"] as const).flatMap((files) =>
    (["opus", "wav", "none"] as const).map((mixed) => ({ files, mixed }))
  ).filter(({ files, mixed }) => files !== "none" || mixed !== "none")
  for (const { files, mixed } of formats) {
    it.effect(
      `of bytes ends it with files that are whole: ${files}, mixed ${mixed}`,
      () =>
        Rig.run(Effect.gen(function*() {
          const { ada, bob, session } = yield* lobby
          const bytes = files === "wav" ? 2_000_000 : 300_000
          const memory = Recorder.memoryStorage()
          const recording = yield* start(session, memory, { files, mixed, maximum: { bytes } })
          yield* Effect.forkScoped(Effect.forever(ada.speak(Rig.frames(100))))
          yield* Effect.forkScoped(
            Effect.andThen(Effect.sleep("777 millis"), Effect.forever(bob.speak(Rig.frames(77, 1))))
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
          // no more is left than what was set aside
          assert.isAbove(total, bytes - 120_000)
        })).pipe(Effect.provide(layer)),
      60_000
    )
  }

  it.effect(
    "of bytes is kept also where somebody comes late whose file has no room",
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
      })).pipe(Effect.provide(layer)),
    60_000
  )

  for (const seed of [1, 2, 3, 4]) {
    it.effect(
      `of bytes is kept whoever comes and goes, on a network that jitters, and on a slow disk: ${seed}`,
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
                yield* guest.speak(Rig.frames(1 + Math.floor(random() * 150), turn))
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
          Layer.mergeAll(
            Rig.memory({ network: { latencyMs: 20, jitterMs: 40 }, seed }),
            OpusDecoder.layer,
            OpusEncoder.layer
          )
        )),
      120_000
    )
  }

  it.effect("is not all that ends it: the manifest says what did", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)
})

describe("Recorder, options", () => {
  it.effect(
    "that make no sense are refused before anybody is told of a recording",
    () =>
      Rig.run(Effect.gen(function*() {
        const { session } = yield* lobby
        const disk = Kit.disk()
        // what a program gives that is not typed
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
      })).pipe(Effect.provide(layer)),
    60_000
  )
})

describe("Recorder, ourselves", () => {
  it.effect(
    "are in a file of our own, bit for bit and at the time, encrypted or not",
    () =>
      Rig.run(Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        for (const channel of ["lobby", "secure"]) {
          yield* Effect.scoped(Effect.gen(function*() {
            const guest = yield* discord.join({ user: "ada", channel })
            const session = yield* Rig.join(channel)
            yield* Rig.encrypted(session, guest.userId)
            yield* Effect.sleep("1 second")
            // it has begun before the recording has
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
      })).pipe(Effect.provide(layer)),
    60_000
  )

  it.effect(
    "are recorded as far as we were heard: what is interrupted, muted or paused is not there",
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
        // over a connection that is lost meanwhile
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
        // what was on its way to the server that we have left
        assert.isAtMost(unheard.length, 2)
        assert.deepStrictEqual(unheard.filter((data) => !data.startsWith("fc00") || data.slice(6, 8) !== "02"), [])
        assert.isAtMost([...there].filter((data) => !sounds.includes(data)).length, 2)
      })).pipe(Effect.provide(layer)),
    60_000
  )

  it.effect("are in the mixed file, and heard as mixed: two tracks at once", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)
})

describe("Recorder, its manifest", () => {
  it.effect("can be read where it is older than pauses", () =>
    Effect.gen(function*() {
      const { pauses, ...older } = yield* Rig.run(
        Effect.gen(function*() {
          const { session } = yield* lobby
          return yield* Effect.flatMap(start(session, Kit.disk()), ({ stop }) => stop)
        })
      )
      assert.deepStrictEqual(pauses, [])
      const read = yield* Schema.decodeUnknownEffect(Recorder.Manifest)(older)
      assert.deepStrictEqual(read, { ...older, pauses })
    }).pipe(Effect.provide(layer)), 60_000)
})

describe("memoryStorage", () => {
  it.effect("has the files of a recording as bytes", () =>
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
    })).pipe(Effect.provide(layer)), 60_000)
})
