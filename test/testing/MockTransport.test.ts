import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { MockTransport } from "../../src/testing/index.ts"
import * as Transport from "../../src/Transport.ts"

describe("MockTransport", () => {
  const connect = Effect.flatMap(Transport.WebSocketTransport, (transport) => transport.connect("wss://host/"))
  const connectUdp = Effect.flatMap(
    Transport.DatagramTransport,
    (transport) => transport.connect({ address: "203.0.113.1", port: 5 })
  )

  it.effect("carries frames in both directions, and ends once", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      const client = yield* connect
      const peer = yield* network.accept
      yield* client.send("up")
      yield* peer.send(Uint8Array.of(1))
      yield* peer.close(4001, "first")
      yield* client.close(1000, "second")
      assert.strictEqual(yield* peer.take, "up")
      assert.deepStrictEqual(yield* Queue.take(client.frames), Uint8Array.of(1))
      assert.strictEqual((yield* Effect.flip(Queue.take(client.frames))).code, 4001)
      assert.strictEqual((yield* Effect.flip(client.send("late"))).code, 4001)
      assert.strictEqual((yield* peer.closed).reason, "first")
    }).pipe(Effect.provide(MockTransport.layer)))

  it.effect("refuses on demand, and ends with the scope", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      yield* network.refuse("Tls")
      assert.strictEqual((yield* Effect.flip(connect)).kind, "Tls")
      yield* Effect.scoped(connect)
      assert.strictEqual((yield* Effect.flatMap(network.accept, (peer) => peer.closed)).code, 1006)
    }).pipe(Effect.provide(MockTransport.layer)))

  it.effect("carries datagrams in both directions, refuses on demand, and ends with the scope", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockDatagrams
      yield* network.refuse
      assert.strictEqual((yield* Effect.flip(connectUdp))._tag, "DatagramError")
      const { peer, socket } = yield* Effect.scoped(Effect.gen(function*() {
        const socket = yield* connectUdp
        const peer = yield* network.accept
        const buffer = Uint8Array.of(1, 2, 3)
        socket.send(buffer, 2)
        socket.send(buffer, 4)
        buffer.fill(0)
        assert.deepStrictEqual(yield* peer.take, Uint8Array.of(1, 2))
        const heard: Array<Uint8Array> = []
        socket.onDatagram((datagram) => heard.push(datagram))
        yield* peer.deliver(Uint8Array.of(7))
        assert.deepStrictEqual(heard, [Uint8Array.of(7)])
        return { peer, socket }
      }))
      yield* peer.closed
      yield* peer.deliver(Uint8Array.of(8))
      socket.send(Uint8Array.of(1), 1)
      assert.deepStrictEqual(socket.statistics(), { sent: 1, sendErrors: 2, received: 1, socketErrors: 0 })
    }).pipe(Effect.provide(MockTransport.layer)))

  it.effect("counts what has not been taken yet, and tells how a connection ended", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockWebSockets
      yield* network.refuse("Rejected", 403)
      assert.deepInclude(yield* Effect.flip(connect), { kind: "Rejected", status: 403 })
      const first = yield* connect
      const second = yield* connect
      assert.strictEqual(yield* network.waiting, 2)
      const [a, b] = [yield* network.accept, yield* network.accept]
      assert.deepStrictEqual([a.url, yield* network.waiting], ["wss://host/", 0])
      yield* first.send("one")
      yield* first.send("two")
      assert.strictEqual(yield* a.waiting, 2)
      yield* a.terminate
      assert.strictEqual((yield* Effect.flip(Queue.take(first.frames))).code, 1006)
      yield* second.terminate
      yield* b.close(4_000, "late")
      assert.deepInclude(yield* b.closed, { code: 1006, reason: "" })
      assert.strictEqual((yield* Effect.flip(second.send("late"))).code, 1006)
    }).pipe(Effect.scoped, Effect.provide(MockTransport.layer)))

  it.effect("fails to send, and loses its address, when the test says so", () =>
    Effect.gen(function*() {
      const network = yield* MockTransport.MockDatagrams
      yield* network.refuse
      yield* Effect.flip(connectUdp)
      const socket = yield* connectUdp
      const peer = yield* network.accept
      assert.deepStrictEqual(peer.remote, { address: "203.0.113.1", port: 5 })
      yield* peer.setSending(false)
      socket.send(Uint8Array.of(1), 1)
      assert.strictEqual(yield* peer.waiting, 0)
      yield* peer.setSending(true)
      socket.send(Uint8Array.of(2), 1)
      socket.send(Uint8Array.of(3), 1)
      assert.strictEqual(yield* peer.waiting, 2)
      assert.deepStrictEqual(yield* peer.take, Uint8Array.of(2))
      assert.deepStrictEqual(socket.statistics(), { sent: 2, sendErrors: 1, received: 0, socketErrors: 0 })
      assert.isTrue(socket.hasAddress())
      yield* peer.loseAddress
      assert.isFalse(socket.hasAddress())
    }).pipe(Effect.scoped, Effect.provide(MockTransport.layer)))
})
