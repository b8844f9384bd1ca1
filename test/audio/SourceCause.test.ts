import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import * as Net from "node:net"
import { Readable } from "node:stream"
import { inspect } from "node:util"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as ByteSource from "../../src/audio/ByteSource.ts"
import * as ChildProcess from "../../src/audio/process/ChildProcess.ts"
import * as FrameSource from "../../src/audio/source/FrameSource.ts"
import * as SourceAt from "../../src/audio/track/SourceAt.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import { song } from "./httpServer.ts"
import { listen } from "./listening.ts"

const thrown = new Error("said by the test")

const failureOf = <A>(opening: Effect.Effect<A, unknown, never>) =>
  Effect.map(Effect.flip(opening), (error) => {
    assert(error instanceof VoiceError.VoiceError && error.reason._tag === "SourceFailed")
    return error.reason
  })

/** A port that nothing listens on any more. */
const closedPort = Effect.callback<number>((resume) => {
  const server = Net.createServer()
  server.listen(0, "127.0.0.1", () => {
    // a server that listens on TCP has an address of this kind
    const { port } = server.address() as Net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const once = { reconnect: Schedule.recurs(0) }

describe("SourceFailed", () => {
  it.effect("has the thrown error as its cause, and its text as the detail", () =>
    Effect.gen(function*() {
      const streamed = yield* Effect.scoped(
        Effect.flatMap(ByteSource.stream(Stream.fail(thrown), "speech"), ({ next }) => failureOf(next))
      )
      assert.deepStrictEqual([streamed.cause, streamed.detail], [thrown, "said by the test"])
      const frames = function*() {
        yield { data: Uint8Array.of(0xfc), samples: 960 }
        throw thrown
      }
      assert.strictEqual((yield* failureOf(FrameSource.pullIterable(frames(), 4, "frames"))).cause, thrown)
      const none = yield* failureOf(Effect.scoped(ByteSource.file("no-such-file", "x")))
      assert.match(none.message, /failed \(NotFound\): this file does not exist: .*no-such-file\.$/)
      assert.deepInclude(none.cause, { code: "ENOENT", syscall: "stat" })
      // nothing was thrown, so there is no cause
      assert.notProperty(yield* failureOf(Effect.scoped(ByteSource.file(".", "x"))), "cause")
    }))

  it.effect("also reports a source that dies on opening or seeking, without secrets", () =>
    Effect.gen(function*() {
      const options = { name: "a", limitMs: 5_000, awaitEnd: Effect.never }
      const opened = yield* failureOf(Effect.scoped(SourceAt.make(Effect.die(thrown), options)(0)))
      assert.deepStrictEqual([opened.kind, opened.detail, opened.cause], ["Failed", "said by the test", thrown])
      const { open } = AudioSource.fromFrames([{ data: Uint8Array.of(0xfc, 1), samples: 960 }])
      const seeking = Effect.map(open, (source) => ({
        ...source,
        seek: () => Effect.die(new Error("there is no https://example.com/a?key=secret"))
      }))
      const sought = yield* failureOf(Effect.scoped(SourceAt.make(seeking, options)(1_000)))
      assert.include(sought.detail, "there is no https://example.com/a")
      assert.notInclude(inspect(sought, { depth: 9 }), "secret")
    }))

  it.effect("reports the last connection error if the source does not open before the track gives up", () =>
    Effect.gen(function*() {
      const tried = yield* Deferred.make<void>()
      const reconnect = Schedule.spaced("1 hour").pipe(Schedule.tap(() => Deferred.succeed(tried, undefined)))
      const source = AudioSource.fromUrl(`http://127.0.0.1:${yield* closedPort}/a?key=secret`, { reconnect })
      const open = SourceAt.make(source.open, { name: "a", limitMs: 5_000, awaitEnd: Effect.never })
      const opening = yield* Effect.forkScoped(failureOf(Effect.scoped(open(0))), { startImmediately: true })
      yield* Deferred.await(tried)
      yield* TestClock.adjust("5 seconds")
      const { detail } = yield* Fiber.join(opening)
      assert.match(
        detail,
        /^it did not open within 5000 ms; the last failure was: the connection failed: .*ECONNREFUSED/
      )
    }))

  it.effect("comes in time even if bytes trickle in during opening, and the connection is closed", () =>
    Effect.gen(function*() {
      const [trickling, left] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const server = Http.createServer((_, response) => {
        let given = 0
        // each byte comes soon enough for the connection not to count as stalled
        const timer = setInterval(() => {
          response.write(song.subarray(given, ++given))
          if (given === 10) Deferred.doneUnsafe(trickling, Effect.void)
        }, 5)
        response.on("close", () => {
          clearInterval(timer)
          Deferred.doneUnsafe(left, Effect.void)
        })
      })
      const source = AudioSource.fromUrl(yield* listen(server))
      const open = SourceAt.make(source.open, { name: "a", limitMs: 5_000, awaitEnd: Effect.never })
      const opening = yield* Effect.forkScoped(failureOf(Effect.scoped(open(0))), { startImmediately: true })
      yield* Deferred.await(trickling)
      yield* TestClock.adjust("5 seconds")
      const { detail, kind } = yield* Fiber.join(opening)
      assert.deepStrictEqual([kind, detail], ["Failed", "it did not open within 5000 ms"])
      yield* Deferred.await(left)
    }))

  it.effect("hides the credentials and the query of a URL, even within an error of the caller's stream", () =>
    Effect.gen(function*() {
      const own = new Error("GET https://me:pass@host/a?token=secret: 403")
      const throwing = function*() {
        yield { data: Uint8Array.of(0xfc), samples: 960 }
        throw own
      }
      const sources = [
        AudioSource.fromStream(Stream.fail(own)),
        AudioSource.fromFrames(throwing()),
        AudioSource.fromNodeStream(() => {
          throw own
        }),
        AudioSource.fromPcm(Stream.fail(own), { rate: 48_000, channels: 2 })
      ]
      for (const source of sources) {
        const reason = yield* failureOf(
          Effect.scoped(
            Effect.flatMap(source.open, ({ pull }) => Effect.forever(pull as Effect.Effect<unknown, unknown>))
          )
        )
        assert.strictEqual(reason.detail, "GET https://host/a 403", source.name)
        assert.strictEqual(reason.cause, own)
      }
    }))

  it.live("has a cause if the error comes from Node, the network or another source", () =>
    Effect.gen(function*() {
      const broken = () =>
        Readable.from((async function*() {
          yield new Uint8Array(1)
          throw thrown
        })())
      const node = yield* failureOf(Effect.scoped(AudioSource.fromNodeStream(broken).open))
      assert.strictEqual(node.cause, thrown)
      const url = `http://127.0.0.1:${yield* closedPort}/a?key=secret`
      const refused = yield* failureOf(Effect.scoped(AudioSource.fromUrl(url, once).open))
      assert.deepInclude(refused.cause, { code: "ECONNREFUSED" })
      const sentence = yield* failureOf(
        Effect.scoped(AudioSource.fromBytes(new Uint8Array(64).fill(7), { ffmpeg: { command: "no-such-ffmpeg" } }).open)
      )
      const missing = sentence.cause
      assert(missing instanceof VoiceError.VoiceError && missing.reason._tag === "SourceFailed")
      assert.strictEqual(sentence.kind, "UnknownFormat")
      assert.include(missing.message, "no-such-ffmpeg was not found")
    }))

  it.live("has a cause if a stream is destroyed during a read and reports its error a moment later", () =>
    Effect.gen(function*() {
      const destroyed = () =>
        new Readable({
          read() {
            this.destroy(thrown)
          }
        })
      const { cause, detail } = yield* failureOf(Effect.scoped(AudioSource.fromNodeStream(destroyed).open))
      assert.deepStrictEqual([cause, detail], [thrown, "said by the test"])
    }))

  it.live("has no cause that could show a secret", () =>
    Effect.gen(function*() {
      const program = yield* failureOf(
        Effect.scoped(ChildProcess.open({ command: "no-such-program", args: ["-headers", "key: secret"] }, "x"))
      )
      assert.deepInclude(program.cause, { code: "ENOENT" })
      const header = { ...once, headers: { "x-key": "se\ncret" } }
      const url = `http://127.0.0.1:${yield* closedPort}/a?key=secret`
      const request = yield* failureOf(Effect.scoped(AudioSource.fromUrl(url, header).open))
      const address = yield* failureOf(Effect.scoped(AudioSource.fromUrl(url, once).open))
      assert.notProperty(request, "cause")
      for (const reason of [program, address]) {
        assert.notInclude(inspect(reason.cause, { depth: Infinity, showHidden: true }), "secret")
      }
    }))

  it.effect("holds nothing of the arguments, environment or directory that a program was to be started with", () =>
    Effect.gen(function*() {
      const secrets = [{ args: ["secret\0"] }, { env: { TOKEN: "secret\0" } }, { cwd: "secret\0" }]
      for (const secret of secrets) {
        const started = AudioSource.fromProcess({ command: process.execPath, ...secret })
        const reason = yield* failureOf(Effect.scoped(started.open))
        assert.match(reason.detail, /zero byte/)
        assert.notInclude(inspect(reason), "secret")
      }
    }))
})
