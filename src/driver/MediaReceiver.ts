/**
 * The receiving half of a connection: opens RTP packets and takes header extension and padding off, in this order, and
 * keeps the map of SSRCs to users. Packets that cannot be used are counted, never failures.
 *
 * @since 0.1.0
 */
import * as EncryptionMode from "../protocol/EncryptionMode.ts"
import { type Ssrc, Ssrc as SsrcSchema, type UserId } from "../protocol/Identifier.ts"
import * as RtpPacket from "../protocol/RtpPacket.ts"
import type { PacketCipher } from "../VoiceCrypto.ts"
import type { AudioPacket } from "./Line.ts"

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
  /** Packets that came while nobody listened: they are not even opened. */
  readonly unheard: number
  /** Packets of another payload type than Opus (120), such as video. */
  readonly otherMedia: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MediaReceiver {
  /** Takes one RTP datagram; the bytes are opened in place. */
  readonly receive: (datagram: Uint8Array) => void
  readonly setListening: (on: boolean) => void
  readonly setCipher: (cipher: PacketCipher) => void
  /** Says whose SSRC it is (op 5, op 12). A user has one audio SSRC: an earlier one is forgotten. */
  readonly assign: (ssrc: Ssrc, userId: UserId) => void
  /** Forgets a user who has left (op 13). */
  readonly forget: (userId: UserId) => void
  readonly userOf: (ssrc: Ssrc) => UserId | undefined
  readonly statistics: () => Statistics
}

const extensionPreambleBytes = 4

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly cipher: PacketCipher
  readonly now: () => number
  readonly onPacket: (packet: AudioPacket) => void
}): MediaReceiver => {
  const { now, onPacket } = options
  const header = RtpPacket.makeHeader()
  const users = new Map<number, UserId>()
  const ssrcs = new Map<UserId, Ssrc>()
  let cipher = options.cipher
  let listening = false
  let received = 0
  let opened = 0
  let failedToOpen = 0
  let malformed = 0
  let badPadding = 0
  let empty = 0
  let unheard = 0
  let otherMedia = 0

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
    // in the modes without rtpsize the ciphertext starts behind the fixed header, whatever follows it
    const clear = rtpSize ? header.clearLength : RtpPacket.fixedHeaderBytes
    const length = cipher.open(datagram, clear, datagram.length)
    if (length < 0) {
      failedToOpen++
      return
    }
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
    const ssrc = SsrcSchema.make(header.ssrc, { disableChecks: true })
    const userId = users.get(ssrc)
    const packet = {
      ssrc,
      sequence: header.sequence,
      timestamp: header.timestamp,
      payload: datagram.subarray(start, end),
      arrivalMs: now()
    }
    onPacket(userId === undefined ? packet : { ...packet, userId })
  }

  return {
    receive,
    setListening: (on) => {
      listening = on
    },
    setCipher: (next) => {
      cipher = next
      rtpSize = isRtpSize()
    },
    assign: (ssrc, userId) => {
      const former = ssrcs.get(userId)
      if (former !== undefined && former !== ssrc && users.get(former) === userId) users.delete(former)
      const previousOwner = users.get(ssrc)
      if (previousOwner !== undefined && previousOwner !== userId) ssrcs.delete(previousOwner)
      ssrcs.set(userId, ssrc)
      users.set(ssrc, userId)
    },
    forget: (userId) => {
      const ssrc = ssrcs.get(userId)
      ssrcs.delete(userId)
      if (ssrc !== undefined) users.delete(ssrc)
    },
    userOf: (ssrc) => users.get(ssrc),
    statistics: () => ({ received, opened, failedToOpen, malformed, badPadding, empty, unheard, otherMedia })
  }
}
