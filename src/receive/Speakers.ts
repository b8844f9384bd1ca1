/**
 * Detects who speaks, from the audio itself and as soon as it arrives. Speaking (op 5) is not used: clients send it early,
 * late, or never again.
 *
 * @since 0.1.0
 */
import type { Ssrc, UserId } from "../protocol/Identifier.ts"
import { sequenceDelta, timestampDelta } from "../protocol/RtpPacket.ts"
import type { Speaking } from "./ReceivedFrame.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Speakers {
  readonly onPacket: (
    userId: UserId,
    packet: { readonly ssrc: Ssrc; readonly sequence: number; readonly timestamp: number },
    isSilence: boolean,
    arrivalMs: number
  ) => void
  readonly onGone: (userId: UserId) => void
  /** Reports who has stopped by now. */
  readonly advance: (nowMs: number) => void
  /** When `advance` has something to check next. */
  readonly nextMs: () => number
}

interface Speaker {
  speaking: boolean
  /** Consecutive frames of silence. */
  silences: number
  /** The newest packet. */
  ssrc: Ssrc
  sequence: number
  timestamp: number
  lastMs: number
}

/** Discord's clients close their speech with five; after one, somebody may be taking a breath. */
const closingSilences = 2

/** After this time without packets, plus the jitter, nobody speaks, in milliseconds. */
const quietMs = 100

/** How often to check whether somebody has stopped, in milliseconds. */
const stepMs = 20

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (jitterMsOf: (userId: UserId) => number, tell: (speaking: Speaking) => void): Speakers => {
  const speakers = new Map<UserId, Speaker>()
  let speaking = 0
  let advancedMs = -Infinity

  const stop = (userId: UserId, speaker: Speaker): void => {
    speaker.speaking = false
    speaking--
    tell({ userId, speaking: false, atMs: speaker.lastMs })
  }

  const deadlineOf = (userId: UserId, { lastMs }: Speaker): number => lastMs + quietMs + jitterMsOf(userId)

  return {
    onPacket: (userId, { sequence, ssrc, timestamp }, isSilence, arrivalMs) => {
      let speaker = speakers.get(userId)
      if (speaker === undefined) {
        speakers.set(userId, speaker = { speaking: false, silences: 0, ssrc, sequence, timestamp, lastMs: arrivalMs })
      } else if (ssrc === speaker.ssrc && arrivalMs - speaker.lastMs < 1_000) {
        // overtaken by later packets; a later time with an older number is a number that the server's silence used
        const isOlder = sequenceDelta(sequence, speaker.sequence) <= 0
        if (isOlder && timestampDelta(timestamp, speaker.timestamp) <= 0) return
      }
      speaker.ssrc = ssrc
      speaker.sequence = sequence
      speaker.timestamp = timestamp
      speaker.lastMs = Math.max(speaker.lastMs, arrivalMs)
      speaker.silences = isSilence ? speaker.silences + 1 : 0
      if (!isSilence && !speaker.speaking) {
        speaker.speaking = true
        speaking++
        advancedMs = Math.max(advancedMs, arrivalMs)
        tell({ userId, speaking: true, atMs: arrivalMs })
      } else if (speaker.speaking && speaker.silences >= closingSilences) stop(userId, speaker)
    },
    onGone: (userId) => {
      const speaker = speakers.get(userId)
      speakers.delete(userId)
      if (speaker?.speaking === true) stop(userId, speaker)
    },
    advance: (nowMs) => {
      advancedMs = nowMs
      for (const [userId, speaker] of speakers) {
        if (speaker.speaking && nowMs >= deadlineOf(userId, speaker)) stop(userId, speaker)
      }
    },
    nextMs: () => speaking === 0 ? Infinity : advancedMs + stepMs
  }
}
