/**
 * The tracks of a session: what is played, how much of it was heard, and how tracks follow one another.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { AudioSource } from "../audio/AudioSource.ts"
import * as Bounds from "../audio/Bounds.ts"
import * as Place from "../audio/player/Place.ts"
import * as Player from "../audio/player/Player.ts"
import * as Track from "../audio/Track.ts"
import * as limits from "../codec/limits.ts"
import type { Mixer } from "../Mixer.ts"
import type { Ducking } from "../mixer/messages.ts"
import type { EncoderOptions, EncoderSettings } from "../OpusEncoder.ts"
import * as SoundEffect from "../SoundEffect.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Traces from "./Traces.ts"

/**
 * How the other tracks are lowered while a track is heard over them.
 *
 * @category models
 * @since 0.1.0
 */
export interface DuckOptions {
  /** The gain of the other tracks meanwhile, 0 to 1. Default 0.25, which is 12 dB less. */
  readonly gain?: number | undefined
  /** How long lowering takes. Default 60 ms. */
  readonly attack?: Duration.Input | undefined
  /** How long returning to the full level takes. Default 400 ms. */
  readonly release?: Duration.Input | undefined
  /** How long the others stay lowered after the last sound of the voice. Default 300 ms. */
  readonly hold?: Duration.Input | undefined
  /**
   * The peak within 20 ms that counts as sound, relative to full scale (1). With 0, the others are lowered for as long as the
   * track plays. Default 0.01.
   */
  readonly threshold?: number | undefined
}

/**
 * The options of `play`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlayOptions extends Track.TrackOptions {
  /** The level. 1, the default, is the source's own level. */
  readonly gain?: number | undefined
  /** The sound effects, applied in this order; see `Track.setEffects`. Default none. */
  readonly effects?: ReadonlyArray<SoundEffect.SoundEffect> | undefined
  /** How long the track takes to come up from silence. Default 0. */
  readonly fadeIn?: Duration.Input | undefined
  /**
   * Begins where that track of the session ends, without a gap, however it ends. Begins at once if that track has already
   * ended, or belongs to another session or station. The source is opened and read ahead in the meantime.
   */
  readonly after?: Track.Track | undefined
  /**
   * With `after`: how long before the end of that track to begin, fading in while it fades out, at equal power; at most half
   * of each track. If the end is known too late (no duration, or a loop), the crossfade can only cover what was read ahead:
   * see `buffer`. Default 0.
   */
  readonly crossfade?: Duration.Input | undefined
  /** Whether this is a voice, over which all other tracks are lowered while it is heard. Default false. */
  readonly duck?: boolean | DuckOptions | undefined
}

/**
 * How much was heard of a track that was interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Interrupted {
  readonly track: Track.Track
  /** How much of it was sent, in milliseconds of the source: all frames that contained it. */
  readonly positionMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Playing {
  readonly play: <R>(
    source: AudioSource<R>,
    options?: PlayOptions
  ) => Effect.Effect<Track.Track, VoiceError.VoiceError, R>
  /** The tracks that have not ended, in the order in which they were played. */
  readonly tracks: Effect.Effect<ReadonlyArray<Track.Track>>
  readonly interrupt: Effect.Effect<ReadonlyArray<Interrupted>>
  readonly cut: (tracks: Iterable<Track.Track>) => Effect.Effect<ReadonlyArray<Interrupted>>
  /**
   * Changes how mixed audio is encoded, starting with the next frame that is made, which is 120 ms ahead of its time unless
   * the mixer's layer says otherwise. Tracks that are passed through are not affected. Fails with `Unsupported` for a value
   * that is out of range.
   */
  readonly setEncoder: (settings: EncoderSettings) => Effect.Effect<void, VoiceError.VoiceError>
  /** Waits until the current tracks have ended. */
  readonly awaitEnds: Effect.Effect<void>
}

const duckingOf = Effect.fnUntraced(function*(duck: PlayOptions["duck"]) {
  if (duck === undefined || duck === false) return undefined
  const { attack = 60, gain = 0.25, hold = 300, release = 400, threshold = 0.01 } = duck === true ? {} : duck
  const ducking: Ducking = {
    gain: yield* Bounds.share(gain, "ducking to a gain"),
    attackMs: yield* Bounds.span(attack, "an `attack`"),
    releaseMs: yield* Bounds.span(release, "a `release`"),
    holdMs: yield* Bounds.span(hold, "a `hold`"),
    threshold: yield* Bounds.share(threshold, "ducking from a threshold")
  }
  return ducking
})

const changed = (options: EncoderOptions, settings: EncoderSettings): EncoderOptions => ({
  ...options,
  bitrate: settings.bitrate === "auto" ? undefined : settings.bitrate ?? options.bitrate,
  complexity: settings.complexity ?? options.complexity,
  fec: settings.fec ?? options.fec,
  expectedLossPercent: settings.expectedLossPercent ?? options.expectedLossPercent,
  dtx: settings.dtx ?? options.dtx,
  bandwidth: settings.bandwidth ?? options.bandwidth,
  signal: settings.signal ?? options.signal
})

/**
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const make = Effect.fnUntraced(function*(
  outlet: Player.Outlet,
  mixer: Mixer["Service"],
  options: EncoderOptions | undefined
): Effect.fn.Return<Playing, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let encoder = options ?? {}
  let player: Player.Player | undefined
  // created by the first track: many sessions only listen
  const making = yield* Effect.cached(
    Player.make(outlet, mixer, () => encoder).pipe(
      Effect.tap((made) =>
        Effect.sync(() => {
          player = made
        })
      ),
      Scope.provide(scope),
      Effect.uninterruptible
    )
  )
  /** The tracks that have not ended, by number: a caller may hold a copy of a track. */
  const playing = new Map<number | undefined, { readonly track: Track.Track; readonly place: Place.Place }>()
  /** Tracks whose sources are being opened. */
  const opening = new Set<Track.Prepared>()

  const begin = <R>(
    source: AudioSource<R>,
    place: Place.Place,
    options: PlayOptions,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) =>
    Effect.flatMap(Track.prepare(source, place, options), (prepared) => {
      opening.add(prepared)
      return restore(prepared.begin).pipe(
        // an interruption that comes between the two has to find the track in one of them
        Effect.tap((track) => Effect.sync(() => playing.set(Track.numberOf(track), { track, place }))),
        Effect.ensuring(Effect.sync(() => opening.delete(prepared)))
      )
    })

  const play = <R>(source: AudioSource<R>, options: PlayOptions = {}) =>
    Effect.gen(function*() {
      const gain = yield* Bounds.gain(options.gain ?? 1)
      const duck = yield* duckingOf(options.duck)
      const effects = yield* SoundEffect.complete(options.effects ?? [])
      const fadeInMs = yield* Bounds.span(options.fadeIn ?? 0, "a fade-in")
      const crossfadeMs = yield* Bounds.span(options.crossfade ?? 0, "a crossfade")
      const place = (yield* making).place({
        gain,
        effects,
        fadeInMs,
        duck,
        after: options.after === undefined ? undefined : playing.get(Track.numberOf(options.after))?.place,
        crossfadeMs
      })
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const trackScope = yield* Scope.fork(scope)
          const track = yield* begin(source, place, options, restore).pipe(
            Scope.provide(trackScope),
            Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(trackScope, exit) : Effect.void)
          )
          yield* Traces.track(source.name, track.awaitEnd).pipe(
            // also if the end of the session ends this fiber
            Effect.ensuring(Effect.sync(() => playing.delete(Track.numberOf(track)))),
            Effect.andThen(Scope.close(trackScope, Exit.void)),
            Effect.interruptible,
            Effect.forkIn(scope, { startImmediately: true })
          )
          return track
        })
      )
    })

  const tracks = Effect.sync(() => Array.from(playing.values(), ({ track }) => track))

  /** Silences tracks, ends them, and returns how much of each was heard once the driver has taken the last of it. */
  const silenced = (
    silencing: Effect.Effect<void>,
    those: () => ReadonlyArray<{ readonly track: Track.Track; readonly place: Place.Place }>
  ) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* silencing
        const all = those()
        // in reverse order: otherwise tracks that wait for others would begin
        yield* Effect.forEach(all.toReversed(), ({ track }) => track.stop, { discard: true })
        yield* restore(Place.settled(all.map(({ place }) => place)))
        return yield* Effect.forEach(
          all,
          ({ track }) => Effect.map(track.position, (positionMs): Interrupted => ({ track, positionMs }))
        )
      })
    )

  const interrupt = Effect.suspend(() => {
    if (player === undefined) return Effect.succeed([])
    // a track whose source opens after the others have ended would otherwise be heard
    const stopOpening = Effect.suspend(() => Effect.forEach(Array.from(opening), ({ stop }) => stop, { discard: true }))
    return silenced(Effect.andThen(player.silence, stopOpening), () => Array.from(playing.values()))
  })

  const cut: Playing["cut"] = (wanted) =>
    Effect.suspend(() => {
      const those = new Set(Array.from(wanted, Track.numberOf))
      const all = Array.from(playing.values()).filter(({ track }) => those.has(Track.numberOf(track)))
      if (player === undefined || all.length === 0) return Effect.succeed([])
      return silenced(player.cut(all.map(({ place }) => place)), () => all)
    })

  const setEncoder: Playing["setEncoder"] = (
    { bandwidth, bitrate, complexity, dtx, expectedLossPercent, fec, signal }
  ) =>
    Effect.uninterruptible(Effect.suspend(() => {
      // these go to another thread, which accepts nothing else
      const settings: EncoderSettings = { bandwidth, bitrate, complexity, dtx, expectedLossPercent, fec, signal }
      const problem = limits.settingsProblem(settings)
      if (problem !== undefined) {
        return VoiceError.fail(new VoiceError.Unsupported({ feature: "this encoder configuration", detail: problem }))
      }
      encoder = changed(encoder, settings)
      return player === undefined ? Effect.void : player.configure(settings)
    }))

  return {
    play,
    tracks,
    interrupt,
    cut,
    setEncoder,
    awaitEnds: Effect.flatMap(tracks, (all) => Effect.forEach(all, (track) => track.awaitEnd, { discard: true }))
  }
})
