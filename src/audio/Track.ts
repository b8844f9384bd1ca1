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
import * as Broadcast from "./Broadcast.ts"
import * as Hunger from "./Hunger.ts"
import * as Marks from "./Marks.ts"
import type { AudioSource, Tags } from "./OpenSource.ts"
import type { Place } from "./Place.ts"
import * as Reading from "./Reading.ts"
import * as Seat from "./Seat.ts"
import * as SourceAt from "./SourceAt.ts"
import type { TrackEnd, TrackEvent, TrackState } from "./TrackEvent.ts"

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

/**
 * @category models
 * @since 0.1.0
 */
export interface TrackOptions {
  /**
   * Media time that is read ahead, up to 10 minutes; 120 ms is the least that is made of it. Default 1 second; 680 ms of a source
   * of PCM, whose samples are large; 200 ms of a live one, which is the most that is heard of it too late.
   */
  readonly buffer?: Duration.Input | undefined
  /**
   * Media time that is there before the track begins, if the source does not end before; 10 seconds at most, and `buffer` is at
   * least as long. It costs as much time where the source comes at the pace of time, and none where it comes faster, and for so
   * long (less 80 ms where it is mixed) a piece may be late without being missed. 0 begins with the first piece. Default what the
   * source wants: 200 ms; 120 ms of a stream of PCM; of a live source 60 ms, or 80 ms where it is PCM. A `Timescale` that it is played
   * with wants as much more as it is faster, and 80 ms, or up to 200, where its speed is not its pitch.
   */
  readonly lead?: Duration.Input | undefined
  /** How long a source may take to open, or to seek, or give nothing before the track ends `Starved`. Default 30 seconds. */
  readonly starveTimeout?: Duration.Input | undefined
  /**
   * Where in the source to begin: at the sample of PCM, at the frame of Opus that holds it. Nothing before it is heard; a source that
   * cannot seek is read up to there. Behind the end of the source the track is over at once. Default 0.
   */
  readonly from?: Duration.Input | undefined
  /**
   * Where in the source to end, as if it ended there: with the last sample of PCM before it, with the last frame of Opus that ends by
   * then. It has to be behind `from`. Default the end of the source.
   */
  readonly until?: Duration.Input | undefined
  /** How often it is played again, from `from` on: a whole number, or "forever" for no end. Default 0. */
  readonly loop?: number | "forever" | undefined
  /** Starts paused. Default false. */
  readonly paused?: boolean | undefined
}

/**
 * A handle to something that is being played.
 *
 * @category models
 * @since 0.1.0
 */
export interface Track {
  readonly name: string
  /** Of the whole source, in milliseconds, where it knows it. */
  readonly durationMs: number | undefined
  /** Where it ends before its source does, in milliseconds of the source. */
  readonly untilMs: number | undefined
  /** Milliseconds of the source that are heard in one: 1, where neither a filter nor a `Timescale` has changed it. */
  readonly speed: number
  /**
   * What the source has said of itself when it was opened, such as its `title`, with names in lower case. What it says later, as
   * stations do, is told by the event `Tagged`.
   */
  readonly tags: Tags
  /** The level that it has, or goes to. */
  readonly gain: Effect.Effect<number>
  /** Those that were set last. */
  readonly effects: Effect.Effect<ReadonlyArray<SoundEffect.Complete>>
  /** How often it is still read again, up to `buffer` before that is heard; `Infinity` without end. */
  readonly loopsLeft: Effect.Effect<number>
  readonly state: Effect.Effect<TrackState>
  /** The state now and each one after it, up to and including `Ended`. */
  readonly changes: Stream.Stream<TrackState>
  /** All events from the start on (the last 64), up to and including the end. */
  readonly events: Stream.Stream<TrackEvent>
  /** How much of the source was sent, in milliseconds of the source, at whatever speed it is played. */
  readonly position: Effect.Effect<number>
  /**
   * Waits until `position` is here or further on: true when it is, within 20 ms, at once where it was already; false when the track
   * ends before. What has not begun is nowhere: 0 is reached with the first frame. A seek over it reaches it with the first frame that
   * is sent there; after one back, and in another pass, it is waited for again. Fails with `Unsupported` for what is no place in a source.
   */
  readonly reached: (position: Duration.Input) => Effect.Effect<boolean, VoiceError.VoiceError>
  /**
   * The places, in milliseconds of the source, that are multiples of an interval, when they are reached, within 20 ms; also where it
   * begins, if that is one. After a seek it goes on with the next one. Of those that are reached at a time it gives the last, and a
   * reader that falls 64 behind loses the oldest. Ends with the track. Fails with `Unsupported` for a time that is not above 0, or none.
   */
  readonly every: (interval: Duration.Input) => Stream.Stream<number, VoiceError.VoiceError>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Ends the track as `Stopped`. Doing it twice is harmless. */
  readonly stop: Effect.Effect<void>
  /**
   * Goes on at a position, to the frame that holds it. What plays goes on until the source is open there; where that fails,
   * with `SourceFailed`, or is interrupted, nothing changes. Seeks that overlap happen one after another. Behind the end of
   * the source, or `until`, this pass ends; it may go before `from`. Fails with `Unsupported` for what is no place in a source: a
   * negative time, infinity, or no number.
   */
  readonly seek: (position: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * How often to play again after the current pass. Fails with `Unsupported` for what is no whole number from 0 on; and with
   * `SourceFailed`, and plays no more than this pass, where that was read to its end already and the source cannot be opened again.
   */
  readonly loop: (times: number | "forever") => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Goes to a gain (1 is the source's own level) within `ramp`, 20 ms by default, without a click. What is mixed already is
   * heard before. An Opus track that leaves gain 1 is decoded, mixed and encoded; back at 1 and alone, it is passed through
   * untouched again. Fails with `CodecUnavailable`, and with `Unsupported` for a gain or time that is negative or none.
   */
  readonly volume: (
    gain: number,
    options?: { readonly ramp?: Duration.Input | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** Goes to a gain evenly within a time. Fails as {@link Track.volume}. Does not wait for the end of the fade. */
  readonly fade: (gain: number, duration: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Goes over to other effects within 20 ms, without a click; an echo that stays in the list goes on with what it has still to say.
   * What is mixed already is heard before. None, the empty list, are as gain 1: an Opus track that is alone is passed through again.
   * Fails with `CodecUnavailable`, and with `Unsupported` for what is no effect, or out of its range.
   */
  readonly setEffects: (effects: ReadonlyArray<SoundEffect.SoundEffect>) => Effect.Effect<void, VoiceError.VoiceError>
  readonly metrics: Effect.Effect<Seat.TrackMetrics>
  /** Waits for the end and names it. */
  readonly awaitEnd: Effect.Effect<TrackEnd>
}

const eventsKept = 64

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
  let state: TrackState = { _tag: paused ? "Paused" : "Buffering" }
  const states = Broadcast.make<TrackState>(1)
  const become = (next: TrackState): void => {
    state = next
    states.publish(next)
  }
  become(state)
  const events = Broadcast.make<TrackEvent>(eventsKept, eventsKept)

  let loopsLeft = yield* Bounds.times(options.loop ?? 0)
  let looped = 0
  let everStarted = false
  let durationMs: number | undefined
  let speed = 1
  let tags: Tags = {}
  let current: Playing | undefined
  let reader: Fiber.Fiber<void> | undefined
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
      become({ _tag: "Ended", end: how })
      events.publish({ _tag: "Ended", end: how })
      reader?.interruptUnsafe()
      yield* place.leave
      // last, so that whoever waited for the end finds everything at its end
      yield* Deferred.succeed(ended, how)
    }).pipe(Effect.uninterruptible)

  const isOver = () => state._tag === "Ended"

  const finish = ({ reading }: Playing) => {
    const error = reading.failure()
    return end(error === undefined ? { _tag: "Finished" } : { _tag: "Failed", error })
  }

  const again = Effect.suspend(() => {
    if (loopsLeft <= 0) return Effect.succeed(false)
    loopsLeft--
    events.publish({ _tag: "Looped", times: ++looped })
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
        marks.follow(playing.reading, isSought)
        durationMs = opened.durationMs
        speed = opened.speed ?? 1
        tags = opened.tags
        // before the end, which may come at once
        if (isSought) {
          events.publish({ _tag: "Sought", positionMs: Math.min(fromMs, range.untilMs, durationMs ?? Infinity) })
        }
        if (opened.tagChanges !== undefined) {
          const tell = (told: Tags) =>
            Effect.sync(() => events.publish({ _tag: "Tagged", tags: told, positionMs: positionMs() }))
          yield* Effect.forkIn(Stream.runForEach(opened.tagChanges, tell), readingScope, { startImmediately: true })
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

  const onHappening = (event: Seat.Happening) =>
    Effect.gen(function*() {
      if (current === undefined || event.track !== current.number || isOver()) return
      const at = { positionMs: positionMs() }
      switch (event._tag) {
        case "TrackStarted":
          hunger.end()
          if (!everStarted) events.publish({ _tag: "Started" })
          everStarted = true
          return become({ _tag: paused ? "Paused" : "Playing" })
        case "TrackStarving":
          // an ended ring that runs empty is drained, not starving
          if (current.reading.media.ring.isEnded()) return
          yield* hunger.begin
          become({ _tag: "Buffering" })
          return events.publish({ _tag: "Stalled", ...at })
        case "TrackRecovered":
          hunger.end()
          become({ _tag: paused ? "Paused" : "Playing" })
          return events.publish({ _tag: "Recovered", ...at })
        case "TrackDrained":
          return yield* finish(current)
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
      events.publish({ _tag: value ? "Paused" : "Resumed", positionMs: positionMs() })
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
    state: Effect.sync(() => state),
    changes: Stream.suspend(() => Stream.takeUntil(states.stream(), (now) => now._tag === "Ended")),
    events: Stream.suspend(() => Stream.takeUntil(events.stream(), (event) => event._tag === "Ended")),
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
        // nobody asks any more whether another pass follows, so that the rest of this one is read anew
        return Effect.tapError(start(current.reading.takenMs()), () => Effect.sync(() => void (loopsLeft = 0)))
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
