/**
 * Utterances, the events about them, and their options.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Rate } from "../../OpusDecoder.ts"
import type { UserId } from "../../protocol/Identifier.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type { Happening } from "../Hub.ts"
import type { Member } from "../Member.ts"
import type { ReceivedFrame } from "../ReceivedFrame.ts"
import type { EndReason, OpusPiece } from "./Detector.ts"

/**
 * The part of a session that utterances need. A `VoiceSession` has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly receive: {
    readonly frames: Stream.Stream<ReceivedFrame, VoiceError.VoiceError>
    /** Called for each packet that could not be decoded. */
    readonly countUndecodable?: (() => void) | undefined
  }
  readonly events: Effect.Effect<Stream.Stream<Happening>, never, Scope.Scope>
  /** What is known about other users at the start. Without it, nothing is known about them until `events` reports a change. */
  readonly members?: Effect.Effect<ReadonlyMap<UserId, Member>> | undefined
}

/**
 * The options for utterances.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<R = never> {
  /** How long a user has to be silent for an utterance to end. Not 0. Default 400 ms. */
  readonly silence?: Duration.Input | undefined
  /**
   * Decides whether a user has finished. It runs with what was said so far, each time the user has been silent for `silence`,
   * and returns how long to wait for more, counted from when it was started. 0 ends the utterance. What is said within that
   * time belongs to the same utterance. Default: the utterance ends.
   *
   * - It is interrupted when the user says more, and it is not run for speech that is shorter than `minimum`.
   * - The utterance stays open until it answers, so give it a time limit. An utterance that reaches `maximum` is cut in any
   *   case.
   * - It cannot fail, because only the program knows what a failure means: `Effect.orElseSucceed(() => 0)`. A defect ends the
   *   stream.
   *
   * ```ts
   * turn: (soFar) =>
   *   isDone(soFar.pcm).pipe(
   *     Effect.map((done) => done ? 0 : "2 seconds"),
   *     Effect.timeout("500 millis"),
   *     Effect.orElseSucceed(() => 0)
   *   )
   * ```
   */
  readonly turn?: ((soFar: Utterance) => Effect.Effect<Duration.Input, never, R>) | undefined
  /** The minimum length of an utterance; anything shorter is discarded. Default 100 ms. */
  readonly minimum?: Duration.Input | undefined
  /**
   * How much voiced sound makes speech `Confirmed`, that is, neither a cough nor a word of assent. Pauses do not count, and
   * counting starts again after a cut at `maximum`. Nothing is confirmed before it is as long as `minimum`. Default 300 ms.
   */
  readonly confirm?: Duration.Input | undefined
  /** The maximum length. Longer speech is cut and continues as another utterance. Not 0. Default 30 seconds. */
  readonly maximum?: Duration.Input | undefined
  /** How much sound is included before the speech and, limited by `silence`, after it. Default 200 ms. */
  readonly preRoll?: Duration.Input | undefined
  /**
   * When pauses within an utterance arrive in the `pcm` of its `Started` event. Default: when they are over. With "live" they
   * arrive while they last, 60 to 80 ms late, as described at `Receive.UserPcmOptions`. Use it for speech recognition that
   * works in real time and ends turns itself.
   */
  readonly pauses?: "live" | undefined
  /** The sample rate of the PCM in hertz. Default 16 000, which suits speech recognition. */
  readonly rate?: Rate | undefined
  /**
   * Selects the users to listen to. `member` is what `session.members` knows about the user: to leave out bots, use
   * `(_, member) => member?.bot !== true`. For a user who is heard before a gateway has announced them, `member` is absent or
   * incomplete. The function is called again when something about a user changes. A user who is no longer selected is treated
   * as one who has left: their utterance ends as `left`. Default: all users.
   */
  readonly users?: ((userId: UserId, member?: Member) => boolean) | undefined
  /**
   * The number of events, or of utterances for a reader of utterances alone, that are held for a slow reader. Beyond it, the
   * reader loses the oldest ones. Default 256.
   */
  readonly capacity?: number | undefined
}

/**
 * A stretch of speech. Times are milliseconds of the session's monotonic clock (`Clock.monotonicTimeNanos`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Utterance {
  readonly userId: UserId
  /**
   * What `session.members` knew of the user at the end of the utterance, such as the name. Also known of a user who has left,
   * whom `session.members` no longer has. Absent if nothing is known.
   */
  readonly member?: Member | undefined
  /** When speech began and ended. */
  readonly startMs: number
  readonly endMs: number
  /** The time of the first sample of `pcm`: up to `preRoll` before `startMs`, depending on how much sound there is before it. */
  readonly audioStartMs: number
  /** Mono, signed 16-bit samples. */
  readonly pcm: Int16Array
  /** The sample rate of `pcm` in hertz. */
  readonly rate: Rate
  /**
   * The Opus packets for the time of `pcm`, as they arrived. Pauses and losses are packets of silence. `AudioSource.fromFrames`
   * plays them, and `toOgg` makes a file of them.
   */
  readonly opus: ReadonlyArray<OpusPiece>
  readonly reason: EndReason
  /** Whether it was `Confirmed`: it has as much voiced sound as `confirm` requires. */
  readonly confirmed: boolean
  /**
   * The number of utterances that a reader of `Utterances.make` lost directly before this one because it was too slow. With
   * `Utterances.events`, the event has this number.
   */
  readonly dropped?: number | undefined
}

/**
 * What happens to an utterance.
 *
 * - `Started`: speech has begun. It arrives 60 to 100 ms after the beginning, depending on the depth of the jitter buffer.
 *   `pcm` is the sound as it comes in, described below.
 * - `Confirmed`: the speech has lasted long enough not to be a cough, as set by `confirm`. `Ended` follows, never `Discarded`.
 * - `Ended`: the utterance is complete. One that was not confirmed is short.
 * - `Discarded`: the speech was shorter than `minimum`: a cough or a knock.
 *
 * For each user, every `Started` is followed by one `Ended` or `Discarded` before the next `Started`. `startMs` is the same in
 * all of them.
 *
 * The `pcm` of `Started` is mono, 16 bits, at `rate`, from `audioStartMs` on. It begins with the same samples as the `pcm` of
 * the utterance, is longer by up to `silence` and by the time that `turn` waited, and ends with `Ended` or `Discarded`, or when
 * the events are no longer read. Losses are concealed. A pause is zeros, which arrive when it is over. The stream can be run
 * again, from its beginning.
 *
 * `dropped` is the number of events that this reader lost directly before this one because it was too slow.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | {
    readonly _tag: "Started"
    readonly userId: UserId
    readonly startMs: number
    readonly audioStartMs: number
    readonly rate: Rate
    readonly pcm: Stream.Stream<Int16Array>
    readonly dropped?: number
  }
  | { readonly _tag: "Confirmed"; readonly userId: UserId; readonly startMs: number; readonly dropped?: number }
  | { readonly _tag: "Ended"; readonly userId: UserId; readonly utterance: Utterance; readonly dropped?: number }
  | {
    readonly _tag: "Discarded"
    readonly userId: UserId
    readonly startMs: number
    readonly endMs: number
    readonly dropped?: number
  }
