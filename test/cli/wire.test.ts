import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Exit, Layer, Stdio, Stream } from "effect"
import { CliOutput, Command } from "effect/cli"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Usage from "../../src/cli/Usage.ts"
import { wireCommand } from "../../src/cli/wire.ts"
import type { Entry } from "../../src/WireLog.ts"

/** Runs the command. Returns what it prints, and whether it succeeds. */
const run = Effect.fnUntraced(function*(args: ReadonlyArray<string>, input = "") {
  const console = yield* Console.Console
  const stdout: Array<string> = []
  const stderr: Array<string> = []
  const recording: Console.Console = Object.assign(Object.create(console), {
    log: (text: string) => stdout.push(...text.split("\n")),
    error: (text: string) => stderr.push(text)
  })
  const exit = yield* Command.runWith(wireCommand, { version: "0.0.0" })(args).pipe(
    Effect.provideService(Console.Console, recording),
    Effect.provideService(CliOutput.Presenter, Usage.presenter(args)),
    Effect.provide(Layer.merge(
      NodeServices.layer,
      Stdio.layerTest({ stdin: Stream.make(new TextEncoder().encode(input)) })
    )),
    Effect.exit
  )
  return { isWell: Exit.isSuccess(exit), stdout: stdout.map((line) => line.trimEnd()), stderr }
})

const entries: ReadonlyArray<Entry> = [
  { kind: "begin", at: 0, format: 1, time: "2026-11-22T10:00:00.000Z", node: "24.21.0", system: "linux x64" },
  { kind: "open", at: 1, socket: "voice 1", remote: "wss://voice.example/?v=8" },
  {
    kind: "message",
    at: 12.5,
    socket: "voice 1",
    direction: "in",
    bytes: 60,
    message: { op: 8, d: { v: 8, heartbeat_interval: 13_750, mood: "good" } }
  },
  { kind: "open", at: 20, socket: "udp 1", remote: "192.0.2.1:50000", ssrc: 7 },
  { kind: "closed", at: 90, socket: "voice 1", code: 4_014, reason: "\u001b[31mDisconnected." }
]

const fileOf = (text: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = Path.join(Fs.mkdtempSync(Path.join(Os.tmpdir(), "wire-")), "call.wire.jsonl")
      Fs.writeFileSync(path, text)
      return path
    }),
    (path) => Effect.sync(() => Fs.rmSync(Path.dirname(path), { recursive: true }))
  )

const log = `${entries.map((entry) => JSON.stringify(entry)).join("\n")}\n`

describe("wire", () => {
  it.live("shows every entry, and what is unknown in it", () =>
    Effect.gen(function*() {
      const path = yield* fileOf(log)
      const { isWell, stderr, stdout } = yield* run([path])
      assert.isTrue(isWell)
      assert.isEmpty(stderr)
      assert.deepStrictEqual(stdout, [
        "     0.000                 the log begins  2026-11-22T10:00:00.000Z, Node 24.21.0, linux x64",
        "     0.001  voice 1        opens  wss://voice.example/?v=8",
        "     0.013  voice 1     <- op 8 Hello  {\"v\":8,\"heartbeat_interval\":13750,\"mood\":\"good\"}",
        "                           ! an unknown field of op 8: d.mood",
        "     0.020  udp 1          opens  192.0.2.1:50000, SSRC 7",
        "     0.090  voice 1        is closed with 4014  \\u{1b}[31mDisconnected.",
        "                           ! Disconnected: The bot was disconnected: it was kicked or moved, the channel was deleted, or the main session ended",
        "",
        "voice 1     wss://voice.example/?v=8, 0.089 s, 1 messages in, 0 out, closed with 4014",
        "udp 1       192.0.2.1:50000, 0.000 s, 0 RTP packets sent, 0 received",
        "",
        "5 entries. Found:",
        "  1 x an unknown field of op 8: d.mood",
        "  1 x Disconnected: The bot was disconnected: it was kicked or moved, the channel was deleted, or the main session ended"
      ])
    }).pipe(Effect.scoped))

  it.live(
    "filters what it shows, with --json as well, and skips unreadable lines",
    () =>
      Effect.gen(function*() {
        const path = yield* fileOf(`${log}{"kind":"released","at":`)
        const { isWell, stdout } = yield* run([path, "--json", "--socket", "voice", "--findings"])
        assert.isTrue(isWell)
        const lines = stdout.map((line) => JSON.parse(line))
        assert.deepStrictEqual(lines.map(({ event, title }) => [event, title]), [
          ["entry", "op 8 Hello"],
          ["entry", "is closed with 4014"],
          ["end", undefined]
        ])
        assert.deepStrictEqual(lines[0].entry, entries[2])
        assert.deepStrictEqual([lines[2].entries, lines[2].unreadable], [5, 1])
        assert.strictEqual(lines[2].findings["an unknown field of op 8: d.mood"], 1)
      }).pipe(Effect.scoped)
  )

  it.live("refuses files that are not a log", () =>
    Effect.gen(function*() {
      const other = yield* fileOf("OggS and more\n")
      const none = Path.join(Path.dirname(other), "none")
      const wrong = yield* run([other])
      assert.isFalse(wrong.isWell)
      assert.isEmpty(wrong.stdout)
      assert.deepStrictEqual(wrong.stderr, [`${other} is not a log of WireLog: its first line is not an entry.`])
      const empty = yield* run([yield* fileOf(""), "--json"])
      assert.isFalse(empty.isWell)
      assert.match(JSON.parse(empty.stdout[0] ?? "").message, /it is empty/)
      const missing = yield* run([none])
      assert.isFalse(missing.isWell)
      assert.lengthOf(missing.stderr, 1)
      assert.match(missing.stderr[0] ?? "", /none cannot be read: .*NotFound/)
      const folder = yield* run([Path.dirname(other)])
      assert.isFalse(folder.isWell)
      assert.deepStrictEqual(folder.stderr, [`${Path.dirname(other)} cannot be read: it is a folder.`])
    }).pipe(Effect.scoped))

  it.live("reads standard input", () =>
    Effect.gen(function*() {
      const whole = yield* run(["-", "--json"], log)
      assert.isTrue(whole.isWell)
      assert.strictEqual(JSON.parse(whole.stdout.at(-1) ?? "").entries, 5)
      const none = yield* run(["-"], "")
      assert.deepStrictEqual(none.stderr, ["Standard input is not a log of WireLog: it is empty."])
    }))

  it.live("lists the sockets if the requested one does not exist", () =>
    Effect.gen(function*() {
      const path = yield* fileOf(log)
      const told = `${path} has no socket "voice 2": it has voice 1, udp 1.`
      const wrong = yield* run([path, "--socket", "voice 2"])
      assert.isFalse(wrong.isWell)
      assert.isEmpty(wrong.stdout)
      assert.deepStrictEqual(wrong.stderr, [told])
      const forProgram = yield* run([path, "--socket", "voice 2", "--json"])
      assert.isFalse(forProgram.isWell)
      assert.deepStrictEqual(forProgram.stdout.map((line) => JSON.parse(line)), [{ event: "failed", message: told }])
      const none = yield* run([yield* fileOf(JSON.stringify(entries[0])), "--socket", "udp"])
      assert.match(none.stderr[0] ?? "", /has no socket "udp": it has none\.$/)
    }).pipe(Effect.scoped))

  it.live("truncates long lines unless --full is given", () =>
    Effect.gen(function*() {
      const message = { op: 99, d: "x".repeat(500) }
      const long: Entry = { kind: "message", at: 1, socket: "voice 1", direction: "out", bytes: 1, message }
      const path = yield* fileOf(JSON.stringify(long))
      assert.lengthOf((yield* run([path])).stdout[0] ?? "", 160)
      assert.match((yield* run([path, "--full"])).stdout[0] ?? "", /x{500}"$/)
    }).pipe(Effect.scoped))

  it.live("escapes control characters in a log, and continues after a line that is nested too deeply", () =>
    Effect.gen(function*() {
      const message = { op: 8, d: { v: 8, heartbeat_interval: 13_750, "\u001b[2J\u202e": 1 } }
      const hostile: Entry = { kind: "message", at: 1, socket: "voice 1", direction: "in", bytes: 1, message }
      const line = JSON.stringify({ ...hostile, message: "deep" })
      const deep = line.replace(`"deep"`, `{"op":99,"d":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)
      const [begin, open] = entries
      const path = yield* fileOf([begin, open, hostile].map((entry) => JSON.stringify(entry)).concat(deep).join("\n"))
      for (const args of [[path], [path, "--full"]]) {
        const { isWell, stdout } = yield* run(args)
        assert.isTrue(isWell)
        assert.notMatch(stdout.join(""), /[\p{Cc}\p{Cf}]/u)
        assert.match(stdout.join("\n"), /3 entries, and 1 lines that are not entries/)
        assert.include(stdout.at(-1), "1 x an unknown field of op 8: d.\\u{1b}[2J\\u{202e}")
      }
      const { isWell, stdout } = yield* run([path, "--json"])
      assert.isTrue(isWell)
      assert.strictEqual(JSON.parse(stdout.at(-1) ?? "").unreadable, 1)
    }).pipe(Effect.scoped))
})
