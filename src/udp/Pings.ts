/**
 * The pings of one socket, which keep its way through the network open, and the replies of servers that reply: the round trip,
 * and whether replies have stopped.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Result from "effect/Result"
import * as Datagram from "../protocol/Datagram.ts"
import type { DatagramSocket } from "../Transport.ts"

/** Pings whose reply is awaited for the round trip; a server that never replies must not make this grow. */
const awaited = 16

/** Looks in a row without a reply to a ping, where replies came before. */
const unansweredLooks = 4

/**
 * @category models
 * @since 0.1.0
 */
export class Pings {
  readonly #socket: Pick<DatagramSocket, "send">
  readonly #clock: Clock.Clock
  readonly #sentAt = new Map<number, bigint>()
  #sent = 0
  #replies = 0
  #roundTripMs: number | undefined = undefined
  /** Looks since the last reply, or another answer. */
  #unanswered = 0

  constructor(socket: Pick<DatagramSocket, "send">, clock: Clock.Clock) {
    this.#socket = socket
    this.#clock = clock
  }

  /** Sends one. */
  ping(): void {
    const sequence = this.#sent++ >>> 0
    this.#sentAt.set(sequence, this.#clock.monotonicTimeNanosUnsafe())
    this.#sentAt.delete((sequence - awaited) >>> 0)
    // who only listens sends nothing else: whether that failed is what there is to know
    this.#socket.send(Datagram.encodePing(sequence), Datagram.pingBytes, true)
  }

  /** Takes a datagram that may be a reply. Whether it is one to a ping of ours that was not answered before. */
  onDatagram(datagram: Uint8Array): boolean {
    const decoded = Datagram.decodePong(datagram)
    const since = Result.isSuccess(decoded) ? this.#sentAt.get(decoded.success) : undefined
    if (Result.isFailure(decoded) || since === undefined) return false
    this.#sentAt.delete(decoded.success)
    this.#replies++
    this.#unanswered = 0
    this.#roundTripMs = Number(this.#clock.monotonicTimeNanosUnsafe() - since) / 1e6
    return true
  }

  /** Another answer than a reply has come: the way is open. */
  onAnswer(): void {
    this.#unanswered = 0
  }

  /** Counts a look. Whether replies came before and have stopped. */
  look(): boolean {
    this.#unanswered++
    return this.#replies > 0 && this.#unanswered > unansweredLooks
  }

  /** How many were sent. */
  sent(): number {
    return this.#sent
  }

  replies(): number {
    return this.#replies
  }

  /** Of the last ping that was answered. */
  roundTripMs(): number | undefined {
    return this.#roundTripMs
  }
}
