/**
 * Sources that play one after another: the next one is opened ahead and begins where the one before it ends, without a gap
 * or with a crossfade. What waits is plain data, to be shown and changed while it plays.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as SoundEffect from "../SoundEffect.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as Accessors from "./Accessors.ts"
import * as Bounds from "./Bounds.ts"
import type { AudioSource } from "./OpenSource.ts"
import * as LineUp from "./queue/LineUp.ts"
import * as QueueJournal from "./queue/QueueJournal.ts"
import { type Entry, entryOf, type Item, type QueueEvent } from "./queue/QueueJournal.ts"
import * as QueueOrder from "./queue/QueueOrder.ts"
import type { Track, TrackState } from "./Track.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Entry,
  /**
   * @category models
   * @since 0.1.0
   */
  Failure,
  /**
   * @category models
   * @since 0.1.0
   */
  QueueEvent
} from "./queue/QueueJournal.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Repeat
} from "./queue/LineUp.ts"

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
  /** What was played, the latest last: a hundred at most. What repeats by itself is not in it until that is over. */
  readonly history: ReadonlyArray<Entry<A>>
  /** What could not be played, and why, the latest last: a hundred at most. */
  readonly failures: ReadonlyArray<QueueJournal.Failure<A>>
  readonly repeat: LineUp.Repeat
  /** The level of all entries. */
  readonly gain: number
  /** The effects of all entries. */
  readonly effects: ReadonlyArray<SoundEffect.Complete>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface QueueOptions {
  /**
   * How long the end of an entry and the beginning of the next one sound together, at most half of each. Default 0: one follows the
   * other.
   */
  readonly crossfade?: Duration.Input | undefined
  /** How long before the end of an entry the next one is opened; at once where the end is not known. Default 10 seconds. */
  readonly openAhead?: Duration.Input | undefined
  /**
   * How long an entry may take to open, or give nothing before it ends; as in `TrackOptions`. Those behind it wait as long. Default 30
   * seconds.
   */
  readonly starveTimeout?: Duration.Input | undefined
  /** How much of an entry is there before it goes on once its source has run dry; as in `TrackOptions`. Default 0. */
  readonly refill?: Duration.Input | undefined
  /** Default "off". */
  readonly repeat?: LineUp.Repeat | undefined
  /** The level of all entries, 1 is as they are. Default 1. */
  readonly gain?: number | undefined
  /** What changes the sound of all entries, in this order. Default none. */
  readonly effects?: ReadonlyArray<SoundEffect.SoundEffect> | undefined
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
   * before this returns, or has failed, or its `starveTimeout` is over: who has something else to do does not wait for it.
   */
  readonly add: (source: AudioSource<R>, options?: AddOptions<A>) => Effect.Effect<Entry<A>>
  /** Takes an entry out that waits; says whether there was one. */
  readonly remove: (id: number) => Effect.Effect<boolean>
  /** Puts a waiting entry at another place, the last one where `at` is no number; says whether there was one. */
  readonly move: (id: number, at: number) => Effect.Effect<boolean>
  /**
   * Ends what plays and goes on with the next, also where one entry is repeated; what is being opened, while nothing plays, is
   * left out. Gives what plays then.
   */
  readonly skip: Effect.Effect<Entry<A> | undefined>
  /** Goes back to what was played last; what plays comes after it. Gives what plays then. */
  readonly back: Effect.Effect<Entry<A> | undefined>
  /** Mixes up what waits. */
  readonly shuffle: Effect.Effect<void>
  /** Takes out all that waits. */
  readonly clear: Effect.Effect<void>
  /** Ends what plays and takes out all that waits. */
  readonly stop: Effect.Effect<void>
  readonly setRepeat: (repeat: LineUp.Repeat) => Effect.Effect<void>
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
   * Waits until nothing plays and nothing waits. Fails where the player takes no more tracks, with the reason for which its
   * session has ended: what waits stays in the queue then.
   */
  readonly awaitIdle: Effect.Effect<void, VoiceError.VoiceError>
}

/**
 * Makes an empty queue. It ends with its scope, which stops what plays. Fails with `Unsupported` for a gain or time that is
 * negative or none.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource, TrackQueue, type VoiceSession } from "effect-discord-voice"
 *
 * const playAll = (session: VoiceSession.VoiceSession, files: ReadonlyArray<string>) =>
 *   Effect.gen(function*() {
 *     const queue = yield* TrackQueue.make(session, { crossfade: "3 seconds" })
 *     yield* Effect.forEach(files, (file) => queue.add(AudioSource.fromFile(file)))
 *     yield* queue.awaitIdle
 *   }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R = never, A = unknown>(
  player: Player,
  options: QueueOptions = {}
): Effect.fn.Return<TrackQueue<R, A>, VoiceError.VoiceError, R | Scope.Scope> {
  // without its scope the context is one of R, which the compiler cannot see while R is open
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>()) as Context.Context<R>
  let crossfadeMs = yield* Bounds.span(options.crossfade ?? 0, "a crossfade")
  const openAheadMs = yield* Bounds.patience(options.openAhead ?? "10 seconds", "to open ahead")
  if (options.starveTimeout !== undefined) yield* Bounds.patience(options.starveTimeout, "a starve timeout")
  if (options.refill !== undefined) yield* Bounds.buffer(options.refill, "a refill")
  let gain = yield* Bounds.gain(options.gain ?? 1)
  let effects = yield* SoundEffect.complete(options.effects ?? [])
  const line = LineUp.make<Item<R, A>>(options.repeat ?? "off")
  const journal = QueueJournal.make<A>()
  let numbers = 0
  /** Tracks that may not have ended, also those that are about to play, with their own levels. */
  const tracks = new Map<Track, number>()

  const forget = Effect.suspend(() =>
    Effect.forEach(Array.from(tracks.keys()), (track) =>
      Effect.map(track.state, ({ _tag }) => {
        if (_tag === "Ended") tracks.delete(track)
      }), { discard: true })
  )

  const forEachTrack = (change: (track: Track, own: number) => Effect.Effect<void, VoiceError.VoiceError>) =>
    Effect.andThen(
      forget,
      Effect.suspend(() => Effect.forEach(Array.from(tracks), ([track, own]) => change(track, own), { discard: true }))
    )

  const play = (
    { from, gain: own, refill = options.refill, source, starveTimeout = options.starveTimeout, until }: Item<R, A>,
    after: Track | undefined
  ) =>
    Effect.gen(function*() {
      const asked = { gain, effects }
      const track = yield* player.play(source, {
        from,
        until,
        starveTimeout,
        ...(refill === undefined ? {} : { refill }),
        ...(gain * own === 1 ? {} : { gain: gain * own }),
        ...(effects.length === 0 ? {} : { effects }),
        ...(after === undefined ? {} : { after, crossfade: crossfadeMs })
      })
      yield* forget
      tracks.set(track, own)
      // it can take a while to open a source
      yield* Effect.gen(function*() {
        if (gain !== asked.gain) yield* track.volume(gain * own)
        if (effects !== asked.effects) yield* track.setEffects(effects)
      }).pipe(Effect.onError(() => track.stop))
      return track
    }).pipe(Effect.provideContext(context))

  const order = yield* QueueOrder.make<R, A>({
    line,
    journal,
    crossfadeMs: () => crossfadeMs,
    awaitClosed: player.awaitClosed,
    openAheadMs,
    play
  })

  const waiting = (id: number) => line.upcoming().find((one) => one.id === id)

  const prototype = Accessors.printedAs(() => ({
    _id: "TrackQueue",
    ...QueueJournal.printed(order.current(), context),
    upcoming: line.upcoming().length,
    history: line.history().length,
    failures: journal.failures().length,
    repeat: line.repeat(),
    gain
  }))

  const queue: TrackQueue<R, A> = {
    add: (source, { at, data, gain: own = 1, ...options } = {}) =>
      Effect.suspend(() => {
        const item: Item<R, A> = { ...options, id: ++numbers, name: source.name, source, gain: own, data }
        order.expect()
        line.insert(item, at)
        return Effect.as(order.revise, entryOf(item))
      }),
    remove: (id) =>
      Effect.suspend(() => {
        const item = waiting(id)
        if (item === undefined) return Effect.succeed(false)
        line.remove(item)
        order.leave(item)
        return Effect.as(order.revise, true)
      }),
    move: (id, at) =>
      Effect.suspend(() => {
        const item = waiting(id)
        if (item === undefined) return Effect.succeed(false)
        line.remove(item)
        line.insert(item, at)
        return Effect.as(order.revise, true)
      }),
    skip: order.skip,
    back: order.back,
    shuffle: Effect.gen(function*() {
      line.arrange(yield* Random.shuffle(line.upcoming()))
      yield* order.revise
    }),
    clear: Effect.suspend(() => {
      line.clear()
      order.leave()
      return order.revise
    }),
    stop: order.stop,
    setRepeat: (value) =>
      Effect.suspend(() => {
        line.setRepeat(value)
        return order.revise
      }),
    setGain: (to, { ramp } = {}) =>
      Effect.gen(function*() {
        yield* Bounds.gain(to)
        if (ramp !== undefined) yield* Bounds.span(ramp, "a ramp")
        gain = to
        yield* forEachTrack((track, own) => track.volume(to * own, { ramp }))
      }),
    setEffects: (to) =>
      Effect.flatMap(SoundEffect.complete(to), (complete) => {
        effects = complete
        return forEachTrack((track) => track.setEffects(complete))
      }),
    setCrossfade: (to) =>
      Effect.map(Bounds.span(to, "a crossfade"), (ms) => {
        crossfadeMs = ms
      }),
    current: Effect.sync(() => order.current()?.track),
    contents: Effect.gen(function*() {
      const playing = order.current()
      return {
        current: playing === undefined ? undefined : {
          entry: entryOf(playing.item),
          state: yield* playing.track.state,
          positionMs: yield* playing.track.position,
          durationMs: playing.track.durationMs,
          live: playing.track.live
        },
        upcoming: line.upcoming().map(entryOf),
        history: line.history().map(entryOf),
        failures: journal.failures(),
        repeat: line.repeat(),
        gain,
        effects
      }
    }),
    get events() {
      return journal.events()
    },
    // who watches the events hears the last of them before who waits
    awaitIdle: Effect.ensuring(order.awaitIdle, Effect.yieldNow)
  }
  Object.setPrototypeOf(queue, prototype)
  return queue
})
