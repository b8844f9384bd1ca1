/**
 * The history of each socket of a log, in one line: how long it was open, how soon it was usable, how much went through it, and
 * how it ended.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { Entry } from "../../WireLog.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Socket {
  readonly name: string
  readonly remote: string
  readonly openedAt: number
  /** The time of its last entry. */
  lastAt: number
  /** When a voice gateway completed the handshake: with Session Description, or Resumed. */
  readyAt?: number
  messagesIn: number
  messagesOut: number
  /** RTP packets. */
  sent: number
  received: number
  /** The round trip times of a voice gateway's heartbeats, in milliseconds: minimum and maximum. */
  roundTripMs?: readonly [least: number, most: number]
  end?: string
}

type Message = Extract<Entry, { readonly kind: "message" }>

const opOf = ({ message }: Message): unknown => Predicate.hasProperty(message, "op") ? message.op : undefined

/** The nonce of a heartbeat or its acknowledgement: in an object from version 8 on, and the bare number below. */
const nonceOf = ({ message }: Message): unknown => {
  const d = Predicate.hasProperty(message, "d") ? message.d : undefined
  return Predicate.hasProperty(d, "t") ? d.t : d
}

/**
 * Takes all entries, in order.
 *
 * @category models
 * @since 0.1.0
 */
export class Sockets {
  readonly #sockets = new Map<string, Socket>()
  /** The last heartbeat of each socket: its nonce, and when it was sent. */
  readonly #beats = new Map<string, readonly [nonce: unknown, at: number]>()

  add(entry: Entry): void {
    if (!("socket" in entry)) return
    if (entry.kind === "open") {
      const { at, remote, socket } = entry
      const counts = { messagesIn: 0, messagesOut: 0, sent: 0, received: 0 }
      this.#sockets.set(socket, { name: socket, remote, openedAt: at, lastAt: at, ...counts })
      return
    }
    const socket = this.#sockets.get(entry.socket)
    if (socket === undefined) return
    socket.lastAt = entry.at
    switch (entry.kind) {
      case "message":
        return this.#message(socket, entry)
      case "binary":
        return void (entry.direction === "in" ? socket.messagesIn++ : socket.messagesOut++)
      case "datagrams":
        socket.sent += entry.sent["rtp"]?.packets ?? 0
        socket.received += entry.received["rtp"]?.packets ?? 0
        return
      case "refused":
        socket.end = `refused: ${entry.detail}`
        return
      case "closed":
        socket.end = `closed with ${entry.code}`
        return
      case "closing":
        socket.end ??= `closed by us with ${entry.code}`
    }
  }

  all(): ReadonlyArray<Socket> {
    return Array.from(this.#sockets.values())
  }

  #message(socket: Socket, entry: Message): void {
    if (entry.direction === "in") socket.messagesIn++
    else socket.messagesOut++
    if (!socket.name.startsWith("voice")) return
    const op = opOf(entry)
    if (entry.direction === "out" && op === 3) this.#beats.set(socket.name, [nonceOf(entry), entry.at])
    if (entry.direction === "out") return
    if (op === 4 || op === 9) socket.readyAt ??= entry.at
    const [nonce, sentAt] = this.#beats.get(socket.name) ?? []
    if (op !== 6 || sentAt === undefined || nonce !== nonceOf(entry)) return
    const took = entry.at - sentAt
    const [least, most] = socket.roundTripMs ?? [took, took]
    socket.roundTripMs = [Math.min(least, took), Math.max(most, took)]
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(3)} s`
const millis = (ms: number): string => `${ms.toFixed(1)} ms`

/**
 * @category formatting
 * @since 0.1.0
 */
export const text = (socket: Socket): string => {
  const { end, lastAt, messagesIn, messagesOut, name, openedAt, readyAt, received, remote, roundTripMs, sent } = socket
  const parts = [
    remote,
    seconds(lastAt - openedAt),
    ...(readyAt === undefined ? [] : [`of use after ${millis(readyAt - openedAt)}`]),
    name.startsWith("udp")
      ? `${sent} RTP packets sent, ${received} received`
      : `${messagesIn} messages in, ${messagesOut} out`,
    ...(roundTripMs === undefined ? [] : [`round trip ${millis(roundTripMs[0])} to ${millis(roundTripMs[1])}`]),
    ...(end === undefined ? [] : [end])
  ]
  return `${name.padEnd(11)} ${parts.join(", ")}`
}
