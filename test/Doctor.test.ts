import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import Dgram from "node:dgram"
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { pathToFileURL } from "node:url"
import { Worker } from "node:worker_threads"
import { vi } from "vitest"
import * as Doctor from "../src/Doctor.ts"
import * as Check from "../src/doctor/Check.ts"
import * as Installed from "../src/doctor/Installed.ts"
import * as Machine from "../src/doctor/Machine.ts"
import * as HelperThread from "../src/transport/HelperThread.ts"
import * as VoiceError from "../src/VoiceError.ts"

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "doctor-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Changes the first socket that is made, which is the echo. Returns all sockets that were made. */
const echoes = (
  change: (
    socket: Dgram.Socket,
    send: (message: Uint8Array, port: number, address: string) => void
  ) => { readonly [Name in "bind" | "send"]?: unknown }
) =>
  Effect.gen(function*() {
    const { createSocket } = Dgram
    const sockets: Array<Dgram.Socket> = []
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        Dgram.createSocket = (...made: [Dgram.SocketType | Dgram.SocketOptions]) => {
          const [options] = made
          const socket = typeof options === "string" ? createSocket(options) : createSocket(options)
          if (sockets.push(socket) > 1) return socket
          const send = socket.send.bind(socket)
          return Object.assign(socket, change(socket, (message, port, address) => send(message, port, address)))
        }
        syncBuiltinESMExports()
      }),
      () =>
        Effect.sync(() => {
          Dgram.createSocket = createSocket
          syncBuiltinESMExports()
        })
    )
    return sockets
  })

const subject: Check.Subject = { group: "opus", name: "it", isRequired: true }

describe("a trial", () => {
  it.effect("yields a check, whatever happens", () =>
    Effect.gen(function*() {
      const attempt = (trial: Effect.Effect<Check.Finding, { readonly _tag: string }>) =>
        Effect.map(Check.attempt(subject, "do that", trial), ({ detail, remedy, status }) => [status, detail, remedy])
      assert.deepStrictEqual(yield* attempt(Effect.succeed({ detail: "works" })), ["ok", "works", undefined])
      assert.deepStrictEqual(yield* attempt(Effect.succeed({ detail: "works", remedy: "but" })), [
        "warning",
        "works",
        "but"
      ])
      const failure = VoiceError.make(new VoiceError.CodecUnavailable({ codec: "x", detail: "no\nmemory" }))
      assert.deepStrictEqual(yield* attempt(Effect.fail(failure)), ["missing", "no memory", "do that"])
      assert.deepStrictEqual(yield* attempt(Effect.die(new Error("broken."))), ["missing", "broken", "do that"])
      const waiting = yield* Effect.forkChild(attempt(Effect.never), { startImmediately: true })
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* Fiber.join(waiting), ["missing", "it did not finish within 15 seconds", "do that"])
    }))

  it.effect("releases what it has opened", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const opened = Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push("released")))
      yield* Check.attempt(subject, "do that", Effect.as(opened, { detail: "works" }))
      assert.deepStrictEqual(log, ["released"])
    }))
})

describe("versions", () => {
  it("match package.json", () => {
    assert.strictEqual(manifest.engines.node, `>=${Installed.leastNode}`)
    assert.deepStrictEqual(
      Object.fromEntries(Installed.peers.map(({ least, name }) => [name, `^${least}`])),
      manifest.peerDependencies
    )
    assert.sameMembers(Object.keys(Installed.purposes), Object.keys(manifest.dependencies))
    const optional = Installed.peers.filter(({ purpose }) => purpose !== undefined).map(({ name }) => name)
    assert.sameMembers(optional, Object.keys(manifest.peerDependenciesMeta))
    assert.strictEqual(Installed.ownVersion(), manifest.version)
    for (const { least, name } of Installed.others) {
      assert.include(manifest.scripts["examples:runtimes"], `run-all.ts ${name}@${least}`)
    }
  })

  it("are compared as npm compares them", () => {
    const compatible = [["4.1.0", "4.1.0"], ["4.10.0", "4.9.3"], ["4.1.0-beta.3", "4.1.0"], ["0.2.7", "0.2.0"]] as const
    const others = [["4.0.9", "4.1.0"], ["5.0.0", "4.1.0"], ["0.3.0", "0.2.0"], ["3.19.0", "4.1.0"]] as const
    for (const [version, least] of compatible) assert.isTrue(Installed.isCompatible(version, least), version)
    for (const [version, least] of others) assert.isFalse(Installed.isCompatible(version, least), version)
  })

  it("of Node are judged: too old, slow in AES-GCM, and other runtimes", () => {
    const node = (version: string) => Installed.runtime({ node: version })
    assert.strictEqual(node("22.18.0").status, "missing")
    assert.strictEqual(node("22.19.0").status, "ok")
    for (const version of ["24.17.0", "24.22.0", "25.0.0"]) assert.notInclude(node(version).detail, "GCM")
    for (const version of ["24.18.0", "24.21.3"]) assert.include(node(version).detail, "GCM")
    const others = [{ bun: "1.4.4" }, { bun: "1.4.5" }, { deno: "2.9.5" }, { deno: "2.10.0" }]
    assert.deepStrictEqual(
      others.map((other) => Installed.runtime({ node: "26.3.0", ...other }).status),
      ["warning", "ok", "warning", "ok"]
    )
  })

  it("of peers are judged: missing, out of range, and installed twice", () => {
    const [effect, platform] = Installed.peers
    if (effect === undefined || platform === undefined) return assert.fail("no peers")
    const at = (version: string, path = "/a/package.json") => ({ version, path })
    assert.strictEqual(Installed.peer(effect, undefined, undefined).status, "ok")
    assert.strictEqual(Installed.peer(platform, undefined, undefined).status, "missing")
    assert.include(Installed.peer(platform, at("3.0.0"), undefined).remedy, `@effect/platform-node@^${platform.least}`)
    assert.strictEqual(Installed.peer(effect, at("4.1.0"), at("4.1.0")).status, "ok")
    const twice = Installed.peer(effect, at("4.1.0"), at("4.1.2", "/b/package.json"))
    assert.strictEqual(twice.status, "warning")
    assert.include(twice.detail, "another copy (4.1.2)")
  })

  it.effect("are found where Node finds packages, also behind links", () =>
    Effect.gen(function*() {
      const folder = yield* temporary
      const real = join(folder, "elsewhere")
      mkdirSync(real)
      writeFileSync(join(real, "package.json"), JSON.stringify({ name: "one", version: "1.2.3" }))
      mkdirSync(join(folder, "node_modules"))
      symlinkSync(real, join(folder, "node_modules", "one"), "dir")
      mkdirSync(join(folder, "node_modules", "two"))
      writeFileSync(join(folder, "node_modules", "two", "package.json"), "{")
      const from = pathToFileURL(join(folder, "deep", "er.js")).href
      assert.strictEqual(Installed.find("one", from)?.version, "1.2.3")
      assert.include(Installed.find("one", from)?.path, "elsewhere")
      assert.match(Installed.find("two", from)?.version ?? "", /^unreadable/)
      assert.isUndefined(Installed.find("three", from))
    }).pipe(Effect.scoped))
})

describe("the machine", () => {
  it.effect("has a program if it is on the PATH and executable", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* temporary, yield* temporary]
      writeFileSync(join(first, "tool"), "", { mode: 0o644 })
      writeFileSync(join(second, "tool"), "", { mode: 0o755 })
      mkdirSync(join(second, "folder"))
      const env = { PATH: ["", first, second].join(delimiter) }
      assert.strictEqual(Machine.which("tool", env), join(second, "tool"))
      assert.isUndefined(Machine.which("folder", env))
      assert.isUndefined(Machine.which("other", env))
      assert.isUndefined(Machine.which("tool", {}))
      assert.strictEqual(Machine.which(join(second, "tool"), {}), join(second, "tool"))
      assert.isUndefined(Machine.which(join(first, "tool"), {}))
      chmodSync(join(first, "tool"), 0o755)
      assert.strictEqual(Machine.which("tool", env), join(first, "tool"))
    }).pipe(Effect.scoped))

  it.live("has a program if it prints its version, however much else it prints", () =>
    Effect.gen(function*() {
      const folder = yield* temporary
      const tried = (script: string) => {
        const path = join(folder, "tool")
        writeFileSync(path, `#!/bin/sh\n${script}`, { mode: 0o755 })
        return Effect.map(Machine.programs(path), ([check]) => check)
      }
      assert.deepInclude(yield* tried("echo tool version 7.1-x"), { status: "ok" })
      // a program whose output is not read to its end does not get that far
      const flood = yield* tried("echo tool version 7.1-x; head -c 1000000 /dev/zero; exit 3")
      assert.deepInclude(flood, { status: "ok" })
      assert.strictEqual(flood?.facts["version"], "7.1-x")
      const other = yield* tried("echo hello")
      assert.strictEqual(other?.status, "missing")
      assert.match(other?.detail ?? "", /does not print a version/)
    }).pipe(Effect.scoped))

  it.effect("has a beat that may be measured for longer than other trials take", () =>
    Effect.gen(function*() {
      const beat = yield* Effect.forkChild(Machine.beat("20 seconds"), { startImmediately: true })
      yield* TestClock.adjust("34 seconds")
      assert.isUndefined(beat.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(beat)).detail, "it did not finish within 35 seconds")
      const endless = yield* Effect.forkChild(Machine.beat("Infinity"), { startImmediately: true })
      yield* TestClock.adjust("75 seconds")
      assert.strictEqual((yield* Fiber.join(endless)).detail, "it did not finish within 75 seconds")
    }))

  it("has a limit of open files, or no check of it", () => {
    const limits = (soft: string) =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}   524288   files\n`
    assert.deepStrictEqual(Machine.openFiles(undefined), [])
    assert.deepStrictEqual(Machine.openFiles(limits("unlimited")), [])
    assert.deepInclude(Machine.openFiles(limits("1024"))[0], { status: "ok", facts: { soft: 1024 } })
    assert.deepInclude(Machine.openFiles(limits("256"))[0], { status: "warning", facts: { soft: 256 } })
  })

  it("has processors, limited by a container's quota", () => {
    const facts = (share: number) => ({ facts: { available: 4, share } })
    assert.deepInclude(Machine.processors(4, undefined), { status: "ok", ...facts(4) })
    assert.deepInclude(Machine.processors(4, "max 100000\n"), { status: "ok", ...facts(4) })
    assert.deepInclude(Machine.processors(4, "150000 100000\n"), { status: "ok", ...facts(1.5) })
    assert.deepInclude(Machine.processors(4, "25000 100000\n"), { status: "warning", ...facts(0.25) })
    assert.strictEqual(Machine.processors(4, "150000 100000\n").detail, "1.5 of 4, by the container's quota")
    assert.strictEqual(Machine.processors(4, "800000 100000\n").detail, "4")
  })

  it.live("closes a socket that cannot be bound", () =>
    Effect.gen(function*() {
      const sockets = yield* echoes((socket) => ({
        bind: () => {
          queueMicrotask(() => socket.emit("error", new Error("bind EPERM")))
          return socket
        }
      }))
      const { detail, isRequired, status } = yield* Machine.udp
      assert.deepStrictEqual([status, detail, sockets.length], ["missing", "no socket: Error: bind EPERM", 1])
      assert.isTrue(isRequired)
      assert.throws(() => sockets[0]?.close(), /Not running/)
    }).pipe(Effect.scoped))

  it.live("sends only to itself, survives a socket error, and closes the socket", () =>
    Effect.gen(function*() {
      const addresses: Array<string> = []
      const sockets = yield* echoes((socket, send) => ({
        send: (message: Uint8Array, port: number, address: string) => {
          addresses.push(socket.address().address)
          socket.emit("error", new Error("recvmsg ECONNREFUSED"))
          send(message, port, address)
        }
      }))
      const before = performance.now()
      const { facts, status } = yield* Machine.udp
      assert.deepStrictEqual([status, addresses], ["ok", ["127.0.0.1"]])
      assert.isAtLeast(Number(facts["roundTripMs"]), 0)
      assert.isAtMost(Number(facts["roundTripMs"]), performance.now() - before)
      assert.throws(() => sockets[0]?.close(), /Not running/)
    }).pipe(Effect.scoped))

  it.live("reports an answer that differs from what was sent", () =>
    Effect.gen(function*() {
      yield* echoes((_, send) => ({
        send: (message: Uint8Array, port: number, address: string) =>
          send(message.map((byte) => byte ^ 1), port, address)
      }))
      const { detail, status } = yield* Machine.udp
      assert.deepStrictEqual([status, detail], ["missing", "what came back is not what was sent"])
    }).pipe(Effect.scoped))

  it.effect("waits two seconds for an answer", () =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      yield* echoes(() => ({ send: () => Deferred.doneUnsafe(arrived, Effect.void) }))
      const trial = yield* Effect.forkChild(Machine.udp, { startImmediately: true })
      yield* Deferred.await(arrived)
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(trial.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const { detail, status } = yield* Fiber.join(trial)
      assert.deepStrictEqual([status, detail], ["missing", "what was sent did not come back within 2000 ms"])
    }).pipe(Effect.scoped))

  it.live("sends and receives, and has a beat", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Machine.udp).status, "ok")
      const beat = yield* Machine.beat("100 millis")
      assert.strictEqual(beat.facts["beats"], 5)
      assert.include(["ok", "warning"], beat.status)
    }))
})

describe("a thread", () => {
  it.live("is tried out, and its failure is reported", () =>
    Effect.gen(function*() {
      const trial = (file: string) => Effect.promise(() => HelperThread.trial("test", new URL(file, import.meta.url)))
      assert.isUndefined(yield* trial("./transport/helper.ts"))
      assert.include(yield* trial("./nowhere/daveWorker.js"), "leave effect-discord-voice out")
      assert.include(yield* trial("data:text/javascript,throw new Error('not today')"), "not today")
    }))

  it.effect("is terminated when nobody waits for it any more", () =>
    Effect.gen(function*() {
      const ended = yield* Effect.acquireRelease(
        Effect.sync(() => vi.spyOn(Worker.prototype, "terminate")),
        (spy) => Effect.sync(() => spy.mockRestore())
      )
      const silent = new URL("data:text/javascript,setInterval(() => undefined, 1000)")
      const trial = yield* Effect.forkChild(
        Effect.promise((signal) => HelperThread.trial("test", silent, signal)),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(trial)
      assert.strictEqual(ended.mock.calls.length, 1)
    }).pipe(Effect.scoped))
})

describe("a report", () => {
  const check = (name: string, status: Check.Check["status"], isRequired: boolean): Check.Check => ({
    group: "opus",
    name,
    isRequired,
    status,
    detail: "so",
    remedy: status === "ok" ? undefined : "do that",
    facts: {}
  })

  it("has a line for each check, and a verdict", () => {
    const checks = [check("a", "ok", true), check("b", "missing", false), check("c", "warning", true)]
    assert.deepStrictEqual(Doctor.format({ checks, isFit: true }).split("\n"), [
      "ok       opus     a: so",
      "missing  opus     b (optional): so",
      "                  do that",
      "warning  opus     c: so",
      "                  do that",
      "Everything that voice needs is there. Warnings: c. Missing, but optional: b."
    ])
    assert.strictEqual(Doctor.verdict([check("a", "missing", true)]), "Voice does not work: a.")
    assert.isTrue(Doctor.isObstacle(check("a", "missing", true)))
    assert.isFalse(Doctor.isObstacle(check("a", "missing", false)))
  })

  it.live("can be made in the process of a bot, which is fit without ffmpeg", () =>
    Effect.gen(function*() {
      const { checks, isFit } = yield* Doctor.examine({ ffmpeg: "no-such-program", beat: "20 millis" })
      assert.isTrue(isFit)
      const of = (name: string) => checks.find((check) => check.name === name)
      assert.deepInclude(of("ffmpeg"), { status: "missing", isRequired: false })
      // no program is called ffmpeg, so there is no ffprobe next to it
      assert.isUndefined(of("ffprobe"))
      assert.isTrue(Schema.is(Schema.Array(Schema.Struct({ name: Schema.String })))(checks))
    }))
})
