/**
 * What an utterance is, what is told of it, and what may be asked for.
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
 * What is needed of a session. A `VoiceSession` has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly receive: {
    readonly frames: Stream.Stream<ReceivedFrame, VoiceError.VoiceError>
    /** Hears of each packet that could not be decoded. */
    readonly countUndecodable?: (() => void) | undefined
  }
  readonly events: Effect.Effect<Stream.Stream<Happening>, never, Scope.Scope>
  /** What is known of others at first. Without it nothing is, until `events` tell of a change. */
  readonly members?: Effect.Effect<ReadonlyMap<UserId, Member>> | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<R = never> {
  /** An utterance has ended when nothing was said for so long, which is not 0. Default 400 ms. */
  readonly silence?: Duration.Input | undefined
  /**
   * Whether somebody has said all they wanted: asked, with what they have said so far, when nothing was said for as long as
   * `silence`. It says for how long to wait for more, counted from when it was asked: what is said until then belongs to the same utterance,
   * and where they fall silent anew it is asked anew. 0: it is over. While it has not answered it is waited for, and it is interrupted when more is
   * said; one that does not answer is no end, so that it needs a time limit of its own: what is as long as `maximum` is cut. It cannot
   * fail, since only the program knows what its failure means: `Effect.orElseSucceed(() => 0)`. The stream dies of its defects.
   * Not asked of what is shorter than `minimum`. Default: it is over.
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
  /** What is shorter is no utterance. Default 100 ms. */
  readonly minimum?: Duration.Input | undefined
  /**
   * Speech of which so much is voiced is `Confirmed`: it is no cough, and no word of assent. Pauses do not count, and what is cut
   * at `maximum` is counted anew. Nothing is confirmed before it is as long as `minimum`. Default 300 ms.
   */
  readonly confirm?: Duration.Input | undefined
  /** What is longer is cut, and goes on as another utterance. Not 0. Default 30 seconds. */
  readonly maximum?: Duration.Input | undefined
  /** So much is in the sound before the speech begins and, up to `silence`, behind it. Default 200 ms. */
  readonly preRoll?: Duration.Input | undefined
  /**
   * "live": a pause within an utterance comes in the `pcm` of its `Started` while it lasts, 60 to 80 ms behind, as `Receive.UserPcmOptions`
   * says. For recognitions that go by time, and end a turn by themselves. Default: it comes when it is over.
   */
  readonly pauses?: "live" | undefined
  /** Of the PCM, in hertz. Default 16 000, which speech recognition takes. */
  readonly rate?: Rate | undefined
  /**
   * Whom to listen to. `member` is what is known of them, as `session.members` has it: no bots are
   * `(_, member) => member?.bot !== true`. It is asked anew when something else is known, and whoever is wanted no more is as one who
   * has left: what they were saying ends as `left`. Of somebody who is heard sooner than a gateway has told of them, `member` is
   * absent, or lacks that. Default all.
   */
  readonly users?: ((userId: UserId, member?: Member) => boolean) | undefined
  /** Events, or utterances for who reads these alone, that are held for a slow reader, who loses the oldest beyond. Default 256. */
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
  /** When speech began and ended. */
  readonly startMs: number
  readonly endMs: number
  /** When the first sample of `pcm` was heard: up to `preRoll` before `startMs`, and by as much sound as there is in between. */
  readonly audioStartMs: number
  /** Mono, 16 bits. */
  readonly pcm: Int16Array
  /** Of `pcm`, in hertz. */
  readonly rate: Rate
  /**
   * Opus packets that cover the time of `pcm`, as they came; pauses and what was lost are packets of silence.
   * `AudioSource.fromFrames` plays them, `toOgg` makes a file of them.
   */
  readonly opus: ReadonlyArray<OpusPiece>
  readonly reason: EndReason
  /** Whether it was `Confirmed`: as much of it was voiced as `confirm` says. */
  readonly confirmed: boolean
  /** How many utterances a reader of `Utterances.make` has lost right before, because it was too slow. Of `Utterances.events`, the event says it. */
  readonly dropped?: number | undefined
}

/**
 * - `Started`: speech has begun; comes some 60 to 100 ms later, as deep as the jitter buffer is. `pcm` is what is said, as it comes:
 *   mono, 16 bits, at `rate`, from `audioStartMs` on. It begins with the same samples as that of the utterance, is up to `silence`
 *   longer (and by what `turn` had it wait), and ends when `Ended` or `Discarded` is told, or nobody reads the events any more. What was lost is made up, and a pause
 *   is zeros, told when it is over. It can be run again, from its beginning.
 * - `Confirmed`: it has lasted long enough to be no cough, as `confirm` says. `Ended` follows, and never `Discarded`.
 * - `Ended`: there is an utterance; one that was not confirmed is short.
 * - `Discarded`: what had started was shorter than `minimum`: a cough, or a knock.
 *
 * Of a user, each `Started` has one `Ended` or `Discarded`, before the next one; `startMs` is the same in all of them.
 *
 * `dropped` is how many events this reader has lost right before, because it was too slow.
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
