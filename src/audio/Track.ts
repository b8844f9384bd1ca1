/**
 * Tracks: handles to something that is being played, which pause, seek and stop it, show its position, and wait for its end.
 * Every end has a name, and an empty buffer is a state before it is an end.
 *
 * A track reads its source ahead into a ring; the driver, or a mix, takes the next piece when it is due. A slow source
 * therefore delays only itself, and the beat never waits for a source.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SoundEffect from "../SoundEffect.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as Accessors from "./Accessors.ts"
import * as Bounds from "./Bounds.ts"
import type { AudioSource } from "./OpenSource.ts"
import type { Place } from "./player/Place.ts"
import { type Options, Playback } from "./track/Playback.ts"
import * as SourceAt from "./track/SourceAt.ts"
import type { TrackEnd } from "./track/TrackEvent.ts"
import type { Track, TrackOptions } from "./track/TrackHandle.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  TrackMetrics
} from "./player/Seat.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  TrackEnd,
  /**
   * @category models
   * @since 0.1.0
   */
  TrackEvent,
  /**
   * @category models
   * @since 0.1.0
   */
  TrackState
} from "./track/TrackEvent.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Track,
  /**
   * @category models
   * @since 0.1.0
   */
  TrackOptions
} from "./track/TrackHandle.ts"

const defaultRampMs = 20

/**
 * A track that has not begun.
 *
 * @internal
 */
export interface Prepared {
  /** Opens the source and plays it; can be run once. Fails as {@link make} does. */
  readonly begin: Effect.Effect<Track, VoiceError.VoiceError>
  /** Ends the track as `Stopped`. While its source is being opened, `begin` then returns the ended track at once. */
  readonly stop: Effect.Effect<void>
}

/**
 * Checks the options, and does nothing else yet.
 *
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const prepare = Effect.fnUntraced(function*<R>(
  source: AudioSource<R>,
  place: Place,
  options: TrackOptions = {}
): Effect.fn.Return<Prepared, VoiceError.VoiceError, R | Scope.Scope> {
  const context = yield* Effect.context<R | Scope.Scope>()
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const bufferMs = options.buffer === undefined
    ? undefined
    : yield* Bounds.buffer(options.buffer)
  const leadMs = options.lead === undefined
    ? undefined
    : yield* Bounds.span(options.lead, "a `lead`")
  const refillMs = yield* Bounds.buffer(options.refill ?? 0, "a `refill`")
  const range = yield* Bounds.range(options.from, options.until)
  const startMs = options.startAt === undefined ? range.fromMs : yield* Bounds.span(options.startAt, "a `startAt`")
  const starveMs = yield* Bounds.patience(options.starveTimeout ?? "30 seconds", "a starve timeout")
  const loops = yield* Bounds.times(options.loop ?? 0)
  const paused = options.paused ?? false
  let live = false
  const playback = new Playback({
    source: {
      name: source.name,
      open: Effect.map(source.open, (opened) => {
        live = opened.live === true
        return opened
      })
    },
    context,
    place,
    clock,
    scope,
    range,
    startMs,
    bufferMs,
    leadMs,
    refillMs,
    starveMs,
    loops,
    paused
  })
  return {
    begin: Effect.map(playback.run, () =>
      handleOf(playback, {
        name: source.name,
        durationMs: playback.durationMs,
        untilMs: range.untilMs === Infinity ? undefined : range.untilMs,
        live,
        tags: playback.tags
      })),
    stop: playback.end({ _tag: "Stopped" })
  }
})

/**
 * Opens a source and plays it at a place of a player. Fails with `SourceFailed` if the source cannot be opened. The track
 * ends `Stopped` when the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R>(
  source: AudioSource<R>,
  place: Place,
  options?: TrackOptions
): Effect.Effect<Track, VoiceError.VoiceError, R | Scope.Scope> =>
  Effect.flatMap(prepare(source, place, options), ({ begin }) => begin)

/** A playback, whatever its source requires. */
type Played = Omit<Playback<never>, "options"> & { readonly options: Pick<Options<never>, "place"> }

const setGain = (playback: Played, gain: number, ramp: Duration.Input | undefined) =>
  Effect.gen(function*() {
    yield* Bounds.gain(gain)
    const rampMs = ramp === undefined ? defaultRampMs : yield* Bounds.span(ramp, "a ramp")
    if (!playback.isOver()) yield* playback.options.place.setGain(gain, rampMs)
  })

const seek = (playback: Played, position: Duration.Input) =>
  Effect.gen(function*() {
    if (playback.isOver()) return yield* SourceAt.hasEnded()
    yield* playback.seek(yield* Bounds.place(position))
  })

/** The properties that do not change after the start. */
type Known = Pick<Track, "name" | "durationMs" | "untilMs" | "live" | "tags">

/** The functions as plain values, so that each is the same whenever it is read. */
type Functions = Pick<Track, "reached" | "every" | "seek" | "loop" | "volume" | "fade" | "setEffects">

const functionsOf = (playback: Played): Functions => ({
  reached: (position) => Effect.flatMap(Bounds.place(position), (place) => playback.marks.reached(place)),
  every: (interval) => Stream.unwrap(Effect.map(Bounds.interval(interval), (ms) => playback.marks.every(ms))),
  seek: (position) => seek(playback, position),
  loop: (times) => Effect.flatMap(Bounds.times(times), (left) => playback.loop(left)),
  volume: (gain, options) => setGain(playback, gain, options?.ramp),
  fade: (gain, duration) => setGain(playback, gain, duration),
  setEffects: (effects) => Effect.flatMap(SoundEffect.complete(effects), (complete) => playback.setEffects(complete))
})

const played = Symbol("played")

/** The number of a track. Unlike the playback, it is also in copies of the track. */
const numbered = Symbol("number")

interface Handle {
  readonly [played]: Played
}

/** The number of tracks of this process. */
let tracks = 0

/** The other members, which are created when they are first read: most of them never are. */
const accessors = Accessors.make<Handle, Omit<Track, keyof Known | keyof Functions>>({
  speed: ({ [played]: playback }) => playback.speed(),
  gain: ({ [played]: { options: { place } } }) => Effect.sync(() => place.gain()),
  effects: ({ [played]: { options: { place } } }) => Effect.sync(() => place.effects()),
  loopsLeft: ({ [played]: playback }) => Effect.sync(() => playback.loopsLeft),
  state: ({ [played]: { broadcast } }) => Effect.sync(() => broadcast.state()),
  changes: ({ [played]: { broadcast } }) => broadcast.changes,
  events: ({ [played]: { broadcast } }) => broadcast.events,
  position: ({ [played]: playback }) => Effect.sync(() => playback.positionMs()),
  pause: ({ [played]: playback }) => playback.setPaused(true),
  resume: ({ [played]: playback }) => playback.setPaused(false),
  stop: ({ [played]: playback }) => playback.end({ _tag: "Stopped" }),
  metrics: ({ [played]: { options: { place } } }) => Effect.sync(() => place.metrics()),
  awaitEnd: ({ [played]: { ended } }) => Deferred.await(ended)
})

const prototype = Accessors.printedAs<Handle & Known>(({ durationMs, live, name, untilMs, [played]: playback }) => {
  const { broadcast, loopsLeft, options: { place } } = playback
  const effects = place.effects()
  const speed = playback.speed()
  return {
    _id: "Track",
    name,
    state: broadcast.state(),
    positionMs: playback.positionMs(),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(live ? { live } : {}),
    gain: place.gain(),
    ...(speed === 1 ? {} : { speed }),
    ...(loopsLeft === 0 ? {} : { loopsLeft: loopsLeft === Infinity ? "forever" : loopsLeft }),
    ...(effects.length === 0 ? {} : { effects: effects.map(({ _tag }) => _tag) })
  }
})

const handleOf = (playback: Played, known: Known): Track => {
  const functions = { ...known, ...functionsOf(playback) }
  Object.setPrototypeOf(functions, prototype)
  const handle = Object.defineProperties(functions, {
    [played]: { value: playback },
    [numbered]: { value: ++tracks, enumerable: true }
  })
  // the compiler does not see what the descriptors add
  return Object.defineProperties(handle, accessors) as Track
}

/**
 * The number of a track, unique in this process. Copies of a track, and objects that inherit from it, have the same one;
 * `undefined` for anything that is not a track of this library.
 *
 * @internal
 */
export const numberOf = (track: Track): number | undefined => {
  const number: unknown = Reflect.get(track, numbered)
  return typeof number === "number" ? number : undefined
}

/**
 * Whether a track ended because everything was played, which is the end that a listener wants.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFinished = (end: TrackEnd): end is { readonly _tag: "Finished" } => end._tag === "Finished"
