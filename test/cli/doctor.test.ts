/** Runs the command in its own process, in complete and in broken installations. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { liveModes } from "../../src/protocol/EncryptionMode.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"

/** Each test starts a process or two that compile all sources. */
const patienceMs = 120_000

const root = Path.resolve(import.meta.dirname, "../..")

const Check = Schema.Struct({
  event: Schema.Literal("check"),
  group: Schema.String,
  name: Schema.String,
  status: Schema.Literals(["ok", "warning", "missing"]),
  required: Schema.Boolean,
  detail: Schema.NonEmptyString,
  remedy: Schema.NullOr(Schema.NonEmptyString),
  facts: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite]))
})

const End = Schema.Struct({
  event: Schema.Literal("end"),
  fit: Schema.Boolean,
  ok: Schema.Natural,
  warning: Schema.Natural,
  missing: Schema.Natural,
  message: Schema.String
})

const decodeChecks = Schema.decodeUnknownSync(Schema.Array(Check), { onExcessProperty: "error" })
const decodeEnd = Schema.decodeUnknownSync(End, { onExcessProperty: "error" })

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  /** The directory of the package. */
  readonly at?: string
  readonly path?: string
  readonly command?: string
}

/** Runs the command without a terminal. */
const run = (args: ReadonlyArray<string>, { at = root, command = "doctor", path }: RunOptions = {}) =>
  Effect.callback<Ended>((resume) => {
    const child = spawn(process.execPath, [Path.join(at, "src/cli/bin.ts"), command, ...args], {
      cwd: at,
      env: { ...process.env, ...(path === undefined ? {} : { PATH: path }) },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [stdout, stderr] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const reported = ({ stdout }: Ended) => {
  const lines: ReadonlyArray<unknown> = stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
  const checks = decodeChecks(lines.slice(0, -1))
  return { checks, end: decodeEnd(lines.at(-1)), of: new Map(checks.map((check) => [check.name, check])) }
}

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "doctor-")))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

/** A copy of the package with all dependencies except those whose names begin with one of these. */
const without = Effect.fnUntraced(function*(...names: ReadonlyArray<string>) {
  const at = yield* temporary
  Fs.cpSync(Path.join(root, "src"), Path.join(at, "src"), { recursive: true })
  Fs.copyFileSync(Path.join(root, "package.json"), Path.join(at, "package.json"))
  const modules = Path.join(root, "node_modules")
  const packages = Fs.readdirSync(modules).filter((entry) => !entry.startsWith(".")).flatMap((entry) =>
    entry.startsWith("@") ? Fs.readdirSync(Path.join(modules, entry)).map((name) => `${entry}/${name}`) : [entry]
  )
  for (const name of packages.filter((name) => !names.some((begin) => name.startsWith(begin)))) {
    const [from, to] = [Path.join(modules, name), Path.join(at, "node_modules", name)]
    Fs.mkdirSync(Path.dirname(to), { recursive: true })
    // As a symbolic link, it would still find its binary.
    if (name === "@snazzah/davey") Fs.cpSync(from, to, { recursive: true })
    else Fs.symlinkSync(from, to, "dir")
  }
  return at
})

/** A directory for the PATH with programs that run the given shell scripts. */
const programs = Effect.fnUntraced(function*(scripts: { readonly [name: string]: string }) {
  const folder = yield* temporary
  for (const [name, script] of Object.entries(scripts)) {
    Fs.writeFileSync(Path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  return folder
})

describe("doctor", () => {
  it.live("reports every check as ok with --json when everything is installed", () =>
    Effect.gen(function*() {
      const path = yield* programs({
        ffmpeg: "echo ffmpeg version 7.1-test Copyright",
        ffprobe: "echo ffprobe version 7.1-test Copyright"
      })
      const ended = yield* run(["--json"], { path })
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
      const { checks, end, of } = reported(ended)
      assert.strictEqual(of.size, checks.length, "no name comes twice")
      // A slow or small machine is not a fault of the installation.
      const unfit = checks.filter(({ detail, group, status }) =>
        status !== "ok" && group !== "clock" && group !== "limit" && !/within \d+ (?:ms|seconds)/.test(detail)
      )
      assert.deepStrictEqual(unfit, [])
      assert.strictEqual(end.fit, !checks.some(({ required, status }) => required && status === "missing"))
      assert.strictEqual(end.ok + end.warning + end.missing, checks.length)

      const { version } = JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8"))
      assert.strictEqual(of.get("effect-discord-voice")?.facts["version"], version)
      assert.strictEqual(of.get("node")?.facts["version"], process.versions.node)
      assert.deepStrictEqual(
        checks.filter(({ group }) => group === "cipher").map((
          { detail, name }
        ) => [name, detail.includes("preferred")]),
        liveModes.map((mode) => [mode, mode === VoiceCrypto.defaultPreference[0]])
      )
      assert.deepStrictEqual(of.get("ffmpeg")?.facts, { version: "7.1-test", path: Path.join(path, "ffmpeg") })
      assert.deepStrictEqual(of.get("ffprobe")?.facts, { version: "7.1-test", path: Path.join(path, "ffprobe") })
      assert.strictEqual(of.get("beat")?.facts["beats"], 50)
    }).pipe(Effect.scoped), patienceMs)

  it.live(
    "prints what is there and how to install what is missing, and accepts missing optional parts",
    () =>
      Effect.gen(function*() {
        const at = yield* without("@audio/decode-aac", "@echogarden/fvad-wasm", "mediabunny")
        const { code, stderr, stdout } = yield* run([], { at, path: yield* temporary })
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.match(stdout, /^ok +opus +libopus-wasm: \d+\.\d+\.\d+, encodes and decodes$/m)
        assert.match(stdout, /^ok +e2ee +@snazzah\/davey: /m)
        assert.match(
          stdout,
          /^missing +package +@audio\/decode-aac \(optional\): not found\n +npm install @audio\/decode-aac/m
        )
        assert.match(
          stdout,
          /^missing +program +ffmpeg \(optional\): ffmpeg was not found on the PATH\n +install ffmpeg/m
        )
        assert.notMatch(stdout, /^\w+ +decoder +(aac|webrtc-vad)/m)
        assert.match(stdout, /^missing +decoder +mp4 \(optional\): Cannot find package 'mediabunny'.*\n.*ffmpeg plays/m)
        assert.match(
          stdout,
          /\n\nEverything that voice needs is there\..*Missing, but optional: @audio\/decode-aac, @echogarden\/fvad-wasm, mp4, ffmpeg, ffprobe\.\n$/
        )
      }).pipe(Effect.scoped),
    patienceMs
  )

  it.live("fails if end-to-end encryption has no binary, and continues with the rest", () =>
    Effect.gen(function*() {
      const at = yield* without("@snazzah/davey-")
      const ended = yield* run(["--json"], { at })
      assert.deepStrictEqual([ended.code, ended.stderr], [1, ""])
      const { end, of } = reported(ended)
      const davey = of.get("@snazzah/davey")
      assert.deepInclude(davey, { group: "e2ee", status: "missing", required: true })
      assert.include(davey?.detail, "@snazzah/davey cannot be loaded")
      assert.include(davey?.remedy, "--omit=optional")
      assert.strictEqual(of.get("loopback")?.status, "ok")
      assert.strictEqual(of.get("beat")?.facts["beats"], 50)
      assert.isFalse(end.fit)
      assert.match(end.message, /^Voice does not work: @snazzah\/davey\./)

      const other = yield* run(["--json"], { at, command: "emulator" })
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /^effect-discord-voice cannot be loaded: .*"effect-discord-voice doctor" says/)
    }).pipe(Effect.scoped), patienceMs)

  it.live(
    "names missing packages and their purposes, even if the library cannot be loaded",
    () =>
      Effect.gen(function*() {
        const failed = ({ code, stderr, stdout }: Ended) => {
          assert.strictEqual(code, 1)
          assert.notInclude(stderr, "doctor\" says")
          const lines: ReadonlyArray<unknown> = stdout.trimEnd().split("\n").map((line) => JSON.parse(line))
          assert.deepStrictEqual(lines.at(-1), { event: "failed", message: stderr.trimEnd() })
          return decodeChecks(lines.slice(0, -1))
        }
        const ended = yield* run(["--json"], { at: yield* without("@effect/platform-node") })
        assert.deepStrictEqual(failed(ended), [])
        assert.match(ended.stderr, /npm install effect @effect\/platform-node\n$/)

        const gone = ["libopus-wasm", "libsodium", "mediabunny", "ws"]
        const at = yield* without(...gone)
        const other = yield* run(["--json"], { at })
        assert.match(other.stderr, /package '(?:libopus-wasm|libsodium|ws)'.* Reinstall it/)
        const checks = failed(other)
        const notThere = checks.filter(({ status }) => status === "missing")
        assert.deepStrictEqual(notThere.map(({ name }) => name), gone)
        for (const { detail, name, remedy, required } of notThere) {
          assert.match(detail, /^not found; it is for /)
          assert.include(remedy, "npm ci --omit=dev")
          assert.strictEqual(required, name !== "mediabunny")
        }
        assert.deepInclude(checks.find(({ name }) => name === "tweetnacl"), { group: "package", status: "ok" })
        assert.strictEqual(checks[0]?.name, "node")

        const { code, stdout } = yield* run([], { at })
        assert.strictEqual(code, 1)
        assert.match(
          stdout,
          /^missing +package +libopus-wasm: not found; it is for mixing.*\n +reinstall the package/m
        )
      }).pipe(Effect.scoped),
    patienceMs
  )

  it.live("repeats the error output of a program that cannot be run", () =>
    Effect.gen(function*() {
      const path = yield* programs({ broken: "echo libavcodec is gone >&2; exit 127" })
      const ffmpeg = Path.join(path, "broken")
      const { code, stdout } = yield* run(["--ffmpeg", ffmpeg])
      assert.strictEqual(code, 0)
      assert.include(stdout, `(optional): ${ffmpeg} ended with exit code 127; it printed: libavcodec is gone`)
    }).pipe(Effect.scoped), patienceMs)
})
