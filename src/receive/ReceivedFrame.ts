/**
 * What comes out of a jitter buffer: the audio of one user in order, and what is missing in it.
 *
 * @since 0.1.0
 */
import type { Rate } from "../OpusDecoder.ts"
import type { Ssrc, UserId } from "../protocol/Identifier.ts"

/**
 * One stretch of a user's audio. The frames of a user follow each other without a gap in `timestamp`: each begins where the
 * one before it ended, unless this subscription has lost frames (`dropped`).
 *
 * - `audio`: one Opus packet, as it was sent.
 * - `lost`: packets that were sent and did not come in time. A run of up to 25 comes as a frame for each; a longer one as a
 *   single frame.
 * - `silence`: nothing was said. `data` is the packet `F8 FF FE` where one was sent (20 ms), and empty where the user sent
 *   nothing at all; such a frame is as long as the pause was, and comes when it is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceivedFrame {
  readonly userId: UserId
  /** The SSRC of the packet, or of the last one before. The user keeps one stream when it changes. */
  readonly ssrc: Ssrc
  /** Counts the packets of this user that were sent, lost ones included. It never wraps around. */
  readonly sequence: number
  /**
   * Where it begins, in samples at 48 kHz. It never wraps around, and goes on where a sender's own timestamps jump. It follows
   * the sender's clock.
   */
  readonly timestamp: number
  /** Samples at 48 kHz, for each channel. */
  readonly samples: number
  /**
   * When it would have arrived on a network without jitter, in milliseconds of the session's monotonic clock
   * (`Clock.monotonicTimeNanos`). It follows our own clock however the sender's drifts, and never goes back, so that the audio
   * of all users can be aligned by it. Frames are given out later by the depth of the jitter buffer.
   */
  readonly atMs: number
  readonly kind: "audio" | "lost" | "silence"
  /** Opus. Empty where nothing came. The bytes belong to the receiver and are not to be written to: others get the same. */
  readonly data: Uint8Array
  /** How many packets it stands for: 1, more for a long run of lost ones, 0 for a pause. */
  readonly packets: number
  /**
   * The packet right behind a lost one, where it is there already: a decoder may recover the lost one from its error
   * correction data (`Decoder.recover`).
   */
  readonly recovery?: Uint8Array | undefined
  /** How many frames this subscription has lost right before this one, because it was not read in time. Absent for none. */
  readonly dropped?: number | undefined
}

/**
 * The form of PCM.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmOptions {
  /** Default 48 000. */
  readonly rate?: Rate | undefined
  /** Default 2. */
  readonly channels?: 1 | 2 | undefined
}

/**
 * The form of a user's PCM.
 *
 * @category models
 * @since 0.1.0
 */
export interface UserPcmOptions extends PcmOptions {
  /**
   * "live": a pause is told while it lasts, 20 ms a frame, 60 to 80 ms behind, from the first packet on, and also when the user has
   * left. What is held up for longer on its way to us counts as one, and what comes then is as much later in the stream, until the
   * next pause is as much shorter. Default: it is told when it is over.
   */
  readonly pauses?: "live" | undefined
}

/**
 * A stretch of a user's audio as PCM: interleaved signed 16-bit samples, which is what Opus decoders give and transcription
 * services take. What was lost is recovered or concealed, and told by `kind`; pauses are zeros, a second a frame at the most.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmFrame {
  readonly userId: UserId
  /** As in `ReceivedFrame`: samples at 48 kHz, whatever the rate of `pcm` is. */
  readonly timestamp: number
  readonly samples: number
  readonly atMs: number
  /** `recovered` was made of error correction data, `concealed` by the decoder from what was before. */
  readonly kind: "audio" | "recovered" | "concealed" | "silence"
  readonly pcm: Int16Array
  readonly dropped?: number | undefined
}

/**
 * A user has begun to speak, or has stopped.
 *
 * @category models
 * @since 0.1.0
 */
export interface Speaking {
  readonly userId: UserId
  readonly speaking: boolean
  /** When, in milliseconds of the session's monotonic clock: the arrival of the first packet, or of the last one. */
  readonly atMs: number
}

/**
 * What one participant said in a tick.
 *
 * - `audio`: frames begin in this tick, or one that began before goes on (`frames` is empty then).
 * - `missing`: the participant speaks, but what belongs here has not come in time.
 * - `silence`: nothing was said.
 *
 * @category models
 * @since 0.1.0
 */
export interface TickPart {
  readonly kind: "audio" | "missing" | "silence"
  /** The frames that begin in this tick: one of 20 ms, eight of 2.5 ms, or none. Lost ones are among them. */
  readonly frames: ReadonlyArray<ReceivedFrame>
  /** How far these frames and those before reach beyond the end of this tick, in samples at 48 kHz. */
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
  /** The time that it stands for begins here, and `Receive.Options.tickDelay` before it was given out. */
  readonly atMs: number
  /** Everyone who is in the channel or was heard in it, except us. */
  readonly participants: ReadonlyMap<UserId, TickPart>
  /** How many ticks this subscription has lost right before this one. Absent for none. */
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
  /** Silent participants share one array. Not to be written to. */
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
 * 20 ms of all participants in one.
 *
 * @category models
 * @since 0.1.0
 */
export interface MixedFrame {
  readonly index: number
  readonly atMs: number
  /** Those whose audio is in it. */
  readonly speakers: ReadonlyArray<UserId>
  readonly pcm: Int16Array
  readonly dropped?: number | undefined
}
