/**
 * Plays any number of tracks on one connection. A single track of Opus at gain 1 is passed through: the driver reads its ring
 * directly. Anything else is mixed, ahead of its time, into a ring that the driver reads instead. The driver switches from
 * one ring to another between two frames.
 *
 * Each track has a place of its own, which looks to it like a connection of its own.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { during } from "../../driver/During.ts"
import type { Mixer } from "../../Mixer.ts"
import type { EncoderOptions, EncoderSettings } from "../../OpusEncoder.ts"
import * as Pump from "../../ring/Pump.ts"
import type { Observer, VoiceConnection } from "../../VoiceDriver.ts"
import type * as VoiceError from "../../VoiceError.ts"
import * as ChangeOver from "./ChangeOver.ts"
import type * as Desk from "./Desk.ts"
import * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import * as Place from "./Place.ts"
import { Progress } from "./Progress.ts"
import * as Removal from "./Removal.ts"
import * as Seat from "./Seat.ts"
import * as Silencing from "./Silencing.ts"
import * as Succession from "./Succession.ts"

/**
 * Where to play: a connection, or something that stands for successive connections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outlet extends Pick<VoiceConnection, "attach" | "detach" | "setPaused" | "awaitEnd"> {
  readonly observe: (observer: Observer<Seat.Happening>) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Player {
  readonly place: (options: Place.PlaceOptions) => Place.Place
  /** Silences everything that plays now. The tracks have to be stopped afterwards. */
  readonly silence: Effect.Effect<void>
  /** Silences these places, while the others continue. Their tracks have to be stopped afterwards. */
  readonly cut: (places: ReadonlyArray<Place.Place>) => Effect.Effect<void>
  /** Changes how the open mix encodes; without a mix it does nothing. */
  readonly configure: (settings: EncoderSettings) => Effect.Effect<void>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  outlet: Outlet,
  mixer: Mixer["Service"],
  /** How the next mix encodes. */
  encoder: () => EncoderOptions
): Effect.fn.Return<Player, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const player = new OnePlayer(outlet, mixer, encoder, clock, scope, yield* Effect.context<never>())
  yield* outlet.observe({
    onEvent: (event) => player.onEvent(event),
    onOver: (error) => player.onOver(error)
  })
  return player
})

class OnePlayer implements Player, Place.Host, ChangeOver.Options {
  readonly outlet: Outlet
  readonly mixer: Mixer["Service"]
  readonly encoder: () => EncoderOptions
  readonly scope: Scope.Scope
  readonly air = OnAir.make()
  readonly #clock: Clock.Clock
  readonly #context: Context.Context<never>
  readonly #onePermit = Semaphore.makeUnsafe(1)
  readonly #silencing: Silencing.Silencing
  readonly #changeOver: ChangeOver.ChangeOver
  readonly #progress: Progress
  /** The seats whose tracks have not ended. */
  readonly #taken = new Set<Seat.Seat>()
  #over: VoiceError.VoiceError | undefined
  #isLooking = false

  constructor(
    outlet: Outlet,
    mixer: Mixer["Service"],
    encoder: () => EncoderOptions,
    clock: Clock.Clock,
    scope: Scope.Scope,
    context: Context.Context<never>
  ) {
    this.outlet = outlet
    this.mixer = mixer
    this.encoder = encoder
    this.scope = scope
    this.#clock = clock
    this.#context = context
    this.#silencing = Silencing.make(outlet, this.air)
    this.#changeOver = ChangeOver.make(this)
    this.#progress = new Progress(this.air, clock)
  }

  place(options: Place.PlaceOptions): Place.Place {
    return Place.make(this, options)
  }

  get silence(): Effect.Effect<void> {
    return Effect.suspend(() =>
      // without a track, none will end and finish the rest
      this.air.entries.size > 0
        ? this.#silencing.all
        : Effect.andThen(this.#silencing.all, Effect.sync(() => this.#settleLater()))
    )
  }

  cut(places: ReadonlyArray<Place.Place>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { air, outlet } = this
      const { entries, lane } = air
      const seats = new Set(places.map(Place.seatOf))
      const isCut = ({ seat }: Seat.Entry) => seats.has(seat)
      const inTheWay = lane._tag === "direct" && isCut(lane.entry) ? lane : undefined
      return Effect.andThen(
        // at once, also while a mix is being opened
        inTheWay === undefined ? Effect.void : this.#silencing.passed(inTheWay),
        this.#alone(Effect.gen({ self: this }, function*() {
          yield* Effect.ignore(Removal.cutMix(outlet, air, isCut))
          for (const entry of Array.from(entries).filter(isCut)) yield* Removal.remove(outlet, air, entry)
          yield* Effect.ignore(this.#settled)
        }))
      )
    })
  }

  configure(settings: EncoderSettings): Effect.Effect<void> {
    return this.#alone(Effect.sync(() => {
      if (this.air.lane._tag === "mix") this.air.lane.desk.configure(settings)
    }))
  }

  get awaitEnd(): Effect.Effect<never, VoiceError.VoiceError> {
    return this.outlet.awaitEnd
  }

  enter(entry: Seat.Entry): Effect.Effect<void, VoiceError.VoiceError> {
    const { air, outlet } = this
    return this.#alone(Effect.gen({ self: this }, function*() {
      const { seat } = entry
      // or it is too late, which its track finds out
      if (seat.isOver || seat.isFollowed) return
      const former = seat.entry
      seat.entry = entry
      entry.isPaused = seat.isPaused
      if (former === undefined) seat.lengthMs = entry.remainingMs() ?? Infinity
      else if (air.entries.has(former)) yield* Removal.makeRoom(outlet, air, former)
      entry.place = seat.after === undefined ? "ready" : "waiting"
      air.entries.add(entry)
      yield* this.#settle.pipe(Effect.tapError(() => Effect.sync(() => OnAir.leaveOut(air, entry))))
      // if it waits, its place is kept, so that what waits for it keeps waiting
      if (air.lane._tag === "mix" && entry.place !== "waiting") air.lane.desk.dismiss(seat)
    }))
  }

  remove(entry: Seat.Entry): Effect.Effect<void> {
    return this.#alone(Effect.andThen(Removal.remove(this.outlet, this.air, entry), Effect.ignore(this.#settled)))
  }

  pausing(entry: Seat.Entry): Effect.Effect<void> {
    return this.#alone(Effect.suspend(() => {
      const { lane } = this.air
      if (lane._tag === "nothing") return Effect.void
      const follower = lane._tag === "direct" ? lane.next : lane.successor
      if (follower?.entry === entry) return this.outlet.setPaused(follower.number, entry.isPaused)
      if (lane._tag === "direct" && lane.entry === entry) return this.outlet.setPaused(lane.number, entry.isPaused)
      if (lane._tag === "mix" && entry.place === "mix") {
        lane.desk.setPaused(entry)
        for (const other of OnAir.crossing(this.air, entry.seat)) lane.desk.setPaused(other)
      }
      return Effect.void
    }))
  }

  levelling({ entry }: Seat.Seat): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#alone(Effect.suspend(() => {
      const { lane } = this.air
      if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setGain(entry)
      return this.#settle
    }))
  }

  shaping({ entry }: Seat.Seat): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#alone(Effect.suspend(() => {
      const { lane } = this.air
      if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setEffects(entry)
      return this.#settle
    }))
  }

  left(seat: Seat.Seat): Effect.Effect<void> {
    const { air, outlet } = this
    const { entry } = seat
    return this.#alone(Effect.gen({ self: this }, function*() {
      // one that was added while its track ended
      if (entry !== undefined && air.entries.has(entry)) yield* Removal.remove(outlet, air, entry)
      // nothing takes its place while the other one fades: a seek of that one is possible again
      if (seat.crossing !== undefined) seat.crossing.fadeOutMs = undefined
      seat.crossing = undefined
      if (air.lane._tag === "mix") {
        air.lane.desk.dismiss(seat)
        for (const other of OnAir.crossing(air, seat)) {
          other.seat.crossing = undefined
          air.lane.desk.setPaused(other)
        }
      }
      // if the driver has left it already, the mix is no longer kept for it
      if (entry !== undefined) Seat.isSettled(entry)
      yield* Effect.ignore(this.#settled)
    }))
  }

  heardMs(entry: Seat.Entry): number {
    return OnAir.heardMs(this.air, entry)
  }

  isIn(entry: Seat.Entry): boolean {
    return this.air.entries.has(entry)
  }

  isMixed(seat: Seat.Seat): boolean {
    const { air } = this
    if (air.lane._tag === "mix" || !Succession.isPlainSeat(seat)) return true
    // what waits for the end of another one follows it
    return seat.after === undefined && OnAir.live(air).some((entry) => entry.seat !== seat)
  }

  observe(seat: Seat.Seat, observer: Observer<Seat.Happening>): Effect.Effect<void, never, Scope.Scope> {
    return during(() => {
      seat.observers.add(observer)
      this.#taken.add(seat)
      if (this.#over !== undefined) observer.onOver(this.#over)
      return () => {
        seat.observers.delete(observer)
        if (seat.observers.size === 0) this.#taken.delete(seat)
      }
    })
  }

  silences(): number {
    return this.#silencing.times()
  }

  onBroken(broken: Desk.Desk, error: VoiceError.VoiceError): void {
    const { air } = this
    this.#fork(this.#alone(Effect.gen({ self: this }, function*() {
      if (air.lane._tag !== "mix" || air.lane.desk !== broken) return
      const former = air.lane
      air.lane = { _tag: "nothing" }
      yield* Lane.close(this.outlet, former)
      OnAir.fail(air, error)
    })))
  }

  onEvent(event: Seat.Happening): void {
    const drained = this.#progress.onEvent(event)
    if (drained === undefined) return
    if (drained._tag === "mix") this.#fork(Scope.close(drained.scope, Exit.void))
    this.#settleLater()
  }

  onOver(error: VoiceError.VoiceError): void {
    this.#over = error
    for (const seat of this.#taken) Seat.fail(seat, error)
  }

  #fork(effect: Effect.Effect<void>): void {
    Effect.runForkWith(this.#context)(effect)
  }

  /** Runs one effect at a time, each to its end: what a seat says is already the case. */
  #alone<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.uninterruptible(this.#onePermit.withPermit(Effect.andThen(this.#silencing.clear, effect)))
  }

  #isDue(entry: Seat.Entry): boolean {
    return Succession.isDue(entry, this.mixer.aheadMs, (fading) => {
      const { lane } = this.air
      if (fading.place === "mix" && lane._tag === "mix") lane.desk.fadeOut(fading)
    })
  }

  #release(): void {
    for (const entry of OnAir.waiting(this.air)) {
      if (this.air.lane._tag === "direct" && this.air.lane.next?.entry === entry) continue
      if (this.#isDue(entry)) entry.place = "ready"
    }
  }

  /** Adjusts what the driver reads to what should be heard. */
  get #settle(): Effect.Effect<void, VoiceError.VoiceError> {
    const { air } = this
    return Effect.gen({ self: this }, function*() {
      this.#release()
      const all = OnAir.live(air)
      if (air.lane._tag === "direct" && !air.entries.has(air.lane.entry)) air.lane = { _tag: "nothing" }
      const [first] = all
      switch (air.lane._tag) {
        case "nothing":
          if (first === undefined) break
          if (all.length === 1 && Succession.isPlain(first) && first.media.format === "opus") {
            yield* this.#changeOver.pass(first, first.media.ring)
            yield* this.#settle
          } else yield* this.#changeOver.toMix
          break
        case "direct":
          if (all.length > 1 || !Succession.isPlain(air.lane.entry)) yield* this.#changeOver.toMix
          else yield* this.#changeOver.prepareNext(air.lane)
          break
        case "mix":
          if (air.lane.desk.isEnded()) {
            if (air.lane.successor === undefined) yield* this.#changeOver.handOver(air.lane)
          } else {
            for (const entry of all) if (entry.place === "ready") this.#changeOver.add(air.lane.desk, entry, undefined)
          }
      }
      this.#look()
    })
  }

  /** A track that cannot be mixed does not play. */
  get #settled(): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#settle.pipe(Effect.tapError((error) => Effect.sync(() => OnAir.fail(this.air, error))))
  }

  /** Adjusts later, outside of the driver's work. */
  #settleLater(): void {
    this.#fork(Effect.andThen(Effect.yieldNow, this.#alone(Effect.ignore(this.#settled))))
  }

  #onTick(): number {
    const { lane } = this.air
    if (lane._tag === "mix") {
      this.#progress.look()
      if (lane.desk.isEnded() && lane.successor === undefined && lane.desk.successor() !== undefined) {
        this.#settleLater()
      }
    }
    const waiting = OnAir.waiting(this.air)
    if (waiting.some((entry) => (lane._tag !== "direct" || lane.next?.entry !== entry) && this.#isDue(entry))) {
      this.#settleLater()
    }
    this.#isLooking = lane._tag === "mix" || waiting.length > 0
    return this.#isLooking ? Succession.lookMs : 0
  }

  #look(): void {
    if (this.#isLooking || (this.air.lane._tag !== "mix" && OnAir.waiting(this.air).length === 0)) return
    this.#isLooking = true
    const looking = Pump.refill(this.#clock, Succession.lookMs, () => this.#onTick())
    this.#fork(Effect.asVoid(Effect.forkIn(looking, this.scope, { startImmediately: true })))
  }
}
