/**
 * The pings of one socket, which keep its path through the network open, and the replies of servers that reply, which show the
 * round trip time and whether they have stopped.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Result from "effect/Result"
import * as Datagram from "../protocol/Datagram.ts"
import type { DatagramSocket } from "../Transport.ts"

/** The number of pings that wait for their reply. A server that never replies must not make this grow. */
const awaited = 16

/** The number of consecutive checks without a reply to a ping, after earlier replies. */
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
  /** Checks since the last reply, or other answer. */
  #unanswered = 0

  constructor(socket: Pick<DatagramSocket, "send">, clock: Clock.Clock) {
    this.#socket = socket
    this.#clock = clock
  }

  /** Sends a ping. */
  ping(): void {
    const sequence = this.#sent++ >>> 0
    this.#sentAt.set(sequence, this.#clock.monotonicTimeNanosUnsafe())
    this.#sentAt.delete((sequence - awaited) >>> 0)
    // a client that only listens sends nothing else, so it has to know whether this failed
    this.#socket.send(Datagram.encodePing(sequence), Datagram.pingBytes, true)
  }

  /** Takes a datagram that may be a reply. Returns whether it answers a ping of ours that was not answered before. */
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

  /** Tells that an answer other than a reply has arrived: the path is open. */
  onAnswer(): void {
    this.#unanswered = 0
  }

  /** Counts a check. Returns whether there were replies before and they have stopped. */
  look(): boolean {
    this.#unanswered++
    return this.#replies > 0 && this.#unanswered > unansweredLooks
  }

  /** The number of pings sent. */
  sent(): number {
    return this.#sent
  }

  replies(): number {
    return this.#replies
  }

  /** The round trip time of the last ping that was answered. */
  roundTripMs(): number | undefined {
    return this.#roundTripMs
  }
}
