import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Console, Effect, Exit, Fiber, Layer, Queue, Schema, Stdio, Stream } from "effect"
import { CliOutput, Command } from "effect/cli"
import { TestClock, TestConsole } from "effect/testing"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { emulatorCommand } from "../../src/cli/emulator.ts"
import * as Order from "../../src/cli/emulator/Order.ts"
import * as ExitCode from "../../src/cli/ExitCode.ts"
import * as Usage from "../../src/cli/Usage.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Foreign from "../emulator/ForeignClient.ts"

const Announcement = Schema.Struct({
  event: Schema.Literal("listening"),
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

const run = (args: ReadonlyArray<string>, stdin: Stream.Stream<Uint8Array> = Stream.never) =>
  Command.runWith(emulatorCommand, { version: "0.0.0" })(args).pipe(
    Effect.provide(
      Layer.merge(NodeServices.layer, Stdio.layerTest({ stdin, stdinIsTerminal: Effect.succeed(false) }))
    )
  )

const bin = Path.resolve(import.meta.dirname, "../../src/cli/bin.ts")
const manifest = Path.resolve(import.meta.dirname, "../../package.json")

/** Runs Node without a terminal. */
const execute = (...args: ReadonlyArray<string>) =>
  Effect.callback<{ code: number | null; out: string; err: string }>((resume) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    const [out, err]: [Array<string>, Array<string>] = [[], []]
    child.stdout.on("data", (part) => out.push(String(part)))
    child.stderr.on("data", (part) => err.push(String(part)))
    child.on("close", (code) => resume(Effect.succeed({ code, out: out.join(""), err: err.join("") })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** Runs the command until it has printed a line. It continues until the scope closes. */
const start = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const fiber = yield* Effect.forkScoped(run(args), { startImmediately: true })
  while (true) {
    const lines = yield* TestConsole.logLines
    const [first] = lines
    if (first !== undefined) return { fiber, lines, text: String(first) }
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return yield* Effect.die(exit)
    // The sockets are real, so turns of the event loop have to pass.
    yield* turn
  }
})

const song = Path.resolve(import.meta.dirname, "../../examples/song.ogg")

const temporary = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "emulator-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
)

type Line = { readonly [field: string]: unknown }

/** Runs the command with `--json`, and sends it orders. */
const told = Effect.fnUntraced(function*(args: ReadonlyArray<string>) {
  const stdin = yield* Queue.unbounded<Uint8Array>()
  const lines: Array<Line> = []
  const waiting = new Set<() => void>()
  const console = yield* Console.Console
  const recording: Console.Console = Object.assign(Object.create(console), {
    log: (text: unknown) => {
      lines.push(JSON.parse(String(text)))
      for (const wake of waiting) wake()
    }
  })
  const fiber = yield* run(args, Stream.fromQueue(stdin)).pipe(
    Effect.provideService(Console.Console, recording),
    Effect.forkScoped({ startImmediately: true })
  )
  const until = (fits: (line: Line) => boolean, after = 0) =>
    Effect.callback<Line>((resume) => {
      const check = () => {
        const found = lines.slice(after).find(fits)
        if (found !== undefined) {
          waiting.delete(check)
          resume(Effect.succeed(found))
        }
      }
      waiting.add(check)
      check()
      return Effect.sync(() => waiting.delete(check))
    }).pipe(Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.die(new Error(`not said: ${fits} in ${JSON.stringify(lines.slice(-5))}`))
    }))
  yield* until(({ event }) => event === "listening")
  let ids = 0
  const write = (text: string, id?: number) =>
    Effect.suspend(() => {
      const after = lines.length
      Queue.offerUnsafe(stdin, new TextEncoder().encode(`${text}\n`))
      return until((line) => line["event"] === "answer" && line["id"] === id, after)
    })
  return {
    fiber,
    events: () => lines,
    until,
    write,
    order: (order: Line) =>
      Effect.suspend(() => {
        const id = ids++
        return write(JSON.stringify({ ...order, id }), id)
      })
  }
})

describe("emulator", () => {
  it.effect("prints a JSON object with --json that tells a client how to connect", () =>
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
      const asking = yield* Effect.forkChild(Foreign.ask(main, said.guild, said.channel))
      while (asking.pollUnsafe() === undefined) {
        // The second voice event comes after a while.
        yield* TestClock.adjust("100 millis")
        yield* turn
      }
      const server = yield* Fiber.join(asking)
      assert.include(said.voice.map(({ endpoint }) => endpoint), server.endpoint)

      yield* Fiber.interrupt(fiber)
      const refused = yield* Effect.exit(wire.webSocket(said.gateway))
      assert.include(Exit.isFailure(refused) ? Cause.pretty(refused.cause) : "", "ECONNREFUSED")
    }))

  it.effect("prints the same ids and token for the same seed", () =>
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
      const directory = yield* temporary
      const file = Path.join(directory, "ca.pem")
      const { text } = yield* start(["--tls", "--cert", file, "--token", "my-token", "--channel", "222"])
      assert.match(text, /gateway +wss:\/\/127\.0\.0\.1:\d+\n/)
      assert.match(text, /rest +https:\/\//)
      assert.match(text, /voice +localhost:\d+ +udp 127\.0\.0\.1:\d+ +region one\n/)
      assert.match(text, /channel +222\n/)
      assert.match(text, /token +my-token/)
      assert.include(text, file)
      assert.notInclude(text, "BEGIN CERTIFICATE")
      const gateway = /wss:\S+/.exec(text)?.[0] ?? ""
      const ca = yield* Effect.promise(() => Fs.readFile(file, "utf8"))
      yield* Foreign.login(Foreign.realWire(ca), gateway, "my-token")
    }))

  it.effect("prints the certificate itself if no file is given for it", () =>
    Effect.gen(function*() {
      const { text } = yield* start(["--tls"])
      assert.include(text, "BEGIN CERTIFICATE")
    }))

  it.effect("reports a port that is in use", () =>
    Effect.gen(function*() {
      const { text } = yield* start(["--json"])
      const { port } = new URL((yield* decode(text)).gateway)
      const exit = yield* Effect.exit(run(["--port", port]))
      const failure = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      assert.include(failure, `TCP port ${port} of 127.0.0.1 is in use`)
    }))

  it.live("simulates the network that its flags describe", () =>
    Effect.gen(function*() {
      const { text } = yield* start(["--json", "--latency", "30", "--jitter", "5", "--loss", "0.05"])
      const before = process.hrtime.bigint()
      const { gateway } = yield* decode(text)
      const socket = yield* Foreign.realWire().webSocket(gateway)
      yield* Foreign.expectOp(socket, 10)
      assert.isAtLeast(Number(process.hrtime.bigint() - before) / 1e6, 60 - 1)
    }).pipe(Effect.scoped, Effect.provide(TestConsole.layer)))

  it.effect("explains an invalid flag in a sentence, and as JSON with --json", () =>
    Effect.gen(function*() {
      for (
        const [args, message] of [
          [["--guild", "lobby"], "Invalid value for flag --guild: \"lobby\". Expected: a Discord id, 1 to 20 digits"],
          [["--channel", "-"], "Invalid value for flag --channel: \"-\". Expected: a Discord id, 1 to 20 digits"],
          [["--loss", "5"], "Invalid value for flag --loss: \"5\". Expected: a share of the datagrams, 0 to 1"],
          [["--jitter", "-1"], "Invalid value for flag --jitter: \"-1\". Expected: a time in milliseconds, 0 to 60000"],
          [["--port", "70000"], "Invalid value for flag --port: \"70000\". Expected: a port, 0 to 65535"],
          [["--profile", "2015"], "Invalid value for flag --profile: \"2015\". Expected: \"today\" | \"2022\""],
          [
            ["--user", "a", "--user", "bot"],
            "Invalid value for flag --user: \"bot\". Expected: a name, other than \"bot\""
          ],
          [["--user", ""], "Missing value for flag --user. Expected: a name"],
          [["--habit", "e2ee"], "Invalid value for flag --habit: \"e2ee\". Expected format: key=value"],
          [["--prot", "1"], "Unrecognized flag: --prot in command emulator. Did you mean: --port"]
        ] as const
      ) {
        for (const json of [true, false]) {
          const all = json ? ["--json", ...args] : args
          const { errors, exit, lines } = yield* Effect.gen(function*() {
            const exit = yield* run(all).pipe(
              Effect.provideService(CliOutput.Presenter, Usage.presenter(all)),
              Effect.exit
            )
            return { exit, lines: yield* TestConsole.logLines, errors: yield* TestConsole.errorLines }
          }).pipe(Effect.provide(TestConsole.layer, { local: true }))
          assert.isTrue(Exit.isFailure(exit), args.join(" "))
          assert.lengthOf(errors, 1)
          assert.match(String(errors[0]), /^[^\n]+\nSee emulator --help\.$/)
          assert.isTrue(String(errors[0]).startsWith(message), String(errors[0]))
          assert.lengthOf(lines, json ? 1 : 0)
          if (!json) continue
          const line: Line = JSON.parse(String(lines[0]))
          assert.strictEqual(line["event"], "failed")
          assert.isTrue(String(line["message"]).startsWith(message))
        }
      }
    }))

  it.live("exits with 1 for wrong usage and for a missing package, with a JSON line under --json", () =>
    Effect.gen(function*() {
      const wrong = yield* execute(bin, "emulator", "--json", "--port", "99999")
      assert.strictEqual(wrong.code, 1)
      assert.deepInclude(JSON.parse(wrong.out), { event: "failed" })
      assert.lengthOf(wrong.err.trim().split("\n"), 2)

      for (const name of ["effect", "@effect/platform-node"]) {
        // No packages are installed in this directory.
        const directory = yield* temporary
        yield* Effect.promise(() => Fs.copyFile(bin, Path.join(directory, "bin.ts")))
        yield* Effect.promise(() => Fs.writeFile(Path.join(directory, "main.ts"), `import "${name}/x"\n`))
        const missing = yield* execute(Path.join(directory, "bin.ts"), "emulator", "--json")
        assert.strictEqual(missing.code, 1)
        assert.include(JSON.parse(missing.out).message, "npm install effect @effect/platform-node")
        assert.include(missing.err, "npm install effect @effect/platform-node")
        assert.strictEqual((yield* execute(Path.join(directory, "bin.ts"), "emulator")).out, "")
      }
    }).pipe(Effect.scoped))

  it.live("refuses to run on an unsupported version of Node, except for the doctor", () =>
    Effect.gen(function*() {
      const least = JSON.parse(yield* Effect.promise(() => Fs.readFile(manifest, "utf8"))).engines.node.slice(2)
      const on = (version: string, ...command: ReadonlyArray<string>) => {
        const pretend = `Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`
        return execute("--import", `data:text/javascript,${encodeURIComponent(pretend)}`, bin, ...command, "--json")
      }
      const old = yield* on("22.9.0", "emulator")
      assert.deepStrictEqual([old.code, old.err], [
        1,
        `effect-discord-voice needs Node ${least} or later, and this is 22.9.0.\n`
      ])
      assert.deepStrictEqual(JSON.parse(old.out), { event: "failed", message: old.err.trim() })
      assert.include((yield* on("22.9.0", "doctor")).out, "\"status\":\"missing\"")
      assert.include((yield* on(least, "demo", "--no-such-flag")).err, "no-such-flag")
    }))

  // 130 is the exit code that runMain gives an interrupted program.
  it.live.each([["SIGTERM", 130, []], ["SIGINT", 0, ["--strict"]], ["stop", 0, []]] as const)(
    "ends cleanly on %s in its own process",
    ([how, code, flags]) =>
      Effect.gen(function*() {
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [bin, "emulator", "--json", ...flags], { stdio: ["pipe", "pipe", "pipe"] })
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
        if (how === "stop") child.stdin.write("{\"do\":\"stop\"}\n")
        else child.kill(how)
        assert.strictEqual((yield* Foreign.expectClose(socket)).closed, 1006)
        assert.strictEqual(yield* Effect.promise(() => ended), code)
        const lines = out.join("").trim().split("\n").map((line) => JSON.parse(line))
        assert.deepStrictEqual(lines.map(({ event }) => event), [
          "listening",
          "login",
          ...how === "stop" ? ["answer"] : [],
          "end"
        ])
      }).pipe(Effect.scoped)
  )

  it.live("ends with --attached when its standard input ends", () =>
    Effect.gen(function*() {
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [bin, "emulator", "--json", "--attached"], { stdio: "pipe" })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
      const out: Array<string> = []
      yield* Effect.promise(() =>
        new Promise<void>((resolve) => {
          child.stdout.on("data", (part) => {
            out.push(String(part))
            resolve()
          })
        })
      )
      child.stdin.end()
      assert.strictEqual(yield* Effect.promise(() => ended), 0)
      assert.deepInclude(JSON.parse(out.join("").trim().split("\n").at(-1) ?? ""), { event: "end" })
    }).pipe(Effect.scoped))

  it.live("creates bots with more or fewer permissions and intents", () =>
    Effect.gen(function*() {
      const { events, order } = yield* told(["--json", "--moderator"])
      const said = yield* decode(JSON.stringify(events()[0]))
      const patch = (token: unknown) =>
        Effect.promise(() =>
          fetch(`${said.rest}/channels/${said.channel}`, {
            method: "PATCH",
            headers: { authorization: `Bot ${token}`, "content-type": "application/json" },
            body: "{\"user_limit\":3}"
          })
        )
      assert.strictEqual((yield* patch(said.token)).status, 200)
      const { token } = yield* order({ do: "createUser", name: "meek", bot: true })
      assert.strictEqual((yield* patch(token)).status, 403)

      const privileged = (token: unknown) =>
        Foreign.login(Foreign.realWire(), said.gateway, String(token), 129 | (1 << 15))
      yield* privileged(token)
      const { token: less } = yield* order({ do: "createUser", name: "less", bot: true, privilegedIntents: false })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(privileged(less))))
    }).pipe(Effect.scoped))

  it.live("reports events and carries out orders as JSON lines", () =>
    Effect.gen(function*() {
      const { events, order, until } = yield* told(["--json", "--strict", "--user", "guest", "--play", song])
      const said = yield* decode(JSON.stringify(events()[0]))
      yield* until(({ event, user }) => event === "join" && user === "player")

      const main = yield* Foreign.login(Foreign.realWire(), said.gateway, said.token)
      yield* Foreign.ask(main, said.guild, said.channel)
      yield* until(({ event, user }) => event === "join" && user === "bot")
      assert.deepInclude(yield* order({ do: "createChannel", name: "other" }), { ok: true })
      assert.deepInclude(yield* order({ do: "moveUser", user: "bot", channel: "other" }), { ok: true })
      assert.deepStrictEqual(yield* until(({ event }) => event === "move"), {
        event: "move",
        user: "bot",
        from: "lobby",
        channel: "other"
      })
      const { channel: far, guild: second, ok } = yield* order({ do: "createChannel", name: "far", guild: "second" })
      assert.isTrue(ok)
      yield* Foreign.ask(main, String(second), String(far))
      yield* until(({ channel, event }) => event === "join" && channel === "far")
      assert.deepInclude(yield* order({ do: "kick", user: "bot", guild: "second" }), { ok: true })
      assert.deepInclude(yield* until(({ event, user }) => event === "leave" && user === "bot"), { channel: "far" })
      assert.deepInclude(yield* order({ do: "kick", user: "bot" }), { ok: true })
      yield* until(({ channel, event, user }) => event === "leave" && user === "bot" && channel === "other")

      // It plays in a loop.
      const played = yield* order({ do: "heard", user: "guest", from: "player", frames: 150, file: song })
      assert.deepNestedInclude(played, { ok: true, "file.heard": 150 })
      assert.isAtLeast(Number(played["frames"]), 150)
      assert.deepInclude(yield* order({ do: "join", user: "late" }), { ok: true })
      const unheard = yield* order({ do: "speak", user: "late", file: song, to: "bot", timeoutMs: 1 })
      assert.deepInclude(unheard, { ok: false, message: "What \"late\" says does not reach \"bot\"." })
      const reaching = yield* order({ do: "speak", user: "late", file: song, to: "guest" })
      assert.deepInclude(reaching, { ok: true, frames: 150 })
      const heard = yield* order({ do: "heard", user: "guest", from: "late", frames: 150, file: song })
      assert.deepNestedInclude(heard, { ok: true, frames: 150, "file.heard": 150, "file.intact": true })
      const chirp = Path.resolve(import.meta.dirname, "../audio/files/chirp.mp3")
      const spoken = yield* order({ do: "speak", user: "late", file: chirp })
      assert.isTrue(Number(spoken["frames"]) > 0, JSON.stringify(spoken))
      const compared = yield* order({ do: "heard", user: "guest", from: "late", file: chirp })
      assert.include(compared["message"], "Reading the frames of chirp.mp3 is not supported: it is not Opus")
      assert.deepInclude(yield* order({ do: "forget", user: "guest" }), { ok: true })
      assert.deepInclude(yield* order({ do: "heard", user: "guest", from: "late" }), { frames: 0, silence: 0 })
      const loud = yield* order({ do: "heard", user: "guest", from: "player", frames: 20, level: true })
      const level = Number(loud["levelDb"])
      assert.isTrue(level > -60 && level < 0, JSON.stringify(loud))
      const missing = yield* order({ do: "heard", user: "guest", from: "late", frames: 1, timeoutMs: 1 })
      assert.deepInclude(missing, { ok: false, message: "\"guest\" has heard 0 of 1 frames of \"late\"." })

      yield* Foreign.login(Foreign.realWire(), said.gateway, "wrong").pipe(Effect.exit)
      const violation = yield* until(({ event }) => event === "violation")
      assert.deepInclude(violation, { code: "bad-token", user: null })
      const atMs = Number(violation["atMs"])
      assert.isTrue(atMs > 0 && atMs < 60_000, `${atMs} ms since the start`)
      const verdicts = yield* order({ do: "verdicts" })
      assert.deepNestedInclude(verdicts, { "violations[0].code": "bad-token", "violations[0].atMs": atMs })
    }).pipe(Effect.scoped))

  it.live("lets guests encrypt end to end, in a wrong way, or not at all", () =>
    Effect.gen(function*() {
      const { order } = yield* told(["--json", "--user", "guest", "--play", song, "--habit", "channelE2ee=optional"])
      assert.deepInclude(yield* order({ do: "heard", user: "guest", from: "player", frames: 10 }), { ok: true })
      const heard = yield* order({ do: "heard", user: "guest", from: "player" })
      assert.strictEqual(heard["encrypted"], heard["frames"])
      const group = yield* order({ do: "e2ee", user: "guest" })
      assert.deepNestedInclude(group, { ok: true, "group.version": 1, "group.epoch": 1 })
      assert.deepInclude(yield* order({ do: "setSelf", user: "guest", deaf: true }), { ok: true })
      yield* order({ do: "forget", user: "guest" })
      yield* Effect.sleep("100 millis")
      assert.deepInclude(yield* order({ do: "heard", user: "guest", from: "player" }), { frames: 0 })
      assert.deepInclude(yield* order({ do: "setSelf", user: "guest", video: true, deaf: false }), { ok: true })
      assert.deepInclude(yield* order({ do: "heard", user: "guest", from: "player", frames: 1 }), { ok: true })
      assert.deepInclude(yield* order({ do: "misbehave", user: "player", how: { frames: "plain" } }), { ok: true })
      assert.deepInclude(yield* order({ do: "misbehave", user: "player", how: { frames: "loud" } }), { ok: false })
      assert.deepInclude(yield* order({ do: "join", user: "old", e2ee: false }), { ok: true })
      assert.deepInclude(yield* order({ do: "heard", user: "old", from: "player", frames: 10 }), {
        ok: true,
        encrypted: 0
      })
      assert.deepInclude(yield* order({ do: "e2ee", user: "guest" }), { group: null })
      const { message } = yield* order({ do: "join", user: "older", channel: "secure", e2ee: false })
      assert.include(String(message), "end-to-end encryption")
    }).pipe(Effect.scoped))

  it.live("lets guests send sounds and emoji", () =>
    Effect.gen(function*() {
      const { order, until } = yield* told(["--json", "--user", "guest"])
      const { ok, sound } = yield* order({ do: "createSound", name: "yay", file: song, volume: 0.5, emoji: "🎉" })
      assert.isTrue(ok)
      assert.deepInclude(yield* order({ do: "sendSound", user: "guest", sound: "yay" }), { ok: true })
      const sent = { event: "effect", user: "guest", channel: "lobby" }
      assert.deepStrictEqual(
        yield* until(({ event }) => event === "effect"),
        { ...sent, sound: "yay", soundId: sound, volume: 0.5, emoji: "🎉" }
      )
      assert.deepInclude(yield* order({ do: "sendEmoji", user: "guest", emoji: "👍" }), { ok: true })
      assert.deepStrictEqual(
        yield* until(({ emoji }) => emoji === "👍"),
        { ...sent, sound: null, soundId: null, volume: null, emoji: "👍" }
      )
      const refused = yield* order({ do: "sendSound", user: "guest", sound: "boo" })
      assert.deepInclude(refused, { ok: false })
      assert.include(String(refused["message"]), "Known sounds: yay, quack.")
      const tooLong = yield* order({ do: "createSound", name: "boo", volume: 2 })
      assert.include(String(tooLong["message"]), "the volume must be between 0 and 1")
    }).pipe(Effect.scoped))

  it.live("records what a guest has heard, and explains invalid orders", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const file = Path.join(directory, "heard.ogg")
      const { order, write } = yield* told(["--json", "--user", "guest", "--play", song])
      yield* order({ do: "heard", user: "guest", from: "player", frames: 20 })
      const recorded = yield* order({ do: "record", user: "guest", from: "player", file })
      assert.isTrue(Number(recorded["frames"]) >= 20)
      const frames = yield* AudioSource.readFrames(AudioSource.fromFile(file))
      assert.lengthOf(frames, Number(recorded["frames"]))

      for (
        const [bad, message] of [
          [{ do: "kik" }, "\"do\" must be one of join, leave, speak"],
          [{ do: "kick" }, "An order \"kick\" has the options user, guild?, by?, only?: \"user\" is missing."],
          [{ do: "kick", user: "bot", usr: "bot" }, "has the options user, guild?, by?, only?: \"usr\" is no option."],
          [{ do: "closeVoice", user: "bot", code: 1 }, ": \"code\": Expected a value between 1000 and 4999."],
          [{ do: "when", point: "voice-in", what: { close: "x" } }, ": \"what.close\": Expected number."],
          [{ do: "stop", now: true }, "An order \"stop\" has no options: \"now\" is no option."],
          [{ do: "join", user: "" }, "must not be empty"],
          [{ do: "join", user: "bot" }, "this user is the bot"],
          [{ do: "kick", user: "bot" }, "the user is not in a voice channel"],
          [{ do: "kick", user: "nobody" }, "nobody"],
          [{ do: "speak", user: "guest", file: "none.ogg" }, "none.ogg"],
          [{ do: "leave", user: "nobody" }, "\"nobody\" is not a guest"],
          [{ do: "subscribe", user: "guest", event: "concert" }, "there is no such upcoming event"]
        ] as const
      ) {
        const answer = yield* order(bad)
        assert.isFalse(answer["ok"])
        assert.include(answer["message"], message)
      }
      assert.deepInclude(yield* write("no JSON"), { event: "answer", ok: false })
    }).pipe(Effect.scoped))

  it.effect("has an order for every fault, except for the one that takes a function", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const orders = new Set<string>(Order.Order.members.map((member) => member.fields.do.literal))
      assert.deepStrictEqual(Object.keys(faults).filter((name) => !orders.has(name)), ["add"])
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.live("applies the given habits, and the RTP properties that an order gives a guest", () =>
    Effect.gen(function*() {
      const named = ["headerExtension=false", "maxPadding=5", "paddingRate=1", "channelE2ee=optional"]
      const habits = named.flatMap((habit) => ["--habit", habit])
      const { events, order } = yield* told(["--json", "--user", "plain", ...habits])
      const said = yield* decode(JSON.stringify(events()[0]))
      const wire = Foreign.realWire()
      const main = yield* Foreign.login(wire, said.gateway, said.token)
      const server = yield* Foreign.ask(main, said.guild, said.channel)
      const voice = yield* Foreign.joinVoice(wire, main, said.guild, said.channel, server)
      const audio = { sequence: 65_535, timestamp: 0, clockPpm: 100, padding: [0, 255] }
      assert.deepInclude(yield* order({ do: "join", user: "odd", e2ee: false, audio }), { ok: true })
      assert.deepInclude(yield* order({ do: "join", user: "odder", audio: { padding: [256] } }), { ok: false })
      const packet = Effect.gen(function*() {
        while (true) {
          const bytes = yield* Queue.take(voice.udp.incoming)
          // The padding is encrypted, but the header shows whether there is any.
          if ((bytes[1] ?? 0) === 120) return [bytes[0], Buffer.from(bytes).readUInt16BE(2), bytes.length] as const
        }
      })
      assert.deepInclude(yield* order({ do: "speak", user: "odd", file: song }), { ok: true })
      const [first, second] = [yield* packet, yield* packet]
      assert.deepStrictEqual([first[0], first[1]], [0x80, 65_535])
      assert.deepStrictEqual([second[0], second[1]], [0xa0, 0])
      assert.isAbove(second[2], 255)
      for (let i = 2; i < 155; i++) yield* packet
      yield* order({ do: "leave", user: "odd" })
      assert.deepInclude(yield* order({ do: "speak", user: "plain", file: song }), { ok: true })
      const firsts = []
      for (let i = 0; i < 150; i++) firsts.push((yield* packet)[0])
      assert.deepStrictEqual([...new Set(firsts)], [0xa0])
    }).pipe(Effect.scoped))

  it.live("types commands, presses buttons, and returns the bot's messages", () =>
    Effect.gen(function*() {
      const { events, order } = yield* told(["--json", "--user", "guest"])
      const said = yield* decode(JSON.stringify(events()[0]))
      assert.include(String((yield* order({ do: "command", name: "play" }))["message"]), "is not logged in")
      const main = yield* Foreign.login(Foreign.realWire(), said.gateway, said.token)
      const call = (method: string, path: string, body: unknown) =>
        Effect.promise(() =>
          fetch(`${said.rest}${path}`, {
            method,
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body)
          })
        )
      const Interaction = Schema.Struct({
        id: Schema.String,
        token: Schema.String,
        data: Schema.Struct({ options: Schema.optionalKey(Schema.Unknown) })
      })
      const interaction = Effect.flatMap(
        Foreign.expect(main.socket, "an interaction", ({ t }) => t === "INTERACTION_CREATE"),
        ({ d }) => Schema.decodeUnknownEffect(Interaction)(d)
      )
      const answer = (d: { readonly id: string; readonly token: string }, type: number, data: unknown) =>
        call("POST", `/interactions/${d.id}/${d.token}/callback`, { type, data })

      const early = yield* order({ do: "awaitCommand", name: "play", timeoutMs: 1 })
      assert.include(String(early["message"]), "the bot has not registered it, nor any other command")

      const typing = yield* Effect.forkChild(order({ do: "command", name: "play", options: { song: "x" } }))
      const typed = yield* interaction
      assert.deepStrictEqual(typed.data.options, [{ name: "song", type: 3, value: "x" }])
      const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "stop", label: "Stop" }] }]
      yield* answer(typed, 4, { content: "Playing x", components })
      const first = yield* Fiber.join(typing)
      assert.deepNestedInclude(first, { ok: true, command: 1, "replies[0].content": "Playing x" })

      const pressing = yield* Effect.forkChild(order({ do: "press", command: 1, customId: "stop" }))
      yield* answer(yield* interaction, 7, { content: "Stopped", components: [] })
      assert.deepInclude(yield* Fiber.join(pressing), { ok: true, command: 2, replies: [] })
      const read = yield* order({ do: "replies", command: 1, text: "Stopped" })
      assert.deepNestedInclude(read, { ok: true, "replies[0].edited": true })
      const late = yield* order({ do: "replies", command: 1, text: "again", timeoutMs: 1 })
      assert.deepInclude(late, {
        ok: false,
        message:
          "Nothing has the text \"again\". The command \"play\" failed: the expected answer did not arrive within 1ms; " +
          "there was: bot \"Stopped\" edited."
      })
      assert.include(String((yield* order({ do: "press", command: 1, customId: "stop" }))["message"]), "\"stop\"")
      assert.include(String((yield* order({ do: "press", command: 9, customId: "x" }))["message"]), "has the number 9")
      assert.include(String((yield* order({ do: "replies", command: 9 }))["message"]), "has the number 9")

      const suggesting = yield* Effect.forkChild(order({ do: "suggest", name: "play", focused: "song" }))
      const focused = yield* interaction
      assert.deepStrictEqual(focused.data.options, [{ name: "song", type: 3, value: "", focused: true }])
      yield* answer(focused, 8, { choices: [{ name: "X", value: "x" }] })
      assert.deepInclude(yield* Fiber.join(suggesting), { ok: true, choices: [{ name: "X", value: "x" }] })

      const asking = yield* Effect.forkChild(order({ do: "command", name: "ask" }))
      const inputs = [{ type: 1, components: [{ type: 4, custom_id: "song", label: "Song" }] }]
      yield* answer(yield* interaction, 9, { custom_id: "form", title: "Ask", components: inputs })
      const asked = yield* Fiber.join(asking)
      assert.deepInclude(asked, {
        ok: true,
        command: 3,
        modal: { customId: "form", title: "Ask", components: inputs }
      })
      assert.include(String((yield* order({ do: "submit", command: 3 }))["message"]), "\"song\" is missing")
      const sending = yield* Effect.forkChild(order({ do: "submit", command: 3, values: { song: "y" } }))
      yield* answer(yield* interaction, 4, { content: "Playing y" })
      assert.deepNestedInclude(yield* Fiber.join(sending), { ok: true, command: 4, "replies[0].content": "Playing y" })

      const choosing = yield* Effect.forkChild(order({ do: "menu", name: "Greet", on: { user: "guest" } }))
      yield* answer(yield* interaction, 4, { content: "Hello" })
      assert.deepNestedInclude(yield* Fiber.join(choosing), { ok: true, command: 5, "replies[0].content": "Hello" })
      const nowhere = yield* order({ do: "menu", name: "Greet", on: { message: "1" } })
      assert.include(String(nowhere["message"]), "no message in the channel has the id 1")

      // Public messages and their buttons.
      const { message } = yield* order({ do: "write", content: "!play", user: "somebody" })
      assert.deepNestedInclude(yield* order({ do: "messages", user: "somebody", text: "!play" }), {
        ok: true,
        "messages[0].id": message
      })
      // Only what came later, so that an earlier message with the same text is not taken for the answer.
      assert.deepInclude(yield* order({ do: "messages", after: message }), { ok: true, messages: [] })
      assert.isFalse((yield* order({ do: "messages", after: message, text: "!play", timeoutMs: 1 }))["ok"])
      const { message: second } = yield* order({ do: "write", content: "!play", user: "somebody" })
      const later = yield* order({ do: "messages", after: message, text: "!play" })
      assert.deepNestedInclude(later, { ok: true, "messages.length": 1, "messages[0].id": second })
      assert.deepInclude(yield* order({ do: "react", message, emoji: "👌" }), { ok: true })
      assert.include(String((yield* order({ do: "react", message: "1", emoji: "👌" }))["message"]), "the id 1")
      const all: unknown = (yield* order({ do: "messages" }))["messages"]
      const { userId } = (Array.isArray(all) ? all : []).find(({ id }) => id === message)
      assert.deepNestedInclude(yield* order({ do: "messages", user: userId, text: "!play", timeoutMs: 0 }), {
        "messages[0].user": "somebody"
      })
      assert.include(String((yield* order({ do: "press", channel: "lobby", customId: "x" }))["message"]), "\"x\"")
      const never = yield* order({ do: "messages", user: "guest", text: "!play", timeoutMs: 1 })
      assert.isFalse(never["ok"])
      assert.include(String(never["message"]), "has the text \"!play\"")
      assert.include(String((yield* order({ do: "write", content: "" }))["message"]), "the message is empty")
      assert.deepInclude(yield* order({ do: "write", content: "", files: [song] }), { ok: true })
      const { messages: sent } = yield* order({ do: "messages", user: "guest" })
      const [{ attachments: [file] }] = Array.isArray(sent) ? sent : []
      assert.deepInclude(file, { name: "song.ogg", contentType: "audio/ogg" })
      const size = yield* Effect.promise(async () => (await (await fetch(file.url)).bytes()).length)
      assert.strictEqual(size, (yield* Effect.promise(() => Fs.stat(song))).size)
      assert.isFalse((yield* order({ do: "write", content: "x", files: ["/nowhere"] }))["ok"])
      const bringing = yield* Effect.forkChild(order({ do: "command", name: "file", files: { song } }))
      const withFile = yield* interaction
      assert.deepNestedInclude(withFile.data, { "options[0].name": "song", "options[0].type": 11 })
      yield* answer(withFile, 4, { content: "got it" })
      assert.deepInclude(yield* Fiber.join(bringing), { ok: true })
      assert.deepInclude(yield* order({ do: "write", direct: "ann", content: "for you" }), { ok: true })
      assert.deepNestedInclude(yield* order({ do: "messages", direct: "ann" }), {
        "messages[0].content": "for you",
        "messages[0].user": "ann"
      })
      assert.include(String((yield* order({ do: "press", direct: "ann", customId: "x" }))["message"]), "\"x\"")

      const awaiting = yield* Effect.forkChild(order({ do: "awaitCommand", name: "skip" }))
      yield* Effect.promise(async () => {
        const headers = { "authorization": `Bot ${said.token}`, "content-type": "application/json" }
        const me: { readonly [key: string]: unknown } = {
          ...Object(await (await fetch(`${said.rest}/users/@me`, { headers })).json())
        }
        const body = JSON.stringify([{ name: "skip", description: "Skips" }])
        return fetch(`${said.rest}/applications/${me["id"]}/commands`, { method: "PUT", headers, body })
      })
      assert.deepInclude(yield* Fiber.join(awaiting), { ok: true })
      assert.deepInclude(yield* order({ do: "stop" }), { ok: true })
    }).pipe(Effect.scoped))

  it.live("applies faults to a client for as long as ordered", () =>
    Effect.gen(function*() {
      const { events, order, until } = yield* told(["--json", "--user", "guest", "--habit", "channelE2ee=optional"])
      const said = yield* decode(JSON.stringify(events()[0]))
      const wire = Foreign.realWire()
      const main = yield* Foreign.login(wire, said.gateway, said.token)
      const enter = Effect.gen(function*() {
        const server = yield* Foreign.ask(main, said.guild, said.channel)
        return yield* Foreign.joinVoice(wire, main, said.guild, said.channel, server)
      })
      assert.deepInclude(yield* order({ do: "startSequence", user: "bot", first: 1_000 }), { ok: true })
      const voice = yield* enter
      yield* order({ do: "join", user: "late" })
      assert.isAtLeast((yield* Foreign.expectOp(voice.socket, 11)).seq ?? 0, 1_000)

      const losing = yield* order({ do: "datagrams", user: "bot", direction: "in", loss: 1 })
      for (let i = 0; i < 5; i++) voice.speak(Uint8Array.of(0xfc, 1, i))
      while ((yield* order({ do: "fault", fault: losing["fault"] }))["hits"] !== 5) yield* Effect.sleep("10 millis")
      assert.deepInclude(yield* order({ do: "endFault", fault: losing["fault"] }), { ok: true, hits: 5 })
      voice.speak(Uint8Array.of(0xfc, 2))
      assert.deepInclude(yield* order({ do: "heard", user: "guest", from: "bot", frames: 1 }), { frames: 1 })

      const silent = yield* order({ do: "ignoreHeartbeats", user: "bot", on: "voice", forMs: 60_000 })
      assert.deepInclude(yield* order({ do: "requestHeartbeat", user: "bot", on: "voice" }), { ok: true })
      yield* Foreign.expectOp(voice.socket, 3)
      assert.deepInclude(yield* order({ do: "rekeyVoice", user: "bot" }), { ok: true })
      yield* Foreign.expectOp(voice.socket, 4)
      assert.isTrue(Number((yield* order({ do: "endFault", fault: silent["fault"] }))["hits"]) <= 2)

      const rule = { point: "voice-in", op: 5, user: "bot", nth: 1, what: { close: 4015, at: "after" } }
      assert.isTrue((yield* order({ do: "when", ...rule }))["ok"])
      voice.socket.send(JSON.stringify({ op: 5, d: { speaking: 1, delay: 0, ssrc: voice.ssrc } }))
      assert.strictEqual((yield* Foreign.expectClose(voice.socket)).closed, 4015)

      // A voice server is only sent for a new join.
      yield* order({ do: "kick", user: "bot" })
      const second = yield* enter
      const schedule = [{ atMs: 0, incident: { _tag: "CloseVoice", user: "bot", code: 4006 } }]
      const playing = yield* order({ do: "play", schedule })
      assert.strictEqual((yield* Foreign.expectClose(second.socket)).closed, 4006)
      const played = yield* order({ do: "endFault", fault: playing["fault"] })
      assert.deepNestedInclude(played, { ok: true, "played[0].found": true })

      const drawing = {
        do: "random",
        users: "bot",
        seed: 3,
        meanIntervalMs: 1_000,
        durationMs: 60_000,
        kinds: ["Kick"]
      }
      const drawn = yield* order(drawing)
      assert.isAbove(Object.keys(Object(drawn["schedule"])).length, 10)
      assert.deepStrictEqual((yield* order(drawing))["schedule"], drawn["schedule"])

      assert.deepInclude(yield* order({ do: "parkChannel", channel: "lobby" }), { ok: true })
      assert.deepInclude(yield* order({ do: "fillChannel", channel: "lobby" }), { ok: true })
      for (
        const [bad, message] of [
          [{ do: "endFault", fault: 99 }, "No fault has the number 99."],
          [{ do: "when", point: "voice", what: "drop" }, "Expected"],
          [{ do: "when", point: "voice-in", what: { close: 1 } }, "a close frame cannot have the code 1"],
          [{ do: "datagrams", user: "bot", loss: 2 }, "loss"]
        ] as const
      ) {
        const answer = yield* order(bad)
        assert.isFalse(answer["ok"])
        assert.include(answer["message"], message)
      }
      yield* until(({ event }) => event === "voice-ended")
    }).pipe(Effect.scoped))

  it.live("does not let an order wait for another one", () =>
    Effect.gen(function*() {
      const { order } = yield* told(["--json"])
      const waiting = yield* Effect.forkScoped(order({ do: "messages", text: "!play", timeoutMs: 15_000 }), {
        startImmediately: true
      })
      // The message is written while the first order still waits for it.
      yield* order({ do: "write", content: "!play" })
      assert.deepNestedInclude(yield* Fiber.join(waiting), { ok: true, "messages[0].content": "!play" })
    }).pipe(Effect.scoped))

  it.live("answers every order, including those that are pending when it stops", () =>
    Effect.forEach(["stop", "interrupt"], (how) =>
      Effect.gen(function*() {
        const { events, fiber, order, until, write } = yield* told(["--json", "--user", "guest"])
        const atOnce = { startImmediately: true } as const
        const speaking = yield* Effect.forkScoped(order({ do: "speak", user: "guest", file: song }), atOnce)
        const hearing = yield* Effect.forkScoped(order({ do: "heard", user: "guest", from: "bot", frames: 1 }), atOnce)
        // Once this is answered, the orders before it have been accepted.
        yield* order({ do: "counters" })
        if (how === "interrupt") yield* Fiber.interrupt(fiber)
        else {
          assert.deepInclude(yield* write("{\"do\":\"stop\"}\n{\"do\":\"verdicts\",\"id\":-1}"), { ok: true })
          assert.deepInclude(yield* until(({ id }) => id === -1), { ok: false, message: "The emulator stops." })
        }
        for (const waiting of [speaking, hearing]) {
          assert.deepInclude(yield* Fiber.join(waiting), { ok: false, message: "The emulator stops." })
        }
        yield* until(({ event }) => event === "end")
        assert.strictEqual(events().at(-1)?.["event"], "end")
        assert.lengthOf(events().filter(({ event }) => event === "answer"), how === "stop" ? 5 : 3)
      }).pipe(Effect.scoped), { discard: true }))

  it.live("fails with --strict if and only if there were violations", () =>
    Effect.forEach([false, true], (guilty) =>
      Effect.gen(function*() {
        const whenInterrupted: ExitCode.WhenInterrupted = { code: undefined }
        const { events, fiber, order } = yield* told(["--json", "--strict"]).pipe(
          Effect.provideService(ExitCode.WhenInterrupted, whenInterrupted)
        )
        const said = yield* decode(JSON.stringify(events()[0]))
        if (guilty) yield* Foreign.login(Foreign.realWire(), said.gateway, "wrong").pipe(Effect.exit)
        yield* order({ do: "stop" })
        const exit = yield* Fiber.await(fiber)
        assert.strictEqual(Exit.isFailure(exit), guilty)
        assert.strictEqual(whenInterrupted.code, guilty ? 1 : 0)
        assert.deepStrictEqual(events().at(-1), { event: "end", violations: guilty ? 1 : 0, advice: 0 })
      }).pipe(Effect.scoped, Effect.provide(TestConsole.layer, { local: true })), { discard: true }))

  it.effect("reports failures as JSON as well, and refuses useless flags and invalid habits", () =>
    Effect.gen(function*() {
      const attached = yield* Effect.exit(run(["--attached"]))
      assert.include(Exit.isFailure(attached) ? Cause.pretty(attached.cause) : "", "--attached needs --json")
      assert.lengthOf(yield* TestConsole.logLines, 0)
      for (
        const [args, message] of [
          [["--cert", "ca.pem"], "--tls"],
          [["--play", "none.ogg"], "none.ogg"],
          [["--habit", "maxPadding=256"], "--habit maxPadding=256"],
          [["--user", "ada", "--user", "ada"], "--user ada is given twice"],
          [["--user", "player", "--play", song], "--user player is the name of the guest of --play"],
          [["--tls", "--cert", import.meta.dirname], `${import.meta.dirname} cannot be written: it is a folder.`]
        ] as const
      ) {
        const exit = yield* Effect.exit(run(["--json", ...args]))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", message)
        const last = JSON.parse(String((yield* TestConsole.logLines).at(-1)))
        assert.strictEqual(last.event, "failed")
        assert.include(last.message, message)
        assert.include(String((yield* TestConsole.errorLines).at(-1)), message)
      }
    }))

  // A device that is always full exists on Linux only.
  it.live.skipIf(!existsSync("/dev/full"))(
    "says in one line that its output cannot be written",
    () =>
      Effect.gen(function*() {
        const full = yield* Effect.acquireRelease(
          Effect.promise(() => Fs.open("/dev/full", "w")),
          (file) => Effect.promise(() => file.close())
        )
        const { code, errors } = yield* Effect.callback<{ readonly code: number | null; readonly errors: string }>(
          (resume) => {
            const child = spawn(process.execPath, [bin, "emulator"], { stdio: ["ignore", full.fd, "pipe"] })
            let errors = ""
            child.stderr?.on("data", (part) => {
              errors += String(part)
            })
            child.on("close", (code) => resume(Effect.succeed({ code, errors })))
            return Effect.sync(() => child.kill("SIGKILL"))
          }
        )
        assert.match(errors, /^Standard output cannot be written: .*ENOSPC[^\n]*\n$/)
        assert.strictEqual(code, 1)
      }).pipe(Effect.scoped)
  )

  it.live("ends silently when the reader of its output has gone", () =>
    Effect.gen(function*() {
      const code = yield* Effect.callback<number | null>((resume) => {
        const child = spawn(process.execPath, [bin, "emulator", "--json"], { stdio: ["pipe", "pipe", "pipe"] })
        const errors: Array<string> = []
        child.stderr.on("data", (part) => errors.push(String(part)))
        child.stdout.once("data", () => {
          child.stdout.destroy()
          const ask = () =>
            child.stdin.write("{\"do\":\"counters\"}\n", (error) => {
              if (error === null || error === undefined) setImmediate(ask)
            })
          child.stdin.on("error", () => {})
          ask()
        })
        child.on("close", (code) => {
          assert.strictEqual(errors.join(""), "")
          resume(Effect.succeed(code))
        })
        return Effect.sync(() => child.kill("SIGKILL"))
      })
      assert.strictEqual(code, 141)
    }))
})
