/**
 * The seam to the operating system: everything that this library sends or receives passes one of these two services.
 * The live layers use `ws` and `node:dgram`; the emulator has layers that stay in memory and follow the `TestClock`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import * as Net from "node:net"
import { networkInterfaces } from "node:os"
import { WebSocket } from "ws"
import { ConnectedUdp } from "./transport/ConnectedUdp.ts"

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

/**
 * Options of {@link layerWebSocketWith}.
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

const defaultMaxPayloadBytes = 1024 * 1024
const waitingFrames = 1024
const closeTimeoutMs = 1000

/** Neither the query nor user and password, where secrets are. */
const publicUrl = (url: string): string => url.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//")

const codeOf = (error: Error): string => "code" in error && typeof error.code === "string" ? error.code : ""

const openKind = (error: Error): WebSocketOpenError["kind"] => {
  const code = codeOf(error)
  if (code === "ECONNREFUSED") return "Refused"
  if (code === "ETIMEDOUT") return "TimedOut"
  return /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO|HOSTNAME/.test(code) ? "Tls" : "Failed"
}

/**
 * What `ws` answers by itself to a message that breaks the protocol (RFC 6455, 7.4.1). It reads no more afterwards, so
 * that its own "close" event knows only 1006.
 */
const answeredWith = (error: Error): number | undefined => {
  const code = codeOf(error)
  if (!code.startsWith("WS_ERR_")) return undefined
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return 1009
  if (code === "WS_ERR_INVALID_UTF8") return 1007
  return code.startsWith("WS_ERR_TOO_MANY") ? 1008 : 1002
}

/** A close frame has room for 123 bytes of reason (RFC 6455, 5.5). */
const fitReason = (reason: string): string => {
  const bytes = Buffer.from(reason)
  if (bytes.length <= 123) return reason
  let end = 123
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString("utf8", 0, end)
}

const isSendableCode = (code: number): boolean =>
  Number.isInteger(code) &&
  ((code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999))

const makeWebSocket = (layerOptions: WebSocketLayerOptions): WebSocketTransport["Service"] => {
  const ca = layerOptions.ca

  const connect = Effect.fnUntraced(function*(url: string, options: WebSocketOptions = {}) {
    const fail = (kind: WebSocketOpenError["kind"], detail: string, status?: number) =>
      new WebSocketOpenError({ url: publicUrl(url), kind, detail, ...(status === undefined ? {} : { status }) })

    if (!URL.canParse(url)) return yield* fail("InvalidUrl", "not a URL")
    const { hash, protocol } = new URL(url)
    if (protocol !== "ws:" && protocol !== "wss:") {
      return yield* fail("InvalidUrl", `the scheme is ${protocol.slice(0, -1)} where ws or wss is needed`)
    }
    if (hash !== "") return yield* fail("InvalidUrl", "a WebSocket URL has no fragment")

    const frames = yield* Queue.bounded<Frame, WebSocketClosed>(waitingFrames)
    const ended = yield* Deferred.make<WebSocketClosed>()
    const overflow: Array<Frame> = []
    const fork = Effect.runForkWith(yield* Effect.context<Scope.Scope>())
    const sending = new Set<(exit: Exit.Exit<void, WebSocketClosed>) => void>()
    let closed: WebSocketClosed | undefined
    let released = false
    let brokenBy: { readonly code: number; readonly reason: string } | undefined

    // Not an object literal in the call: the types of `ws` do not know `closeTimeout` yet.
    const clientOptions = {
      perMessageDeflate: false,
      maxPayload: options.maxPayloadBytes ?? defaultMaxPayloadBytes,
      closeTimeout: closeTimeoutMs,
      ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] })
    }
    const endFrames = () => {
      if (closed !== undefined && overflow.length === 0) Queue.failCauseUnsafe(frames, Cause.fail(closed))
    }
    /** Waits for room for what has overflowed. */
    const passOn = (socket: WebSocket) =>
      Effect.gen(function*() {
        for (let frame = overflow[0]; frame !== undefined; frame = overflow[0]) {
          yield* Queue.offer(frames, frame)
          overflow.shift()
        }
        socket.resume()
        endFrames()
      })
    // Listeners are there from the start: an "error" event without one would end the process.
    const listen = (socket: WebSocket) => {
      socket.on("error", (error) => {
        const code = answeredWith(error)
        if (code !== undefined) brokenBy = { code, reason: error.message }
      })
      socket.on("message", (data, isBinary) => {
        // With the default `binaryType` the bytes always come as one Buffer. Nobody carries on what comes after the release.
        if (!Buffer.isBuffer(data) || released) return
        const frame = isBinary ? data : data.toString()
        if (overflow.length === 0 && Queue.offerUnsafe(frames, frame)) return
        overflow.push(frame)
        if (overflow.length === 1) {
          socket.pause()
          fork(Effect.forkScoped(passOn(socket)))
        }
      })
      socket.on("close", (code, reason) => {
        closed = new WebSocketClosed(
          brokenBy !== undefined && code === 1006 ? brokenBy : { code, reason: reason.toString() }
        )
        for (const resume of sending) resume(Exit.fail(closed))
        sending.clear()
        endFrames()
        Deferred.doneUnsafe(ended, Exit.succeed(closed))
      })
      return socket
    }
    const release = (socket: WebSocket) =>
      Effect.suspend(() => {
        if (closed === undefined && socket.readyState !== WebSocket.CLOSING) socket.terminate()
        released = true
        overflow.length = 0
        endFrames()
        return Effect.asVoid(Deferred.await(ended))
      })
    const socket = yield* Effect.acquireRelease(
      Effect.try({
        try: () => listen(new WebSocket(url, clientOptions)),
        catch: (error) => fail("InvalidUrl", error instanceof Error ? error.message : "not a URL")
      }),
      release
    )

    yield* Effect.callback<void, WebSocketOpenError>((resume) => {
      socket.once("open", () => resume(Effect.void))
      socket.once("error", (error) => resume(Effect.fail(fail(openKind(error), error.message))))
      socket.once("unexpected-response", (_, response) => {
        resume(Effect.fail(fail("Rejected", "the server refused the upgrade", response.statusCode)))
        socket.terminate()
      })
    }).pipe(
      Effect.timeoutOrElse({
        duration: options.openTimeout ?? "10 seconds",
        orElse: () => Effect.fail(fail("TimedOut", "the server did not complete the upgrade in time"))
      }),
      Effect.onError(() => release(socket))
    )

    const connection: WebSocketConnection = {
      frames,
      send: (frame) =>
        Effect.callback((resume) => {
          const done = (exit: Exit.Exit<void, WebSocketClosed>) => {
            sending.delete(done)
            resume(exit)
          }
          if (closed !== undefined) return done(Exit.fail(closed))
          sending.add(done)
          socket.send(frame, (error) => {
            if (error === undefined || error === null) done(Exit.void)
            // A socket that is ending tells its code in a moment; `done` runs then.
            else if (socket.readyState === WebSocket.OPEN) {
              done(Exit.fail(new WebSocketClosed({ code: 1006, reason: error.message })))
            }
          })
        }),
      close: (code, reason) =>
        Effect.sync(() => {
          if (closed !== undefined) return
          if (isSendableCode(code)) socket.close(code, fitReason(reason))
          else socket.terminate()
        }),
      terminate: Effect.sync(() => socket.terminate())
    }
    return connection
  })

  return WebSocketTransport.of({ connect })
}

/**
 * WebSockets of the `ws` package, without compression.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocketWith = (options: WebSocketLayerOptions): Layer.Layer<WebSocketTransport> =>
  Layer.sync(WebSocketTransport, () => makeWebSocket(options))

/**
 * WebSockets of the `ws` package, without compression, which trust the certificates that Node trusts.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocket: Layer.Layer<WebSocketTransport> = layerWebSocketWith({})

/**
 * Options of {@link layerDatagramWith}.
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

const defaultReceiveBufferBytes = 4 * 1024 * 1024

/** Some systems refuse what they cannot grant in full. */
const growReceiveBuffer = (socket: Dgram.Socket, bytes: number) => {
  for (let size = bytes; size >= 64 * 1024; size >>>= 1) {
    try {
      return socket.setRecvBufferSize(size)
    } catch {
      continue
    }
  }
}

/** The machine's addresses, which all sockets ask for: reading them anew for each would cost more than all keepalives. */
let addresses: ReadonlySet<string> = new Set()
let addressesReadMs = -Infinity
const addressesStaleMs = 1_000

const hasAddress = (address: string): boolean => {
  const nowMs = performance.now()
  if (nowMs - addressesReadMs > addressesStaleMs) {
    addressesReadMs = nowMs
    addresses = new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map((entry) => entry.address) ?? []))
  }
  return addresses.has(address)
}

const makeDatagram = (layerOptions: DatagramLayerOptions): DatagramTransport["Service"] => {
  const receiveBufferBytes = layerOptions.receiveBufferBytes ?? defaultReceiveBufferBytes

  const connect = Effect.fnUntraced(function*(remote: { readonly address: string; readonly port: number }) {
    const fail = (error: unknown) =>
      new DatagramError({ ...remote, detail: error instanceof Error ? error.message : String(error) })

    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const socket = Dgram.createSocket(Net.isIPv6(remote.address) ? "udp6" : "udp4")
        // an error that nobody listens for ends the process, and for a moment nobody counts them
        return socket.on("error", () => {})
      }),
      (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
    )
    yield* Effect.callback<void, DatagramError>((resume) => {
      const onError = (error: Error) => resume(Effect.fail(fail(error)))
      socket.once("error", onError)
      socket.once("connect", () => {
        socket.off("error", onError)
        resume(Effect.void)
      })
      try {
        socket.connect(remote.port, remote.address)
      } catch (error) {
        resume(Effect.fail(fail(error)))
      }
    })
    growReceiveBuffer(socket, receiveBufferBytes)
    return yield* Effect.acquireRelease(
      Effect.sync(() => new ConnectedUdp(socket, hasAddress)),
      (connected) => Effect.sync(() => connected.close())
    )
  })

  return DatagramTransport.of({ connect })
}

/**
 * UDP sockets of `node:dgram`, IPv4 or IPv6 by the remote address, with a receive buffer of the given size.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDatagramWith = (options: DatagramLayerOptions): Layer.Layer<DatagramTransport> =>
  Layer.sync(DatagramTransport, () => makeDatagram(options))

/**
 * UDP sockets of `node:dgram`, IPv4 or IPv6 by the remote address.
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
