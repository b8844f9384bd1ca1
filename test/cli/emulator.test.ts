import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { spawn } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { emulatorCommand } from "../../src/cli/emulator.ts"
import * as Foreign from "../emulator/ForeignClient.ts"

const Announcement = Schema.Struct({
  gateway: Schema.String,
  rest: Schema.String,
  voice: Schema.Array(Schema.Struct({ endpoint: Schema.String, udp: Schema.String })),
  cert: Schema.NullOr(Schema.String),
  guild: Schema.String,
  channel: Schema.String,
  token: Schema.String,
  user: Schema.String
})

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Announcement), { onExcessProperty: "error" })

const run = (args: ReadonlyArray<string>) =>
  Command.runWith(emulatorCommand, { version: "0.0.0" })(args).pipe(Effect.provide(NodeServices.layer))

const bin = Path.resolve(import.meta.dirname, "../../src/cli/bin.ts")

/** Runs the command until it has said something; it goes on until the scope closes. */
const start = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const fiber = yield* Effect.forkScoped(run(args), { startImmediately: true })
  while (true) {
    const lines = yield* TestConsole.logLines
    const [first] = lines
    if (first !== undefined) return { fiber, lines, text: String(first) }
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return yield* Effect.die(exit)
    // Listening is real, so that turns of the event loop have to pass.
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  }
})

describe("emulator", () => {
  it.effect("prints exactly one JSON object with --json, which leads a client in", () =>
    Effect.gen(function*() {
      const { fiber, lines, text } = yield* start([
        "--json",
        "--token",
        "my-token",
        "--guild",
        "111",
        "--channel",
        "222"
      ])
      assert.lengthOf(lines, 1)
      assert.notInclude(text, "\n")
      const said = yield* decode(text)
      assert.match(said.gateway, /^ws:\/\/127\.0\.0\.1:\d+$/)
      assert.match(said.rest, /^http:\/\/127\.0\.0\.1:\d+\/api\/v10$/)
      assert.lengthOf(said.voice, 2)
      for (const { endpoint, udp } of said.voice) {
        assert.match(endpoint, /^ws:\/\/127\.0\.0\.1:\d+$/)
        assert.match(udp, /^127\.0\.0\.1:\d+$/)
      }
      assert.isNull(said.cert)
      assert.deepStrictEqual([said.guild, said.channel, said.token], ["111", "222", "my-token"])

      const wire = Foreign.realWire()
      const main = yield* Foreign.login(wire, said.gateway, said.token)
      assert.strictEqual(main.userId, said.user)
      const server = yield* Foreign.ask(main, said.guild, said.channel)
      assert.include(said.voice.map(({ endpoint }) => endpoint), server.endpoint)

      yield* Fiber.interrupt(fiber)
      const refused = yield* Effect.exit(wire.webSocket(said.gateway))
      assert.include(Exit.isFailure(refused) ? Cause.pretty(refused.cause) : "", "ECONNREFUSED")
    }))

  it.effect("prints the same ids, token and all, for the same seed", () =>
    Effect.gen(function*() {
      const ids = (seed: string) =>
        start(["--json", "--seed", seed]).pipe(
          Effect.flatMap(({ text }) => decode(text)),
          Effect.map(({ channel, guild, token, user }) => [guild, channel, user, token]),
          Effect.scoped,
          Effect.provide(TestConsole.layer, { local: true })
        )
      const first = yield* ids("5")
      assert.deepStrictEqual(yield* ids("5"), first)
      assert.notDeepEqual(yield* ids("6"), first)
    }))

  it.effect("prints a summary for people, and writes the certificate to a file", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "emulator-"))),
        (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
      )
      const file = Path.join(directory, "ca.pem")
      const { text } = yield* start(["--tls", "--cert", file, "--token", "my-token", "--channel", "222"])
      assert.match(text, /gateway +wss:\/\/127\.0\.0\.1:\d+\n/)
      assert.match(text, /rest +https:\/\//)
      assert.match(text, /voice +127\.0\.0\.1:\d+ +udp 127\.0\.0\.1:\d+ +region one\n/)
      assert.match(text, /channel +222\n/)
      assert.match(text, /token +my-token/)
      assert.include(text, file)
      assert.notInclude(text, "BEGIN CERTIFICATE")
      const gateway = /wss:\S+/.exec(text)?.[0] ?? ""
      const ca = yield* Effect.promise(() => Fs.readFile(file, "utf8"))
      yield* Foreign.login(Foreign.realWire(ca), gateway, "my-token")
    }))

  it.effect("prints the certificate itself when no file is given for it", () =>
    Effect.gen(function*() {
      const { text } = yield* start(["--tls"])
      assert.include(text, "BEGIN CERTIFICATE")
    }))

  it.effect("says what to do when its port is in use", () =>
    Effect.gen(function*() {
      const { text } = yield* start(["--json"])
      const { port } = new URL((yield* decode(text)).gateway)
      const exit = yield* Effect.exit(run(["--port", port]))
      const failure = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      assert.include(failure, `TCP port ${port} of 127.0.0.1 is in use`)
    }))

  it.effect("refuses ids and ports that are none", () =>
    Effect.gen(function*() {
      for (const args of [["--guild", "lobby"], ["--channel", "-"], ["--port", "70000"], ["--profile", "2015"]]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(run(args))), args.join(" "))
      }
    }))

  it.live("ends cleanly on SIGTERM and SIGINT in a process of its own", () =>
    Effect.forEach(["SIGTERM", "SIGINT"] as const, (signal) =>
      Effect.gen(function*() {
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [bin, "emulator", "--json"], { stdio: ["ignore", "pipe", "pipe"] })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const out: Array<string> = []
        const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
        const line = yield* Effect.promise(() =>
          new Promise<string>((resolve) => {
            child.stderr.on("data", (part) => out.push(String(part)))
            child.stdout.on("data", (part) => {
              out.push(String(part))
              const text = out.join("")
              if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
            })
            child.on("close", () => resolve(out.join("")))
          })
        )
        const said = yield* decode(line)
        const { socket } = yield* Foreign.login(Foreign.realWire(), said.gateway, said.token)
        child.kill(signal)
        assert.strictEqual((yield* Foreign.expectClose(socket)).closed, 1006)
        // What runMain gives an interrupted program.
        assert.strictEqual(yield* Effect.promise(() => ended), 130)
        assert.strictEqual(out.join("").trim(), line)
      }).pipe(Effect.scoped), { discard: true }))
})
