/**
 * Plays any number of tracks on one connection. One track of Opus at gain 1 is passed through: its own ring is what the driver
 * reads. Anything else is mixed, ahead of its time, into a ring that the driver reads instead. The driver goes over from one
 * ring to the other between two frames.
 *
 * Tracks see a place of their own, which looks like a connection that nobody else plays on.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Mixer } from "../Mixer.ts"
import type { EncoderOptions, EncoderSettings } from "../OpusEncoder.ts"
import type { Observer, VoiceConnection } from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as ChangeOver from "./ChangeOver.ts"
import type * as Desk from "./Desk.ts"
import * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import * as Place from "./Place.ts"
import * as Pump from "./Pump.ts"
import * as Seat from "./Seat.ts"
import * as Silencing from "./Silencing.ts"
import * as Succession from "./Succession.ts"

/**
 * Where to play: a connection, or what stands for one connection after another.
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
  /** Nothing of what plays now is heard any more. The tracks have to be stopped then. */
  readonly silence: Effect.Effect<void>
  /** Nothing of these places is heard any more, and the others go on. The tracks have to be stopped then. */
  readonly cut: (places: ReadonlyArray<Place.Place>) => Effect.Effect<void>
  /** Changes how the mix that is open encodes; without one there is nothing to change. */
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
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const onePermit = yield* Semaphore.make(1)
  const air = OnAir.make()
  const { entries } = air
  const silencing = Silencing.make(outlet, air)
  /** Those whose tracks have not ended. */
  const taken = new Set<Seat.Seat>()
  let over: VoiceError.VoiceError | undefined
  let isLooking = false

  const drained = (entry: Seat.Entry): void => {
    OnAir.leaveOut(air, entry)
    Seat.tell(entry, "TrackDrained")
  }

  /** One thing at a time, to its end, and all of them: what a seat says is so already. */
  const alone = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.uninterruptible(onePermit.withPermit(Effect.andThen(silencing.clear, effect)))

  const onBroken = (broken: Desk.Desk, error: VoiceError.VoiceError) =>
    alone(Effect.gen(function*() {
      if (air.lane._tag !== "mix" || air.lane.desk !== broken) return
      const former = air.lane
      air.lane = { _tag: "nothing" }
      yield* Lane.close(outlet, former)
      for (const entry of OnAir.live(air)) {
        OnAir.leaveOut(air, entry)
        Seat.fail(entry.seat, error)
      }
    }))

  const changeOver = ChangeOver.make({
    outlet,
    air,
    scope,
    mixer,
    encoder,
    silences: silencing.times,
    onBroken: (desk, error) => void fork(onBroken(desk, error))
  })

  const isDue = (entry: Seat.Entry): boolean =>
    Succession.isDue(entry, mixer.aheadMs, (fading) => {
      const { lane } = air
      if (fading.place === "mix" && lane._tag === "mix") lane.desk.fadeOut(fading)
    })

  const release = (): void => {
    for (const entry of OnAir.waiting(air)) {
      if (air.lane._tag === "direct" && air.lane.next?.entry === entry) continue
      if (isDue(entry)) entry.place = "ready"
    }
  }

  /** Brings what the driver reads into line with what shall be heard. */
  const settle: Effect.Effect<void, VoiceError.VoiceError> = Effect.gen(function*() {
    release()
    const all = OnAir.live(air)
    if (air.lane._tag === "direct" && !entries.has(air.lane.entry)) air.lane = { _tag: "nothing" }
    const [first] = all
    switch (air.lane._tag) {
      case "nothing":
        if (first === undefined) break
        if (all.length === 1 && Succession.isPlain(first) && first.media.format === "opus") {
          yield* changeOver.pass(first, first.media.ring)
          yield* settle
        } else yield* changeOver.toMix
        break
      case "direct":
        if (all.length > 1 || !Succession.isPlain(air.lane.entry)) yield* changeOver.toMix
        else yield* changeOver.prepareNext(air.lane)
        break
      case "mix":
        if (air.lane.desk.isEnded()) {
          if (air.lane.successor === undefined) yield* changeOver.handOver(air.lane)
        } else {
          for (const entry of all) if (entry.place === "ready") changeOver.add(air.lane.desk, entry, undefined)
        }
    }
    look()
  })

  /** What cannot be mixed does not play. */
  const settled = settle.pipe(Effect.tapError((error) =>
    Effect.sync(() => {
      const direct = air.lane._tag === "direct" ? air.lane.entry : undefined
      for (const entry of OnAir.live(air)) {
        if (entry === direct) continue
        OnAir.leaveOut(air, entry)
        Seat.fail(entry.seat, error)
      }
    })
  ))

  /** Not in the middle of what the driver does. */
  const settleLater = () => void fork(Effect.andThen(Effect.yieldNow, alone(Effect.ignore(settled))))

  const onTick = (): number => {
    const { lane } = air
    if (lane._tag === "mix") {
      lane.desk.look(nowMs(), drained)
      if (lane.desk.isEnded() && lane.successor === undefined && lane.desk.successor() !== undefined) settleLater()
    }
    const waiting = OnAir.waiting(air)
    if (waiting.some((entry) => (lane._tag !== "direct" || lane.next?.entry !== entry) && isDue(entry))) settleLater()
    isLooking = lane._tag === "mix" || waiting.length > 0
    return isLooking ? Succession.lookMs : 0
  }

  const look = (): void => {
    if (isLooking || (air.lane._tag !== "mix" && OnAir.waiting(air).length === 0)) return
    isLooking = true
    fork(Effect.forkIn(Pump.refill(clock, Succession.lookMs, onTick), scope, { startImmediately: true }))
  }

  const onDirect = (_tag: string, direct: Lane.Direct): void => {
    const { entry, next } = direct
    if (_tag === "TrackStarving") return Seat.starving(entry, nowMs())
    if (_tag !== "TrackDrained") return Seat.flowing(entry, nowMs())
    if (next === undefined) air.lane = { _tag: "nothing" }
    else {
      next.entry.place = "direct"
      next.entry.seat.after = undefined
      air.lane = { _tag: "direct", ...next, next: undefined }
    }
    drained(entry)
    settleLater()
  }

  const onMix = (_tag: string, mix: Lane.Mix): void => {
    if (mix.from !== undefined) {
      Seat.count(mix.from.entry)
      mix.desk.own(mix.from.entry)
      mix.from = undefined
    }
    mix.desk.look(nowMs(), drained)
    if (_tag === "TrackStarving") return mix.desk.starving(nowMs(), drained)
    if (_tag !== "TrackDrained") return
    mix.desk.drain(drained)
    const { successor } = mix
    if (successor === undefined) air.lane = { _tag: "nothing" }
    else {
      const { entry } = successor
      entry.place = "direct"
      if (entry.media.format === "opus") entry.counted = entry.media.ring.framesRead()
      air.lane = { _tag: "direct", ...successor, next: undefined }
    }
    // what came too late for this mix gets another one
    for (const entry of OnAir.live(air)) if (entry.place === "mix") entry.place = "ready"
    fork(Scope.close(mix.scope, Exit.void))
    settleLater()
  }

  yield* outlet.observe({
    onEvent: ({ _tag, track }) => {
      const { lane } = air
      if (track === undefined || lane._tag === "nothing" || track !== lane.number) return
      if (lane._tag === "direct") onDirect(_tag, lane)
      else onMix(_tag, lane)
    },
    onOver: (error) => {
      over = error
      for (const seat of taken) Seat.fail(seat, error)
    }
  })

  /** Takes an entry out of what plays. */
  const remove = (entry: Seat.Entry) =>
    Effect.gen(function*() {
      const former = air.lane
      const { place: before } = entry
      const others = OnAir.live(air).filter((other) => other !== entry)
      OnAir.leaveOut(air, entry)
      if (former._tag === "direct") {
        if (former.next?.entry === entry) {
          const { number } = former.next
          former.next = undefined
          return yield* outlet.detach(number)
        }
        if (former.entry !== entry) return
        if (former.next !== undefined) {
          yield* outlet.detach(former.next.number)
          former.next.entry.place = "waiting"
        }
        air.lane = { _tag: "nothing" }
        return yield* outlet.detach(former.number)
      }
      if (former._tag !== "mix" || before !== "mix") return
      if (former.successor?.entry === entry || others.length === 0) {
        air.lane = { _tag: "nothing" }
        return yield* Lane.close(outlet, former)
      }
      // another one of its track follows
      if (!entry.seat.isOver && others.some(({ place, seat }) => place === "mix" && seat.after === entry.seat)) {
        former.desk.hold(entry)
      } else former.desk.remove(entry)
    })

  /** Takes an entry out of what plays, for another one of the same track that follows at once. */
  const makeRoom = (entry: Seat.Entry) => {
    const { lane } = air
    if (lane._tag === "direct" && lane.entry === entry) {
      // what is attached next takes its place, and that of what waits
      if (lane.next !== undefined) lane.next.entry.place = "waiting"
      OnAir.leaveOut(air, entry)
      air.lane = { _tag: "nothing" }
      return Effect.void
    }
    if (lane._tag === "mix" && entry.place === "mix" && lane.successor?.entry !== entry && !lane.desk.isEnded()) {
      OnAir.leaveOut(air, entry)
      lane.desk.leave(entry)
      return Effect.void
    }
    return remove(entry)
  }

  const silence = Effect.suspend(() =>
    // where there is no track, none ends that would have the rest done
    entries.size > 0 ? silencing.all : Effect.andThen(silencing.all, Effect.sync(settleLater))
  )

  /** Of the tracks of a mix only those that are cut, unless nothing is left to be heard then. */
  const cutMix = (isCut: (entry: Seat.Entry) => boolean) =>
    Effect.gen(function*() {
      const mix = air.lane
      if (mix._tag !== "mix" || (mix.successor !== undefined && isCut(mix.successor.entry))) return
      const those = OnAir.live(air).filter((entry) => entry.place === "mix" && isCut(entry))
      if (those.length === 0 || OnAir.live(air).every(isCut)) return
      for (const entry of those) OnAir.leaveOut(air, entry)
      yield* Lane.cut(outlet, mix, those, nowMs())
    })

  const cut: Player["cut"] = (places) =>
    Effect.suspend(() => {
      const seats = new Set(places.map(Place.seatOf))
      const isCut = ({ seat }: Seat.Entry) => seats.has(seat)
      const inTheWay = air.lane._tag === "direct" && isCut(air.lane.entry) ? air.lane : undefined
      return Effect.andThen(
        // at once, also while a mix is being opened
        inTheWay === undefined ? Effect.void : silencing.passed(inTheWay),
        alone(Effect.gen(function*() {
          yield* Effect.ignore(cutMix(isCut))
          for (const entry of Array.from(entries).filter(isCut)) yield* remove(entry)
          yield* Effect.ignore(settled)
        }))
      )
    })

  const host: Place.Host = {
    awaitEnd: outlet.awaitEnd,
    enter: (entry) =>
      alone(Effect.gen(function*() {
        const { seat } = entry
        if (seat.isOver) {
          entry.place = "out"
          return
        }
        const former = seat.entry
        seat.entry = entry
        entry.isPaused = seat.isPaused
        if (former !== undefined && entries.has(former)) yield* makeRoom(former)
        entry.place = seat.after === undefined ? "ready" : "waiting"
        entries.add(entry)
        yield* settle.pipe(Effect.tapError(() => Effect.sync(() => OnAir.leaveOut(air, entry))))
        if (former !== undefined && air.lane._tag === "mix") air.lane.desk.dismiss(former)
      })),
    remove: (entry) => alone(Effect.andThen(remove(entry), Effect.ignore(settled))),
    pausing: (entry) =>
      alone(Effect.suspend(() => {
        const { lane } = air
        if (lane._tag === "nothing") return Effect.void
        const follower = lane._tag === "direct" ? lane.next : lane.successor
        if (follower?.entry === entry) return outlet.setPaused(follower.number, entry.isPaused)
        if (lane._tag === "direct" && lane.entry === entry) return outlet.setPaused(lane.number, entry.isPaused)
        if (lane._tag === "mix" && entry.place === "mix") lane.desk.setPaused(entry)
        return Effect.void
      })),
    levelling: ({ entry }) =>
      alone(Effect.suspend(() => {
        const { lane } = air
        if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setGain(entry)
        return settle
      })),
    shaping: ({ entry }) =>
      alone(Effect.suspend(() => {
        const { lane } = air
        if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setEffects(entry)
        return settle
      })),
    left: ({ entry }) =>
      alone(Effect.gen(function*() {
        // one that came in while its track ended
        if (entry !== undefined && entries.has(entry)) yield* remove(entry)
        if (entry !== undefined && air.lane._tag === "mix") air.lane.desk.dismiss(entry)
        yield* Effect.ignore(settled)
      })),
    heardMs: (entry) => OnAir.heardMs(air, entry),
    isIn: (entry) => entries.has(entry),
    observe: (seat, observer) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          seat.observers.add(observer)
          taken.add(seat)
          if (over !== undefined) observer.onOver(over)
        }),
        () =>
          Effect.sync(() => {
            seat.observers.delete(observer)
            if (seat.observers.size === 0) taken.delete(seat)
          })
      )
  }

  const configure: Player["configure"] = (settings) =>
    alone(Effect.sync(() => {
      if (air.lane._tag === "mix") air.lane.desk.configure(settings)
    }))

  return { place: (options) => Place.make(host, options), silence, cut, configure }
})
