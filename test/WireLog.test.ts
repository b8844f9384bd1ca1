import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Predicate, Result } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Reader } from "../src/cli/wire/Reading.ts"
import * as Emulator from "../src/emulator/Emulator.ts"
import { Ssrc } from "../src/protocol/Identifier.ts"
import * as RtpPacket from "../src/protocol/RtpPacket.ts"
import * as Time from "../src/testing/Time.ts"
import * as Voice from "../src/Voice.ts"
import * as VoiceSocket from "../src/VoiceSocket.ts"
import * as VoiceUdp from "../src/VoiceUdp.ts"
import * as WireLog from "../src/WireLog.ts"
import * as Rig from "./integration/rig.ts"

/** Two seconds of a call. Its voice socket is cut in the middle, and the bot leaves at the end. */
const visit = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* Rig.guest()
  const session = yield* Rig.join("lobby")
  const track = yield* session.play(Rig.source(100))
  yield* guest.awaitFrames(20)
  yield* discord.faults.terminateVoice("bot")
  yield* track.awaitEnd
  yield* Effect.sleep("1 second")
})

/** All layers of the bot are built within the log. */
const logged = (options: WireLog.Options = {}) => {
  const entries: Array<WireLog.Entry> = []
  const log = WireLog.layerWith({ ...options, write: (entry) => entries.push(entry) })
  return Effect.as(Rig.run(visit).pipe(Effect.provide(Layer.provide(Rig.memory(), log))), entries)
}

/** Every value of a field of this name, however deep. */
const valuesOf = (value: unknown, name: string): ReadonlyArray<unknown> => {
  if (!Predicate.isObject(value)) return Array.isArray(value) ? value.flatMap((item) => valuesOf(item, name)) : []
  return Object.entries(value).flatMap(([key, item]) => key === name ? [item] : valuesOf(item, name))
}

const titlesOf = (entries: ReadonlyArray<WireLog.Entry>, socket: string) => {
  const reader = new Reader()
  return entries.map((entry) => reader.read(entry)).filter(({ entry }) => "socket" in entry && entry.socket === socket)
    .map(({ entry, title }) => `${"direction" in entry ? `${entry.direction}: ` : ""}${title}`)
}

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "wire-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const read = (path: string) =>
  Fs.readFileSync(path, "utf8").trimEnd().split("\n").map((line) => Result.getOrThrow(WireLog.decodeLine(line)))

describe("WireLog", () => {
  it.effect("contains the sockets of a call with all messages, in order", () =>
    Effect.gen(function*() {
      const entries = yield* logged()
      assert.strictEqual(entries[0]?.kind, "begin")
      const voice = titlesOf(entries, "voice 1")
      assert.deepStrictEqual(voice.slice(0, 5), [
        "opens",
        "in: op 8 Hello",
        "out: op 0 Identify",
        "out: op 3 Heartbeat",
        "in: op 2 Ready"
      ])
      assert.includeMembers(
        voice,
        ["in: op 4 Session Description", "out: MLS Key Package", "in: MLS Welcome"].map(
          (title) => title.replace("MLS Key", "op 26 MLS Key").replace("MLS Welcome", "op 30 MLS Welcome")
        )
      )
      assert.deepStrictEqual(voice.slice(-2), ["is closed with 1006", "is released"])
      assert.includeMembers(titlesOf(entries, "voice 2"), ["out: op 7 Resume", "in: op 9 Resumed", "closes with 1000"])
      const gateway = titlesOf(entries, "gateway 1")
      assert.includeMembers(gateway, ["in: READY", "in: GUILD_CREATE", "in: VOICE_SERVER_UPDATE"])
      const moments = entries.map(({ at }) => at)
      assert.deepStrictEqual(moments, moments.toSorted((a, b) => a - b))
    }))

  it.effect("also covers sockets that a program opens itself, if their layers are built within it", () =>
    Effect.gen(function*() {
      const entries: Array<WireLog.Entry> = []
      const log = WireLog.layerWith({ write: (entry) => entries.push(entry) })
      const discord = yield* Emulator.Emulator
      const sockets = Layer.merge(VoiceSocket.layer, VoiceUdp.layer).pipe(Layer.provide([discord.transport, log]))
      const [server] = discord.urls.voice
      assert.isDefined(server)
      yield* Effect.gen(function*() {
        yield* (yield* VoiceSocket.VoiceSocket).open({ endpoint: server.endpoint, version: 8 })
        yield* (yield* VoiceUdp.VoiceUdp).open({ ...server.udp, ssrc: Ssrc.make(1) })
      }).pipe(Effect.scoped, Effect.provide(sockets), (opening) => Time.during(opening, "1 second"))
      const opened = entries.flatMap((entry) => entry.kind === "open" ? [entry.socket] : [])
      assert.deepStrictEqual(opened, ["voice 1", "udp 1"])
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.effect("counts all datagrams", () =>
    Effect.gen(function*() {
      const entries = yield* logged()
      const counts = entries.filter(({ kind }) => kind === "datagrams")
      const sent = counts.map((entry) => "sent" in entry ? entry.sent["rtp"]?.packets ?? 0 : 0)
      assert.strictEqual(sent.reduce((sum, count) => sum + count, 0), 105)
      assert.isAtMost(counts.length, 5)
      assert.isEmpty(entries.filter(({ kind }) => kind === "datagram"))
    }))

  it.effect("contains the header of each datagram if requested, and nothing after it", () =>
    Effect.gen(function*() {
      const entries = yield* logged({ datagrams: "each" })
      const sequences = entries.flatMap((entry) => {
        if (entry.kind !== "datagram" || entry.type !== "rtp" || entry.direction === "in") return []
        assert.lengthOf(entry.header, 24)
        return [Buffer.from(entry.header, "hex").readUInt16BE(2)]
      })
      assert.lengthOf(sequences, 105)
      sequences.reduce((before, sequence) => {
        assert.strictEqual(RtpPacket.sequenceDelta(sequence, before), 1)
        return sequence
      })
      const discoveries = entries.filter((entry) => entry.kind === "datagram" && entry.type === "discovery")
      assert.isNotEmpty(discoveries)
      for (const entry of discoveries) assert.lengthOf("header" in entry ? entry.header : "", 16)
    }))

  it.effect("replaces secrets with names, the same name for the same secret", () =>
    Effect.gen(function*() {
      const entries = yield* logged()
      const tokens = valuesOf(entries, "token")
      assert.isAbove(tokens.length, 3)
      for (const token of tokens) assert.match(String(token), /^<token [0-9a-f]{3}>$/)
      // the bot's own, and that of its place in the channel, which Identify and Resume repeat
      assert.strictEqual(new Set(tokens).size, 2)
      for (const session of valuesOf(entries, "session_id")) assert.match(String(session), /^<session [0-9a-f]{3}>$/)
      for (const address of valuesOf(entries, "address")) assert.match(String(address), /^<address [0-9a-f]{3}>$/)
      assert.deepStrictEqual(valuesOf(entries, "secret_key"), [Array.from({ length: 32 }, () => 0)])
      assert.isEmpty(valuesOf(entries, "member"))
      assert.isEmpty(valuesOf(entries, "username"))
    }))

  it.effect("is read back as it was written, and nothing in it is unknown", () =>
    Effect.gen(function*() {
      const entries = yield* logged({ datagrams: "each" })
      const again = entries.map((entry) => Result.getOrThrow(WireLog.decodeLine(JSON.stringify(entry))))
      assert.deepStrictEqual(JSON.stringify(again), JSON.stringify(entries))
      const reader = new Reader()
      const findings = new Set(entries.flatMap((entry) => reader.read(entry).findings))
      assert.deepStrictEqual(Array.from(findings), ["ConnectionLost: The connection to the voice gateway was lost"])
    }))

  it.live(
    "also covers a driver in its own thread, in a file that is complete when the program has ended",
    () =>
      Effect.gen(function*() {
        const path = Path.join(yield* folder, "call.jsonl")
        yield* Effect.gen(function*() {
          const discord = yield* Emulator.Emulator
          const bot = Layer.merge(Voice.layerThread, discord.layerGateway("bot"))
          yield* Effect.scoped(visit).pipe(Effect.provide(Layer.provide(bot, WireLog.layerFile(path))))
        }).pipe(Effect.scoped, Effect.provide(Emulator.layer()))
        const entries = read(path)
        assert.strictEqual(entries[0]?.kind, "begin")
        const sockets = new Set(
          entries.flatMap((entry) => "socket" in entry ? [entry.socket.replace(/\d+\./, "thread.")] : [])
        )
        assert.includeMembers([...sockets], ["gateway 1", "voice thread.1", "voice thread.2", "udp thread.1"])
        // both threads share one clock
        const open = entries.find((entry) => entry.kind === "open" && entry.socket.startsWith("voice"))
        const granted = entries.find(({ kind, ...entry }) =>
          kind === "message" && valuesOf(entry, "t").includes("VOICE_SERVER_UPDATE")
        )
        assert.isDefined(open)
        assert.isDefined(granted)
        assert.isAbove(open.at, granted.at)
        assert.isBelow(open.at, granted.at + 60_000)
        const last = entries.at(-1)
        assert.strictEqual(last?.kind, "released")
      }).pipe(Effect.scoped),
    60_000
  )

  it.effect("shows whether a bot was moved or removed, and nothing for its own requests", () =>
    Effect.gen(function*() {
      const entries: Array<WireLog.Entry> = []
      const log = WireLog.layerWith({ write: (entry) => entries.push(entry) })
      const visits = Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const lounge = yield* discord.createChannel({ name: "lounge" })
        const session = yield* Rig.join("lobby")
        yield* session.move(lounge)
        yield* discord.faults.moveUser("bot", "lobby")
        yield* Effect.sleep("2 seconds")
        yield* discord.faults.kick("bot")
        yield* Effect.flip(session.awaitClosed)
        yield* Effect.scoped(Rig.join("lobby"))
      })
      yield* Rig.run(visits).pipe(Effect.provide(Layer.provide(Rig.memory(), log)))
      const reader = new Reader()
      const findings = entries.flatMap((entry) => reader.read(entry).findings)
      assert.lengthOf(findings.filter((finding) => /^the bot was moved to channel \d+, and/.test(finding)), 1)
      assert.lengthOf(findings.filter((finding) => finding.startsWith("the bot was taken out of its channel")), 1)
    }))

  it.live("ends at its size limit, and says so", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "call.jsonl")
      yield* Rig.visit.pipe(
        Effect.scoped,
        Effect.provide(Layer.provide(Rig.loopback(), WireLog.layerFile(path, { maxBytes: 2_000 })))
      )
      const entries = read(path)
      assert.strictEqual(entries.at(-1)?.kind, "full")
      assert.isAbove(entries.length, 3)
      assert.isBelow(Fs.statSync(path).size, 2_100)
    }).pipe(Effect.scoped), 60_000)

  it.live("warns if its file cannot be written, and does not disturb the bot", () =>
    Effect.gen(function*() {
      const path = Path.join(yield* folder, "no", "such", "folder.jsonl")
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      yield* Rig.visit.pipe(
        Effect.scoped,
        Effect.provide(
          Layer.provide(Rig.loopback(), Layer.provide(WireLog.layerFile(path), Logger.layer([logger])))
        )
      )
      assert.lengthOf(warnings, 1)
      assert.include(warnings[0], path)
      assert.include(warnings[0], "ENOENT")
    }).pipe(Effect.scoped), 60_000)

  it.effect("warns once if its write function throws, and does not disturb the bot", () =>
    Effect.gen(function*() {
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })
      const log = WireLog.layerWith({
        write: () => {
          throw new Error("no room")
        }
      })
      yield* Rig.run(visit).pipe(
        Effect.provide(Layer.provide(Rig.memory(), Layer.provide(log, Logger.layer([logger]))))
      )
      assert.deepStrictEqual(warnings, [
        "The wire log has stopped: its `write` function threw (no room)."
      ])
    }))
})
