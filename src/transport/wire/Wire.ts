/**
 * Opens sockets that are logged if there is a wire log.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Datagram from "../../protocol/Datagram.ts"
import type { DatagramSocket, Frame, WebSocketConnection, WebSocketOptions } from "../Socket.ts"
import type { DatagramError, WebSocketClosed, WebSocketOpenError } from "../TransportError.ts"
import type { DatagramKind } from "./Entry.ts"
import { CurrentLog, type Log } from "./Log.ts"
import * as Masking from "./Masking.ts"

const mostBinaryBytes = 64 * 1024
const mostHeaderBytes = 16

/**
 * A WebSocket that is read one frame at a time.
 *
 * @category models
 * @since 0.1.0
 */
export interface WebSocketWire extends Omit<WebSocketConnection, "frames"> {
  /** Waits for the next frame. */
  readonly take: Effect.Effect<Frame, WebSocketClosed>
}

/** The interface of a `WebSocketTransport`. */
interface WebSockets {
  readonly connect: (
    url: string,
    options?: WebSocketOptions
  ) => Effect.Effect<WebSocketConnection, WebSocketOpenError, Scope.Scope>
}

interface Address {
  readonly address: string
  readonly port: number
}

/** The interface of a `DatagramTransport`. */
interface Datagrams {
  readonly connect: (remote: Address) => Effect.Effect<DatagramSocket, DatagramError, Scope.Scope>
}

type Gateway = "voice" | "main"
type Direction = "in" | "out"

const hex = (bytes: Uint8Array, most: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, most)).toString("hex")

const writeFrame = (log: Log, socket: string, gateway: Gateway, direction: Direction, frame: Frame): void => {
  const at = log.now()
  if (typeof frame !== "string") {
    log.write({ kind: "binary", at, socket, direction, bytes: frame.length, hex: hex(frame, mostBinaryBytes) })
    return
  }
  const message = Masking.messageOf(gateway, frame)
  const bytes = Buffer.byteLength(frame)
  log.write({ kind: "message", at, socket, direction, bytes, ...(message === undefined ? {} : { message }) })
}

/** Logs that a socket is being opened, and later that it was released. */
const opening = Effect.fnUntraced(function*(log: Log, kind: string, remote: string, ssrc?: number) {
  const socket = log.socket(kind)
  log.write({ kind: "open", at: log.now(), socket, remote, ...(ssrc === undefined ? {} : { ssrc }) })
  const scope = yield* Effect.scope
  yield* Scope.addFinalizer(scope, Effect.sync(() => log.write({ kind: "released", at: log.now(), socket })))
  return socket
})

/** Node appends this machine's address to the error of a failed connection (`exceptionWithHostPort`). */
const ownAddress = / - Local \([^)]*\)/g

const refused = (log: Log, socket: string, { detail }: { readonly detail: string }) =>
  Effect.sync(() => log.write({ kind: "refused", at: log.now(), socket, detail: detail.replaceAll(ownAddress, "") }))

const loggedWebSocket = (
  connection: WebSocketConnection,
  log: Log,
  socket: string,
  gateway: Gateway
): WebSocketWire => ({
  take: Queue.take(connection.frames).pipe(
    Effect.tap((frame) => Effect.sync(() => writeFrame(log, socket, gateway, "in", frame))),
    Effect.tapError(({ code, reason }) =>
      Effect.sync(() => log.write({ kind: "closed", at: log.now(), socket, code, reason }))
    )
  ),
  send: (frame) =>
    Effect.suspend(() => {
      writeFrame(log, socket, gateway, "out", frame)
      return connection.send(frame)
    }),
  close: (code, reason) =>
    Effect.suspend(() => {
      log.write({ kind: "closing", at: log.now(), socket, code, reason })
      return connection.close(code, reason)
    }),
  terminate: connection.terminate
})

/**
 * Connects to a gateway. `layerLog` is the log in which the caller's layer was built, if any.
 *
 * @category constructors
 * @since 0.1.0
 */
export const webSocket = Effect.fnUntraced(function*(
  gateway: Gateway,
  transport: WebSockets,
  url: string,
  options: WebSocketOptions,
  layerLog?: Log
): Effect.fn.Return<WebSocketWire, WebSocketOpenError, Scope.Scope> {
  const log = (yield* CurrentLog) ?? layerLog
  if (log === undefined) {
    const connection = yield* transport.connect(url, options)
    return {
      take: Queue.take(connection.frames),
      send: (frame) => connection.send(frame),
      close: (code, reason) => connection.close(code, reason),
      terminate: connection.terminate
    }
  }
  const socket = yield* opening(log, gateway === "voice" ? "voice" : "gateway", Masking.urlOf(url))
  const connection = yield* Effect.tapError(transport.connect(url, options), (error) => refused(log, socket, error))
  return loggedWebSocket(connection, log, socket, gateway)
})

/** Counts of datagrams by kind. They are written a second after the first datagram, together with the next one. */
class Tallies {
  readonly #log: Log
  readonly #socket: string
  #since: number | undefined = undefined
  #sent: Record<string, { packets: number; bytes: number }> = {}
  #received: Record<string, { packets: number; bytes: number }> = {}

  constructor(log: Log, socket: string) {
    this.#log = log
    this.#socket = socket
  }

  add(direction: Direction, kind: DatagramKind, bytes: number): void {
    const now = this.#log.now()
    if (this.#since !== undefined && now - this.#since >= 1_000) this.write()
    this.#since ??= now
    const tally = (direction === "in" ? this.#received : this.#sent)[kind] ??= { packets: 0, bytes: 0 }
    tally.packets++
    tally.bytes += bytes
  }

  write(): void {
    if (this.#since === undefined) return
    const at = this.#log.now()
    this.#log.write({ kind: "datagrams", at, socket: this.#socket, sent: this.#sent, received: this.#received })
    this.#since = undefined
    this.#sent = {}
    this.#received = {}
  }
}

/** The number of bytes of a datagram that neither identify us nor are encrypted audio. */
const headerBytes = (packet: Uint8Array, type: DatagramKind): number => {
  if (type === "discovery") return 8
  const [first = 0] = packet
  // CSRCs, and the start of an extension, come before the encrypted part (RFC 3550, 5.1)
  return type === "rtp" ? 12 + 4 * (first & 0x0f) + ((first & 0x10) === 0 ? 0 : 4) : mostHeaderBytes
}

const loggedDatagrams = (udp: DatagramSocket, log: Log, socket: string, tallies: Tallies): DatagramSocket => {
  const note = (direction: Direction, packet: Uint8Array, bytes: number): void => {
    const type = Datagram.classify(bytes === packet.length ? packet : packet.subarray(0, bytes))
    tallies.add(direction, type, bytes)
    if (log.datagrams === "counted") return
    const header = hex(packet, Math.min(bytes, mostHeaderBytes, headerBytes(packet, type)))
    log.write({ kind: "datagram", at: log.now(), socket, direction, bytes, type, header })
  }
  return {
    local: udp.local,
    send: (packet, length, isAsked) => {
      note("out", packet, length)
      return udp.send(packet, length, isAsked)
    },
    prefetch: udp.prefetch,
    onDatagram: (handler) =>
      udp.onDatagram((datagram) => {
        note("in", datagram, datagram.length)
        handler(datagram)
      }),
    hasAddress: () => udp.hasAddress(),
    statistics: () => udp.statistics()
  }
}

/**
 * Opens a UDP socket. `layerLog` is the same as above.
 *
 * @category constructors
 * @since 0.1.0
 */
export const datagrams = Effect.fnUntraced(function*(
  transport: Datagrams,
  remote: Address,
  ssrc: number,
  layerLog?: Log
): Effect.fn.Return<DatagramSocket, DatagramError, Scope.Scope> {
  const log = (yield* CurrentLog) ?? layerLog
  if (log === undefined) return yield* transport.connect(remote)
  const address = remote.address.includes(":") ? `[${remote.address}]` : remote.address
  const socket = yield* opening(log, "udp", `${address}:${remote.port}`, ssrc)
  const tallies = new Tallies(log, socket)
  const scope = yield* Effect.scope
  yield* Scope.addFinalizer(scope, Effect.sync(() => tallies.write()))
  const udp = yield* Effect.tapError(transport.connect(remote), (error) => refused(log, socket, error))
  return loggedDatagrams(udp, log, socket, tallies)
})
