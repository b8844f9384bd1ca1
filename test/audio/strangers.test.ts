/** What a hostile server can do with a request, and what stops it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Http from "node:http"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "./listen.ts"
import { listen } from "./listening.ts"

const megabyte = 1024 * 1024

const options = { ffmpeg: false, reconnect: Schedule.recurs(0) } as const

/** Without a rule for addresses, as by default, and with one. */
const ways = ["any", () => true] as const

/** Writes for as long as it is read. */
const pour = (socket: Socket, piece: string) => {
  const go = (): void => {
    while (!socket.destroyed && socket.write(piece)) { /* until its buffer is full */ }
    socket.once("drain", go)
  }
  go()
}

const serve = (answer: Http.RequestListener) => listen(Http.createServer(answer))

describe("a hostile server", () => {
  it.live("can redirect at most 20 times", () =>
    Effect.gen(function*() {
      let asked = 0
      const url = yield* serve((_, response) => response.writeHead(302, { location: `/${++asked}` }).end())
      for (const addresses of ways) {
        asked = 0
        const { message } = yield* collect(AudioSource.fromUrl(url, { ...options, addresses }))
        assert.include(message, "it redirects too many times, or in a loop")
        assert.strictEqual(asked, 21)
      }
    }))

  it.live("is cut off if its headers, or early hints, are endless or late", () =>
    Effect.gen(function*() {
      const beginnings = {
        "HTTP/1.1 200 OK\r\n": `x-a: ${"b".repeat(1_000)}\r\n`,
        "HTTP/1.1 200 OK\r\nx-a: ": "b".repeat(65_536),
        "": "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n".repeat(100),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=": "b".repeat(65_536),
        "HTTP/1.1 200 OK\r\nx-a: b": ""
      }
      for (const [beginning, rest] of Object.entries(beginnings)) {
        const closed: Array<Promise<number>> = []
        const url = yield* serve(({ socket }) => {
          closed.push(new Promise((resolve) => socket.once("close", () => resolve(socket.bytesWritten))))
          socket.on("error", () => undefined)
          socket.write(beginning)
          if (rest !== "") pour(socket, rest)
        })
        for (const addresses of ways) {
          const source = AudioSource.fromUrl(url, { ...options, addresses, stallTimeout: "500 millis" })
          assert.strictEqual((yield* collect(source)).end, "Failed", beginning)
        }
        yield* Effect.promise(() => Promise.all(closed))
        assert.strictEqual(closed.length, 2)
      }
    }))

  it.live("cannot use much memory with a gzip bomb", () =>
    Effect.gen(function*() {
      const bomb = gzipSync(Buffer.alloc(256 * megabyte), { level: 9 })
      const url = yield* serve(({ url }, response) =>
        response.writeHead(200, { "content-encoding": url === "/six" ? "gzip, gzip, gzip, gzip, gzip, gzip" : "gzip" })
          .end(bomb)
      )
      for (const addresses of ways) {
        const before = process.memoryUsage().arrayBuffers
        const { end } = yield* collect(AudioSource.fromUrl(url, { ...options, addresses }))
        assert.strictEqual(end, "UnknownFormat")
        assert.isBelow(process.memoryUsage().arrayBuffers - before, 64 * megabyte)
        assert.strictEqual((yield* collect(AudioSource.fromUrl(`${url}/six`, { ...options, addresses }))).end, "Failed")
      }
    }), 60_000)

  it.live("can have at most 16 nested playlists requested, with 64 KiB read of each", () =>
    Effect.gen(function*() {
      let asked = 0
      const url = yield* serve((_, response) => {
        asked++
        const pour = (): void => {
          while (
            !response.destroyed && response.write(`${"#EXTM3U\n"}${`/${asked}/a\n`.repeat(10_000)}`)
          ) { /* all that it takes */ }
          response.once("drain", pour)
        }
        pour()
      })
      for (const addresses of ways) {
        asked = 0
        const { end } = yield* collect(AudioSource.fromUrl(url, { ...options, addresses }))
        assert.strictEqual(end, "Unsupported")
        assert.isAtMost(asked, 17)
        asked = 0
        assert.strictEqual((yield* AudioSource.entriesOf(url, { addresses }))?.length, 1_000)
        assert.strictEqual(asked, 1)
      }
    }))
})
