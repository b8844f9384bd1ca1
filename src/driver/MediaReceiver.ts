/**
 * The receiving half of a connection: opens RTP packets and takes header extension and padding off, in this order. Packets
 * that cannot be used are counted, never failures.
 *
 * @since 0.1.0
 */
import * as EncryptionMode from "../protocol/EncryptionMode.ts"
import { Ssrc, type UserId } from "../protocol/Identifier.ts"
import * as RtpPacket from "../protocol/RtpPacket.ts"
import type { PacketCipher } from "../VoiceCrypto.ts"
import type { AudioPacket } from "./Line.ts"
import type { Reception } from "./Reception.ts"
import type * as SsrcMap from "./SsrcMap.ts"

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
  /** Packets of another payload type than Opus (120), such as video. */
  readonly otherMedia: number
  /** Packets of somebody who has just left: their SSRC may be another's next. */
  readonly afterLeaving: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MediaReceiver {
  /** Takes one RTP datagram; the bytes are opened in place. */
  readonly receive: (datagram: Uint8Array) => void
  /** With `only`, packets of other users are left alone; those of an SSRC that nobody has named are opened. */
  readonly setListening: (on: boolean, only?: ReadonlyArray<UserId>) => void
  readonly setCipher: (cipher: PacketCipher) => void
  readonly statistics: () => Statistics
}

const extensionPreambleBytes = 4

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly cipher: PacketCipher
  readonly users: SsrcMap.SsrcMap
  /** Told of every packet that was opened. */
  readonly reception: Pick<Reception, "packet" | "restart" | "isOfForgotten">
  readonly now: () => number
  readonly onPacket: (packet: AudioPacket) => void
}): MediaReceiver => {
  const { now, onPacket, reception, users } = options
  const header = RtpPacket.makeHeader()
  let cipher = options.cipher
  let listening = false
  let wanted: ReadonlySet<UserId> | undefined
  let received = 0
  let opened = 0
  let failedToOpen = 0
  let malformed = 0
  let badPadding = 0
  let empty = 0
  let unheard = 0
  let otherMedia = 0
  let afterLeaving = 0

  const isRtpSize = (): boolean => cipher.mode !== "plain" && EncryptionMode.spec(cipher.mode).clearHeader === "rtpsize"

  let rtpSize = isRtpSize()

  const receive = (datagram: Uint8Array): void => {
    received++
    if (!listening) {
      unheard++
      return
    }
    if (RtpPacket.readHeader(datagram, datagram.length, header) !== undefined) {
      malformed++
      return
    }
    if (header.payloadType !== RtpPacket.payloadTypeOpus) {
      otherMedia++
      return
    }
    const ssrc = Ssrc.make(header.ssrc, { disableChecks: true })
    const userId = users.userOf(ssrc)
    if (wanted !== undefined && userId !== undefined && !wanted.has(userId)) {
      unheard++
      return
    }
    if (
      userId === undefined && users.isFreed(ssrc) &&
      reception.isOfForgotten(header.ssrc, header.sequence, header.timestamp)
    ) {
      afterLeaving++
      return
    }
    // in the modes without rtpsize the ciphertext starts behind the fixed header, whatever follows it
    const clear = rtpSize ? header.clearLength : RtpPacket.fixedHeaderBytes
    const length = cipher.open(datagram, clear, datagram.length)
    if (length < 0) {
      failedToOpen++
      return
    }
    const arrivalMs = now()
    reception.packet(header.ssrc, header.sequence, header.timestamp, arrivalMs)
    let start = header.headerLength
    if (header.extension) {
      const preamble = header.headerLength
      const words = ((datagram[preamble + 2] ?? 0) << 8) | (datagram[preamble + 3] ?? 0)
      start = preamble + extensionPreambleBytes + 4 * words
    }
    if (start > length) {
      malformed++
      return
    }
    let end = length
    if (header.padding) {
      const payload = RtpPacket.unpad(datagram.subarray(start, length), length - start)
      if (payload < 0) {
        badPadding++
        return
      }
      end = start + payload
    }
    if (end === start) {
      empty++
      return
    }
    opened++
    const packet = {
      ssrc,
      sequence: header.sequence,
      timestamp: header.timestamp,
      payload: datagram.subarray(start, end),
      arrivalMs
    }
    onPacket(userId === undefined ? packet : { ...packet, userId })
  }

  return {
    receive,
    setListening: (on, only) => {
      const before = wanted
      const isWider = before !== undefined && (only === undefined || only.some((userId) => !before.has(userId)))
      if (on && (!listening || isWider)) reception.restart()
      listening = on
      wanted = only === undefined ? undefined : new Set(only)
    },
    setCipher: (next) => {
      cipher = next
      rtpSize = isRtpSize()
    },
    statistics: () => ({
      received,
      opened,
      failedToOpen,
      malformed,
      badPadding,
      empty,
      unheard,
      otherMedia,
      afterLeaving
    })
  }
}
