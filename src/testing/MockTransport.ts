/**
 * A network in memory: what `VoiceSocket.layer`, `VoiceUdp.layer` and `Gateway.layer` send reaches the test, which plays the
 * server. Nothing here waits for real time, so the layers above follow the `TestClock`.
 *
 * **Example** (A server that says Hello)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockTransport } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const network = yield* MockTransport.MockWebSockets
 *   // ... fork the program under test ...
 *   const peer = yield* network.accept
 *   yield* peer.send(JSON.stringify({ op: 8, d: { v: 8, heartbeat_interval: 13750 } }))
 *   const identify = yield* peer.take
 *   yield* peer.close(4006, "session invalid")
 * }).pipe(Effect.provide(MockTransport.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Transport from "../Transport.ts"

/**
 * The server's end of one WebSocket.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketPeer {
  readonly url: string
  /** Waits for the next frame from the client and returns it. */
  readonly take: Effect.Effect<Transport.Frame>
  /** The number of frames that have not been taken yet. */
  readonly waiting: Effect.Effect<number>
  readonly send: (frame: Transport.Frame) => Effect.Effect<void>
  /** Ends the connection with a close frame. */
  readonly close: (code: number, reason?: string) => Effect.Effect<void>
  /** Ends the connection without a close frame: 1006 at the client. */
  readonly terminate: Effect.Effect<void>
  /**
   * Waits for the end of the connection. The code is the client's if the client closed; 1006 if it terminated or its scope
   * ended.
   */
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
}

/**
 * Controls of {@link layerWebSocket}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockWebSockets extends Context.Service<MockWebSockets, {
  /** Waits for the next connection and returns it. */
  readonly accept: Effect.Effect<WebSocketPeer>
  /** The number of connections that have not been accepted yet. */
  readonly waiting: Effect.Effect<number>
  /** Makes the next attempt to connect fail like this. Can be called several times. */
  readonly refuse: (kind: Transport.WebSocketOpenError["kind"], status?: number) => Effect.Effect<void>
}>()("effect-discord-voice/testing/MockTransport/MockWebSockets") {}

const makeWebSockets = Effect.gen(function*() {
  const accepted = yield* Queue.unbounded<WebSocketPeer>()
  const refusals: Array<{ readonly kind: Transport.WebSocketOpenError["kind"]; readonly status?: number }> = []

  const connect = Effect.fnUntraced(function*(url: string) {
    const refusal = refusals.shift()
    if (refusal !== undefined) {
      return yield* new Transport.WebSocketOpenError({ url, detail: "refused by the test", ...refusal })
    }
    const frames = yield* Queue.unbounded<Transport.Frame, Transport.WebSocketClosed>()
    const received = yield* Queue.unbounded<Transport.Frame>()
    const ended = yield* Deferred.make<Transport.WebSocketClosed>()
    let closed: Transport.WebSocketClosed | undefined

    const end = (code: number, reason: string) =>
      Effect.suspend(() => {
        if (closed !== undefined) return Effect.void
        closed = new Transport.WebSocketClosed({ code, reason })
        return Effect.andThen(Queue.fail(frames, closed), Deferred.succeed(ended, closed))
      }).pipe(Effect.asVoid)
    yield* Effect.addFinalizer(() => end(1006, ""))

    yield* Queue.offer(accepted, {
      url,
      take: Queue.take(received),
      waiting: Queue.size(received),
      send: (frame) => Effect.asVoid(Queue.offer(frames, frame)),
      close: (code, reason = "") => end(code, reason),
      terminate: end(1006, ""),
      closed: Deferred.await(ended)
    })
    const connection: Transport.WebSocketConnection = {
      frames,
      send: (frame) =>
        Effect.suspend(() => closed === undefined ? Effect.asVoid(Queue.offer(received, frame)) : Effect.fail(closed)),
      close: end,
      terminate: end(1006, "")
    }
    return connection
  })

  return Context.make(Transport.WebSocketTransport, { connect }).pipe(
    Context.add(MockWebSockets, {
      accept: Queue.take(accepted),
      waiting: Queue.size(accepted),
      refuse: (kind, status) =>
        Effect.sync(() => void refusals.push(status === undefined ? { kind } : { kind, status }))
    })
  )
})

/**
 * WebSockets whose server is the test.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocket: Layer.Layer<Transport.WebSocketTransport | MockWebSockets> = Layer.effectContext(
  makeWebSockets
)

/**
 * The server's end of one UDP socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramPeer {
  /** The address that the client sends to. */
  readonly remote: { readonly address: string; readonly port: number }
  /** Waits for the next datagram from the client and returns a copy. */
  readonly take: Effect.Effect<Uint8Array>
  /** The number of datagrams that have not been taken yet. */
  readonly waiting: Effect.Effect<number>
  /** Delivers a datagram to the client, which may keep the bytes. */
  readonly deliver: (datagram: Uint8Array) => Effect.Effect<void>
  /** Makes sending fail, or work again, from now on. */
  readonly setSending: (works: boolean) => Effect.Effect<void>
  /** Simulates that the machine has lost the socket's address. */
  readonly loseAddress: Effect.Effect<void>
  /** Waits until the client has closed the socket. */
  readonly closed: Effect.Effect<void>
}

/**
 * Controls of {@link layerDatagram}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockDatagrams extends Context.Service<MockDatagrams, {
  /** Waits for the next socket and returns it. */
  readonly accept: Effect.Effect<DatagramPeer>
  /** Makes the next attempt to open a socket fail. Can be called several times. */
  readonly refuse: Effect.Effect<void>
}>()("effect-discord-voice/testing/MockTransport/MockDatagrams") {}

const makeDatagrams = Effect.gen(function*() {
  const accepted = yield* Queue.unbounded<DatagramPeer>()
  let refusals = 0

  const connect = Effect.fnUntraced(function*(remote: { readonly address: string; readonly port: number }) {
    if (refusals > 0) {
      refusals--
      return yield* new Transport.DatagramError({ ...remote, detail: "refused by the test" })
    }
    const datagrams = yield* Queue.unbounded<Uint8Array>()
    const ended = yield* Deferred.make<void>()
    let open = true
    let works = true
    let addressGone = false
    let handler: ((datagram: Uint8Array) => void) | undefined
    let sent = 0
    let sendErrors = 0
    let received = 0
    yield* Effect.addFinalizer(() => {
      open = false
      return Deferred.succeed(ended, undefined)
    })

    yield* Queue.offer(accepted, {
      remote,
      take: Queue.take(datagrams),
      waiting: Queue.size(datagrams),
      deliver: (datagram) =>
        Effect.sync(() => {
          if (!open) return
          received++
          handler?.(datagram)
        }),
      setSending: (value) =>
        Effect.sync(() => {
          works = value
        }),
      loseAddress: Effect.sync(() => {
        addressGone = true
      }),
      closed: Deferred.await(ended)
    })
    const socket: Transport.DatagramSocket = {
      local: { address: "192.0.2.1", port: 50000 },
      send: (packet, length) => {
        if (!open || !works || length < 0 || length > packet.length) {
          sendErrors++
          return true
        }
        sent++
        Queue.offerUnsafe(datagrams, new Uint8Array(packet.subarray(0, length)))
        return true
      },
      onDatagram: (onDatagram) => {
        handler = onDatagram
      },
      hasAddress: () => !addressGone,
      statistics: () => ({ sent, sendErrors, received, socketErrors: 0 })
    }
    return socket
  })

  return Context.make(Transport.DatagramTransport, { connect }).pipe(
    Context.add(MockDatagrams, {
      accept: Queue.take(accepted),
      refuse: Effect.sync(() => {
        refusals++
      })
    })
  )
})

/**
 * UDP sockets whose server is the test.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDatagram: Layer.Layer<Transport.DatagramTransport | MockDatagrams> = Layer.effectContext(
  makeDatagrams
)

/**
 * Both {@link layerWebSocket} and {@link layerDatagram}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  Transport.WebSocketTransport | MockWebSockets | Transport.DatagramTransport | MockDatagrams
> = Layer.mergeAll(layerWebSocket, layerDatagram)
