/**
 * The sending half of a connection: takes ready frames from a ring when they are due, and makes sealed RTP packets of
 * them. Plain code on a buffer that all senders share, called by the shared `AudioClock`.
 *
 * Time is truthful: a packet is due at its track's start plus its media time, the RTP timestamp (RFC 3550, 5.1) advances
 * by the samples sent and, over gaps, pauses and stalls, by the clock. After a stall the sender goes back to its own slot
 * of the grid instead of catching up. Whenever audio stops, five frames of silence close it (Discord docs, Voice
 * Connections, Voice Data Interpolation).
 *
 * @since 0.1.0
 */
import { type AudioClock, frameMs, type Outlet, type Registration } from "../AudioClock.ts"
import type { Ssrc } from "../protocol/Identifier.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import * as RtpPacket from "../protocol/RtpPacket.ts"
import type { PacketCipher } from "../VoiceCrypto.ts"
import type * as FrameRing from "./FrameRing.ts"
import * as Lateness from "./Lateness.ts"
import type { TrackNumber } from "./Line.ts"

/**
 * What happens to a track while it is sent.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackEventTag = "TrackStarted" | "TrackStarving" | "TrackRecovered" | "TrackDrained"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly clock: AudioClock["Service"]
  readonly cipher: PacketCipher
  readonly ssrc: Ssrc
  /** RTP sequence and timestamp of the first packet. */
  readonly sequence: number
  readonly timestamp: number
  /** No packet is sent before this time, in milliseconds of the clock. */
  readonly notBeforeMs: number
  /** Sends the first `length` bytes of `packet`, and says whether the buffer can be used again at once. */
  readonly send: (packet: Uint8Array, length: number) => boolean
  readonly onTrack: (tag: TrackEventTag, track: TrackNumber) => void
  /** The cipher refused: its nonces are used up. The sender has stopped. */
  readonly onExhausted: () => void
}

/**
 * Counters of a sender.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly packets: number
  readonly silencePackets: number
  readonly bytes: number
  readonly reanchored: number
  readonly lateness: Lateness.Lateness
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MediaSender {
  /** Plays the frames of a ring, in place of a ring that is being played. */
  readonly attach: (track: TrackNumber, ring: FrameRing.FrameRing, paused: boolean) => void
  readonly detach: (track: TrackNumber) => void
  readonly setPaused: (track: TrackNumber, paused: boolean) => void
  /** While muted, frames are taken at their time but not sent. */
  readonly setMuted: (muted: boolean) => void
  /** A new key was given (op 4): later packets are sealed with it. */
  readonly setCipher: (cipher: PacketCipher) => void
  /** Stops for good. Audio that is being sent is closed with silence at once, since no later beat will come. */
  readonly close: () => void
  readonly statistics: () => Statistics
}

const closingFrames = 5

/** Room for the RTP header in front and the longest nonce and tag behind a packet. */
const overheadBytes = 128

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): MediaSender => {
  const { clock, onExhausted, onTrack, send, ssrc } = options
  const silence = OpusPacket.silenceFrame()
  const lateness = Lateness.make()
  let cipher = options.cipher
  let sequence = options.sequence
  let timestamp = options.timestamp

  let ring: FrameRing.FrameRing | undefined
  let track: TrackNumber = -1
  let paused = false
  let started = false
  let starving = false
  let muted = false
  /** Whether the last packet was audio that no silence has closed yet. */
  let talking = false
  let silenceLeft = 0
  let closed = false
  /** When the packet with `timestamp` is due; the two belong together. */
  let dueMs = clock.now()
  let idle = true

  let packets = 0
  let silencePackets = 0
  let bytes = 0
  let reanchored = 0

  /** Moves the due time to the sender's own slot at or after `fromMs`, and the timestamp by the time in between. */
  const anchor = (fromMs: number): void => {
    const next = registration.align(Math.max(fromMs, dueMs))
    timestamp = RtpPacket.addTimestamp(timestamp, Math.round((next - dueMs) * 48))
    dueMs = next
  }

  const advance = (samples: number): number => {
    timestamp = RtpPacket.addTimestamp(timestamp, samples)
    dueMs += samples / 48
    return dueMs
  }

  const outlet: Outlet = {
    deliver: (packet, length) => {
      if (!send(packet, length)) cipher.workspace.replace(packet)
    }
  }

  /** Seals and posts the packet whose payload lies behind the header already. */
  const transmit = (packet: Uint8Array, payloadBytes: number): void => {
    const clear = RtpPacket.writeHeader(packet, false, RtpPacket.payloadTypeOpus, sequence, timestamp, ssrc)
    const length = cipher.seal(packet, clear, clear + payloadBytes)
    if (length < 0) {
      stop()
      onExhausted()
      return
    }
    sequence = RtpPacket.nextSequence(sequence)
    packets++
    bytes += length
    clock.post(outlet, packet, length)
  }

  const transmitSilence = (): void => {
    if (closed) return
    const packet = cipher.workspace.next(silence.length + overheadBytes)
    packet.set(silence, RtpPacket.fixedHeaderBytes)
    silenceLeft--
    silencePackets++
    transmit(packet, silence.length)
  }

  const beginSilence = (): void => {
    if (!talking) return
    talking = false
    silenceLeft = closingFrames
  }

  /** Takes one frame off the ring and sends it. Returns its samples, or 0 when there is none. */
  const takeFrame = (source: FrameRing.FrameRing): number => {
    const length = source.next()
    if (length < 0) return 0
    const packet = cipher.workspace.next(length + overheadBytes)
    source.read(packet, RtpPacket.fixedHeaderBytes)
    const samples = source.samples()
    if (!started) {
      started = true
      onTrack("TrackStarted", track)
    }
    if (starving) {
      starving = false
      onTrack("TrackRecovered", track)
    }
    if (muted) {
      beginSilence()
      if (silenceLeft > 0) transmitSilence()
      return samples
    }
    silenceLeft = 0
    talking = true
    transmit(packet, length)
    return samples
  }

  const onDue = (nowMs: number): number => {
    if (closed) return Infinity
    const late = nowMs - dueMs
    if (late >= frameMs) {
      reanchored++
      anchor(nowMs)
      return dueMs
    }
    if (ring !== undefined && !paused) {
      const samples = takeFrame(ring)
      if (samples > 0) {
        lateness.record(late)
        return advance(samples)
      }
      if (ring.isDrained()) {
        ring = undefined
        onTrack("TrackDrained", track)
      } else if (!starving && started) {
        starving = true
        onTrack("TrackStarving", track)
      }
    }
    beginSilence()
    if (silenceLeft > 0) {
      lateness.record(late)
      transmitSilence()
      return advance(OpusPacket.silenceSamples)
    }
    // an empty ring may be filled at any moment, so its track is looked at every frame
    if (ring !== undefined && !paused) return advance(OpusPacket.silenceSamples)
    idle = true
    return Infinity
  }

  const registration: Registration = clock.register({ onDue })

  const wake = (): void => {
    if (closed || !idle) return
    idle = false
    anchor(Math.max(clock.now(), options.notBeforeMs))
    registration.schedule(dueMs)
  }

  const stop = (): void => {
    closed = true
    ring = undefined
    registration.remove()
  }

  return {
    attach: (number, frames, startPaused) => {
      if (closed) return
      track = number
      ring = frames
      paused = startPaused
      started = false
      starving = false
      if (!paused) wake()
    },
    detach: (number) => {
      if (track === number) ring = undefined
    },
    setPaused: (number, value) => {
      if (track !== number) return
      paused = value
      if (!paused && ring !== undefined) wake()
    },
    setMuted: (value) => {
      muted = value
    },
    setCipher: (next) => {
      cipher = next
    },
    close: () => {
      if (closed) return
      beginSilence()
      const left = silenceLeft
      for (let i = 0; i < left; i++) {
        transmitSilence()
        advance(OpusPacket.silenceSamples)
      }
      clock.flush()
      stop()
    },
    statistics: () => ({ packets, silencePackets, bytes, reanchored, lateness })
  }
}
