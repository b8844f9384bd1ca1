import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "./listen.ts"

const song = fileURLToPath(new URL("files/chirp.opus.ogg", import.meta.url))

/** A program that runs this script, in which `song` is the path of a song. */
const program = (script: string, options?: Partial<AudioSource.ProcessOptions>): AudioSource.AudioSource =>
  AudioSource.fromProcess({
    command: process.execPath,
    args: ["-e", `const song = ${JSON.stringify(song)}; const fs = require("node:fs"); ${script}`],
    name: "the program",
    ...options
  })

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const pcm = { format: "s16le", rate: 48_000, channels: 1 } as const

describe("fromProcess", () => {
  it.live("plays a container or raw PCM that a program writes", () =>
    Effect.gen(function*() {
      const played = yield* collect(program("fs.createReadStream(song).pipe(process.stdout)"))
      assert.deepStrictEqual([played.end, played.frames.length, played.seekable], ["Done", 151, false])
      const raw = yield* collect(program("process.stdout.write(Buffer.alloc(96000, 64))", { pcm }))
      assert.deepStrictEqual([raw.end, raw.pcm.length, raw.pcm[1000]], ["Done", 96_000, 0x4040 / 32_768])
    }))

  it.live("is not blocked by a flood on stderr, and fails after the sound with its last lines and exit code", () =>
    Effect.gen(function*() {
      const played = yield* collect(program(
        `
        for (let i = 0; i < 5000; i++) fs.writeSync(2, "line " + i + " of many, many words that nobody reads\\n");
        fs.writeSync(1, Buffer.alloc(96000));
        fs.writeSync(2, "the disk is on fire\\n");
        process.exitCode = 3`,
        { pcm }
      ))
      assert.deepStrictEqual([played.end, played.pcm.length], ["Failed", 96_000])
      assert.match(played.message, /ended with exit code 3; it printed: .*line 4999 .*\| the disk is on fire\.$/)
      assert.isBelow(played.message.length, 600)
    }))

  it.live("names the signal that ended the program", () =>
    Effect.gen(function*() {
      const played = yield* collect(program("process.kill(process.pid, 'SIGKILL')", { pcm }))
      assert.deepStrictEqual(played.end, "Failed")
      assert.match(played.message, /was killed by SIGKILL, without any message/)
    }))

  it.live("says if a program does not exist", () =>
    Effect.gen(function*() {
      const missing = yield* collect(AudioSource.fromProcess({ command: "no-such-program", pcm }))
      assert.deepStrictEqual(missing.end, "NotFound")
      assert.match(missing.message, /the program no-such-program was not found on the PATH/)
      const folder = yield* collect(AudioSource.fromProcess({ command: "/tmp", pcm }))
      assert.strictEqual(folder.end, "Unreadable")
    }))

  it.live("ends a program with its scope, by force if necessary, and waits until it is gone", () =>
    Effect.gen(function*() {
      const scripts = [
        "process.on('SIGTERM', () => process.exit(0));",
        // ignores the signal, and floods both pipes while nobody reads
        "process.on('SIGTERM', () => undefined); process.stderr.write(Buffer.alloc(1e6)); process.stdout.write(Buffer.alloc(1e7));"
      ]
      for (const script of scripts) {
        const source = program(
          `fs.writeSync(1, Buffer.alloc(8000)); ${script} setInterval(() => {}, 1000)`,
          { pcm: { format: "u8", rate: 8000, channels: 1 }, killAfterMs: 200 }
        )
        const seen = yield* Effect.scoped(Effect.gen(function*() {
          const opened = yield* source.open
          const first = yield* opened.pull
          assert.isAbove(first.length, 0)
          return yield* children
        }))
        assert.isAbove(seen.length, 0)
        for (const pid of seen) assert.isFalse(isAlive(pid))
      }
    }))

  it.live("lets a program exit on its own, however long that takes, if killAfterMs is infinite", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "effect-discord-voice-test-"))
      const end = `setTimeout(() => fs.writeFileSync(${JSON.stringify(join(folder, "last"))}, "words"), 100)`
      const source = program(
        `process.once("SIGTERM", () => { clearInterval(idle); ${end} });
        const idle = setInterval(() => {}, 1000); fs.writeSync(1, Buffer.alloc(8000))`,
        { pcm: { format: "u8", rate: 8000, channels: 1 }, killAfterMs: Infinity }
      )
      const { end: how } = yield* collect(source, { limitMs: 1 })
      assert.strictEqual(how, "Done")
      assert.deepStrictEqual(readdirSync(folder), ["last"])
      rmSync(folder, { recursive: true })
    }))

  it.live("plays everything even if the program ended before it was read", () =>
    Effect.gen(function*() {
      const source = program("fs.writeSync(1, Buffer.alloc(60000, 64))", { pcm })
      const waited = {
        name: source.name,
        open: Effect.tap(source.open, () =>
          Effect.gen(function*() {
            while ((yield* children).length > 0) yield* Effect.sleep("5 millis")
          }))
      }
      const { end, pcm: heard } = yield* collect(waited)
      assert.deepStrictEqual([end, heard.length], ["Done", 60_000])
    }))

  it.live("ends a program that hangs if opening is interrupted", () =>
    Effect.gen(function*() {
      const source = program("setInterval(() => {}, 1000)", { killAfterMs: 200 })
      const fiber = yield* Effect.forkChild(collect(source), { startImmediately: true })
      let seen: ReadonlyArray<number> = []
      while (seen.length === 0) {
        yield* Effect.sleep("5 millis")
        seen = yield* children
      }
      yield* Fiber.interrupt(fiber)
      for (const pid of seen) assert.isFalse(isAlive(pid))
    }))
})

/** The child processes that are not gone yet, including zombies. */
const children = Effect.promise(async () => {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8")
  return text.trim() === "" ? [] : text.trim().split(" ").map(Number)
})

describe("fromNodeStream", () => {
  const bytes = readFileSync(song)

  it.live("plays a given stream once, and the streams of a function repeatedly", () =>
    Effect.gen(function*() {
      const once = AudioSource.fromNodeStream(Readable.from([bytes.subarray(0, 5000), bytes.subarray(5000)]))
      assert.strictEqual((yield* collect(once)).frames.length, 151)
      const again = yield* collect(once)
      assert.strictEqual(again.end, "Failed")
      assert.match(again.message, /already played/)
      const often = AudioSource.fromNodeStream(() => Readable.from([bytes]))
      for (let i = 0; i < 2; i++) assert.strictEqual((yield* collect(often)).frames.length, 151)
    }))

  it.live("reports failures, an early end, and chunks that are not bytes", () =>
    Effect.gen(function*() {
      const failing = yield* collect(AudioSource.fromNodeStream(() =>
        Readable.from((async function*() {
          yield bytes.subarray(0, 40_000)
          throw new Error("the cable is out")
        })())
      ))
      assert.deepStrictEqual([failing.end, failing.frames.length > 60], ["Failed", true])
      assert.match(failing.message, /the cable is out/)
      const parts = [bytes.subarray(0, 30_000)]
      // called again once all of that was read
      const closed = new Readable({
        highWaterMark: 1,
        read: () => {
          const part = parts.shift()
          if (part === undefined) closed.destroy()
          else closed.push(part)
        }
      })
      assert.match((yield* collect(AudioSource.fromNodeStream(closed))).message, /closed before its end/)
      const text = yield* collect(AudioSource.fromNodeStream(() => Readable.from(["text"])))
      assert.match(text.message, /something other than bytes/)
      const throwing = yield* collect(AudioSource.fromNodeStream(() => {
        throw new Error("no stream today")
      }))
      assert.match(throwing.message, /no stream today/)
    }))

  it.live("does not destroy a stream that is already being played", () =>
    Effect.gen(function*() {
      const stream = new Readable({ read: () => undefined })
      stream.push(bytes)
      stream.push(null)
      const source = AudioSource.fromNodeStream(stream)
      yield* source.open
      const again = yield* collect(source)
      assert.match(again.message, /already played/)
      assert.isFalse(stream.destroyed)
    }).pipe(Effect.scoped))

  it.live("plays streams of readable-stream 3, which do not state how they ended", () =>
    Effect.gen(function*() {
      const old = (stream: Readable): Readable => {
        for (const key of ["errored", "readableEnded", "closed"]) {
          Object.defineProperty(stream, key, { value: undefined })
        }
        return stream
      }
      const played = yield* collect(AudioSource.fromNodeStream(() => old(Readable.from([bytes]))))
      assert.deepStrictEqual([played.end, played.frames.length], ["Done", 151])
      const over = new Readable({ autoDestroy: false })
      over.push(null)
      yield* Effect.callback<void>((resume) => {
        over.on("end", () => resume(Effect.void)).resume()
      })
      assert.strictEqual((yield* collect(AudioSource.fromNodeStream(old(over)))).end, "Empty")
    }))

  it.live("destroys the stream when the scope closes", () =>
    Effect.gen(function*() {
      const stream = new Readable({ read: () => undefined })
      stream.push(bytes)
      yield* collect(AudioSource.fromNodeStream(stream), { limitMs: 100 })
      assert.isTrue(stream.destroyed)
    }))
})
