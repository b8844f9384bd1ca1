/**
 * The two kinds of sockets, and the options for opening them. `Transport` exports them.
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
 * An open WebSocket. It is terminated when the scope in which it was opened closes; if a closing handshake was started before,
 * that gets one second. The scope waits for the end of the connection.
 *
 * A peer that sends faster than `frames` is read is paused: with 1024 waiting messages nothing more is read from the network.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketConnection {
  /** The messages in the order of arrival. Fails with `WebSocketClosed` after the last one. */
  readonly frames: Queue.Dequeue<Frame, WebSocketClosed>
  /** Completes when the frame has been passed to the operating system. Fails once the socket has closed. */
  readonly send: (frame: Frame) => Effect.Effect<void, WebSocketClosed>
  /** Starts the closing handshake and returns immediately. It can be run more than once. */
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
  /** The maximum message size in bytes. A larger message closes the socket with 1009. Default 1 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** The maximum time for connecting, TLS and the upgrade together. Default 10 seconds. */
  readonly openTimeout?: Duration.Input | undefined
}

/**
 * The options of `layerWebSocketWith`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketLayerOptions {
  /**
   * Certificates (PEM) to trust instead of the system's, for a server with a self-signed one. Default: those that Node trusts.
   */
  readonly ca?: string | ReadonlyArray<string> | undefined
}

/**
 * The counts of a datagram socket, in datagrams.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramStatistics {
  readonly sent: number
  /**
   * Datagrams that could not be sent. If the network is gone, that is noticed within 50 datagrams and counted from then on; a
   * single failure may go unnoticed.
   */
  readonly sendErrors: number
  readonly received: number
  /** Errors that the operating system reported for the socket (such as ICMP unreachable). */
  readonly socketErrors: number
}

/**
 * A UDP socket that is connected to one remote address: datagrams from other addresses never arrive. Plain functions, because
 * they run in the 20 ms beat.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramSocket {
  readonly local: { readonly address: string; readonly port: number }
  /**
   * Sends the first `length` bytes of `packet`. Never throws: failures are counted, immediately with `isAsked`, otherwise
   * eventually. Returns true if the bytes have been sent (or copied, or lost), so that the buffer can be reused immediately.
   * Returns false if the operating system's buffer is full and the datagram waits, so that its bytes must not change.
   */
  readonly send: (packet: Uint8Array, length: number, isAsked?: boolean) => boolean
  /** Reads ahead of time what `send` will need. See `AudioClock.Sender.prefetch`. Optional. */
  readonly prefetch?: ((step: number) => number) | undefined
  /**
   * Sets the handler of received datagrams, replacing the previous one. The handler owns the bytes. Without a handler,
   * datagrams are dropped.
   */
  readonly onDatagram: (handler: (datagram: Uint8Array) => void) => void
  /** Whether the machine still has the address that the socket is bound to. */
  readonly hasAddress: () => boolean
  readonly statistics: () => DatagramStatistics
}

/**
 * The options of `layerDatagramWith`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramLayerOptions {
  /**
   * The size of the receive buffer to request from the operating system, in bytes; it may grant less. Default 4 MiB: the usual
   * 208 KiB lose datagrams while the event loop is busy.
   */
  readonly receiveBufferBytes?: number | undefined
}
