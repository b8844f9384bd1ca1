/**
 * The interface of the sending half of a connection: its commands, its dependencies and its counters. `MediaSender.ts`
 * implements it.
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
  /** The RTP sequence number and timestamp of the first packet. */
  readonly sequence: number
  readonly timestamp: number
  /** No packet is sent before this time, in milliseconds of the clock. */
  readonly notBeforeMs: number
  /** Where packets are sent. */
  readonly outlet: PacketOutlet
  readonly onTrack: (tag: TrackEventTag, track: TrackNumber) => void
  /** Called when the cipher refused because its nonces are used up. The sender has stopped. */
  readonly onExhausted: () => void
}

/**
 * Sends packets.
 *
 * @category models
 * @since 0.1.0
 */
export interface PacketOutlet {
  /** Sends the first `length` bytes of `packet`, and returns whether the buffer can be reused immediately. */
  readonly send: (packet: Uint8Array, length: number) => boolean
  /** Reads ahead of time what `send` will need. See `AudioClock.Sender.prefetch`. */
  readonly prefetch?: ((step: number) => number) | undefined
}

/**
 * What happens to audio while end-to-end encryption is not ready for it. `open`: it is sent. `drop`: frames are taken at their
 * time and not sent. `hold`: the track waits until `untilMs` of the clock, and then continues according to `afterwards`.
 *
 * @category models
 * @since 0.1.0
 */
export type Gate =
  | { readonly _tag: "open" }
  | { readonly _tag: "drop" }
  | { readonly _tag: "hold"; readonly untilMs: number; readonly afterwards: "open" | "drop" }

/**
 * The counters of a sender.
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
  /** Plays the frames of a ring, replacing the ring that is being played and the one that waits. */
  readonly attach: (track: TrackNumber, frames: FrameRing.FrameSource, paused: boolean) => void
  /**
   * Changes to the frames of a ring, without a gap, when `after` frames of the current one have been read, or all of them. If
   * more have already been read, or the new ring has nothing ready by then, that much of it is skipped. It replaces a waiting
   * ring.
   */
  readonly attachAfter: (
    track: TrackNumber,
    frames: FrameRing.FrameSource,
    paused: boolean,
    after: number | "drained"
  ) => void
  /** Ends the track. A waiting ring begins immediately. */
  readonly detach: (track: TrackNumber) => void
  readonly setPaused: (track: TrackNumber, paused: boolean) => void
  /** Mutes or unmutes. While muted, frames are taken at their time but not sent. */
  readonly setMuted: (muted: boolean) => void
  readonly setGate: (gate: Gate) => void
  /** Sets whether frames have to be encrypted end to end. If not, they bypass the encryption. Initially false. */
  readonly setEncrypting: (isEncrypting: boolean) => void
  /** Sets a new key (op 4): later packets are sealed with it. */
  readonly setCipher: (cipher: PacketCipher) => void
  /** The RTP timestamp of a moment on the clock, whether something is sent then or not. */
  readonly timestampAt: (ms: number) => number
  /** Stops permanently. Audio that is being sent is closed with silence immediately, because there will be no later beat. */
  readonly close: () => void
  readonly statistics: () => Statistics
}
