/**
 * The place of one track at a player: it looks like a connection that nobody else plays on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TrackNumber } from "../driver/Line.ts"
import type { Ducking } from "../mixer/messages.ts"
import type { Complete } from "../SoundEffect.ts"
import type { Observer } from "../VoiceDriver.ts"
import type { VoiceError } from "../VoiceError.ts"
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
  /** How long before its end it begins. */
  readonly crossfadeMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Place {
  /** Plays a ring, in place of the one before. Fails with what the mixer fails with, or `NotConnected`. */
  readonly attach: (media: Seat.Media, options: Seat.AttachOptions) => Effect.Effect<TrackNumber, VoiceError>
  readonly detach: (track: TrackNumber) => Effect.Effect<void>
  /** Of what plays here and what is attached later. */
  readonly setPaused: (paused: boolean) => Effect.Effect<void>
  readonly setGain: (gain: number, rampMs: number) => Effect.Effect<void, VoiceError>
  /** The gain that was set last. */
  readonly gain: () => number
  readonly setEffects: (effects: ReadonlyArray<Complete>) => Effect.Effect<void, VoiceError>
  /** Those that were set last. */
  readonly effects: () => ReadonlyArray<Complete>
  /** Media time of the ring that was sent, in milliseconds. */
  readonly heardMs: (track: TrackNumber) => number | undefined
  readonly metrics: () => Seat.TrackMetrics
  readonly observe: (observer: Observer<Seat.Happening>) => Effect.Effect<void, never, Scope.Scope>
  readonly awaitEnd: Effect.Effect<never, VoiceError>
  /** The track has ended: whoever waits for it begins. */
  readonly leave: Effect.Effect<void>
}

/**
 * What a player does for its places. One thing happens at a time.
 *
 * @internal
 */
export interface Host {
  readonly awaitEnd: Effect.Effect<never, VoiceError>
  /** Plays an entry, in place of the seat's former one, unless the seat's track has ended meanwhile. */
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
  readonly observe: (
    seat: Seat.Seat,
    observer: Observer<Seat.Happening>
  ) => Effect.Effect<void, never, Scope.Scope>
}

const seats = new WeakMap<Place, Seat.Seat>()

/**
 * What a player knows of a place.
 *
 * @internal
 */
export const seatOf = (place: Place): Seat.Seat | undefined => seats.get(place)

/** Of all players: a number names an entry of its seat. */
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
    isOver: false,
    isPaused: false,
    entry: undefined,
    observers: new Set(),
    sent: 0,
    late: 0,
    missed: 0,
    concealed: 0
  }

  /** Those that could be heard last. */
  let levelled = seat.level
  let shaped = seat.effects

  /** To its end, also where nobody waits for it any longer: what cannot be had is taken back. */
  const trying = (effect: Effect.Effect<void, VoiceError>, onDone: () => void, onFailure: () => void) =>
    Effect.uninterruptible(effect.pipe(
      Effect.tap(() => Effect.sync(onDone)),
      Effect.tapError(() => Effect.sync(onFailure))
    ))

  const entryOf = (track: TrackNumber): Seat.Entry | undefined => seat.entry?.number === track ? seat.entry : undefined

  /** Does something with an entry that still plays. */
  const withEntry = (track: TrackNumber, use: (entry: Seat.Entry) => Effect.Effect<void>) =>
    Effect.suspend(() => {
      const entry = entryOf(track)
      return entry === undefined || !host.isIn(entry) ? Effect.void : use(entry)
    })

  const place: Place = {
    attach: (media, attachOptions) =>
      Effect.suspend(() => {
        const entry: Seat.Entry = {
          ...attachOptions,
          number: ++numbers,
          media,
          seat,
          isPaused: seat.isPaused,
          place: "ready",
          input: 0,
          slot: -1,
          isStarted: false,
          starvingMs: undefined,
          isStalled: false,
          overAt: undefined,
          counted: 0,
          heardMs: 0
        }
        return Effect.as(host.enter(entry), entry.number)
      }),
    detach: (track) => withEntry(track, host.remove),
    setPaused: (paused) =>
      Effect.suspend(() => {
        seat.isPaused = paused
        const { entry } = seat
        if (entry === undefined || !host.isIn(entry)) return Effect.void
        entry.isPaused = paused
        if (paused) entry.starvingMs = undefined
        return host.pausing(entry)
      }),
    setGain: (gain, rampMs) =>
      Effect.suspend(() => {
        const level = { gain, rampMs }
        seat.level = level
        return trying(host.levelling(seat), () => {
          levelled = level
        }, () => {
          // another one may have been asked for meanwhile
          if (seat.level === level) seat.level = levelled
        })
      }),
    gain: () => seat.level.gain,
    setEffects: (effects) =>
      Effect.suspend(() => {
        seat.effects = effects
        return trying(host.shaping(seat), () => {
          shaped = effects
        }, () => {
          if (seat.effects === effects) seat.effects = shaped
        })
      }),
    effects: () => seat.effects,
    heardMs: (track) => {
      const entry = entryOf(track)
      return entry === undefined ? undefined : host.heardMs(entry)
    },
    metrics: () => {
      const { entry } = seat
      if (entry?.place === "direct") Seat.count(entry)
      const { concealed, late, missed, sent } = seat
      return { sent, late, missed, concealed }
    },
    observe: (observer) => host.observe(seat, observer),
    awaitEnd: host.awaitEnd,
    leave: Effect.suspend(() => {
      seat.isOver = true
      return host.left(seat)
    })
  }
  seats.set(place, seat)
  return place
}
