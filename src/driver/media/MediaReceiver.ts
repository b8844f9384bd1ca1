/**
 * The receiving half of a connection: opens RTP packets, then removes header extension and padding. Packets that cannot be used
 * are counted and never cause a failure.
 *
 * @since 0.1.0
 */
import * as EncryptionMode from "../../protocol/EncryptionMode.ts"
import { Ssrc, type UserId } from "../../protocol/Identifier.ts"
import * as RtpPacket from "../../protocol/RtpPacket.ts"
import type { PacketCipher } from "../../VoiceCrypto.ts"
import type { AudioPacket } from "../Line.ts"
import type * as SsrcMap from "../SsrcMap.ts"
import type { Reception } from "./Reception.ts"

/**
 * Counts of packets.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly received: number
  readonly opened: number
  readonly failedToOpen: number
  readonly malformed: number
  readonly badPadding: number
  readonly empty: number
  /** Packets to which nobody listened: they are not even opened. */
  readonly unheard: number
  /** Packets of a payload type other than Opus (120), such as video. */
  readonly otherMedia: number
  /** Packets of a user who has just left, whose SSRC may be assigned to another user next. */
  readonly afterLeaving: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MediaReceiver {
  /** Takes one RTP datagram. The bytes are opened in place. */
  readonly receive: (datagram: Uint8Array) => void
  /** With `only`, packets of other users are left alone. Those of an SSRC with an unknown owner are opened. */
  readonly setListening: (on: boolean, only?: ReadonlyArray<UserId>) => void
  readonly setCipher: (cipher: PacketCipher) => void
  readonly statistics: () => Statistics
}

const extensionPreambleBytes = 4

/** Written and read within one call, so it is shared by all. */
const header = RtpPacket.makeHeader()

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly cipher: PacketCipher
  readonly users: SsrcMap.SsrcMap
  /** Told of every packet that was opened. */
  readonly reception: Pick<Reception, "packet" | "restart" | "isOfForgotten">
  readonly now: () => number
  readonly onPacket: (packet: AudioPacket) => void
}

const isRtpSize = (cipher: PacketCipher): boolean =>
  cipher.mode !== "plain" && EncryptionMode.spec(cipher.mode).clearHeader === "rtpsize"

class Receiver implements MediaReceiver {
  #cipher: PacketCipher
  #isRtpSize: boolean
  readonly #users: SsrcMap.SsrcMap
  readonly #reception: Options["reception"]
  readonly #now: () => number
  readonly #onPacket: (packet: AudioPacket) => void
  #isListening = false
  #wanted: ReadonlySet<UserId> | undefined
  #received = 0
  #opened = 0
  #failedToOpen = 0
  #malformed = 0
  #badPadding = 0
  #empty = 0
  #unheard = 0
  #otherMedia = 0
  #afterLeaving = 0

  constructor({ cipher, now, onPacket, reception, users }: Options) {
    this.#cipher = cipher
    this.#isRtpSize = isRtpSize(cipher)
    this.#users = users
    this.#reception = reception
    this.#now = now
    this.#onPacket = onPacket
  }

  receive(datagram: Uint8Array): void {
    this.#received++
    if (!this.#isListening) {
      this.#unheard++
      return
    }
    if (RtpPacket.readHeader(datagram, datagram.length, header) !== undefined) {
      this.#malformed++
      return
    }
    if (header.payloadType !== RtpPacket.payloadTypeOpus) {
      this.#otherMedia++
      return
    }
    const ssrc = Ssrc.make(header.ssrc, { disableChecks: true })
    const userId = this.#users.userOf(ssrc)
    if (this.#wanted !== undefined && userId !== undefined && !this.#wanted.has(userId)) {
      this.#unheard++
      return
    }
    if (
      userId === undefined && this.#users.isFreed(ssrc) &&
      this.#reception.isOfForgotten(header.ssrc, header.sequence, header.timestamp)
    ) {
      this.#afterLeaving++
      return
    }
    // in the modes without rtpsize the ciphertext starts after the fixed header, whatever follows it
    const clear = this.#isRtpSize ? header.clearLength : RtpPacket.fixedHeaderBytes
    const length = this.#cipher.open(datagram, clear, datagram.length)
    if (length < 0) {
      this.#failedToOpen++
      return
    }
    const arrivalMs = this.#now()
    this.#reception.packet(header.ssrc, header.sequence, header.timestamp, arrivalMs)
    let start = header.headerLength
    if (header.extension) {
      const preamble = header.headerLength
      const words = ((datagram[preamble + 2] ?? 0) << 8) | (datagram[preamble + 3] ?? 0)
      start = preamble + extensionPreambleBytes + 4 * words
    }
    if (start > length) {
      this.#malformed++
      return
    }
    let end = length
    if (header.padding) {
      const payload = RtpPacket.unpad(datagram.subarray(start, length), length - start)
      if (payload < 0) {
        this.#badPadding++
        return
      }
      end = start + payload
    }
    if (end === start) {
      this.#empty++
      return
    }
    this.#opened++
    const packet = {
      ssrc,
      sequence: header.sequence,
      timestamp: header.timestamp,
      payload: datagram.subarray(start, end),
      arrivalMs
    }
    this.#onPacket(userId === undefined ? packet : { ...packet, userId })
  }

  setListening(on: boolean, only?: ReadonlyArray<UserId>): void {
    const before = this.#wanted
    const isWider = before !== undefined && (only === undefined || only.some((userId) => !before.has(userId)))
    if (on && (!this.#isListening || isWider)) this.#reception.restart()
    this.#isListening = on
    this.#wanted = only === undefined ? undefined : new Set(only)
  }

  setCipher(cipher: PacketCipher): void {
    this.#cipher = cipher
    this.#isRtpSize = isRtpSize(cipher)
  }

  statistics(): Statistics {
    return {
      received: this.#received,
      opened: this.#opened,
      failedToOpen: this.#failedToOpen,
      malformed: this.#malformed,
      badPadding: this.#badPadding,
      empty: this.#empty,
      unheard: this.#unheard,
      otherMedia: this.#otherMedia,
      afterLeaving: this.#afterLeaving
    }
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): MediaReceiver => new Receiver(options)
