/**
 * The listening half of a session: the audio of each user in order, of all users in step, who speaks, and all in one.
 * Packets are opened while somebody listens and we are not deaf, and decoded for those who ask for PCM, as they read.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { OpusDecoder } from "../OpusDecoder.ts"
import type { UserId } from "../protocol/Identifier.ts"
import type { VoiceError } from "../VoiceError.ts"
import type { MixedFrame, PcmFrame, PcmOptions, PcmTick, ReceivedFrame, Speaking, Tick } from "./ReceivedFrame.ts"

/**
 * How to listen.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The least depth of a jitter buffer: how much later than without jitter audio is given out. Default 40 ms. */
  readonly minDepth?: Duration.Input | undefined
  /** The depth before anything is known of the network. Default 60 ms. */
  readonly startDepth?: Duration.Input | undefined
  /** The greatest depth; what is later than that may come too late. Default 200 ms. */
  readonly maxDepth?: Duration.Input | undefined
  /** Packets that a jitter buffer holds. Default 256. */
  readonly bufferPackets?: number | undefined
  /** Frames or ticks that are held for a slow reader, who loses the oldest beyond. Default 256. */
  readonly capacity?: number | undefined
  /**
   * How long a tick waits for the audio that belongs to it, behind its own end. Default: `maxDepth`. Less is sooner; who is
   * late then is `missing`.
   */
  readonly tickDelay?: Duration.Input | undefined
}

/**
 * Counts of packets, for one user or all of them. Each packet that came is in exactly one of `delivered`, `late`,
 * `duplicates`, `overflowed`, `strays`, `malformed` and `waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  /** Packets that came to the jitter buffer. */
  readonly received: number
  readonly delivered: number
  /** Came after their place had been given out as lost. */
  readonly late: number
  readonly duplicates: number
  /** Came to a full buffer. */
  readonly overflowed: number
  /** Did not fit to what was before, and nothing went on from them. */
  readonly strays: number
  /** No Opus packets. */
  readonly malformed: number
  /** In the buffer at the moment. */
  readonly waiting: number
  /** Packets that were given out as lost. Those that came late are among them. */
  readonly lost: number
  /** Of these, those whose successor was there for error correction. */
  readonly recoverable: number
  /** How often a stream went on from another sequence number, timestamp or SSRC. */
  readonly resyncs: number
  /** The depth of the jitter buffer, in milliseconds; the greatest one of all users. */
  readonly depthMs: number
  /** The spread of arrival times in the last seconds, in milliseconds; the greatest one of all users. */
  readonly jitterMs: number
}

/**
 * Counts of the whole session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Totals extends Statistics {
  /** Packets of which nobody said in time whose they are. */
  readonly unknownSenders: number
  /** Frames and ticks that slow readers have lost. */
  readonly dropped: number
}

/**
 * What a program hears. Every stream lives as long as the session, through its reconnects and moves, and fails with the
 * reason of its end, which is `NotConnected` when we left. While we are deaf nothing comes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receive {
  /**
   * What a user says: Opus in order, with what was lost, or PCM that is decoded while it is read. It begins with what is said
   * from now on, and goes on when the user leaves and comes back.
   */
  readonly user: {
    (userId: UserId): Stream.Stream<ReceivedFrame, VoiceError>
    (userId: UserId, options: PcmOptions): Stream.Stream<PcmFrame, VoiceError, OpusDecoder>
  }
  /** The same of all users in one stream; the frames of each are in order. */
  readonly frames: Stream.Stream<ReceivedFrame, VoiceError>
  /** One value each 20 ms from now on, without a gap, whether anybody speaks or not. */
  readonly ticks: Stream.Stream<Tick, VoiceError>
  readonly ticksPcm: (options?: PcmOptions) => Stream.Stream<PcmTick, VoiceError, OpusDecoder>
  /**
   * Who begins to speak and who stops, from the audio itself: the first packet that is not silence; frames of silence, or no
   * packets for 100 ms and the jitter. Comes at once, ahead of the jitter buffer.
   */
  readonly speaking: Stream.Stream<Speaking, VoiceError>
  /** All participants in one, each 20 ms, with a soft limit where they are too loud together. */
  readonly mixed: (options?: PcmOptions) => Stream.Stream<MixedFrame, VoiceError, OpusDecoder>
  /** Who is in the channel, as far as the voice gateway or their audio has told, except us. */
  readonly participants: Effect.Effect<ReadonlyArray<UserId>>
  /** Of one user, or `undefined` while nobody has listened to that user. Counts start with the first listener. */
  readonly statistics: {
    (): Totals
    (userId: UserId): Statistics | undefined
  }
}
