/**
 * A track at work: it reads its source at a place of a player, reacts to what happens there, and ends.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SoundEffect from "../../SoundEffect.ts"
import type { Observer } from "../../VoiceDriver.ts"
import type * as VoiceError from "../../VoiceError.ts"
import * as HttpTrouble from "../http/HttpTrouble.ts"
import type { AudioSource, Tags } from "../OpenSource.ts"
import * as Place from "../player/Place.ts"
import * as Seat from "../player/Seat.ts"
import * as Hunger from "./Hunger.ts"
import * as Marks from "./Marks.ts"
import type { Landed } from "./Reading.ts"
import * as SourceAt from "./SourceAt.ts"
import { type Host, Stretch } from "./Stretch.ts"
import * as TrackBroadcast from "./TrackBroadcast.ts"
import type { TrackEnd } from "./TrackEvent.ts"

/**
 * How to play a source. Times are in milliseconds.
 *
 * @internal
 */
export interface Options<R> {
  readonly source: AudioSource<R>
  readonly context: Context.Context<R | Scope.Scope>
  readonly place: Place.Place
  readonly clock: Clock.Clock
  /** The scope of the track. */
  readonly scope: Scope.Scope
  readonly range: { readonly fromMs: number; readonly untilMs: number }
  /** Where the first pass begins. */
  readonly startMs: number
  readonly bufferMs: number | undefined
  readonly leadMs: number | undefined
  readonly refillMs: number
  readonly starveMs: number
  readonly loops: number
  readonly paused: boolean
}

/** @internal */
export class Playback<R> implements Hunger.Options, Marks.Options, Host, Observer<Seat.Happening> {
  readonly options: Options<R>
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  /** How long its source may be silent. */
  readonly limitMs: number
  readonly broadcast: TrackBroadcast.TrackBroadcast
  readonly marks: Marks.Marks
  readonly ended = Deferred.makeUnsafe<TrackEnd>()
  readonly #hunger: Hunger.Hunger
  /** For all starts except the first, which has nothing alongside. */
  #oneStart: Semaphore.Semaphore | undefined
  #paused: boolean
  loopsLeft: number
  #looped = 0
  #everStarted = false
  durationMs: number | undefined
  #speed = 1
  tags: Tags = {}
  #current: Stretch | undefined
  #reader: Fiber.Fiber<void> | undefined
  /** Another pass was requested when the end had been mixed already: it begins when that was heard. */
  #isLate = false
  /** A caller that waits for the end may interrupt the fiber that brings it about. */
  #isEnding = false
  /** Its position at its end, when nothing more of it is sent. */
  #lastMs: number | undefined
  /** What is to be handled, while there is anything. */
  #happenings: Array<Seat.Happening> | undefined

  constructor(options: Options<R>) {
    this.options = options
    this.clock = options.clock
    this.scope = options.scope
    this.limitMs = options.starveMs
    this.#paused = options.paused
    this.loopsLeft = options.loops
    this.broadcast = TrackBroadcast.make({ _tag: options.paused ? "Paused" : "Buffering" })
    this.marks = Marks.make(this)
    this.#hunger = Hunger.make(this)
  }

  /** Begins to play, and to react to what happens. Also succeeds if the track is stopped before its source is open. */
  get run(): Effect.Effect<void, VoiceError.VoiceError> {
    const { place, startMs } = this.options
    return Effect.gen({ self: this }, function*() {
      yield* Scope.provide(place.observe(this), this.scope)
      yield* Scope.addFinalizerExit(this.scope, () => this.end({ _tag: "Stopped" }))
      if (this.#paused) yield* place.setPaused(true)
      yield* Effect.catchIf(this.#begin(startMs), () => this.#isStopped(), () => Effect.void)
    })
  }

  fork(effect: Effect.Effect<void>): Fiber.Fiber<void> {
    return Effect.runForkWith(this.options.context)(effect)
  }

  isPaused(): boolean {
    return this.#paused
  }

  isOver(): boolean {
    return this.broadcast.isOver()
  }

  /** How many milliseconds of the ring are heard in one. */
  pace(): number {
    return SoundEffect.speedOf(this.options.place.effects())
  }

  /** How many milliseconds of the source are heard in one. */
  speed(): number {
    return this.#speed * this.pace()
  }

  positionMs(): number {
    return this.#lastMs ?? this.#current?.reading.positionMs() ?? 0
  }

  /** The media time until the end, as it will be heard, if it is known. */
  remainingMs(): number | undefined {
    const endMs = Math.min(this.options.range.untilMs, this.durationMs ?? Infinity)
    // another pass is read while this one is heard
    const isLast = this.loopsLeft === 0 && this.#current?.reading.pass().next === undefined
    return endMs === Infinity || !isLast ? undefined : Math.max(0, endMs - this.positionMs()) / this.speed()
  }

  isExcused(): boolean {
    return this.#paused || this.#isEnding
  }

  hasFrames(): boolean {
    const current = this.#current
    return current !== undefined && current.number !== -1 && Seat.isFed(current.reading.media)
  }

  givenMs(): number {
    return this.#current?.reading.givenMs() ?? 0
  }

  onStarved(silentMs: number): Effect.Effect<void> {
    return this.end({ _tag: "Starved", silentMs })
  }

  onEvent(event: Seat.Happening): void {
    if (event.track === undefined) return
    this.#happenings ??= []
    this.#happenings.push(event)
    // this is called in the middle of the beat, which does not wait for those who wait for the track
    if (this.#happenings.length === 1) this.fork(Effect.andThen(Effect.yieldNow, this.#handle()))
  }

  onOver(error: VoiceError.VoiceError): void {
    this.fork(this.end({ _tag: "Failed", error }))
  }

  end(how: TrackEnd): Effect.Effect<void> {
    const { place } = this.options
    return Effect.uninterruptible(Effect.gen({ self: this }, function*() {
      if (this.#isEnding) return
      this.#isEnding = true
      this.marks.end()
      if (this.#current !== undefined) yield* place.detach(this.#current.number)
      this.broadcast.end(how)
      this.#reader?.interruptUnsafe()
      yield* place.leave
      this.fork(Place.release(place, () => {
        this.#lastMs = this.positionMs()
        this.marks.release()
        this.#current = undefined
      }))
      // last, so that whoever waited for the end finds everything done
      yield* Deferred.succeed(this.ended, how)
    }))
  }

  /** Opens the source at a position, as near before it as the source itself can go. */
  openAt(fromMs: number): Effect.Effect<Landed, VoiceError.VoiceError, Scope.Scope> {
    const { context, place, source, starveMs } = this.options
    // in the scope of one reading, not that of the track
    const open = Effect.flatMap(
      Effect.scope,
      (scope) => Effect.provideContext(source.open, Context.add(context, Scope.Scope, scope))
    )
    const ended = SourceAt.awaitEnd(this.ended, this.scope)
    const awaitEnd = Effect.raceFirst(place.awaitEnd, ended)
    return Effect.flatMap(
      SourceAt.make(open, { name: source.name, limitMs: starveMs, awaitEnd })(fromMs),
      // the end may have come at the same time
      (landed) => this.#isEnding ? ended : Effect.succeed(landed)
    )
  }

  /** Whether another pass follows. */
  again(): boolean {
    if (this.loopsLeft <= 0) return false
    this.loopsLeft--
    this.broadcast.tell({ _tag: "Looped", times: ++this.#looped })
    return true
  }

  /** Hands a stretch to the player, unless the player has it already. */
  attach(stretch: Stretch): Effect.Effect<void, VoiceError.VoiceError> {
    const { place } = this.options
    return Effect.suspend(() =>
      stretch.number !== -1 ?
        Effect.void :
        Effect.flatMap(
          place.attach(stretch.reading.media, { cutIn: stretch.fromMs > 0, remainingMs: () => this.remainingMs() }),
          (number) => {
            stretch.number = number
            // this can take a while, in which another reading may have taken its place
            if (this.#current !== stretch) return place.detach(number)
            if (place.isFollowed()) this.fork(this.#finish(stretch))
            return Effect.void
          }
        ).pipe(
          Effect.uninterruptible,
          // in another fiber: the end interrupts the one that runs this
          Effect.tapError((error) => Effect.sync(() => void this.fork(this.end({ _tag: "Failed", error }))))
        )
    )
  }

  setPaused(paused: boolean): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.gen({ self: this }, function*() {
      if (this.#paused === paused || this.isOver()) return
      this.#paused = paused
      if (this.#hunger.isHungry()) yield* this.#hunger.begin
      yield* this.options.place.setPaused(paused)
      this.marks.wake()
      this.broadcast.tell({ _tag: paused ? "Paused" : "Resumed", positionMs: this.positionMs() })
      const isPlaying = !this.#hunger.isHungry() && this.#everStarted
      this.broadcast.become({ _tag: paused ? "Paused" : isPlaying ? "Playing" : "Buffering" })
    }))
  }

  seek(fromMs: number): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#alone(this.#begin(fromMs, true))
  }

  loop(times: number): Effect.Effect<void, VoiceError.VoiceError> {
    this.loopsLeft = times
    if (times === 0 || this.isOver() || this.#current?.reading.isComplete() !== true) return Effect.void
    // nobody asks any more whether another pass follows
    return this.#goOn()
  }

  setEffects(effects: ReadonlyArray<SoundEffect.Complete>): Effect.Effect<void, VoiceError.VoiceError> {
    return this.isOver() ? Effect.void : Effect.uninterruptible(
      // also if the caller is interrupted: the effects are set then
      Effect.tap(this.options.place.setEffects(effects), () =>
        Effect.sync(() => {
          this.#current?.reading.hurry()
          this.marks.wake()
        }))
    )
  }

  #finish({ reading }: Stretch): Effect.Effect<void> {
    const error = reading.failure()
    return this.end(error === undefined ? { _tag: "Finished" } : { _tag: "Failed", error })
  }

  #isStopped(): boolean {
    const state = this.broadcast.state()
    return state._tag === "Ended" && state.end._tag === "Stopped" && !SourceAt.isClosed(this.scope)
  }

  #alone<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    this.#oneStart ??= Semaphore.makeUnsafe(1)
    return this.#oneStart.withPermit(effect)
  }

  /** Begins to read at a position. The track keeps playing until the source is open there; if that fails, nothing changes. */
  #begin(fromMs: number, isSought = false): Effect.Effect<void, VoiceError.VoiceError> {
    const { place, range } = this.options
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function*() {
        const readingScope = yield* Scope.fork(this.scope)
        const landed = yield* restore(Scope.provide(this.openAt(fromMs), readingScope)).pipe(
          Effect.onError((cause) => Scope.close(readingScope, Exit.failCause(cause)))
        )
        const { opened } = landed
        const former = this.#current
        const stretch = new Stretch(this, landed, fromMs)
        this.#current = stretch
        this.#isLate = false
        this.marks.follow(stretch.reading)
        this.durationMs = opened.durationMs
        this.#speed = opened.speed ?? 1
        this.tags = opened.tags
        // before the end, which may come at once
        if (isSought) {
          const positionMs = Math.min(fromMs, range.untilMs, opened.durationMs ?? Infinity)
          this.broadcast.tell({ _tag: "Sought", positionMs })
        }
        if (opened.tagChanges !== undefined) yield* this.#tell(opened.tagChanges, readingScope)
        yield* this.#hunger.begin
        const formerReader = this.#reader
        this.#reader = yield* this.#forkReader(this.#read(stretch, readingScope))
        formerReader?.interruptUnsafe()
        if (former !== undefined) yield* place.detach(former.number)
      })
    )
  }

  /** Reports changes of the source's tags while it is read. */
  #tell(changes: Stream.Stream<Tags>, scope: Scope.Scope) {
    return Effect.forkIn(
      Stream.runForEach(
        changes,
        (tags) => Effect.sync(() => this.broadcast.tell({ _tag: "Tagged", tags, positionMs: this.positionMs() }))
      ),
      scope,
      { startImmediately: true }
    )
  }

  #forkReader(reading: Effect.Effect<void>) {
    const patient = Effect.provideService(reading, HttpTrouble.Patience, this.limitMs)
    return Effect.forkIn(patient, this.scope, { startImmediately: true })
  }

  #read(stretch: Stretch, scope: Scope.Closeable): Effect.Effect<void> {
    const { media: { ring }, run } = stretch.reading
    return Effect.onExit(Effect.interruptible(run), (exit) => {
      const close = Scope.close(scope, exit)
      // a source without any frame is over at once, also while it is paused
      const isEmpty = Exit.isSuccess(exit) && ring.isDrained() && ring.positionMs() === 0
      return isEmpty ? Effect.ensuring(this.#finish(stretch), close) : close
    })
  }

  /** Reads another pass after the last one, which was read to its end already. */
  #goOn(): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#alone(Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function*() {
        // a seek may have come before
        if (this.loopsLeft === 0 || this.isOver() || this.#current?.reading.isComplete() !== true) return
        const { reading } = this.#current
        this.#isLate = !reading.reopen()
        if (this.#isLate) return
        const readingScope = yield* Scope.fork(this.scope)
        const landed = yield* restore(Scope.provide(this.openAt(this.options.range.fromMs), readingScope)).pipe(
          Effect.onError((cause) => {
            this.loopsLeft = 0
            reading.end()
            return Scope.close(readingScope, Exit.failCause(cause))
          })
        )
        const readOn = Effect.interruptible(reading.readOn(landed))
        this.#reader = yield* this.#forkReader(Effect.onExit(readOn, (exit) => Scope.close(readingScope, exit)))
      })
    )).pipe(Effect.catchIf(() => this.isOver(), () => Effect.void))
  }

  #handle(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const happenings = this.#happenings ?? []
      for (let event = happenings[0]; event !== undefined; event = happenings[0]) {
        yield* this.#onHappening(event)
        happenings.shift()
      }
      this.#happenings = undefined
    })
  }

  #onHappening(event: Seat.Happening): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const current = this.#current
      if (current === undefined || event.track !== current.number || this.isOver()) return
      const at = { positionMs: this.positionMs() }
      switch (event._tag) {
        case "TrackStarted":
          this.#hunger.end()
          if (!this.#everStarted) this.broadcast.tell({ _tag: "Started" })
          this.#everStarted = true
          return this.broadcast.become({ _tag: this.#paused ? "Paused" : "Playing" })
        case "TrackStarving":
          // an ended ring that runs empty is drained, not starving
          if (current.reading.media.ring.isEnded()) return
          yield* this.#hunger.begin
          this.broadcast.become({ _tag: "Buffering" })
          return this.broadcast.tell({ _tag: "Stalled", ...at })
        case "TrackRecovered":
          this.#hunger.end()
          this.broadcast.become({ _tag: this.#paused ? "Paused" : "Playing" })
          return this.broadcast.tell({ _tag: "Recovered", ...at })
        case "TrackDrained":
          return yield* this.#onDrained(current)
      }
    })
  }

  #onDrained(stretch: Stretch): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const isAgain = this.#isLate && !this.options.place.isFollowed() && this.again()
      this.#isLate = false
      if (!isAgain) return yield* this.#finish(stretch)
      yield* this.#alone(this.#begin(this.options.range.fromMs)).pipe(
        Effect.catch((error) => this.end({ _tag: "Failed", error })),
        Effect.forkIn(this.scope)
      )
    })
  }
}
