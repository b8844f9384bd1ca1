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
import * as FiberHandle from "effect/FiberHandle"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { VoiceConnection } from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { AudioSource } from "./AudioSource.ts"
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

/**
 * Where a track plays: a connection, or what stands for one connection after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outlet extends Pick<VoiceConnection, "attach" | "detach" | "setPaused" | "awaitEnd"> {
  readonly events: Effect.Effect<
    Stream.Stream<{ readonly _tag: string; readonly track?: number }>,
    never,
    Scope.Scope
  >
}

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
  const state = yield* SubscriptionRef.make<TrackState>({ _tag: "Buffering" })
  const events = yield* PubSub.sliding<TrackEvent>({ capacity: 64, replay: 64 })
  const publish = (event: TrackEvent) => PubSub.publish(events, event)

  let loopsLeft: number = options.loop === "forever" ? Infinity : options.loop ?? 0
  let looped = 0
  let paused = options.paused ?? false
  let everStarted = false
  /** Of the monotonic clock, while the track waits for its source. */
  let hungryMs: number | undefined
  let durationMs: number | undefined
  let current: Playing | undefined
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
  )

  // whoever waits for the end may interrupt the fiber that brings it about
  let ending = false
  const end = Effect.fnUntraced(function*(how: TrackEnd) {
    if (ending) return
    ending = true
    if (current !== undefined) yield* connection.detach(current.number)
    yield* SubscriptionRef.set(state, { _tag: "Ended", end: how })
    yield* publish({ _tag: "Ended", end: how })
    // last, so that whoever waited for the end finds everything at its end
    yield* Deferred.succeed(ended, how)
  }, Effect.uninterruptible)

  const isOver = Effect.map(SubscriptionRef.get(state), (now) => now._tag === "Ended")

  const finish = ({ reading }: Playing) => {
    const error = reading.failure()
    return end(error === undefined ? { _tag: "Finished" } : { _tag: "Failed", error })
  }

  const again = Effect.suspend(() => {
    if (loopsLeft <= 0) return Effect.succeed(false)
    loopsLeft--
    return Effect.as(publish({ _tag: "Looped", times: ++looped }), true)
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

  const reader = yield* FiberHandle.make<void>()
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
        hungryMs = nowMs()
        yield* FiberHandle.run(
          reader,
          Effect.interruptible(playing.reading.run).pipe(
            // what has no frame at all is over at once, also while it is paused
            Effect.andThen(Effect.suspend(() => {
              const { ring } = playing.reading
              return ring.isDrained() && ring.framesRead() === 0 ? finish(playing) : Effect.void
            })),
            Effect.onExit((exit) => Scope.close(readingScope, exit))
          )
        )
        if (former !== undefined) yield* connection.detach(former.number)
      })
    ))

  const onEvent = Effect.fnUntraced(function*(event: { readonly _tag: string; readonly track?: number }) {
    if (current === undefined || event.track !== current.number || (yield* isOver)) return
    const at = { positionMs: positionMs() }
    switch (event._tag) {
      case "TrackStarted":
        hungryMs = undefined
        if (!everStarted) yield* publish({ _tag: "Started" })
        everStarted = true
        return yield* SubscriptionRef.set(state, { _tag: paused ? "Paused" : "Playing" })
      case "TrackStarving":
        // an ended ring that runs empty is drained, not starving
        if (current.reading.ring.isEnded()) return
        hungryMs = nowMs()
        yield* SubscriptionRef.set(state, { _tag: "Buffering" })
        return yield* publish({ _tag: "Stalled", ...at })
      case "TrackRecovered":
        hungryMs = undefined
        yield* SubscriptionRef.set(state, { _tag: paused ? "Paused" : "Playing" })
        return yield* publish({ _tag: "Recovered", ...at })
      case "TrackDrained":
        return yield* finish(current)
    }
  })

  const happenings = yield* connection.events
  yield* happenings.pipe(
    Stream.runForEach(onEvent),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* connection.awaitEnd.pipe(
    Effect.catch((error) => end({ _tag: "Failed", error })),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.addFinalizer(() => end({ _tag: "Stopped" }))
  yield* start(0)

  const watch = Effect.suspend(() => {
    if (hungryMs === undefined || paused) return Effect.void
    // frames that nobody takes, because there is no connection, are no fault of the source
    if (current !== undefined && current.number !== -1 && current.reading.ring.bufferedMs() > 0) hungryMs = nowMs()
    const silentMs = nowMs() - hungryMs
    return silentMs >= starveMs ? end({ _tag: "Starved", silentMs }) : Effect.void
  })
  yield* Effect.raceFirst(
    Effect.forever(Effect.andThen(Effect.sleep(Duration.millis(Math.max(20, starveMs / 20))), watch)),
    Deferred.await(ended)
  ).pipe(Effect.andThen(FiberHandle.clear(reader)), Effect.forkScoped({ startImmediately: true }))

  const setPaused = (value: boolean) =>
    Effect.gen(function*() {
      if (paused === value || (yield* isOver)) return
      paused = value
      if (hungryMs !== undefined) hungryMs = nowMs()
      if (current !== undefined && current.number !== -1) yield* connection.setPaused(current.number, value)
      yield* publish({ _tag: value ? "Paused" : "Resumed", positionMs: positionMs() })
      yield* SubscriptionRef.set(state, {
        _tag: value ? "Paused" : hungryMs === undefined && everStarted ? "Playing" : "Buffering"
      })
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
    state: SubscriptionRef.get(state),
    changes: SubscriptionRef.changes(state).pipe(Stream.takeUntil((now) => now._tag === "Ended")),
    events: Stream.fromPubSub(events).pipe(Stream.takeUntil((event) => event._tag === "Ended")),
    position: Effect.sync(positionMs),
    pause: setPaused(true),
    resume: setPaused(false),
    stop: end({ _tag: "Stopped" }),
    seek: (position) =>
      Effect.gen(function*() {
        if (yield* isOver) {
          return yield* VoiceError.fail(new VoiceError.NotConnected({ operation: "Seeking in an ended track" }))
        }
        const fromMs = Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(position)))
        yield* start(fromMs)
        yield* publish({ _tag: "Sought", positionMs: fromMs })
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
