import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Queue, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Dgram from "node:dgram"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { generate } from "selfsigned"
import { type WebSocket, WebSocketServer } from "ws"
import * as Transport from "../src/Transport.ts"

/** What a server saw of one connection. */
interface Accepted {
  readonly socket: WebSocket
  readonly received: Queue.Queue<Transport.Frame>
  readonly closed: Deferred.Deferred<{ readonly code: number; readonly reason: string }>
}

const listen = (server: Net.Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : 0))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        if (server instanceof Http.Server) server.closeAllConnections()
      })
  )

/** A WebSocket server on loopback. */
const serve = Effect.fnUntraced(function*(http: Http.Server | Https.Server = Http.createServer()) {
  const accepted = yield* Queue.unbounded<Accepted>()
  const runSync = Effect.runSyncWith(yield* Effect.context())
  const server = new WebSocketServer({ server: http })
  server.on("connection", (socket) => {
    const connection: Accepted = {
      socket,
      received: runSync(Queue.unbounded<Transport.Frame>()),
      closed: Deferred.makeUnsafe()
    }
    socket.on("error", () => {})
    socket.on("message", (data: Buffer, isBinary) => {
      Queue.offerUnsafe(connection.received, isBinary ? new Uint8Array(data) : data.toString())
    })
    socket.on("close", (code, reason) => {
      Deferred.doneUnsafe(connection.closed, Exit.succeed({ code, reason: reason.toString() }))
    })
    Queue.offerUnsafe(accepted, connection)
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const client of server.clients) client.terminate()
    })
  )
  const port = yield* listen(http)
  return { url: `ws://127.0.0.1:${port}/?v=8`, port, accepted, server }
})

const connect = (url: string, options?: Transport.WebSocketOptions) =>
  Effect.flatMap(Transport.WebSocketTransport, (transport) => transport.connect(url, options))

/** Client and server side of one connection. */
const pair = Effect.fnUntraced(function*(options?: Transport.WebSocketOptions) {
  const server = yield* serve()
  const client = yield* connect(server.url, options)
  const peer = yield* Queue.take(server.accepted)
  return { client, peer, server }
})

/** The same, with the server's end of the TCP connection, to send what a WebSocket server would not. */
const rawPair = Effect.gen(function*() {
  const http = Http.createServer()
  const sockets = yield* Queue.unbounded<Net.Socket>()
  http.on("connection", (socket) => void Queue.offerUnsafe(sockets, socket))
  const server = yield* serve(http)
  const client = yield* connect(server.url)
  return { client, peer: yield* Queue.take(server.accepted), raw: yield* Queue.take(sockets) }
})

const failureOf = <A, E>(effect: Effect.Effect<A, E>) => Effect.flip(effect)

const drain = (client: Transport.WebSocketConnection) =>
  Effect.gen(function*() {
    const frames: Array<Transport.Frame> = []
    const exit = yield* Effect.exit(
      Queue.take(client.frames).pipe(Effect.tap((frame) => Effect.sync(() => frames.push(frame))), Effect.forever)
    )
    const closed = Exit.findErrorOption(exit)
    return { frames, closed: Option.getOrThrow(closed) }
  })

const poll = (condition: () => boolean) =>
  Effect.sleep("2 millis").pipe(Effect.repeat({ until: () => Effect.sync(condition) }), Effect.timeout("60 seconds"))

const sockets = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|UDP/.test(name)).length

describe("Transport", () => {
  describe("WebSocket", () => {
    it.live("keeps text and binary messages in order, both ways", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        for (let i = 0; i < 50; i++) {
          peer.socket.send(`t${i}`)
          peer.socket.send(Uint8Array.of(i))
          yield* client.send(`c${i}`)
          yield* client.send(Uint8Array.of(i, 1))
        }
        for (let i = 0; i < 50; i++) {
          assert.strictEqual(yield* Queue.take(client.frames), `t${i}`)
          const binary = yield* Queue.take(client.frames)
          assert.deepStrictEqual(Array.from(binary, Number), [i])
          assert.instanceOf(binary, Uint8Array)
          assert.strictEqual(yield* Queue.take(peer.received), `c${i}`)
          assert.deepStrictEqual(yield* Queue.take(peer.received), Uint8Array.of(i, 1))
        }
      }).pipe(Effect.provide(Transport.layer)))

    it.live("delivers what came before the close, then the server's code and reason", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        peer.socket.send("last")
        peer.socket.close(4006, "session invalid")
        const { closed, frames } = yield* drain(client)
        assert.deepStrictEqual(frames, ["last"])
        assert.strictEqual(closed.code, 4006)
        assert.strictEqual(closed.reason, "session invalid")
        const late = yield* failureOf(client.send("late"))
        assert.strictEqual(late.code, 4006)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("reports 1006 when the server's TCP connection dies", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        peer.socket.terminate()
        const { closed } = yield* drain(client)
        assert.strictEqual(closed.code, 1006)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("closes with our code, tolerates a second close, and truncates a long reason", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        yield* client.close(4900, "ü".repeat(100))
        yield* client.close(4901, "second")
        assert.deepStrictEqual(yield* Deferred.await(peer.closed), { code: 4900, reason: "ü".repeat(61) })
        assert.strictEqual((yield* drain(client)).closed.code, 4900)
        assert.strictEqual((yield* failureOf(client.send("late")))._tag, "WebSocketClosed")
      }).pipe(Effect.provide(Transport.layer)))

    it.live.each([1004, 1005, 1006, 1015, 2999, 5000, 1000.5])(
      "drops the connection without a close frame for %d, which may not be sent",
      (code) =>
        Effect.gen(function*() {
          const { client, peer } = yield* pair()
          yield* client.close(code, "")
          assert.strictEqual((yield* Deferred.await(peer.closed)).code, 1006)
        }).pipe(Effect.provide(Transport.layer))
    )

    it.live.each([1000, 1014, 3000, 3999, 4999])("closes with %d, which may be sent", (code) =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        yield* client.close(code, "")
        assert.strictEqual((yield* Deferred.await(peer.closed)).code, code)
      }).pipe(Effect.provide(Transport.layer)))

    it.live.each([123, 124])("sends 123 bytes of a reason of %d bytes", (length) =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        yield* client.close(4000, "x".repeat(length))
        assert.strictEqual((yield* Deferred.await(peer.closed)).reason, "x".repeat(123))
      }).pipe(Effect.provide(Transport.layer)))

    it.live("does not ask for compression", () =>
      Effect.gen(function*() {
        const server = yield* serve()
        const extensions = Deferred.makeUnsafe<string | undefined>()
        server.server.once("connection", (_, { headers }) => {
          Deferred.doneUnsafe(extensions, Exit.succeed(headers["sec-websocket-extensions"]))
        })
        yield* connect(server.url)
        assert.isUndefined(yield* Deferred.await(extensions))
      }).pipe(Effect.provide(Transport.layer)))

    it.live("fails a message that could not be sent before the connection ended", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        peer.socket.pause()
        // more than the buffers of both ends can hold
        const sending = yield* Effect.forkScoped(Effect.flip(client.send(new Uint8Array(64 * 1024 * 1024))), {
          startImmediately: true
        })
        peer.socket.terminate()
        const failed = yield* Effect.timeout(Fiber.join(sending), "60 seconds")
        assert.strictEqual(failed.code, 1006)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("fails a message that is written to a connection that was reset", () =>
      Effect.gen(function*() {
        const { client, raw } = yield* rawPair
        raw.resetAndDestroy()
        const failed = yield* Effect.timeout(Effect.flip(client.send("too late")), "60 seconds")
        assert.strictEqual(failed.code, 1006)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("keeps the order of what it could not hold yet, and ends after it", () =>
      Effect.gen(function*() {
        const { client, raw } = yield* rawPair
        const texts = Array.from({ length: 1_500 }, (_, i) => `${i}`)
        // all in one piece, so that the end is known before there is room for what came before it
        raw.write(Buffer.concat([
          ...texts.flatMap((text) => [Uint8Array.of(0x81, text.length), Buffer.from(text)]),
          Uint8Array.of(0x88, 6, 4001 >> 8, 4001 & 0xff),
          Buffer.from("done")
        ]))
        assert.strictEqual((yield* failureOf(Effect.forever(client.send("until it has ended")))).code, 4001)
        const { closed, frames } = yield* drain(client)
        assert.deepStrictEqual(frames, texts)
        assert.deepInclude(closed, { code: 4001, reason: "done" })
      }).pipe(Effect.provide(Transport.layer)))

    it.live.each(
      [
        ["invalid UTF-8", 1007, Uint8Array.of(0x81, 0x02, 0xc3, 0x28)],
        ["reserved bits", 1002, Uint8Array.of(0xf1, 0x00)],
        ["a continuation of nothing", 1002, Uint8Array.of(0x80, 0x00)]
      ] as const
    )("closes with the right code for %s: %d", ([_, code, bytes]) =>
      Effect.gen(function*() {
        const { client, peer, raw } = yield* rawPair
        raw.write(bytes)
        assert.strictEqual((yield* drain(client)).closed.code, code)
        assert.strictEqual((yield* Deferred.await(peer.closed)).code, code)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("reports a protocol error even while its own close is in progress", () =>
      Effect.gen(function*() {
        const { client, peer, raw } = yield* rawPair
        peer.socket.pause()
        yield* client.close(4000, "bye")
        raw.write(Uint8Array.of(0x80, 0x00))
        assert.strictEqual((yield* drain(client)).closed.code, 1002)
        peer.socket.resume()
      }).pipe(Effect.provide(Transport.layer)))

    it.live("ignores everything after the server's close", () =>
      Effect.gen(function*() {
        const { client, raw } = yield* rawPair
        raw.write(Uint8Array.of(0x88, 2, 4006 >> 8, 4006 & 0xff, 0x80, 0x00))
        raw.write(Uint8Array.of(0x80, 0x00))
        assert.strictEqual((yield* drain(client)).closed.code, 4006)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("terminates without a close frame", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        yield* client.terminate
        assert.strictEqual((yield* Deferred.await(peer.closed)).code, 1006)
        assert.strictEqual((yield* drain(client)).closed.code, 1006)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("ends the connection with its scope, and waits for it", () =>
      Effect.gen(function*() {
        const server = yield* serve()
        const before = sockets()
        const peer = yield* Effect.scoped(Effect.gen(function*() {
          const client = yield* connect(server.url)
          yield* client.send("hello")
          return yield* Queue.take(server.accepted)
        }))
        assert.strictEqual((yield* Deferred.await(peer.closed)).code, 1006)
        yield* poll(() => sockets() <= before)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("lets a closing handshake finish if the scope closes right after", () =>
      Effect.gen(function*() {
        const server = yield* serve()
        const { peer, reader } = yield* Effect.scoped(Effect.gen(function*() {
          const client = yield* connect(server.url)
          const peer = yield* Queue.take(server.accepted)
          yield* client.close(1000, "bye")
          return { peer, reader: drain(client) }
        }))
        assert.deepStrictEqual(yield* Deferred.await(peer.closed), { code: 1000, reason: "bye" })
        // a connection that was torn down would say 1006
        assert.strictEqual((yield* reader).closed.code, 1000)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("ends in bounded time if the peer ignores our close frame", () =>
      Effect.gen(function*() {
        const server = yield* serve()
        const peer = yield* Effect.scoped(Effect.gen(function*() {
          const client = yield* connect(server.url)
          const peer = yield* Queue.take(server.accepted)
          peer.socket.pause()
          yield* client.close(1000, "bye")
          return peer
        })).pipe(Effect.timeout("60 seconds"))
        peer.socket.resume()
        yield* Deferred.await(peer.closed)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("reports 1009 to both sides when a message is larger than allowed", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair({ maxPayloadBytes: 100 })
        peer.socket.send("x".repeat(100))
        peer.socket.send("x".repeat(101))
        const { closed, frames } = yield* drain(client)
        assert.strictEqual(frames.length, 1)
        assert.strictEqual(closed.code, 1009)
        assert.strictEqual((yield* Deferred.await(peer.closed)).code, 1009)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("accepts messages of up to one mebibyte by default", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        peer.socket.send("x".repeat(1_048_576))
        peer.socket.send("x".repeat(1_048_577))
        const { closed, frames } = yield* drain(client)
        assert.deepStrictEqual(frames.map(({ length }) => length), [1_048_576])
        assert.strictEqual(closed.code, 1009)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("pauses a peer that floods it, and loses nothing", () =>
      Effect.gen(function*() {
        const { client, peer } = yield* pair()
        const count = 30_000
        const filler = ".".repeat(1000)
        let i = 0
        const flood = Effect.callback<void>((resume) => {
          const more = () => {
            while (i < count && peer.socket.bufferedAmount < 1_000_000) peer.socket.send(`${i++}${filler}`)
            if (i < count) setImmediate(more)
            else resume(Effect.void)
          }
          more()
        })
        yield* Effect.forkScoped(flood)
        let before = -1
        while (before < i) {
          before = i
          yield* Effect.sleep("100 millis")
        }
        assert.isBelow(i, count)
        for (let n = 0; n < count; n++) assert.strictEqual(yield* Queue.take(client.frames), `${n}${filler}`)
        peer.socket.close(4000, "done")
        assert.strictEqual((yield* failureOf(Queue.take(client.frames))).code, 4000)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("releases a reader that outlives the scope", () =>
      Effect.gen(function*() {
        const { reader } = yield* Effect.scoped(Effect.gen(function*() {
          const { client, peer } = yield* pair()
          for (let i = 0; i < 3000; i++) peer.socket.send("x")
          yield* Effect.sleep("100 millis")
          return { reader: drain(client) }
        }))
        assert.strictEqual((yield* reader).closed.code, 1006)
      }).pipe(Effect.provide(Transport.layer)))
  })

  describe("a WebSocket that does not open", () => {
    const open = (url: string, options?: Transport.WebSocketOptions) =>
      connect(url, options).pipe(Effect.scoped, Effect.flip, Effect.provide(Transport.layer))

    it.live("reports the HTTP status of a refused upgrade, and no secret from the URL", () =>
      Effect.gen(function*() {
        const http = Http.createServer()
        http.on("upgrade", (_, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"))
        const port = yield* listen(http)
        const error = yield* open(`ws://user:password@127.0.0.1:${port}/path?token=secret`)
        assert.strictEqual(error.kind, "Rejected")
        assert.strictEqual(error.status, 401)
        assert.strictEqual(error.url, `ws://127.0.0.1:${port}/path`)
        assert.notMatch(error.message, /secret|password/)
      }))

    it.live("reports a refused port", () =>
      Effect.gen(function*() {
        const port = yield* Effect.scoped(listen(Net.createServer()))
        const error = yield* open(`ws://127.0.0.1:${port}`)
        assert.strictEqual(error.kind, "Refused")
        assert.isUndefined(error.status)
      }))

    it.live("reports an HTTP server that does not support WebSocket", () =>
      Effect.gen(function*() {
        const port = yield* listen(Http.createServer((_, response) => void response.end("hello")))
        const error = yield* open(`ws://127.0.0.1:${port}`)
        assert.strictEqual(error.kind, "Rejected")
        assert.strictEqual(error.status, 200)
      }))

    it.live("reports a server that speaks another protocol", () =>
      Effect.gen(function*() {
        const port = yield* listen(Net.createServer((socket) => {
          socket.on("error", () => {})
          socket.resume()
          socket.end("220 smtp.example.com ESMTP\r\n")
        }))
        assert.strictEqual((yield* open(`ws://127.0.0.1:${port}`)).kind, "Failed")
      }))

    it.live("times out on a server that accepts and says nothing, and hangs up", () =>
      Effect.gen(function*() {
        const hungUp = yield* Deferred.make<void>()
        const port = yield* listen(Net.createServer((socket) => {
          socket.on("error", () => {})
          socket.on("close", () => Deferred.doneUnsafe(hungUp, Exit.void))
          socket.resume()
        }))
        // The scope stays open: a failed attempt must not keep its socket until then.
        const error = yield* connect(`ws://127.0.0.1:${port}`, { openTimeout: "50 millis" }).pipe(
          Effect.flip,
          Effect.provide(Transport.layer)
        )
        assert.strictEqual(error.kind, "TimedOut")
        yield* Deferred.await(hungUp)
      }))

    it.effect("gives a server 10 seconds by default", () =>
      Effect.gen(function*() {
        const arrived = yield* Deferred.make<void>()
        const port = yield* listen(Net.createServer((socket) => {
          socket.on("error", () => {})
          socket.resume()
          Deferred.doneUnsafe(arrived, Exit.void)
        }))
        const opening = yield* Effect.forkChild(open(`ws://127.0.0.1:${port}`), { startImmediately: true })
        yield* Deferred.await(arrived)
        yield* TestClock.adjust(9_999)
        assert.isUndefined(opening.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Fiber.join(opening)).kind, "TimedOut")
      }))

    it.live("hangs up when the attempt is interrupted", () =>
      Effect.gen(function*() {
        const arrived = yield* Deferred.make<void>()
        const hungUp = yield* Deferred.make<void>()
        const port = yield* listen(Net.createServer((socket) => {
          socket.on("error", () => {})
          socket.on("close", () => Deferred.doneUnsafe(hungUp, Exit.void))
          socket.once("data", () => Deferred.doneUnsafe(arrived, Exit.void))
        }))
        const fiber = yield* Effect.forkChild(open(`ws://127.0.0.1:${port}`), { startImmediately: true })
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(hungUp)
      }))

    it.live.each(["", "nowhere", "http://127.0.0.1", "ws://127.0.0.1/#fragment", "ws://["])(
      "reports that %j is not a WebSocket URL",
      (url) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* open(url)).kind, "InvalidUrl")
        })
    )

    it.live("reports an untrusted certificate, and trusts a given one", () =>
      Effect.gen(function*() {
        const pem = yield* Effect.promise(() =>
          generate([{ name: "commonName", value: "localhost" }], {
            extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }]
          })
        )
        const server = yield* serve(Https.createServer({ key: pem.private, cert: pem.cert }))
        const url = `wss://localhost:${server.port}/`
        assert.strictEqual((yield* open(url)).kind, "Tls")
        const client = yield* connect(url).pipe(Effect.provide(Transport.layerWebSocketWith({ ca: pem.cert })))
        const peer = yield* Queue.take(server.accepted)
        yield* client.send("sealed")
        assert.strictEqual(yield* Queue.take(peer.received), "sealed")
      }))
  })

  describe("datagrams", () => {
    interface Echo {
      readonly port: number
      readonly socket: Dgram.Socket
      readonly received: Queue.Queue<{ readonly bytes: Uint8Array; readonly port: number }>
    }
    const listenUdp = (type: "udp4" | "udp6", address: string) =>
      Effect.acquireRelease(
        Effect.callback<Echo>((resume) => {
          const socket = Dgram.createSocket(type)
          const received = Effect.runSync(Queue.unbounded<{ bytes: Uint8Array; port: number }>())
          socket.on("message", (bytes, from) => {
            Queue.offerUnsafe(received, { bytes: new Uint8Array(bytes), port: from.port })
          })
          socket.bind(0, address, () => resume(Effect.succeed({ port: socket.address().port, socket, received })))
        }),
        (echo) => Effect.callback<void>((resume) => void echo.socket.close(() => resume(Effect.void)))
      )
    const connectUdp = (address: string, port: number) =>
      Effect.flatMap(Transport.DatagramTransport, (transport) => transport.connect({ address, port }))

    it.live.each([["udp4", "127.0.0.1"], ["udp6", "::1"]] as const)(
      "sends and receives over %s",
      ([type, address]) =>
        Effect.gen(function*() {
          const server = yield* listenUdp(type, address)
          const client = yield* connectUdp(address, server.port)
          const buffer = new Uint8Array(100)
          for (let i = 0; i < 20; i++) {
            // One buffer for all of them, overwritten at once: each datagram must have left with its own bytes.
            buffer.fill(i)
            client.send(buffer, 10 + i)
          }
          buffer.fill(255)
          for (let i = 0; i < 20; i++) {
            const { bytes, port } = yield* Queue.take(server.received)
            assert.deepStrictEqual(bytes, new Uint8Array(10 + i).fill(i))
            assert.strictEqual(port, client.local.port)
          }
          const heard = yield* Queue.unbounded<Uint8Array>()
          client.onDatagram((bytes) => void Queue.offerUnsafe(heard, bytes))
          server.socket.send(Uint8Array.of(1, 2, 3), client.local.port, client.local.address)
          assert.deepStrictEqual(new Uint8Array(yield* Queue.take(heard)), Uint8Array.of(1, 2, 3))
          assert.deepStrictEqual(client.statistics(), { sent: 20, sendErrors: 0, received: 1, socketErrors: 0 })
        }).pipe(Effect.provide(Transport.layer))
    )

    it.live("never receives from a stranger", () =>
      Effect.gen(function*() {
        const server = yield* listenUdp("udp4", "127.0.0.1")
        const stranger = yield* listenUdp("udp4", "127.0.0.1")
        const client = yield* connectUdp("127.0.0.1", server.port)
        const heard = yield* Queue.unbounded<Uint8Array>()
        client.onDatagram((bytes) => void Queue.offerUnsafe(heard, bytes))
        yield* Effect.callback<void>((resume) => {
          stranger.socket.send(Uint8Array.of(9), client.local.port, "127.0.0.1", () => resume(Effect.void))
        })
        server.socket.send(Uint8Array.of(1), client.local.port, "127.0.0.1")
        assert.deepStrictEqual(new Uint8Array(yield* Queue.take(heard)), Uint8Array.of(1))
        assert.strictEqual(client.statistics().received, 1)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("counts what the system reports about a port where nobody listens", () =>
      Effect.gen(function*() {
        const port = yield* Effect.scoped(Effect.map(listenUdp("udp4", "127.0.0.1"), (echo) => echo.port))
        const client = yield* connectUdp("127.0.0.1", port)
        for (let i = 0; i < 3; i++) {
          client.send(Uint8Array.of(1), 1)
          yield* Effect.sleep("5 millis")
        }
        yield* poll(() => client.statistics().sendErrors + client.statistics().socketErrors > 0)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("counts sends that are impossible, and never throws", () =>
      Effect.gen(function*() {
        const server = yield* listenUdp("udp4", "127.0.0.1")
        const client = yield* connectUdp("127.0.0.1", server.port)
        client.send(Uint8Array.of(1), 2)
        client.send(Uint8Array.of(1), -1)
        client.send(new Uint8Array(70_000), 70_000)
        yield* poll(() => client.statistics().sendErrors === 3)
        assert.strictEqual(client.statistics().sent, 0)
      }).pipe(Effect.provide(Transport.layer)))

    it.live("closes with its scope; later sends count as errors", () =>
      Effect.gen(function*() {
        const server = yield* listenUdp("udp4", "127.0.0.1")
        const before = sockets()
        const client = yield* Effect.scoped(connectUdp("127.0.0.1", server.port))
        yield* poll(() => sockets() <= before)
        client.send(Uint8Array.of(1), 1)
        assert.deepStrictEqual(client.statistics(), { sent: 0, sendErrors: 1, received: 0, socketErrors: 0 })
      }).pipe(Effect.provide(Transport.layer)))

    it.live.each([0, 70_000])("fails for port %d", (port) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(connectUdp("127.0.0.1", port))
        assert.strictEqual(error._tag, "DatagramError")
        assert.strictEqual(error.port, port)
      }).pipe(Effect.provide(Transport.layer)))

    // a voice server may claim any address; a NUL in it once ended the process
    it.live.each(["name.invalid", "localhost", "", "127.0.0.1\0", "999.1.1.1", "[::1]"])(
      "fails for %j, which is not an address, without resolving it",
      (address) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(connectUdp(address, 5000))
          assert.strictEqual(error._tag, "DatagramError")
          assert.include(error.message, "this is not an IP address")
        }).pipe(Effect.scoped, Effect.timeout("60 seconds"), Effect.provide(Transport.layerDatagram))
    )
  })

  it.live("lets a scope be closed from outside while a reader waits", () =>
    Effect.gen(function*() {
      const server = yield* serve()
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(connect(server.url), scope)
      const reader = yield* Effect.forkChild(Effect.flip(Queue.take(client.frames)), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(reader)).code, 1006)
    }).pipe(Effect.provide(Transport.layer)))
})
