/**
 * Something that is being played: a handle to pause, seek and stop it, to see where it is, and to wait for its end. Every
 * end has a name, and an empty buffer is a state before it is an end.
 *
 * A track reads its source ahead into a ring; the driver, or a mix, takes what is in there when it is due. So a slow source
 * delays nobody but itself, and the beat never waits for one.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Timescale from "../mixer/effects/Timescale.ts"
import * as SoundEffect from "../SoundEffect.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Bounds from "./Bounds.ts"
import * as Hunger from "./Hunger.ts"
import * as Marks from "./Marks.ts"
import type { AudioSource, Tags } from "./OpenSource.ts"
import type { Place } from "./Place.ts"
import * as Reading from "./Reading.ts"
import * as Seat from "./Seat.ts"
import * as SourceAt from "./SourceAt.ts"
import * as TrackBroadcast from "./TrackBroadcast.ts"
import type { TrackEnd } from "./TrackEvent.ts"
import type { Track, TrackOptions } from "./TrackHandle.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  TrackMetrics
} from "./Seat.ts"

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
} from "./TrackEvent.ts"

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
} from "./TrackHandle.ts"

const defaultRampMs = 20

/** A reading, and the number that the driver knows it by; -1 before it was handed over. */
interface Playing {
  readonly reading: Reading.Reading
  /** Begins in the middle of the source. */
  readonly isCutIn: boolean
  number: number
}

/**
 * Opens a source and plays it at a place of a player. Fails with `SourceFailed` when the source cannot be opened. The track ends
 * `Stopped` when the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R>(
  source: AudioSource<R>,
  place: Place,
  options: TrackOptions = {}
): Effect.fn.Return<Track, VoiceError.VoiceError, R | Scope.Scope> {
  // A source is opened in the scope of one reading, which is not that of the track. Without its scope the context is one
  // of R, which the compiler cannot see while R is open.
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>()) as Context.Context<R>
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const bufferMs = options.buffer === undefined
    ? undefined
    : yield* Bounds.buffer(options.buffer)
  const leadMs = options.lead === undefined
    ? undefined
    : yield* Bounds.span(options.lead, "a lead")
  const range = yield* Bounds.range(options.from, options.until)
  const starveMs = yield* Bounds.patience(options.starveTimeout ?? "30 seconds", "a starve timeout")
  const ended = yield* Deferred.make<TrackEnd>()
  const fork = Effect.runForkWith(context)
  let paused = options.paused ?? false
  const broadcast = TrackBroadcast.make({ _tag: paused ? "Paused" : "Buffering" })
  const { become, isOver, tell } = broadcast

  let loopsLeft = yield* Bounds.times(options.loop ?? 0)
  let looped = 0
  let everStarted = false
  let durationMs: number | undefined
  let speed = 1
  let tags: Tags = {}
  let current: Playing | undefined
  let reader: Fiber.Fiber<void> | undefined
  /** Another pass was wanted when the end had been mixed already: it begins when that was heard. */
  let isLate = false
  const pace = () => SoundEffect.speedOf(place.effects())
  const marks = Marks.make({ clock, fork, isPaused: () => paused, pace })
  const openAt = SourceAt.make(Effect.provideContext(source.open, context), {
    name: source.name,
    limitMs: starveMs,
    awaitEnd: place.awaitEnd
  })

  // whoever waits for the end may interrupt the fiber that brings it about
  let ending = false
  /** Where it ended. */
  let lastMs: number | undefined
  const end = (how: TrackEnd) =>
    Effect.gen(function*() {
      if (ending) return
      ending = true
      lastMs = positionMs()
      marks.end()
      if (current !== undefined) yield* place.detach(current.number)
      broadcast.end(how)
      reader?.interruptUnsafe()
      yield* place.leave
      // last, so that whoever waited for the end finds everything at its end
      yield* Deferred.succeed(ended, how)
    }).pipe(Effect.uninterruptible)

  const finish = ({ reading }: Playing) => {
    const error = reading.failure()
    return end(error === undefined ? { _tag: "Finished" } : { _tag: "Failed", error })
  }

  const again = Effect.suspend(() => {
    if (loopsLeft <= 0) return Effect.succeed(false)
    loopsLeft--
    tell({ _tag: "Looped", times: ++looped })
    return Effect.succeed(true)
  })

  const attach = (playing: Playing): Effect.Effect<void, VoiceError.VoiceError> =>
    Effect.suspend(() =>
      playing.number !== -1 ?
        Effect.void :
        Effect.flatMap(
          place.attach(playing.reading.media, { cutIn: playing.isCutIn, remainingMs }),
          (number) => {
            playing.number = number
            // it can take a while, in which another reading may have taken its place
            return current === playing ? Effect.void : place.detach(number)
          }
        ).pipe(
          Effect.uninterruptible,
          // the fiber that finds out is interrupted by the end
          Effect.tapError((error) => Effect.sync(() => void fork(end({ _tag: "Failed", error }))))
        )
    )

  const positionMs = (): number => lastMs ?? current?.reading.positionMs() ?? 0

  /** Media time to the end, as it will be heard, where it is known. */
  const remainingMs = (): number | undefined => {
    const endMs = Math.min(range.untilMs, durationMs ?? Infinity)
    // another pass is read while this one is heard
    const isLast = loopsLeft === 0 && current?.reading.pass().next === undefined
    return endMs === Infinity || !isLast ? undefined : Math.max(0, endMs - positionMs()) / (speed * pace())
  }

  const hunger = Hunger.make({
    clock,
    scope,
    limitMs: starveMs,
    isExcused: () => paused || ending,
    hasFrames: () => current !== undefined && current.number !== -1 && Seat.isFed(current.reading.media),
    givenMs: () => {
      const ring = current?.reading.media.ring
      return ring === undefined ? 0 : ring.positionMs() + ring.bufferedMs()
    },
    onStarved: (silentMs) => end({ _tag: "Starved", silentMs })
  })

  const oneStart = yield* Semaphore.make(1)

  /** Begins to read at a position. What plays goes on until the source is open there; if that fails, nothing changes. */
  const start = (fromMs: number, isSought = false) =>
    oneStart.withPermits(1)(Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const readingScope = yield* Scope.fork(scope)
        const { landedMs, opened } = yield* restore(Scope.provide(openAt(fromMs), readingScope)).pipe(
          Effect.onError((cause) => Scope.close(readingScope, Exit.failCause(cause)))
        )
        const former = current
        const playing: Playing = {
          reading: Reading.make({
            clock,
            name: source.name,
            opened,
            fromMs,
            landedMs,
            untilMs: range.untilMs,
            againMs: range.fromMs,
            openAgain: openAt(range.fromMs),
            bufferMs,
            leadMs,
            heardMs: () => playing.number === -1 ? undefined : place.heardMs(playing.number),
            onReady: Effect.suspend(() => attach(playing)),
            again,
            pace,
            heldMs: () => Timescale.heldMs(place.effects()),
            onPass: marks.wake
          }),
          isCutIn: fromMs > 0,
          number: -1
        }
        current = playing
        isLate = false
        marks.follow(playing.reading)
        durationMs = opened.durationMs
        speed = opened.speed ?? 1
        tags = opened.tags
        // before the end, which may come at once
        if (isSought) {
          tell({ _tag: "Sought", positionMs: Math.min(fromMs, range.untilMs, durationMs ?? Infinity) })
        }
        if (opened.tagChanges !== undefined) {
          const onTags = (told: Tags) =>
            Effect.sync(() => tell({ _tag: "Tagged", tags: told, positionMs: positionMs() }))
          yield* Effect.forkIn(Stream.runForEach(opened.tagChanges, onTags), readingScope, { startImmediately: true })
        }
        yield* hunger.begin
        const formerReader = reader
        reader = yield* Effect.forkIn(
          Effect.interruptible(playing.reading.run).pipe(
            // what has no frame at all is over at once, also while it is paused
            Effect.andThen(Effect.suspend(() => {
              const { ring } = playing.reading.media
              return ring.isDrained() && ring.positionMs() === 0 ? finish(playing) : Effect.void
            })),
            Effect.onExit((exit) => Scope.close(readingScope, exit))
          ),
          scope,
          { startImmediately: true }
        )
        formerReader?.interruptUnsafe()
        if (former !== undefined) yield* place.detach(former.number)
      })
    ))

  /** Reads another pass behind the last one, which was read to its end already. */
  const goOn = oneStart.withPermits(1)(Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      // a seek may have come before
      if (loopsLeft === 0 || isOver() || current?.reading.isComplete() !== true) return
      const { reading } = current
      isLate = !reading.reopen()
      if (isLate) return
      const readingScope = yield* Scope.fork(scope)
      const landed = yield* restore(Scope.provide(openAt(range.fromMs), readingScope)).pipe(
        Effect.onError((cause) => {
          loopsLeft = 0
          reading.end()
          return Scope.close(readingScope, Exit.failCause(cause))
        })
      )
      reader = yield* Effect.forkIn(
        Effect.onExit(Effect.interruptible(reading.readOn(landed)), (exit) => Scope.close(readingScope, exit)),
        scope,
        { startImmediately: true }
      )
    })
  ))

  const onDrained = (playing: Playing) =>
    Effect.gen(function*() {
      const isAgain = isLate && (yield* again)
      isLate = false
      if (!isAgain) return yield* finish(playing)
      yield* start(range.fromMs).pipe(
        Effect.catch((error) => end({ _tag: "Failed", error })),
        Effect.forkIn(scope)
      )
    })

  const onHappening = (event: Seat.Happening) =>
    Effect.gen(function*() {
      if (current === undefined || event.track !== current.number || isOver()) return
      const at = { positionMs: positionMs() }
      switch (event._tag) {
        case "TrackStarted":
          hunger.end()
          if (!everStarted) tell({ _tag: "Started" })
          everStarted = true
          return become({ _tag: paused ? "Paused" : "Playing" })
        case "TrackStarving":
          // an ended ring that runs empty is drained, not starving
          if (current.reading.media.ring.isEnded()) return
          yield* hunger.begin
          become({ _tag: "Buffering" })
          return tell({ _tag: "Stalled", ...at })
        case "TrackRecovered":
          hunger.end()
          become({ _tag: paused ? "Paused" : "Playing" })
          return tell({ _tag: "Recovered", ...at })
        case "TrackDrained":
          return yield* onDrained(current)
      }
    })

  const happenings: Array<Seat.Happening> = []
  const handle = Effect.gen(function*() {
    for (let event = happenings[0]; event !== undefined; event = happenings[0]) {
      yield* onHappening(event)
      happenings.shift()
    }
  })

  yield* place.observe({
    onEvent: (event) => {
      if (event.track === undefined) return
      happenings.push(event)
      // the beat, in the middle of which it comes, does not wait for those who wait for the track
      if (happenings.length === 1) fork(Effect.andThen(Effect.yieldNow, handle))
    },
    onOver: (error) => void fork(end({ _tag: "Failed", error }))
  })
  yield* Effect.addFinalizer(() => end({ _tag: "Stopped" }))
  if (paused) yield* place.setPaused(true)
  yield* start(range.fromMs)

  const setPaused = (value: boolean) =>
    Effect.gen(function*() {
      if (paused === value || isOver()) return
      paused = value
      if (hunger.isHungry()) yield* hunger.begin
      yield* place.setPaused(value)
      marks.wake()
      tell({ _tag: value ? "Paused" : "Resumed", positionMs: positionMs() })
      become({ _tag: value ? "Paused" : !hunger.isHungry() && everStarted ? "Playing" : "Buffering" })
    }).pipe(Effect.uninterruptible)

  const setGain = (gain: number, ramp: Duration.Input | undefined) =>
    Effect.gen(function*() {
      yield* Bounds.gain(gain)
      const rampMs = ramp === undefined ? defaultRampMs : yield* Bounds.span(ramp, "a ramp")
      if (!isOver()) yield* place.setGain(gain, rampMs)
    })

  return {
    name: source.name,
    durationMs,
    untilMs: range.untilMs === Infinity ? undefined : range.untilMs,
    get speed() {
      return speed * pace()
    },
    tags,
    gain: Effect.sync(place.gain),
    effects: Effect.sync(place.effects),
    loopsLeft: Effect.sync(() => loopsLeft),
    state: Effect.sync(broadcast.state),
    changes: broadcast.changes,
    events: broadcast.events,
    position: Effect.sync(positionMs),
    reached: (position) => Effect.flatMap(Bounds.place(position), marks.reached),
    every: (interval) => Stream.unwrap(Effect.map(Bounds.interval(interval), marks.every)),
    pause: setPaused(true),
    resume: setPaused(false),
    stop: end({ _tag: "Stopped" }),
    seek: (position) =>
      Effect.gen(function*() {
        if (isOver()) {
          return yield* VoiceError.fail(
            new VoiceError.Unsupported({ feature: "seeking", detail: "the track has ended" })
          )
        }
        const fromMs = yield* Bounds.place(position)
        yield* start(fromMs, true)
      }),
    loop: (times) =>
      Effect.flatMap(Bounds.times(times), (left) => {
        loopsLeft = left
        if (loopsLeft === 0 || isOver() || current?.reading.isComplete() !== true) return Effect.void
        // nobody asks any more whether another pass follows
        return goOn
      }),
    volume: (gain, volumeOptions) => setGain(gain, volumeOptions?.ramp),
    fade: setGain,
    setEffects: (effects) =>
      Effect.flatMap(
        SoundEffect.complete(effects),
        (complete) =>
          isOver() ? Effect.void : Effect.uninterruptible(
            // also where nobody waits for it any longer: they are set then
            Effect.tap(place.setEffects(complete), () =>
              Effect.sync(() => {
                current?.reading.hurry()
                marks.wake()
              }))
          )
      ),
    metrics: Effect.sync(place.metrics),
    awaitEnd: Deferred.await(ended)
  }
})

/**
 * Whether an end is the one that a listener wants: everything was played.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFinished = (end: TrackEnd): end is { readonly _tag: "Finished" } => end._tag === "Finished"
