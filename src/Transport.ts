/**
 * The seam to the operating system: everything that this library sends or receives passes one of these two services.
 * The live layers use `ws` and `node:dgram`; the emulator has layers that stay in memory and follow the `TestClock`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/**
 * One WebSocket message: a `string` is a text frame, a `Uint8Array` a binary one.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = string | Uint8Array

/**
 * A WebSocket could not be opened. `status` is the HTTP status of a refused upgrade.
 *
 * @category errors
 * @since 0.1.0
 */
export class WebSocketOpenError extends Schema.TaggedError<WebSocketOpenError>(
  "effect-discord-voice/Transport/WebSocketOpenError"
)("WebSocketOpenError", {
  url: Schema.String,
  kind: Schema.Literals(["InvalidUrl", "Refused", "TimedOut", "Rejected", "Tls", "Failed"]),
  status: Schema.optionalKey(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    const status = this.status === undefined ? "" : ` with HTTP ${this.status}`
    return `WebSocket to ${this.url} could not be opened (${this.kind}${status}): ${this.detail}`
  }
}

/**
 * An open WebSocket has ended. Code 1006 means that no close frame came (RFC 6455, 7.1.5).
 *
 * @category errors
 * @since 0.1.0
 */
export class WebSocketClosed extends Schema.TaggedError<WebSocketClosed>(
  "effect-discord-voice/Transport/WebSocketClosed"
)("WebSocketClosed", {
  code: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `WebSocket closed: ${this.code}${this.reason === "" ? "" : ` ${this.reason}`}`
  }
}

/**
 * An open WebSocket. It is terminated when the scope it was opened in closes, if it is still open then.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketConnection {
  /** Messages in the order of arrival; fails with `WebSocketClosed` after the last one. */
  readonly frames: Queue.Dequeue<Frame, WebSocketClosed>
  /** Completes when the frame has been handed to the operating system; fails once the socket has closed. */
  readonly send: (frame: Frame) => Effect.Effect<void, WebSocketClosed>
  /** Starts the closing handshake and returns at once. Closing twice is harmless. */
  readonly close: (code: number, reason: string) => Effect.Effect<void>
  /** Drops the connection without a close frame. */
  readonly terminate: Effect.Effect<void>
}

/**
 * Options for opening a WebSocket.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketOptions {
  /** Largest message accepted, in bytes; a larger one closes the socket with 1009. Default 1 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** How long connecting, TLS and the upgrade may take together. Default 10 seconds. */
  readonly openTimeout?: Duration.Input | undefined
}

/**
 * Opens WebSockets.
 *
 * @category services
 * @since 0.1.0
 */
export class WebSocketTransport extends Context.Service<WebSocketTransport, {
  readonly connect: (
    url: string,
    options?: WebSocketOptions
  ) => Effect.Effect<WebSocketConnection, WebSocketOpenError, Scope.Scope>
}>()("effect-discord-voice/Transport/WebSocketTransport") {}

/**
 * A datagram socket could not be opened.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatagramError extends Schema.TaggedError<DatagramError>("effect-discord-voice/Transport/DatagramError")(
  "DatagramError",
  { address: Schema.String, port: Schema.Int, detail: Schema.String }
) {
  override get message() {
    return `UDP socket to ${this.address}:${this.port} could not be opened: ${this.detail}`
  }
}

/**
 * What a datagram socket has done so far. Counts of datagrams.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramStatistics {
  readonly sent: number
  readonly sendErrors: number
  readonly received: number
  /** Errors that the operating system reported for the socket (ICMP unreachable and the like). */
  readonly socketErrors: number
}

/**
 * A UDP socket that is connected to one remote address: datagrams from elsewhere never arrive. Plain functions, because
 * they run in the 20 ms beat.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramSocket {
  readonly local: { readonly address: string; readonly port: number }
  /**
   * Sends the first `length` bytes of `packet`. The bytes have left (or were copied) when it returns, so that the buffer
   * can be used again at once. Never throws: failures are counted.
   */
  readonly send: (packet: Uint8Array, length: number) => void
  /**
   * Sets the one handler of received datagrams, replacing the former. The bytes belong to the handler. Without a handler
   * datagrams are dropped.
   */
  readonly onDatagram: (handler: (datagram: Uint8Array) => void) => void
  readonly statistics: () => DatagramStatistics
}

/**
 * Opens UDP sockets.
 *
 * @category services
 * @since 0.1.0
 */
export class DatagramTransport extends Context.Service<DatagramTransport, {
  readonly connect: (
    remote: { readonly address: string; readonly port: number }
  ) => Effect.Effect<DatagramSocket, DatagramError, Scope.Scope>
}>()("effect-discord-voice/Transport/DatagramTransport") {}
