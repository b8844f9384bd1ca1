/**
 * The video of a scripted participant: frames at an even rate, each in some packets, and occasionally one of them again as a
 * retransmission. It cannot be watched; it is for clients that have to ignore it.
 *
 * @since 0.1.0
 */
import * as RtpPacket from "../../../protocol/RtpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"
import * as Video from "./Video.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface GuestVideo {
  /** Starts sending under the video SSRC that belongs to this audio SSRC; `undefined` ends it. */
  readonly turn: (audioSsrc: number | undefined) => void
}

const frameRate = 30

/** The units of a video timestamp per second. */
const clockRate = 90_000

/** The interval of key frames, which are much larger. */
const keyFrames = 60
const keyFramePackets = 8

const packetBytes = 1_000

/** One packet in this many is sent again. */
const retransmissions = 20

/**
 * `send` takes a plain RTP packet whose bytes are valid during the call, and returns whether there is still a sender.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, send: (packet: Uint8Array) => boolean): GuestVideo => {
  const { bytes, int } = context.random
  let cancel: (() => void) | undefined
  let sequence = 0
  let rtxSequence = 0
  let timestamp = 0
  let packets = 0

  const stop = (): void => {
    cancel?.()
    cancel = undefined
  }

  const packet = (ssrc: number, type: number, number: number, isLast: boolean, payload: Uint8Array): void => {
    const plain = new Uint8Array(RtpPacket.fixedHeaderBytes + payload.length)
    RtpPacket.writeHeader(plain, isLast, type, number, timestamp, ssrc)
    plain.set(payload, RtpPacket.fixedHeaderBytes)
    if (!send(plain)) stop()
  }

  const frame = (audioSsrc: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      const isLast = i === count - 1
      const payload = bytes(packetBytes)
      // a slice of a frame in parts (RFC 6184, 5.8)
      payload[0] = 0x7c
      packet(audioSsrc + 1, Video.usualTypes.video, sequence, isLast, payload)
      if (++packets % retransmissions === 0) {
        const again = Uint8Array.of(sequence >>> 8, sequence & 0xff, ...payload)
        packet(audioSsrc + 2, Video.usualTypes.rtx, rtxSequence, isLast, again)
        rtxSequence = RtpPacket.nextSequence(rtxSequence)
      }
      sequence = RtpPacket.nextSequence(sequence)
    }
    timestamp = RtpPacket.addTimestamp(timestamp, clockRate / frameRate)
  }

  const run = (audioSsrc: number): void => {
    const startMs = context.now()
    let index = 0
    const step = (): void => {
      cancel = context.timers.at(startMs + ++index * 1_000 / frameRate, step)
      frame(audioSsrc, (index - 1) % keyFrames === 0 ? keyFramePackets : 1 + index % 2)
    }
    step()
  }

  return {
    turn: (audioSsrc) => {
      stop()
      if (audioSsrc === undefined) return
      sequence = int(0x1_0000)
      rtxSequence = int(0x1_0000)
      timestamp = int(0x1_0000_0000)
      run(audioSsrc)
    }
  }
}
