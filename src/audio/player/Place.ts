/**
 * The place of one track at a player: to the track, it looks like a connection of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TrackNumber } from "../../driver/Line.ts"
import type { Ducking } from "../../mixer/messages.ts"
import type { Complete } from "../../SoundEffect.ts"
import type { Observer } from "../../VoiceDriver.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as Seat from "./Seat.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface PlaceOptions {
  readonly gain: number
  readonly effects?: ReadonlyArray<Complete> | undefined
  readonly fadeInMs: number
  readonly duck: Ducking | undefined
  /** Waits until the track of this place has ended. */
  readonly after: Place | undefined
  /** How long before its end to begin. */
  readonly crossfadeMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Place {
  /** Plays a ring, replacing the one before. Fails as the mixer does, or with `NotConnected`. */
  readonly attach: (media: Seat.Media, options: Seat.AttachOptions) => Effect.Effect<TrackNumber, VoiceError>
  readonly detach: (track: TrackNumber) => Effect.Effect<void>
  /** Pauses or resumes what plays here and what is attached later. */
  readonly setPaused: (paused: boolean) => Effect.Effect<void>
  readonly setGain: (gain: number, rampMs: number) => Effect.Effect<void, VoiceError>
  /** The gain that was set last. */
  readonly gain: () => number
  readonly setEffects: (effects: ReadonlyArray<Complete>) => Effect.Effect<void, VoiceError>
  /** The effects that were set last. */
  readonly effects: () => ReadonlyArray<Complete>
  /** The media time of the ring that was sent, in milliseconds. */
  readonly heardMs: (track: TrackNumber) => number | undefined
  readonly metrics: () => Seat.TrackMetrics
  readonly observe: (observer: Observer<Seat.Happening>) => Effect.Effect<void, never, Scope.Scope>
  readonly awaitEnd: Effect.Effect<never, VoiceError>
  /** Whether what waited for the end of this track is heard: nothing more of this track is heard then. */
  readonly isFollowed: () => boolean
  /** Whether what is attached now would be mixed rather than passed through. */
  readonly isMixed: () => boolean
  /** The track has ended: tracks that wait for it begin. */
  readonly leave: Effect.Effect<void>
}

/**
 * What a player does for its places. One thing happens at a time.
 *
 * @internal
 */
export interface Host {
  readonly awaitEnd: Effect.Effect<never, VoiceError>
  /** Plays an entry, replacing the seat's former one, unless its track has ended in the meantime, or is followed. */
  readonly enter: (entry: Seat.Entry) => Effect.Effect<void, VoiceError>
  readonly remove: (entry: Seat.Entry) => Effect.Effect<void>
  /** The entry's pause has changed. */
  readonly pausing: (entry: Seat.Entry) => Effect.Effect<void>
  /** The seat's gain has changed. */
  readonly levelling: (seat: Seat.Seat) => Effect.Effect<void, VoiceError>
  /** The seat's effects have changed. */
  readonly shaping: (seat: Seat.Seat) => Effect.Effect<void, VoiceError>
  /** The seat's track has ended. */
  readonly left: (seat: Seat.Seat) => Effect.Effect<void>
  readonly heardMs: (entry: Seat.Entry) => number
  readonly isIn: (entry: Seat.Entry) => boolean
  /** Whether Opus of this seat would be mixed. */
  readonly isMixed: (seat: Seat.Seat) => boolean
  readonly observe: (
    seat: Seat.Seat,
    observer: Observer<Seat.Happening>
  ) => Effect.Effect<void, never, Scope.Scope>
}

const seats = new WeakMap<Place, Seat.Seat>()

/**
 * The player's record of a place.
 *
 * @internal
 */
export const seatOf = (place: Place): Seat.Seat | undefined => seats.get(place)

/** How often to check whether the driver has reached it, in milliseconds. */
const settlingMs = 2

/** How long to wait for that, in milliseconds: the driver's thread may have ended, or what it sends is held. */
const patienceMs = 500

/**
 * Whether the driver takes no more of a place that was left: how much was heard of it is then final.
 *
 * @internal
 */
export const isSettled = (place: Place): boolean => {
  const entry = seatOf(place)?.entry
  return entry === undefined || Seat.isSettled(entry)
}

/**
 * Waits for that. It is the case at once if neither the driver nor what follows is in another thread.
 *
 * @internal
 */
export const settled = (places: ReadonlyArray<Place>): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let waitedMs = 0; waitedMs < patienceMs && !places.every(isSettled); waitedMs += settlingMs) {
      yield* Effect.sleep(settlingMs)
    }
  })

/** A driver that has not reacted after this many seconds never will. */
const looks = 60

/**
 * Releases the ring of a place that was left, when the driver takes no more of it: whoever keeps the track, as the events of
 * a queue do, keeps its place, and should not keep a ring. `note` is called before.
 *
 * @internal
 */
export const release = (place: Place, note: () => void): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* settled([place])
    for (let look = 0; look < looks && !isSettled(place); look++) yield* Effect.sleep("1 second")
    note()
    const seat = seatOf(place)
    if (seat !== undefined) seat.entry = undefined
  })

/** Shared by all players: a number names an entry of its seat. */
let numbers = 0

/**
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const make = (host: Host, options: PlaceOptions): Place => {
  const seat: Seat.Seat = {
    level: { gain: options.gain, rampMs: 0 },
    fadeOutMs: undefined,
    effects: options.effects ?? [],
    fadeInMs: options.fadeInMs,
    curve: "linear",
    duck: options.duck,
    after: options.after === undefined ? undefined : seatOf(options.after),
    crossfadeMs: options.crossfadeMs,
    lengthMs: Infinity,
    crossing: undefined,
    isOver: false,
    isFollowed: false,
    isPaused: false,
    entry: undefined,
    observers: new Set(),
    sent: 0,
    late: 0,
    missed: 0,
    concealed: 0
  }
  const place = new Taken(host, seat)
  seats.set(place, seat)
  return place
}

class Taken implements Place {
  readonly #host: Host
  readonly #seat: Seat.Seat
  /** The level that could be heard last. */
  #levelled: Seat.Level
  #shaped: ReadonlyArray<Complete>

  constructor(host: Host, seat: Seat.Seat) {
    this.#host = host
    this.#seat = seat
    this.#levelled = seat.level
    this.#shaped = seat.effects
  }

  attach(media: Seat.Media, options: Seat.AttachOptions): Effect.Effect<TrackNumber, VoiceError> {
    return Effect.suspend(() => {
      const entry: Seat.Entry = {
        ...options,
        number: ++numbers,
        media,
        seat: this.#seat,
        isPaused: this.#seat.isPaused,
        place: "ready",
        input: 0,
        slot: -1,
        isStarted: false,
        starvingMs: undefined,
        isStalled: false,
        overAt: undefined,
        counted: 0,
        heardMs: 0,
        settle: undefined
      }
      return Effect.as(this.#host.enter(entry), entry.number)
    })
  }

  detach(track: TrackNumber): Effect.Effect<void> {
    return Effect.suspend(() => {
      const entry = this.#entryOf(track)
      return entry === undefined || !this.#host.isIn(entry) ? Effect.void : this.#host.remove(entry)
    })
  }

  setPaused(paused: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#seat.isPaused = paused
      const { entry } = this.#seat
      if (entry === undefined || !this.#host.isIn(entry)) return Effect.void
      entry.isPaused = paused
      if (paused) entry.starvingMs = undefined
      return this.#host.pausing(entry)
    })
  }

  setGain(gain: number, rampMs: number): Effect.Effect<void, VoiceError> {
    const seat = this.#seat
    return Effect.suspend(() => {
      const level = { gain, rampMs }
      seat.level = level
      return trying(this.#host.levelling(seat), () => {
        this.#levelled = level
      }, () => {
        // another one may have been requested in the meantime
        if (seat.level === level) seat.level = this.#levelled
      })
    })
  }

  gain(): number {
    return this.#seat.level.gain
  }

  setEffects(effects: ReadonlyArray<Complete>): Effect.Effect<void, VoiceError> {
    const seat = this.#seat
    return Effect.suspend(() => {
      seat.effects = effects
      return trying(this.#host.shaping(seat), () => {
        this.#shaped = effects
      }, () => {
        if (seat.effects === effects) seat.effects = this.#shaped
      })
    })
  }

  effects(): ReadonlyArray<Complete> {
    return this.#seat.effects
  }

  heardMs(track: TrackNumber): number | undefined {
    const entry = this.#entryOf(track)
    return entry === undefined ? undefined : this.#host.heardMs(entry)
  }

  metrics(): Seat.TrackMetrics {
    const { entry } = this.#seat
    if (entry?.place === "direct") Seat.count(entry)
    const { concealed, late, missed, sent } = this.#seat
    return { sent, late, missed, concealed }
  }

  observe(observer: Observer<Seat.Happening>): Effect.Effect<void, never, Scope.Scope> {
    return this.#host.observe(this.#seat, observer)
  }

  get awaitEnd(): Effect.Effect<never, VoiceError> {
    return this.#host.awaitEnd
  }

  isFollowed(): boolean {
    return this.#seat.isFollowed
  }

  isMixed(): boolean {
    return this.#host.isMixed(this.#seat)
  }

  get leave(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#seat.isOver = true
      return this.#host.left(this.#seat)
    })
  }

  #entryOf(track: TrackNumber): Seat.Entry | undefined {
    const { entry } = this.#seat
    return entry?.number === track ? entry : undefined
  }
}

/** Runs to its end, even if the caller is interrupted: a change that fails is taken back. */
const trying = (effect: Effect.Effect<void, VoiceError>, onDone: () => void, onFailure: () => void) =>
  Effect.uninterruptible(effect.pipe(
    Effect.tap(() => Effect.sync(onDone)),
    Effect.tapError(() => Effect.sync(onFailure))
  ))
