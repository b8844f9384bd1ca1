/**
 * The two kinds of sockets, and how they are opened. `Transport` gives these to users.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type { WebSocketClosed } from "./TransportError.ts"

/**
 * One WebSocket message: a `string` is a text frame, a `Uint8Array` a binary one.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = string | Uint8Array

/**
 * An open WebSocket. It is terminated when the scope it was opened in closes, if it is still open then; a closing
 * handshake that was started before gets one second. The scope waits for the end of the connection.
 *
 * A peer that sends faster than `frames` is read is paused: beyond 1024 waiting messages nothing more is read from the
 * network.
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
 * Options of `layerWebSocketWith`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketLayerOptions {
  /**
   * Certificates (PEM) that are trusted in place of the system's, for a server with a self-signed one. Default: those
   * that Node trusts.
   */
  readonly ca?: string | ReadonlyArray<string> | undefined
}

/**
 * What a datagram socket has done so far. Counts of datagrams.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramStatistics {
  readonly sent: number
  /**
   * Datagrams that could not be sent. A network that is gone is noticed within 50 datagrams and counted from then on; a
   * single failure in between may not be.
   */
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
   * Sends the first `length` bytes of `packet`. True: the bytes have left (or were copied, or lost), and the buffer can be
   * used again at once. False: the operating system's buffer is full and the datagram waits, so that its bytes must stay
   * as they are. Never throws: failures are counted, at once with `isAsked`, otherwise sooner or later.
   */
  readonly send: (packet: Uint8Array, length: number, isAsked?: boolean) => boolean
  /** Reads what `send` will need ahead of its time. See `AudioClock.Sender.prefetch`. A socket may do without. */
  readonly prefetch?: ((step: number) => number) | undefined
  /**
   * Sets the one handler of received datagrams, replacing the former. The bytes belong to the handler. Without a handler
   * datagrams are dropped.
   */
  readonly onDatagram: (handler: (datagram: Uint8Array) => void) => void
  /** Whether the machine still has the address that the socket is bound to. */
  readonly hasAddress: () => boolean
  readonly statistics: () => DatagramStatistics
}

/**
 * Options of `layerDatagramWith`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramLayerOptions {
  /**
   * The receive buffer to ask the operating system for, in bytes; it may grant less. Default 4 MiB: the usual 208 KiB
   * lose datagrams while the event loop is busy.
   */
  readonly receiveBufferBytes?: number | undefined
}
