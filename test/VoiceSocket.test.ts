import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Result, Scope } from "effect"
import { WebSocketServer } from "ws"
import * as CloseCode from "../src/protocol/CloseCode.ts"
import * as DaveFrame from "../src/protocol/DaveFrame.ts"
import * as VoicePayload from "../src/protocol/VoicePayload.ts"
import * as MockTransport from "../src/testing/MockTransport.ts"
import * as Transport from "../src/Transport.ts"
import type { VoiceError } from "../src/VoiceError.ts"
import * as VoiceSocket from "../src/VoiceSocket.ts"

const TestLayer = VoiceSocket.layer.pipe(Layer.provideMerge(MockTransport.layerWebSocket))

const endpoint = "sweetwater-12345.discord.media:2048"

const open = (options: Partial<Parameters<VoiceSocket.VoiceSocket["Service"]["open"]>[0]> = {}) =>
  Effect.flatMap(VoiceSocket.VoiceSocket, (socket) => socket.open({ endpoint, version: 8, ...options }))

const pair = Effect.gen(function*() {
  const network = yield* MockTransport.MockWebSockets
  const connection = yield* open()
  return { connection, peer: yield* network.accept, network }
})

const hello = (seq?: number) =>
  Result.getOrThrow(VoicePayload.encodeServer(8, {
    op: 8,
    d: { v: 8, heartbeat_interval: 13750 },
    ...(seq === undefined ? {} : { seq })
  }))

const externalSender = (seq: number) =>
  Result.getOrThrow(DaveFrame.encodeServer({ op: 25, seq, externalSender: Uint8Array.of(1, 2) }))

const reasonOf = <A, R>(effect: Effect.Effect<A, VoiceError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

describe("VoiceSocket", () => {
  it.effect.each(
    [
      [endpoint, "wss://sweetwater-12345.discord.media:2048/?v=8"],
      ["host", "wss://host/?v=8"],
      ["ws://127.0.0.1:1234", "ws://127.0.0.1:1234/?v=8"],
      ["wss://127.0.0.1:1234/", "wss://127.0.0.1:1234/?v=8"]
    ] as const
  )("opens %s at %s", ([endpoint, url]) =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      const connection = yield* open({ endpoint })
      assert.strictEqual((yield* network.accept).url, url)
      assert.strictEqual(connection.endpoint, endpoint)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("puts the version into the URL and into its messages", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      const connection = yield* open({ version: 4 })
      const peer = yield* network.accept
      assert.match(peer.url, /\?v=4$/)
      yield* connection.send({ op: 3, d: { t: 7, seq_ack: 0 } })
      assert.strictEqual(yield* peer.take, "{\"op\":3,\"d\":7}")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("reports why it could not be opened", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      yield* network.refuse("Rejected", 403)
      const reason = yield* reasonOf(open())
      assert(reason._tag === "SocketOpenFailed")
      assert.strictEqual(reason.kind, "Rejected")
      assert.strictEqual(reason.status, 403)
      assert.strictEqual(reason.endpoint, endpoint)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("escapes and shortens the texts of others that it reports", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      yield* network.refuse("Refused")
      const refused = yield* reasonOf(open({ endpoint: `\u001b[2J${"e".repeat(1_000)}` }))
      assert(refused._tag === "SocketOpenFailed")
      assert.strictEqual(refused.endpoint, `\\u{1b}[2J${"e".repeat(196)}…`)
      const { connection, peer } = yield* pair
      yield* peer.close(4006, `\u001b[2J${"r".repeat(1_000)}`)
      const closed = yield* reasonOf(connection.take)
      assert(closed._tag === "SessionInvalid")
      assert.strictEqual(closed.detail, `\\u{1b}[2J${"r".repeat(196)}…`)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("delivers text, binary, unknown and malformed messages in order", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* pair
      yield* peer.send(hello())
      yield* peer.send(externalSender(0))
      yield* peer.send("{\"op\":99,\"d\":1,\"seq\":3}")
      yield* peer.send("not json")
      yield* peer.send("{\"op\":8,\"d\":{\"heartbeat_interval\":\"soon\"}}")
      yield* peer.send(Uint8Array.of(0))
      yield* peer.send(hello())
      const messages = yield* Effect.replicateEffect(connection.take, 7)
      assert.deepStrictEqual(
        messages.map((incoming) =>
          incoming._tag === "Message" ? incoming.message.op : incoming._tag === "Dave" ? incoming.frame.op : "malformed"
        ),
        [8, 25, "unknown", "malformed", "malformed", "malformed", 8]
      )
    }).pipe(Effect.provide(TestLayer)))

  it.effect("counts the sequence of text and binary messages, from 0 on", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* pair
      const after = (frame: Transport.Frame) =>
        peer.send(frame).pipe(
          Effect.andThen(connection.take),
          Effect.map(() => connection.lastSequence())
        )
      assert.strictEqual(connection.lastSequence(), -1)
      assert.strictEqual(yield* after(hello()), -1)
      assert.strictEqual(yield* after(hello(0)), 0)
      assert.strictEqual(yield* after(externalSender(1)), 1)
      assert.strictEqual(yield* after("{\"op\":99,\"d\":1,\"seq\":2}"), 2)
      assert.strictEqual(yield* after(hello()), 2)
      assert.strictEqual(yield* after("garbage"), 2)
      assert.strictEqual(yield* after(externalSender(65_535)), 65_535)
      assert.strictEqual(yield* after(externalSender(0)), 0)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("delivers a binary message with an unknown opcode as unknown, and counts its sequence", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* pair
      yield* peer.send(Uint8Array.of(1, 2, 33, 9))
      assert.deepStrictEqual(yield* connection.take, {
        _tag: "Message",
        message: { op: "unknown", code: 33, d: undefined, seq: 0x0102 }
      })
      assert.strictEqual(connection.lastSequence(), 0x0102)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("sends binary messages of the client", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* pair
      yield* connection.sendDave({ op: 26, keyPackage: Uint8Array.of(9, 8) })
      assert.deepStrictEqual(yield* peer.take, Uint8Array.of(26, 9, 8))
    }).pipe(Effect.provide(TestLayer)))

  it.effect("does not send what the version cannot express", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      const connection = yield* open({ version: 9 })
      const peer = yield* network.accept
      const reason = yield* reasonOf(connection.send({
        op: 7,
        d: { server_id: "1" as never, session_id: "s", token: "the-token", seq_ack: 3 }
      }))
      assert(reason._tag === "Unsupported")
      assert.match(reason.message, /channel_id/)
      assert.notMatch(reason.message, /the-token/)
      assert.strictEqual(yield* peer.waiting, 0)
    }).pipe(Effect.provide(TestLayer)))

  it.effect.each([...CloseCode.voiceTable.map((entry) => entry.code), 1000, 1006, 4999])(
    "names close code %d by the table, after the last message",
    (code) =>
      Effect.gen(function*() {
        const { connection, peer } = yield* pair
        yield* peer.send(hello())
        yield* peer.close(code, "why")
        assert.strictEqual((yield* connection.take)._tag, "Message")
        const reason = yield* reasonOf(connection.take)
        assert.strictEqual(reason._tag, CloseCode.voice(code).name)
        assert("code" in reason && "detail" in reason)
        assert.strictEqual(reason.code, code)
        assert.strictEqual(reason.detail, "why")
        assert.strictEqual((yield* reasonOf(connection.send({ op: 3, d: { t: 1 } })))._tag, reason._tag)
      }).pipe(Effect.provide(TestLayer))
  )

  it.effect("closes with our code, or drops the connection", () =>
    Effect.gen(function*() {
      const first = yield* pair
      yield* first.connection.close(4900, "resume")
      assert.strictEqual((yield* first.peer.closed).code, 4900)
      const second = yield* pair
      yield* second.connection.terminate
      assert.strictEqual((yield* second.peer.closed).code, 1006)
      assert.strictEqual((yield* reasonOf(second.connection.take))._tag, "ConnectionLost")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("ends with its scope, also for a reader outside", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      const scope = yield* Scope.make()
      const connection = yield* Scope.provide(open(), scope)
      const peer = yield* network.accept
      const reader = yield* Effect.forkChild(Effect.exit(connection.take), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const error = Option.getOrThrow(Exit.findErrorOption(yield* Fiber.join(reader)))
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual((yield* peer.closed).code, 1006)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("loses nothing when a gateway floods it", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* pair
      for (let i = 0; i < 5000; i++) yield* peer.send(hello(i))
      for (let i = 0; i < 1000; i++) yield* Effect.yieldNow
      assert.strictEqual(connection.lastSequence(), -1)
      yield* peer.close(4015)
      for (let i = 0; i < 5000; i++) {
        const incoming = yield* connection.take
        assert(incoming._tag === "Message")
        assert.strictEqual(incoming.message.seq, i)
      }
      assert.strictEqual((yield* reasonOf(connection.take))._tag, "ServerCrashed")
    }).pipe(Effect.provide(TestLayer)))

  it.live("works over loopback", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.callback<WebSocketServer>((resume) => {
          const server: WebSocketServer = new WebSocketServer(
            { host: "127.0.0.1", port: 0 },
            () => resume(Effect.succeed(server))
          )
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      server.on("connection", (socket, request) => {
        socket.send(hello(0))
        socket.send(externalSender(1))
        socket.once("message", (data: Buffer) => socket.close(4006, `${request.url} ${data.toString()}`))
      })
      const address = server.address()
      assert(typeof address === "object" && address !== null)
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* open({ endpoint: `ws://127.0.0.1:${address.port}` })
        assert.strictEqual((yield* connection.take)._tag, "Message")
        assert.strictEqual((yield* connection.take)._tag, "Dave")
        assert.strictEqual(connection.lastSequence(), 1)
        yield* connection.send({ op: 3, d: { t: 5, seq_ack: 1 } })
        const exit = yield* Effect.exit(connection.take)
        assert(Exit.isFailure(exit) && !Cause.hasDies(exit.cause))
        const { reason } = Option.getOrThrow(Exit.findErrorOption(exit))
        assert(reason._tag === "SessionInvalid")
        assert.strictEqual(reason.detail, "/?v=8 {\"op\":3,\"d\":{\"t\":5,\"seq_ack\":1}}")
      }))
    }).pipe(Effect.provide(VoiceSocket.layer.pipe(Layer.provide(Transport.layer)))))
})
