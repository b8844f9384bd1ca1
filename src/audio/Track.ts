/**
 * Something that is being played: a handle to pause, seek and stop it, to see where it is, and to wait for its end. Every
 * end has a name, and an empty buffer is a state before it is an end.
 *
 * A track reads its source ahead into a frame ring; the driver takes the frames from there when they are due. So a slow
 * source delays nobody but itself, and the beat never waits for one.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { Observer, VoiceConnection } from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { AudioSource } from "./AudioSource.ts"
import * as Broadcast from "./Broadcast.ts"
import * as Reading from "./Reading.ts"

/**
 * How a track ended. `Starved` means that the source gave nothing for longer than it was allowed to.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackEnd =
  | { readonly _tag: "Finished" }
  | { readonly _tag: "Stopped" }
  | { readonly _tag: "Starved"; readonly silentMs: number }
  | { readonly _tag: "Failed"; readonly error: VoiceError.VoiceError }

/**
 * What a track is doing. `Buffering`: the source has not given enough yet.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackState =
  | { readonly _tag: "Buffering" }
  | { readonly _tag: "Playing" }
  | { readonly _tag: "Paused" }
  | { readonly _tag: "Ended"; readonly end: TrackEnd }

/**
 * What happens to a track. Positions are in milliseconds of the source.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackEvent =
  | { readonly _tag: "Started" }
  | { readonly _tag: "Paused"; readonly positionMs: number }
  | { readonly _tag: "Resumed"; readonly positionMs: number }
  | { readonly _tag: "Stalled"; readonly positionMs: number }
  | { readonly _tag: "Recovered"; readonly positionMs: number }
  | { readonly _tag: "Looped"; readonly times: number }
  | { readonly _tag: "Sought"; readonly positionMs: number }
  | { readonly _tag: "Ended"; readonly end: TrackEnd }

/**
 * @category models
 * @since 0.1.0
 */
export interface TrackOptions {
  /** Media time that is read ahead. Default 1 second. */
  readonly buffer?: Duration.Input | undefined
  /** How long a source may take to open, or give nothing before the track ends `Starved`. Default 30 seconds. */
  readonly starveTimeout?: Duration.Input | undefined
  /** How often the source is played again from its start; "forever" for no end. Default 0. */
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
  /** Milliseconds, where the source knows it. */
  readonly durationMs: number | undefined
  readonly state: Effect.Effect<TrackState>
  /** The state now and each one after it, up to and including `Ended`. */
  readonly changes: Stream.Stream<TrackState>
  /** All events from the start on (the last 64), up to and including the end. */
  readonly events: Stream.Stream<TrackEvent>
  /** How much of the source was sent, in milliseconds. */
  readonly position: Effect.Effect<number>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Ends the track as `Stopped`. Doing it twice is harmless. */
  readonly stop: Effect.Effect<void>
  /**
   * Goes on at a position, to the frame that holds it. What plays goes on until the source is open there; where that fails,
   * with `SourceFailed`, or is interrupted, nothing changes. Seeks that overlap happen one after another.
   */
  readonly seek: (position: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /** How often to play again after the current pass. */
  readonly loop: (times: number | "forever") => Effect.Effect<void>
  /** Fails with `Unsupported`: Opus is passed through untouched, and there is no mixer to change its level. */
  readonly volume: (gain: number) => Effect.Effect<void, VoiceError.VoiceError>
  /** Fails with `Unsupported`, as {@link Track.volume}. */
  readonly fade: (gain: number, duration: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /** Waits for the end and names it. */
  readonly awaitEnd: Effect.Effect<TrackEnd>
}

interface Happening {
  readonly _tag: string
  readonly track?: number
}

/**
 * Where a track plays: a connection, or what stands for one connection after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outlet extends Pick<VoiceConnection, "attach" | "detach" | "setPaused" | "awaitEnd"> {
  readonly observe: (observer: Observer<Happening>) => Effect.Effect<void, never, Scope.Scope>
}

const eventsKept = 64

/** A reading, and the number that the driver knows it by; -1 before it was handed over. */
interface Playing {
  readonly reading: Reading.Reading
  number: number
}

/**
 * Opens a source and plays it on a connection. Fails with `SourceFailed` when the source cannot be opened. The track ends
 * `Stopped` when the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<R>(
  source: AudioSource<R>,
  connection: Outlet,
  options: TrackOptions = {}
): Effect.fn.Return<Track, VoiceError.VoiceError, R | Scope.Scope> {
  // A source is opened in the scope of one reading, which is not that of the track. Without its scope the context is one
  // of R, which the compiler cannot see while R is open.
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>()) as Context.Context<R>
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const bufferMs = Duration.toMillis(Duration.fromInputUnsafe(options.buffer ?? "1 second"))
  const starveMs = Duration.toMillis(Duration.fromInputUnsafe(options.starveTimeout ?? "30 seconds"))
  const ended = yield* Deferred.make<TrackEnd>()
  const fork = Effect.runForkWith(context)
  let state: TrackState = { _tag: "Buffering" }
  const states = Broadcast.make<TrackState>(1)
  const become = (next: TrackState): void => {
    state = next
    states.publish(next)
  }
  become(state)
  const events = Broadcast.make<TrackEvent>(eventsKept, eventsKept)

  let loopsLeft: number = options.loop === "forever" ? Infinity : options.loop ?? 0
  let looped = 0
  let paused = options.paused ?? false
  let everStarted = false
  /** Of the monotonic clock, while the track waits for its source. */
  let hungryMs: number | undefined
  let durationMs: number | undefined
  let current: Playing | undefined
  let reader: Fiber.Fiber<void> | undefined
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

  const open = Effect.raceFirst(
    Effect.timeoutOrElse(Effect.provideContext(source.open, context), {
      duration: Duration.millis(starveMs),
      orElse: () =>
        VoiceError.fail(
          new VoiceError.SourceFailed({
            source: source.name,
            kind: "Failed",
            positionMs: 0,
            detail: `it did not open within ${Math.round(starveMs)} ms`
          })
        )
    }),
    connection.awaitEnd
  ).pipe(Effect.flatMap((opened) =>
    opened.format === "opus" ? Effect.succeed(opened) : VoiceError.fail(
      new VoiceError.Unsupported({ feature: "PCM", detail: "there is no mixer to encode it" })
    )
  ))

  // whoever waits for the end may interrupt the fiber that brings it about
  let ending = false
  const end = Effect.fnUntraced(function*(how: TrackEnd) {
    if (ending) return
    ending = true
    if (current !== undefined) yield* connection.detach(current.number)
    become({ _tag: "Ended", end: how })
    events.publish({ _tag: "Ended", end: how })
    reader?.interruptUnsafe()
    // last, so that whoever waited for the end finds everything at its end
    yield* Deferred.succeed(ended, how)
  }, Effect.uninterruptible)

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
        Effect.map(connection.attach(playing.reading.ring, { paused }), (number) => {
          playing.number = number
        })
    )

  const positionMs = () => current?.reading.positionMs() ?? 0

  const isStarving = () => hungryMs !== undefined && !paused && !ending

  let isWatched = false
  /** There is nothing to watch, and no timer, while the track plays. */
  const watch = Effect.gen(function*() {
    while (isStarving()) {
      yield* Effect.sleep(Duration.millis(Math.max(20, starveMs / 20)))
      if (hungryMs === undefined || !isStarving()) continue
      // frames that nobody takes, because there is no connection, are no fault of the source
      if (current !== undefined && current.number !== -1 && current.reading.ring.bufferedMs() > 0) hungryMs = nowMs()
      const silentMs = nowMs() - hungryMs
      if (silentMs >= starveMs) yield* end({ _tag: "Starved", silentMs })
    }
  }).pipe(Effect.ensuring(Effect.sync(() => {
    isWatched = false
  })))

  const beHungry = Effect.suspend(() => {
    hungryMs = nowMs()
    if (isWatched || paused) return Effect.void
    isWatched = true
    return Effect.asVoid(Effect.forkIn(watch, scope, { startImmediately: true }))
  })

  const oneStart = yield* Semaphore.make(1)

  /** Begins to read at a position. What plays goes on until the source is open there; if that fails, nothing changes. */
  const start = (fromMs: number) =>
    oneStart.withPermits(1)(Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const readingScope = yield* Scope.fork(scope)
        const opened = yield* restore(Scope.provide(open, readingScope)).pipe(
          Effect.onError((cause) => Scope.close(readingScope, Exit.failCause(cause)))
        )
        const former = current
        const playing: Playing = {
          reading: Reading.make({
            clock,
            name: source.name,
            opened,
            open,
            fromMs,
            bufferMs,
            onReady: Effect.suspend(() => attach(playing)),
            again
          }),
          number: -1
        }
        current = playing
        durationMs = opened.durationMs
        yield* beHungry
        const formerReader = reader
        reader = yield* Effect.forkIn(
          Effect.interruptible(playing.reading.run).pipe(
            // what has no frame at all is over at once, also while it is paused
            Effect.andThen(Effect.suspend(() => {
              const { ring } = playing.reading
              return ring.isDrained() && ring.framesRead() === 0 ? finish(playing) : Effect.void
            })),
            Effect.onExit((exit) => Scope.close(readingScope, exit))
          ),
          scope,
          { startImmediately: true }
        )
        formerReader?.interruptUnsafe()
        if (former !== undefined) yield* connection.detach(former.number)
      })
    ))

  const onHappening = Effect.fnUntraced(function*(event: Happening) {
    if (current === undefined || event.track !== current.number || isOver()) return
    const at = { positionMs: positionMs() }
    switch (event._tag) {
      case "TrackStarted":
        hungryMs = undefined
        if (!everStarted) events.publish({ _tag: "Started" })
        everStarted = true
        return become({ _tag: paused ? "Paused" : "Playing" })
      case "TrackStarving":
        // an ended ring that runs empty is drained, not starving
        if (current.reading.ring.isEnded()) return
        yield* beHungry
        become({ _tag: "Buffering" })
        return events.publish({ _tag: "Stalled", ...at })
      case "TrackRecovered":
        hungryMs = undefined
        become({ _tag: paused ? "Paused" : "Playing" })
        return events.publish({ _tag: "Recovered", ...at })
      case "TrackDrained":
        return yield* finish(current)
    }
  })

  const happenings: Array<Happening> = []
  const handle = Effect.gen(function*() {
    for (let event = happenings[0]; event !== undefined; event = happenings[0]) {
      yield* onHappening(event)
      happenings.shift()
    }
  })

  yield* connection.observe({
    onEvent: (event) => {
      if (event.track === undefined) return
      happenings.push(event)
      // the beat, in the middle of which it comes, does not wait for those who wait for the track
      if (happenings.length === 1) fork(Effect.andThen(Effect.yieldNow, handle))
    },
    onOver: (error) => void fork(end({ _tag: "Failed", error }))
  })
  yield* Effect.addFinalizer(() => end({ _tag: "Stopped" }))
  yield* start(0)

  const setPaused = (value: boolean) =>
    Effect.gen(function*() {
      if (paused === value || isOver()) return
      paused = value
      if (hungryMs !== undefined) yield* beHungry
      if (current !== undefined && current.number !== -1) yield* connection.setPaused(current.number, value)
      events.publish({ _tag: value ? "Paused" : "Resumed", positionMs: positionMs() })
      become({ _tag: value ? "Paused" : hungryMs === undefined && everStarted ? "Playing" : "Buffering" })
    })

  const needsMixer = (feature: string) =>
    VoiceError.fail(
      new VoiceError.Unsupported({
        feature,
        detail: "Opus is passed through untouched, and this version has no mixer to change its level"
      })
    )

  return {
    name: source.name,
    durationMs,
    state: Effect.sync(() => state),
    get changes() {
      return states.stream.pipe(Stream.takeUntil((now) => now._tag === "Ended"))
    },
    get events() {
      return events.stream.pipe(Stream.takeUntil((event) => event._tag === "Ended"))
    },
    position: Effect.sync(positionMs),
    pause: setPaused(true),
    resume: setPaused(false),
    stop: end({ _tag: "Stopped" }),
    seek: (position) =>
      Effect.gen(function*() {
        if (isOver()) {
          return yield* VoiceError.fail(new VoiceError.NotConnected({ operation: "Seeking in an ended track" }))
        }
        const fromMs = Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(position)))
        yield* start(fromMs)
        events.publish({ _tag: "Sought", positionMs: fromMs })
      }),
    loop: (times) =>
      Effect.sync(() => {
        loopsLeft = times === "forever" ? Infinity : Math.max(0, times)
      }),
    volume: (gain) => gain === 1 ? Effect.void : needsMixer("volume"),
    fade: () => needsMixer("fade"),
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
