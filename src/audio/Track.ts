/**
 * Something that is being played: a handle to pause, seek and stop it, to see where it is, and to wait for its end. Every
 * end has a name, and an empty buffer is a state before it is an end.
 *
 * A track reads its source ahead into a frame ring; the driver takes the frames from there when they are due. So a slow
 * source delays nobody but itself, and the beat never waits for one.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberHandle from "effect/FiberHandle"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as FrameRing from "../driver/FrameRing.ts"
import type { VoiceConnection } from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { AudioSource, OpusFrame } from "./AudioSource.ts"

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
  /** Goes on at a position, to the frame. Fails with `SourceFailed` when the source cannot be opened again. */
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

/** One run of reading the source into a ring: a new one begins with every seek. */
interface Reading {
  readonly ring: FrameRing.FrameRing
  /** Source position of ring position `atMs`; the last entry that is not ahead of the ring counts. */
  readonly passes: Array<{ readonly atMs: number; readonly positionMs: number }>
  number: number
  failure: VoiceError.VoiceError | undefined
}

/** Media time in the ring before it is handed to the driver. */
const leadMs = 200

const ringBytes = 32_768

const positionOf = (reading: Reading): number => {
  const at = reading.ring.positionMs()
  const { passes } = reading
  while (passes.length > 1 && (passes[1]?.atMs ?? Infinity) <= at) passes.shift()
  const pass = passes[0]
  return pass === undefined ? at : pass.positionMs + at - pass.atMs
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
  connection: VoiceConnection,
  options: TrackOptions = {}
): Effect.fn.Return<Track, VoiceError.VoiceError, R | Scope.Scope> {
  // A source is opened in the scope of one reading, which is not that of the track. Without its scope the context is one
  // of R, which the compiler cannot see while R is open.
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>()) as Context.Context<R>
  const clock = yield* Clock.Clock
  const bufferMs = Math.max(leadMs, Duration.toMillis(Duration.fromInputUnsafe(options.buffer ?? "1 second")))
  const starveMs = Duration.toMillis(Duration.fromInputUnsafe(options.starveTimeout ?? "30 seconds"))
  // a ring can be full by its bytes long before it holds all the media time that is wanted
  const refill = (reading: Reading) =>
    Effect.suspend(() => Effect.sleep(Duration.millis(Math.max(20, Math.min(bufferMs, reading.ring.bufferedMs()) / 2))))

  const ended = yield* Deferred.make<TrackEnd>()
  const state = yield* SubscriptionRef.make<TrackState>({ _tag: "Buffering" })
  const events = yield* PubSub.sliding<TrackEvent>({ capacity: 64, replay: 64 })
  const publish = (event: TrackEvent) => PubSub.publish(events, event)

  let loopsLeft: number = options.loop === "forever" ? Infinity : options.loop ?? 0
  let looped = 0
  let paused = options.paused ?? false
  let everStarted = false
  /** Of the monotonic clock, while the track waits for its source. */
  let hungryMs: number | undefined = undefined
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

  const open = Effect.timeoutOrElse(Effect.provideContext(source.open, context), {
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
  })

  // whoever waits for the end may interrupt the fiber that brings it about
  let ending = false
  const end = Effect.fnUntraced(function*(how: TrackEnd) {
    if (ending) return
    ending = true
    yield* connection.detach(current.number)
    yield* SubscriptionRef.set(state, { _tag: "Ended", end: how })
    yield* publish({ _tag: "Ended", end: how })
    // last, so that whoever waited for the end finds everything at its end
    yield* Deferred.succeed(ended, how)
  }, Effect.uninterruptible)

  const isOver = Effect.map(SubscriptionRef.get(state), (now) => now._tag === "Ended")

  /** Writes one frame, waiting for room. */
  const write = (reading: Reading, frame: OpusFrame): Effect.Effect<void, VoiceError.VoiceError> =>
    Effect.suspend(() => {
      if (frame.data.length > FrameRing.maxFrameBytes || frame.samples % FrameRing.unitSamples !== 0) {
        return VoiceError.fail(
          new VoiceError.SourceFailed({
            source: source.name,
            kind: "Corrupt",
            positionMs: positionOf(reading),
            detail: `a packet of ${frame.data.length} bytes and ${frame.samples} samples is not Opus`
          })
        )
      }
      if (reading.ring.bufferedMs() < bufferMs && reading.ring.write(frame.data, frame.samples)) return Effect.void
      return Effect.andThen(
        attach(reading),
        Effect.andThen(refill(reading), Effect.suspend(() => write(reading, frame)))
      )
    })

  const attach = (reading: Reading): Effect.Effect<void, VoiceError.VoiceError> =>
    reading.number !== -1 ? Effect.void : Effect.map(connection.attach(reading.ring, { paused }), (number) => {
      reading.number = number
    })

  /** Reads one pass of the source, from `fromMs` on. */
  const readPass = Effect.fnUntraced(
    function*(reading: Reading, opened: Effect.Success<typeof open>, fromMs: number) {
      let skip = Math.round(fromMs * 48)
      let writtenMs = 0
      while (true) {
        const frames = yield* Effect.catchIf(opened.pull, Cause.isDone, () => Effect.undefined)
        if (frames === undefined) return writtenMs
        for (const frame of frames) {
          if (skip >= frame.samples) {
            skip -= frame.samples
            continue
          }
          skip = 0
          yield* write(reading, frame)
          writtenMs += frame.samples / 48
        }
        if (reading.ring.bufferedMs() >= leadMs) yield* attach(reading)
      }
    }
  )

  /** A source that dies is the failure of a track, not of the program. */
  const failureOf = (reading: Reading, cause: Cause.Cause<VoiceError.VoiceError>): VoiceError.VoiceError =>
    Option.getOrElse(Cause.findErrorOption(cause), () => {
      const defect = Cause.squash(cause)
      return VoiceError.make(
        new VoiceError.SourceFailed({
          source: source.name,
          kind: "Failed",
          positionMs: positionOf(reading),
          detail: defect instanceof Error ? defect.message : String(defect)
        })
      )
    })

  const readAll = (reading: Reading, first: Effect.Success<typeof open>, fromMs: number) =>
    Effect.gen(function*() {
      let atMs = yield* readPass(reading, first, fromMs)
      while (loopsLeft > 0) {
        loopsLeft--
        // drops the passes that are over, too
        positionOf(reading)
        reading.passes.push({ atMs, positionMs: 0 })
        const writtenMs = yield* Effect.scoped(
          Effect.flatMap(open, (opened) => readPass(reading, opened, 0))
        )
        if (writtenMs === 0) break
        atMs += writtenMs
        yield* publish({ _tag: "Looped", times: ++looped })
      }
      yield* attach(reading)
    }).pipe(
      Effect.catchCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
        reading.failure = failureOf(reading, cause)
        return Effect.ignore(attach(reading))
      }),
      Effect.andThen(Effect.sync(reading.ring.end)),
      // a failure without a frame never reaches the driver
      Effect.andThen(Effect.suspend(() => reading.number === -1 ? finish(reading) : Effect.void))
    )

  const finish = (reading: Reading) =>
    end(reading.failure === undefined ? { _tag: "Finished" } : { _tag: "Failed", error: reading.failure })

  const makeReading = (fromMs: number): Reading => ({
    ring: FrameRing.make({ capacityBytes: ringBytes }),
    passes: [{ atMs: 0, positionMs: fromMs }],
    number: -1,
    failure: undefined
  })

  const reader = yield* FiberHandle.make<void>()
  let current = makeReading(0)

  const start = Effect.fnUntraced(function*(fromMs: number) {
    const ready = yield* Deferred.make<void, VoiceError.VoiceError>()
    const reading = makeReading(fromMs)
    const former = current
    yield* FiberHandle.run(
      reader,
      Effect.scoped(Effect.gen(function*() {
        const opened = yield* Effect.onExit(open, (exit) => {
          if (Exit.isSuccess(exit)) return Effect.void
          // another seek has taken the place of this one
          if (Cause.hasInterruptsOnly(exit.cause)) return Deferred.succeed(ready, undefined)
          // nobody reads for the former reading any more: it ends with what it has
          former.failure = failureOf(former, exit.cause)
          former.ring.end()
          return Deferred.failCause(ready, exit.cause)
        })
        current = reading
        hungryMs = nowMs()
        durationMs = opened.durationMs
        yield* Deferred.succeed(ready, undefined)
        yield* readAll(reading, opened, fromMs)
      })).pipe(Effect.ignoreCause)
    )
    yield* Deferred.await(ready)
    if (former.number !== -1) yield* connection.detach(former.number)
  })
  let durationMs: number | undefined = undefined
  const startedAt = nowMs()

  const onEvent = Effect.fnUntraced(function*(event: { readonly _tag: string; readonly track?: number }) {
    if (event.track === undefined || event.track !== current.number || (yield* isOver)) return
    const positionMs = positionOf(current)
    switch (event._tag) {
      case "TrackStarted":
        hungryMs = undefined
        if (!everStarted) yield* publish({ _tag: "Started" })
        everStarted = true
        return yield* SubscriptionRef.set(state, { _tag: paused ? "Paused" : "Playing" })
      case "TrackStarving":
        // an ended ring that runs empty is drained, not starving
        if (current.ring.isEnded()) return
        hungryMs = nowMs()
        yield* SubscriptionRef.set(state, { _tag: "Buffering" })
        return yield* publish({ _tag: "Stalled", positionMs })
      case "TrackRecovered":
        hungryMs = undefined
        yield* SubscriptionRef.set(state, { _tag: paused ? "Paused" : "Playing" })
        return yield* publish({ _tag: "Recovered", positionMs })
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
  hungryMs = startedAt

  const watch = Effect.suspend(() => {
    if (hungryMs === undefined || paused) return Effect.void
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
      if (current.number !== -1) yield* connection.setPaused(current.number, value)
      const positionMs = positionOf(current)
      yield* publish(value ? { _tag: "Paused", positionMs } : { _tag: "Resumed", positionMs })
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
    position: Effect.sync(() => positionOf(current)),
    pause: setPaused(true),
    resume: setPaused(false),
    stop: end({ _tag: "Stopped" }),
    seek: (position) =>
      Effect.gen(function*() {
        if (yield* isOver) {
          return yield* VoiceError.fail(new VoiceError.NotConnected({ operation: "Seeking in an ended track" }))
        }
        const positionMs = Math.max(0, Duration.toMillis(Duration.fromInputUnsafe(position)))
        yield* start(positionMs)
        yield* publish({ _tag: "Sought", positionMs })
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
