/**
 * What the server does where a sender's audio stops: it may add frames of silence, so that listeners hear an end. They are
 * never end-to-end encrypted, because the server has no key of the group.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../../../protocol/OpusPacket.ts"
import * as RtpPacket from "../../../protocol/RtpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"
import * as MediaFrame from "../dave/MediaFrame.ts"
import type { Forwarding } from "./Forwarding.ts"
import type { Session } from "./Session.ts"

const silence = OpusPacket.silenceFrame()

/** A step back that is not reordering any more: the sender has restarted. */
const restartStep = 3000

const frameMs = OpusPacket.silenceSamples / 48

/** The stream of one sender as it leaves the server. */
interface Stream {
  /** The newest packet, with the numbers that it was sent with, and the time. */
  sequence: number
  timestamp: number
  samples: number
  lastMs: number
  /** The last of the sender's own numbers before the last silence, and the offset of those packets. */
  boundary: number
  sequenceBefore: number
  timestampBefore: number
  /** The offset of the packets after it. */
  sequenceOffset: number
  timestampOffset: number
  /** The newest of the sender's own numbers. */
  ownSequence: number
  /** Whether there was audio after the last silence. */
  isOpen: boolean
  /** The number of silence frames that were added since the last packet. */
  added: number
  cancel: (() => void) | undefined
}

/**
 * Wraps the forwarding of one core, according to its profile.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, forward: Forwarding["audio"]): Forwarding["audio"] => {
  const { addedSilence, addedSilenceAfterMs, addedSilenceNumbers } = context.profile
  if (addedSilence === 0) return forward
  const isFitted = addedSilenceNumbers === "fitted"
  const streams = new WeakMap<Session, Stream>()
  const outgoing = RtpPacket.makeHeader()

  const add = (sender: Session, stream: Stream): void => {
    stream.cancel = undefined
    if (sender.ended) return
    const now = context.now()
    if (stream.added === 0) {
      if (now - stream.lastMs < addedSilenceAfterMs) return watch(sender, stream)
      stream.isOpen = false
    }
    const frames = isFitted ? Math.max(1, Math.round((now - stream.lastMs) / frameMs)) : 1
    const step = stream.added === 0
      ? stream.samples + (frames - 1) * OpusPacket.silenceSamples
      : OpusPacket.silenceSamples
    stream.added++
    stream.sequence = RtpPacket.nextSequence(stream.sequence)
    stream.timestamp = RtpPacket.addTimestamp(stream.timestamp, step)
    context.count("silence-added")
    forward(
      sender,
      { ...outgoing, marker: false, sequence: stream.sequence, timestamp: stream.timestamp },
      silence,
      0,
      silence.length,
      true
    )
    if (stream.added < addedSilence) stream.cancel = context.timers.at(now + frameMs, () => add(sender, stream))
  }

  const watch = (sender: Session, stream: Stream): void => {
    stream.cancel = context.timers.at(stream.lastMs + addedSilenceAfterMs, () => add(sender, stream))
  }

  /** Packets after added silence continue its numbers. */
  const resume = (stream: Stream, timestamp: number): void => {
    stream.cancel?.()
    stream.cancel = undefined
    if (isFitted) {
      stream.boundary = stream.ownSequence
      stream.sequenceBefore = stream.sequenceOffset
      stream.timestampBefore = stream.timestampOffset
      stream.sequenceOffset = (stream.sequenceOffset + stream.added) & 0xffff
      const least = RtpPacket.addTimestamp(stream.timestamp, OpusPacket.silenceSamples)
      const behind = RtpPacket.timestampDelta(least, RtpPacket.addTimestamp(timestamp, stream.timestampOffset))
      if (behind > 0) stream.timestampOffset = RtpPacket.addTimestamp(stream.timestampOffset, behind)
    }
    stream.added = 0
  }

  const streamOf = (sender: Session, sequence: number): Stream => {
    const known = streams.get(sender)
    if (known !== undefined) return known
    const stream: Stream = {
      sequence,
      timestamp: 0,
      samples: 0,
      lastMs: context.now(),
      boundary: (sequence - 1) & 0xffff,
      sequenceBefore: 0,
      timestampBefore: 0,
      sequenceOffset: 0,
      timestampOffset: 0,
      ownSequence: (sequence - 1) & 0xffff,
      isOpen: false,
      added: 0,
      cancel: undefined
    }
    streams.set(sender, stream)
    return stream
  }

  return (sender, header, plain, from, to, isSilence) => {
    const { sequence, timestamp } = header
    const stream = streamOf(sender, sequence)
    const ahead = RtpPacket.sequenceDelta(sequence, stream.ownSequence)
    const isNewest = ahead > 0 || ahead < -restartStep
    if (isNewest && stream.added > 0) resume(stream, timestamp)
    const isBefore = !isNewest && RtpPacket.sequenceDelta(sequence, stream.boundary) <= 0
    const sequenceOffset = isBefore ? stream.sequenceBefore : stream.sequenceOffset
    const timestampOffset = isBefore ? stream.timestampBefore : stream.timestampOffset
    const out = {
      ...header,
      sequence: (sequence + sequenceOffset) & 0xffff,
      timestamp: RtpPacket.addTimestamp(timestamp, timestampOffset)
    }
    if (isNewest) {
      const samples = MediaFrame.isFrame(plain, from, to) ? -1 : OpusPacket.samples(plain.subarray(from, to))
      stream.ownSequence = sequence
      stream.sequence = out.sequence
      stream.timestamp = out.timestamp
      // an encrypted packet does not show how long it is
      stream.samples = samples > 0 ? samples : OpusPacket.silenceSamples
      stream.lastMs = context.now()
      stream.isOpen = !isSilence
      if (stream.isOpen && stream.cancel === undefined) watch(sender, stream)
      else if (!stream.isOpen) {
        stream.cancel?.()
        stream.cancel = undefined
      }
    }
    forward(sender, out, plain, from, to, isSilence)
  }
}
