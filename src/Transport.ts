/**
 * The boundary to the operating system: everything that this library sends or receives passes through one of these two
 * services. The live layers use `ws` and `node:dgram`; the emulator has layers that stay in memory and follow the
 * `TestClock`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as NodeDatagrams from "./transport/NodeDatagrams.ts"
import type {
  DatagramLayerOptions,
  DatagramSocket,
  WebSocketConnection,
  WebSocketLayerOptions,
  WebSocketOptions
} from "./transport/Socket.ts"
import type { DatagramError, WebSocketOpenError } from "./transport/TransportError.ts"
import * as WsWebSockets from "./transport/WsWebSockets.ts"

export type {
  DatagramLayerOptions,
  DatagramSocket,
  DatagramStatistics,
  Frame,
  WebSocketConnection,
  WebSocketLayerOptions,
  WebSocketOptions
} from "./transport/Socket.ts"

export { DatagramError, WebSocketClosed, WebSocketOpenError } from "./transport/TransportError.ts"

/**
 * The service that opens WebSockets.
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
 * The service that opens UDP sockets.
 *
 * @category services
 * @since 0.1.0
 */
export class DatagramTransport extends Context.Service<DatagramTransport, {
  /** Opens a socket that is connected to an IPv4 or IPv6 address. Names are not looked up. */
  readonly connect: (
    remote: { readonly address: string; readonly port: number }
  ) => Effect.Effect<DatagramSocket, DatagramError, Scope.Scope>
}>()("effect-discord-voice/Transport/DatagramTransport") {}

/**
 * WebSockets of the `ws` package, without compression.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocketWith = (options: WebSocketLayerOptions): Layer.Layer<WebSocketTransport> =>
  Layer.sync(WebSocketTransport, () => WsWebSockets.make(options))

/**
 * WebSockets of the `ws` package, without compression, that trust the certificates that Node trusts.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocket: Layer.Layer<WebSocketTransport> = layerWebSocketWith({})

/**
 * UDP sockets of `node:dgram`, with a receive buffer of the given size. The remote address decides between IPv4 and IPv6.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDatagramWith = (options: DatagramLayerOptions): Layer.Layer<DatagramTransport> =>
  Layer.sync(DatagramTransport, () => NodeDatagrams.make(options))

/**
 * UDP sockets of `node:dgram`. The remote address decides between IPv4 and IPv6.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDatagram: Layer.Layer<DatagramTransport> = layerDatagramWith({})

/**
 * The network of this machine: {@link layerWebSocket} and {@link layerDatagram}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<WebSocketTransport | DatagramTransport> = Layer.mergeAll(layerWebSocket, layerDatagram)
