/**
 * A connected socket of `node:dgram` in one object, so that what a packet needs is close together and can be prefetched. Plain
 * code for the beat.
 *
 * @since 0.1.0
 */
import type * as Dgram from "node:dgram"
import type { DatagramSocket, DatagramStatistics } from "./Socket.ts"

/** A second of 20 ms frames. */
const askEvery = 50

/**
 * Sends, receives and counts. Only a send with a callback reports failure, and the callback costs a tenth of the send. One in
 * this many has a callback, and after a failure every send until one succeeds.
 *
 * @category models
 * @since 0.1.0
 */
export class ConnectedUdp implements DatagramSocket {
  readonly #socket: Dgram.Socket
  #isOpen = true
  #untilAsked = 0
  #sent = 0
  readonly #onSent: (error: Error | null) => void
  readonly local: { readonly address: string; readonly port: number }
  readonly #hasAddress: (address: string) => boolean
  #sendErrors = 0
  #received = 0
  #socketErrors = 0
  #handler: ((datagram: Uint8Array) => void) | undefined

  /** Takes over a connected socket. */
  constructor(socket: Dgram.Socket, hasAddress: (address: string) => boolean) {
    const { address, port } = socket.address()
    this.#socket = socket
    this.local = { address, port }
    // an address that the system can write in two ways must not seem to be gone
    this.#hasAddress = hasAddress(address) ? hasAddress : () => true
    this.#onSent = (error) => {
      this.#untilAsked = error === null ? askEvery : 0
      if (error === null) return
      this.#sent--
      this.#sendErrors++
    }
    socket.on("error", () => {
      this.#socketErrors++
    })
    socket.on("message", (datagram) => {
      this.#received++
      this.#handler?.(datagram)
    })
  }

  // own properties: code that wraps a socket may copy it and replace some of them
  readonly prefetch = (step: number): number => {
    if (step === 0) return this.#sent ^ this.#untilAsked
    return step === 1 && this.#socket.send === undefined ? 1 : 0
  }

  readonly send = (packet: Uint8Array, length: number, isAsked = false): boolean => {
    if (!this.#isOpen) {
      this.#sendErrors++
      return true
    }
    const socket = this.#socket
    try {
      if (!isAsked && this.#untilAsked > 0) {
        this.#untilAsked--
        socket.send(packet, 0, length)
      } else {
        socket.send(packet, 0, length, this.#onSent)
      }
      this.#sent++
      // a connected socket sends within the call, unless the operating system's buffer is full
      return socket.getSendQueueCount() === 0
    } catch {
      this.#sendErrors++
      return true
    }
  }

  readonly onDatagram = (handler: (datagram: Uint8Array) => void): void => {
    this.#handler = handler
  }

  readonly hasAddress = (): boolean => this.#hasAddress(this.local.address)

  readonly statistics = (): DatagramStatistics => ({
    sent: this.#sent,
    sendErrors: this.#sendErrors,
    received: this.#received,
    socketErrors: this.#socketErrors
  })

  /** Closes the socket: sending is an error from now on, and nothing is received any more. */
  readonly close = (): void => {
    this.#isOpen = false
    this.#handler = undefined
  }
}
