/**
 * What a queue is to its user: how it is to be made, and all that can be asked of it. {@link module:TrackQueue} makes it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as SoundEffect from "../../SoundEffect.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type { AudioSource } from "../OpenSource.ts"
import type { Track, TrackState } from "../Track.ts"
import type { Repeat } from "./LineUp.ts"
import type { Entry, Failure, QueueEvent } from "./QueueJournal.ts"

/**
 * A queue as data.
 *
 * @category models
 * @since 0.1.0
 */
export interface Contents<A = unknown> {
  readonly current:
    | {
      readonly entry: Entry<A>
      readonly state: TrackState
      readonly positionMs: number
      readonly durationMs: number | undefined
      /** Whether it comes as it happens: `positionMs` is no place to begin at another time then. */
      readonly live: boolean
    }
    | undefined
  readonly upcoming: ReadonlyArray<Entry<A>>
  /**
   * What was played, or skipped while it was opened, the latest last: a hundred at most. What repeats by itself is not in it until that is
   * over, and what `stop` has ended never is.
   */
  readonly history: ReadonlyArray<Entry<A>>
  /** What could not be played, and why, the latest last: a hundred at most. */
  readonly failures: ReadonlyArray<Failure<A>>
  readonly repeat: Repeat
  /** Whether the queue was paused as a whole. */
  readonly paused: boolean
  /** The level of all entries. */
  readonly gain: number
  /** The effects of all entries. */
  readonly effects: ReadonlyArray<SoundEffect.Complete>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface QueueOptions<R = never, A = never> {
  /**
   * How long the end of an entry and the beginning of the next one sound together, at most half of each. Default 0: one follows the
   * other.
   */
  readonly crossfade?: Duration.Input | undefined
  /**
   * How long before the end of an entry the next one is opened; at once where the end is not known, and behind what is live, such as a
   * station, when that has ended or is skipped. Default 10 seconds.
   */
  readonly openAhead?: Duration.Input | undefined
  /**
   * How long an entry may take to open, or give nothing before it ends; as in `TrackOptions`. Those behind it wait as long. Default 30
   * seconds.
   */
  readonly starveTimeout?: Duration.Input | undefined
  /** How much of an entry is there before it goes on once its source has run dry; as in `TrackOptions`. Default 0. */
  readonly refill?: Duration.Input | undefined
  /** Default "off". */
  readonly repeat?: Repeat | undefined
  /** Whether it waits for {@link TrackQueue.resume} with what is added. Default false. */
  readonly paused?: boolean | undefined
  /** The level of all entries, 1 is as they are. Default 1. */
  readonly gain?: number | undefined
  /** What changes the sound of all entries, in this order. Default none. */
  readonly effects?: ReadonlyArray<SoundEffect.SoundEffect> | undefined
  /** What was played before, as by a program that was started anew, the latest last: `back` goes there. The last hundred count. Default none. */
  readonly history?: ReadonlyArray<Former<R, A>> | undefined
}

/**
 * A source that was played before its queue was made, and how it is to be played again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Former<R = never, A = unknown> extends Omit<AddOptions<A>, "at"> {
  readonly source: AudioSource<R>
}

/**
 * What was added. `error`: it could not be played, which is known by then where nothing else plays; those that wait are opened later.
 * Also the reason for which the player takes no more tracks: it waits with the others then, and nobody plays it. Behind the queue's scope
 * that is `NotConnected`, and nothing is added.
 *
 * @category models
 * @since 0.1.0
 */
export interface Added<A = unknown> extends Entry<A> {
  readonly error?: VoiceError.VoiceError | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface AddOptions<A = unknown> {
  /** The place among those that wait, from 0 on. Default, and where it is no number: behind them. */
  readonly at?: number | undefined
  /** Its own level, by which that of the queue is multiplied. Default 1. */
  readonly gain?: number | undefined
  /**
   * Where in its source it begins, and where it ends, each time it is played; as in `TrackOptions`. What makes no sense is `Failed`
   * with `Unsupported` when its turn comes.
   */
  readonly from?: Duration.Input | undefined
  readonly until?: Duration.Input | undefined
  /** Its own, in place of that of the queue. */
  readonly starveTimeout?: Duration.Input | undefined
  /** Its own, in place of that of the queue. What is none is `Failed` with `Unsupported` when its turn comes. */
  readonly refill?: Duration.Input | undefined
  /** What the program knows of it: it comes back in each {@link Entry}. */
  readonly data?: A | undefined
}

/**
 * Where a queue plays: a session, or anything that plays tracks one after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Player {
  /** With `after`, the track begins where that one ends, whatever its end. */
  readonly play: <R>(
    source: AudioSource<R>,
    options: {
      readonly gain?: number | undefined
      readonly effects?: ReadonlyArray<SoundEffect.SoundEffect> | undefined
      readonly from?: Duration.Input | undefined
      readonly until?: Duration.Input | undefined
      readonly starveTimeout?: Duration.Input | undefined
      readonly refill?: Duration.Input | undefined
      readonly paused?: boolean | undefined
      readonly after?: Track | undefined
      readonly crossfade?: Duration.Input | undefined
    }
  ) => Effect.Effect<Track, VoiceError.VoiceError, R>
  /**
   * Fails, with the reason, when it is lost and takes no more tracks. Without it an idle queue finds that out with the next entry, as
   * it does where this succeeds.
   */
  readonly awaitClosed?: Effect.Effect<void, VoiceError.VoiceError> | undefined
}

/**
 * Sources in order, of which each may have data of the type `A`. It plays as soon as there is something in it. What is asked of it is
 * done, also where whoever has asked is interrupted and waits for it no longer.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackQueue<in R = never, in out A = unknown> {
  /**
   * Adds a source at the end, or so that it is the one at place `at` of those that wait. Where nothing plays, it is opened
   * before this returns, or has failed, with the `error` that this gives then, or its `starveTimeout` is over: who has something else to do
   * does not wait for it.
   */
  readonly add: (source: AudioSource<R>, options?: AddOptions<A>) => Effect.Effect<Added<A>>
  /** Takes an entry out that waits; says whether there was one. */
  readonly remove: (id: number) => Effect.Effect<boolean>
  /** Puts a waiting entry at another place, the last one where `at` is no number; says whether there was one. */
  readonly move: (id: number, at: number) => Effect.Effect<boolean>
  /**
   * Ends what plays and goes on with the next, also where one entry is repeated. What is being opened, while nothing plays, goes to the
   * history as well, without a `Started`, and is not repeated. Gives what plays then.
   */
  readonly skip: Effect.Effect<Entry<A> | undefined>
  /** Goes back to what was played last; what plays comes after it. Gives what plays then. */
  readonly back: Effect.Effect<Entry<A> | undefined>
  /** Mixes up what waits. */
  readonly shuffle: Effect.Effect<void>
  /** Takes out all that waits. */
  readonly clear: Effect.Effect<void>
  /** Ends what plays and takes out all that waits. Neither is in the history then. */
  readonly stop: Effect.Effect<void>
  /**
   * Holds what plays, and whatever follows it until {@link TrackQueue.resume}: what is added, skipped to or gone back to waits at its
   * beginning, open.
   */
  readonly pause: Effect.Effect<void>
  /** Goes on with what plays, also where that was paused by itself. */
  readonly resume: Effect.Effect<void>
  readonly setRepeat: (repeat: Repeat) => Effect.Effect<void>
  /**
   * The level of all entries from now on; what plays goes there within `ramp`, 20 ms by default. Fails as `Track.volume`, with
   * `Unsupported` for a gain or time that is negative or none, and changes nothing then.
   */
  readonly setGain: (
    gain: number,
    options?: { readonly ramp?: Duration.Input | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** The effects of all entries from now on; what plays goes over to them. Fails as `Track.setEffects`. */
  readonly setEffects: (effects: ReadonlyArray<SoundEffect.SoundEffect>) => Effect.Effect<void, VoiceError.VoiceError>
  /** How long entries sound together, from the next one that is opened on. Fails with `Unsupported` for a time that is negative or none. */
  readonly setCrossfade: (crossfade: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /** The track that plays, to pause it, seek in it or change its volume. */
  readonly current: Effect.Effect<Track | undefined>
  readonly contents: Effect.Effect<Contents<A>>
  /** All events (the last 64), and each one from then on. */
  readonly events: Stream.Stream<QueueEvent<A>>
  /**
   * Waits until nothing plays and nothing waits, or its scope has closed. Fails where the player takes no more tracks, with the reason
   * for which its session has ended: what waits stays in the queue then.
   */
  readonly awaitIdle: Effect.Effect<void, VoiceError.VoiceError>
}
