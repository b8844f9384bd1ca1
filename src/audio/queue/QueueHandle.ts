/**
 * A queue as its users see it: how it is to be made, and everything that it offers. {@link module:TrackQueue} makes it.
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
 * A queue as plain data.
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
      /** Whether it arrives in real time; `positionMs` is then not a position to begin at later. */
      readonly live: boolean
    }
    | undefined
  /** What was playing when the player was lost, and where: the queue is `Halted`. It is also the last of `history`. */
  readonly lost?: {
    readonly entry: Entry<A>
    readonly positionMs: number
    readonly live: boolean
  } | undefined
  readonly upcoming: ReadonlyArray<Entry<A>>
  /**
   * What was played, or skipped while it was being opened, the latest last: a hundred at most. An entry that repeats is added
   * only when that is over, and an entry that `stop` has ended is never added.
   */
  readonly history: ReadonlyArray<Entry<A>>
  /** The entries that could not be played, and why, the latest last: a hundred at most. */
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
 * The options of a queue.
 *
 * @category models
 * @since 0.1.0
 */
export interface QueueOptions<R = never, A = never> {
  /**
   * How long the end of an entry and the beginning of the next one are heard together, at most half of each. Default 0: one
   * follows the other.
   */
  readonly crossfade?: Duration.Input | undefined
  /**
   * How long before the end of an entry the next one is opened. If the end is not known, it is opened at once; after a live
   * entry, such as a station, when that has ended or is skipped. Default 10 seconds.
   */
  readonly openAhead?: Duration.Input | undefined
  /**
   * How long an entry may take to open, or give nothing, before it ends; as in `TrackOptions`. The entries after it wait for
   * that long. Default 30 seconds.
   */
  readonly starveTimeout?: Duration.Input | undefined
  /**
   * How much of an entry has to be available before it resumes once its source has run dry; as in `TrackOptions`. Default 0.
   */
  readonly refill?: Duration.Input | undefined
  /** How entries repeat. Default "off". */
  readonly repeat?: Repeat | undefined
  /** Whether it starts paused, and holds what is added until {@link TrackQueue.resume}. Default false. */
  readonly paused?: boolean | undefined
  /** The level of all entries; 1 leaves them unchanged. Default 1. */
  readonly gain?: number | undefined
  /** The sound effects for all entries, applied in this order. Default none. */
  readonly effects?: ReadonlyArray<SoundEffect.SoundEffect> | undefined
  /**
   * What was played before the queue was made, for example by the program before a restart, the latest last: `back` goes
   * there. Only the last hundred count. Default none.
   */
  readonly history?: ReadonlyArray<Former<R, A>> | undefined
}

/**
 * The part of {@link Contents} that is needed to go on with a queue after a restart. It is plain data if the `data` of its
 * entries is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stored<A = unknown>
  extends Pick<Contents<A>, "lost" | "upcoming" | "history" | "repeat" | "paused" | "gain" | "effects">
{
  readonly current?: Pick<NonNullable<Contents<A>["current"]>, "entry" | "positionMs" | "live"> | undefined
}

/**
 * How to play an entry again: its source, and the options that it was added with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Again<R = never> extends Omit<Former<R>, "data"> {}

/**
 * A source that was played before its queue was made, and how to play it again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Former<R = never, A = unknown> extends Omit<AddOptions<A>, "at" | "startAt"> {
  readonly source: AudioSource<R>
}

/**
 * The entry that was added.
 *
 * `error` is set if the entry could not be played. If nothing else plays, that is known by the time `add` returns; entries
 * that wait are opened later. `error` is also set if the player takes no more tracks, with the reason: the entry then waits
 * with the others, and is not played. After the queue's scope has closed, `error` is `NotConnected`, and nothing is added.
 *
 * @category models
 * @since 0.1.0
 */
export interface Added<A = unknown> extends Entry<A> {
  readonly error?: VoiceError.VoiceError | undefined
}

/**
 * The options of `add`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AddOptions<A = unknown> {
  /** The place among the waiting entries, from 0 on. Default, also if it is not a number: the end. */
  readonly at?: number | undefined
  /** The entry's own level, which is multiplied by that of the queue. Default 1. */
  readonly gain?: number | undefined
  /**
   * Where in its source the entry begins and ends, each time it is played; as in `TrackOptions`. If they are invalid, the
   * entry is `Failed` with `Unsupported` when its turn comes.
   */
  readonly from?: Duration.Input | undefined
  readonly until?: Duration.Input | undefined
  /**
   * Where in its source the entry begins the first time that it is played, as in `TrackOptions`: where it was when the program
   * ended, for example. Later it begins at `from`.
   */
  readonly startAt?: Duration.Input | undefined
  /** Overrides the `starveTimeout` of the queue for this entry. */
  readonly starveTimeout?: Duration.Input | undefined
  /**
   * Overrides the `refill` of the queue for this entry. If it is invalid, the entry is `Failed` with `Unsupported` when its
   * turn comes.
   */
  readonly refill?: Duration.Input | undefined
  /** Data of the program about the entry, which comes back in each {@link Entry}. */
  readonly data?: A | undefined
}

/**
 * Where a queue plays: a session, or anything else that plays tracks one after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Player {
  /** Plays a source. With `after`, the track begins where that one ends, however it ends. */
  readonly play: <R>(
    source: AudioSource<R>,
    options: {
      readonly gain?: number | undefined
      readonly effects?: ReadonlyArray<SoundEffect.SoundEffect> | undefined
      readonly from?: Duration.Input | undefined
      readonly until?: Duration.Input | undefined
      readonly startAt?: Duration.Input | undefined
      readonly starveTimeout?: Duration.Input | undefined
      readonly refill?: Duration.Input | undefined
      readonly paused?: boolean | undefined
      readonly after?: Track | undefined
      readonly crossfade?: Duration.Input | undefined
    }
  ) => Effect.Effect<Track, VoiceError.VoiceError, R>
  /**
   * Fails, with the reason, when the player is lost and takes no more tracks. Without it, or if it succeeds, an idle queue
   * only finds out with its next entry.
   */
  readonly awaitClosed?: Effect.Effect<void, VoiceError.VoiceError> | undefined
}

/**
 * Sources in order, each of which may have data of the type `A`. The queue plays as soon as there is something in it. Every
 * operation is carried out, even if the caller is interrupted while waiting for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackQueue<in R = never, in out A = unknown> {
  /**
   * Adds a source at the end, or at the place `at` among the waiting entries. If nothing plays, this returns only when the
   * source is open, has failed (the result then has an `error`), or its `starveTimeout` is over. Fork it if your program has
   * other work to do meanwhile.
   */
  readonly add: (source: AudioSource<R>, options?: AddOptions<A>) => Effect.Effect<Added<A>>
  /** Removes a waiting entry; returns whether there was one. */
  readonly remove: (id: number) => Effect.Effect<boolean>
  /** Moves a waiting entry to another place, the end if `at` is not a number; returns whether there was one. */
  readonly move: (id: number, at: number) => Effect.Effect<boolean>
  /**
   * Ends the current entry and continues with the next, even if one entry is repeated. An entry that is still being opened
   * while nothing plays goes to the history as well, without a `Started`, and is not repeated. Returns the entry that plays
   * then.
   */
  readonly skip: Effect.Effect<Entry<A> | undefined>
  /** Goes back to the entry that was played last; the current one comes after it. Returns the entry that plays then. */
  readonly back: Effect.Effect<Entry<A> | undefined>
  /** Shuffles the waiting entries. */
  readonly shuffle: Effect.Effect<void>
  /** Removes all waiting entries. */
  readonly clear: Effect.Effect<void>
  /** Ends the current entry and removes all that wait. Neither goes to the history. */
  readonly stop: Effect.Effect<void>
  /**
   * Pauses the current entry, and whatever follows it, until {@link TrackQueue.resume}: an entry that is added, skipped to or
   * gone back to waits at its beginning, open.
   */
  readonly pause: Effect.Effect<void>
  /** Resumes the current entry, even if its track was paused on its own. */
  readonly resume: Effect.Effect<void>
  readonly setRepeat: (repeat: Repeat) => Effect.Effect<void>
  /**
   * Changes the level of all entries; the current track changes within `ramp`, 20 ms by default. Fails as `Track.volume`
   * does. For an invalid gain or time, it fails with `Unsupported` and changes nothing.
   */
  readonly setGain: (
    gain: number,
    options?: { readonly ramp?: Duration.Input | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** Changes the effects of all entries, including the current one. Fails as `Track.setEffects` does. */
  readonly setEffects: (effects: ReadonlyArray<SoundEffect.SoundEffect>) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Changes how long entries are heard together, starting with the next one that is opened. Fails with `Unsupported` for an
   * invalid time.
   */
  readonly setCrossfade: (crossfade: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /** The track that plays, to pause it, seek in it or change its volume. */
  readonly current: Effect.Effect<Track | undefined>
  readonly contents: Effect.Effect<Contents<A>>
  /** All events so far (the last 64), and every later one. */
  readonly events: Stream.Stream<QueueEvent<A>>
  /**
   * Waits until nothing plays and nothing waits, or the queue's scope has closed. If the player takes no more tracks, fails
   * with the reason why its session has ended; waiting entries stay in the queue.
   */
  readonly awaitIdle: Effect.Effect<void, VoiceError.VoiceError>
}
