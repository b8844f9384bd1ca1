/**
 * The output of a jitter buffer: one user's audio in order, with the gaps in it.
 *
 * @since 0.1.0
 */
import type { Rate } from "../OpusDecoder.ts"
import type { Ssrc, UserId } from "../protocol/Identifier.ts"

/**
 * One stretch of a user's audio. A user's frames follow each other without gaps in `timestamp`: each begins where the previous
 * one ended, unless this subscription has lost frames (`dropped`).
 *
 * - `audio`: one Opus packet, as it was sent.
 * - `lost`: packets that were sent but did not arrive in time. A run of up to 25 is reported as one frame each; a longer run as
 *   a single frame.
 * - `silence`: nothing was said. `data` is the packet `F8 FF FE` if one was sent (20 ms), and empty if the user sent nothing at
 *   all. In the latter case the frame is as long as the pause, and arrives when the pause is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceivedFrame {
  readonly userId: UserId
  /** The SSRC of this packet, or of the last packet before it. When the SSRC changes, the user's stream continues. */
  readonly ssrc: Ssrc
  /** Counts the packets that this user sent, including lost ones. It never wraps around. */
  readonly sequence: number
  /**
   * The start of the frame, in samples at 48 kHz. It never wraps around, continues where the sender's own timestamps jump, and
   * follows the sender's clock.
   */
  readonly timestamp: number
  /** The length in samples at 48 kHz, per channel. */
  readonly samples: number
  /**
   * When the frame would have arrived on a network without jitter, in milliseconds of the session's monotonic clock
   * (`Clock.monotonicTimeNanos`). It follows our own clock, whatever the drift of the sender's, and never goes back, so it can
   * align the audio of all users. Frames are delivered later than this, by the depth of the jitter buffer.
   */
  readonly atMs: number
  readonly kind: "audio" | "lost" | "silence"
  /**
   * The Opus packet; empty if none arrived. Do not write to these bytes: the receiver owns them and shares them with other
   * readers.
   */
  readonly data: Uint8Array
  /** The number of packets that the frame stands for: 1, more for a long run of lost packets, 0 for a pause. */
  readonly packets: number
  /**
   * The packet that follows a lost one, if it has already arrived. A decoder may recover the lost packet from its error
   * correction data (`Decoder.recover`).
   */
  readonly recovery?: Uint8Array | undefined
  /**
   * The number of frames that this subscription lost directly before this one because it did not read in time. Absent if there
   * were none.
   */
  readonly dropped?: number | undefined
}

/**
 * The format of PCM.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmOptions {
  /** The sample rate in hertz. Default 48 000. */
  readonly rate?: Rate | undefined
  /** The number of channels. Default 2. */
  readonly channels?: 1 | 2 | undefined
}

/**
 * The format of a mix, and whose audio is in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface MixedOptions extends PcmOptions {
  /**
   * Selects the users who are mixed. The function is called for each frame, so the selection may change while the mix runs: a
   * user then fades in or out within 20 ms. A user who is not selected is not among the `speakers`. Default: all users.
   */
  readonly users?: ((userId: UserId) => boolean) | undefined
}

/**
 * The format of one user's PCM.
 *
 * @category models
 * @since 0.1.0
 */
export interface UserPcmOptions extends PcmOptions {
  /**
   * When pauses are reported. Default: when they are over.
   *
   * With "live", a pause is reported while it lasts, in frames of 20 ms, 60 to 80 ms late, from the first packet on and also
   * after the user has left. Audio that is delayed longer than that on its way to us counts as a pause. It then comes that much
   * later in the stream, and the next pause is shortened by as much.
   */
  readonly pauses?: "live" | undefined
}

/**
 * A stretch of a user's audio as PCM: interleaved signed 16-bit samples, the format that Opus decoders produce and
 * transcription services accept. Lost audio is recovered or concealed, and marked so by `kind`. Pauses are zeros, in frames of
 * at most one second.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmFrame {
  readonly userId: UserId
  /** As in `ReceivedFrame`: samples at 48 kHz, whatever the rate of `pcm`. */
  readonly timestamp: number
  readonly samples: number
  readonly atMs: number
  /** `recovered` was decoded from error correction data. `concealed` was extrapolated by the decoder from what came before. */
  readonly kind: "audio" | "recovered" | "concealed" | "silence"
  readonly pcm: Int16Array
  readonly dropped?: number | undefined
}

/**
 * A user has started or stopped speaking.
 *
 * @category models
 * @since 0.1.0
 */
export interface Speaking {
  readonly userId: UserId
  readonly speaking: boolean
  /** The arrival of the first packet, or of the last one, in milliseconds of the session's monotonic clock. */
  readonly atMs: number
}

/**
 * What one participant said in a tick.
 *
 * - `audio`: frames begin in this tick, or an earlier frame continues (then `frames` is empty).
 * - `missing`: the participant is speaking, but the audio for this tick has not arrived in time.
 * - `silence`: nothing was said.
 *
 * @category models
 * @since 0.1.0
 */
export interface TickPart {
  readonly kind: "audio" | "missing" | "silence"
  /** The frames that begin in this tick, including lost ones: one of 20 ms, eight of 2.5 ms, or none. */
  readonly frames: ReadonlyArray<ReceivedFrame>
  /** How far these frames and the earlier ones extend beyond the end of this tick, in samples at 48 kHz. */
  readonly aheadSamples: number
}

/**
 * 20 ms of the whole channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tick {
  /** Counts up by 1 from 0. */
  readonly index: number
  /**
   * The start of the 20 ms that the tick covers. The tick is given out `Receive.Options.tickDelay` after the end of that time.
   */
  readonly atMs: number
  /** Everyone who is in the channel or was heard in it, except us. */
  readonly participants: ReadonlyMap<UserId, TickPart>
  /** The number of ticks that this subscription lost directly before this one. Absent if there were none. */
  readonly dropped?: number | undefined
}

/**
 * What one participant said in a tick, as PCM of exactly 20 ms.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmPart {
  /** `concealed`: at least a part of it was lost or missing. */
  readonly kind: "audio" | "concealed" | "silence"
  /** Do not write to it: silent participants share one array. */
  readonly pcm: Int16Array
}

/**
 * 20 ms of the whole channel as PCM.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmTick {
  readonly index: number
  readonly atMs: number
  readonly participants: ReadonlyMap<UserId, PcmPart>
  readonly dropped?: number | undefined
}

/**
 * 20 ms of all participants, mixed.
 *
 * @category models
 * @since 0.1.0
 */
export interface MixedFrame {
  readonly index: number
  readonly atMs: number
  /** The users whose audio is in the mix. */
  readonly speakers: ReadonlyArray<UserId>
  readonly pcm: Int16Array
  readonly dropped?: number | undefined
}
