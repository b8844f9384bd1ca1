/**
 * What the sending half of a connection is told, what it needs, and what it counts. `MediaSender.ts` does it.
 *
 * @since 0.1.0
 */
import type { AudioClock } from "../../AudioClock.ts"
import type { Ssrc } from "../../protocol/Identifier.ts"
import type * as FrameRing from "../../ring/FrameRing.ts"
import type { PacketCipher } from "../../VoiceCrypto.ts"
import type { TrackNumber } from "../Line.ts"
import type * as Lateness from "./Lateness.ts"

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
  /** Where packets go. */
  readonly outlet: PacketOutlet
  readonly onTrack: (tag: TrackEventTag, track: TrackNumber) => void
  /** The cipher refused: its nonces are used up. The sender has stopped. */
  readonly onExhausted: () => void
}

/**
 * Sends packets.
 *
 * @category models
 * @since 0.1.0
 */
export interface PacketOutlet {
  /** Sends the first `length` bytes of `packet`, and says whether the buffer can be used again at once. */
  readonly send: (packet: Uint8Array, length: number) => boolean
  /** Reads what `send` will need ahead of its time. See `AudioClock.Sender.prefetch`. */
  readonly prefetch?: ((step: number) => number) | undefined
}

/**
 * What happens to audio while end-to-end encryption is not ready for it. `open`: it is sent. `drop`: frames are taken at
 * their time and not sent. `hold`: the track waits until `untilMs` of the clock, and then goes on as `afterwards` says.
 *
 * @category models
 * @since 0.1.0
 */
export type Gate =
  | { readonly _tag: "open" }
  | { readonly _tag: "drop" }
  | { readonly _tag: "hold"; readonly untilMs: number; readonly afterwards: "open" | "drop" }

/**
 * Counters of a sender.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly packets: number
  readonly silencePackets: number
  /** Frames that were taken at their time and not sent because of the gate or their source. */
  readonly withheld: number
  readonly bytes: number
  readonly reanchored: number
  readonly lateness: Lateness.Lateness
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MediaSender {
  /** Plays the frames of a ring, in place of a ring that is being played, and of one that waits. */
  readonly attach: (track: TrackNumber, frames: FrameRing.FrameSource, paused: boolean) => void
  /**
   * Goes over to the frames of a ring, without a gap, when `after` frames of the one that is played have been read, or all
   * there are. If more have been read already, or nothing is ready in the new one by then, as much is left out of it. It waits in
   * place of one that waits.
   */
  readonly attachAfter: (
    track: TrackNumber,
    frames: FrameRing.FrameSource,
    paused: boolean,
    after: number | "drained"
  ) => void
  /** A ring that waits for this one begins at once. */
  readonly detach: (track: TrackNumber) => void
  readonly setPaused: (track: TrackNumber, paused: boolean) => void
  /** While muted, frames are taken at their time but not sent. */
  readonly setMuted: (muted: boolean) => void
  readonly setGate: (gate: Gate) => void
  /** Whether frames have to be encrypted end to end: otherwise they are taken past what would do that. Not at first. */
  readonly setEncrypting: (isEncrypting: boolean) => void
  /** A new key was given (op 4): later packets are sealed with it. */
  readonly setCipher: (cipher: PacketCipher) => void
  /** The RTP timestamp of a moment on the clock, whether something is sent then or not. */
  readonly timestampAt: (ms: number) => number
  /** Stops for good. Audio that is being sent is closed with silence at once, since no later beat will come. */
  readonly close: () => void
  readonly statistics: () => Statistics
}
