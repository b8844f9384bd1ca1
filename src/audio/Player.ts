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
import type * as FrameRing from "../driver/FrameRing.ts"
import type { Mixer } from "../Mixer.ts"
import type { EncoderOptions, EncoderSettings } from "../OpusEncoder.ts"
import type { Observer, VoiceConnection } from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as Desk from "./Desk.ts"
import * as Lane from "./Lane.ts"
import * as Place from "./Place.ts"
import * as Pump from "./Pump.ts"
import * as Seat from "./Seat.ts"
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
  const entries = new Set<Seat.Entry>()
  /** Those whose tracks have not ended. */
  const taken = new Set<Seat.Seat>()
  let over: VoiceError.VoiceError | undefined
  let lane: Lane.Lane = { _tag: "nothing" }
  let isLooking = false
  /** How often all was silenced. */
  let silences = 0
  /** What was silenced, and is to be taken out before anything else is done. */
  let silenced: Array<Seat.Entry> = []
  /** What is left to be heard of tracks that have ended is silenced, too. */
  let isHushed = false

  const live = () => Array.from(entries).filter(({ place }) => place !== "waiting")
  const waiting = () => Array.from(entries).filter(({ place }) => place === "waiting")

  const heardMs = (entry: Seat.Entry): number => {
    if (entry.place === "mix" && lane._tag === "mix" && lane.from?.entry !== entry) {
      entry.heardMs = lane.desk.heardMs(entry) ?? entry.heardMs
    } else if (entry.place !== "out" && entry.place !== "mix") {
      entry.heardMs = entry.media.ring.positionMs()
    } else if (entry.place === "mix") entry.heardMs = entry.media.ring.positionMs()
    return entry.heardMs
  }

  const leaveOut = (entry: Seat.Entry): void => {
    heardMs(entry)
    if (entry.place === "direct" || (lane._tag === "mix" && lane.from?.entry === entry)) Seat.count(entry)
    entry.place = "out"
    entries.delete(entry)
  }

  const drained = (entry: Seat.Entry): void => {
    leaveOut(entry)
    Seat.tell(entry, "TrackDrained")
  }

  const closeMix = ({ scope: ofMix }: Lane.Mix) => Scope.close(ofMix, Exit.void)

  const clear = Effect.suspend(() => {
    if (silenced.length === 0 && !isHushed) return Effect.void
    isHushed = false
    for (const entry of silenced) if (entries.has(entry)) leaveOut(entry)
    silenced = []
    const former = lane
    lane = { _tag: "nothing" }
    return Effect.andThen(Lane.detach(outlet, former), former._tag === "mix" ? closeMix(former) : Effect.void)
  })

  /** One thing at a time, to its end, and all of them: what a seat says is so already. */
  const alone = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.uninterruptible(onePermit.withPermit(Effect.andThen(clear, effect)))

  /** Begins to pass an entry through. */
  const pass = (entry: Seat.Entry, media: FrameRing.FrameRing) =>
    Effect.gen(function*() {
      entry.place = "direct"
      // each would keep the one before it, and that its own
      entry.seat.after = undefined
      entry.counted = media.framesRead()
      const number = yield* outlet.attach(media, { paused: entry.isPaused })
      lane = { _tag: "direct", entry, number, next: undefined }
    })

  const onBroken = (broken: Desk.Desk, error: VoiceError.VoiceError) =>
    alone(Effect.gen(function*() {
      if (lane._tag !== "mix" || lane.desk !== broken) return
      const former = lane
      lane = { _tag: "nothing" }
      yield* Lane.detach(outlet, former)
      yield* closeMix(former)
      for (const entry of live()) {
        leaveOut(entry)
        Seat.fail(entry.seat, error)
      }
    }))

  const add = (desk: Desk.Desk, entry: Seat.Entry, from: number | undefined): void => {
    const error = desk.add(entry, from)
    if (error === undefined) return
    leaveOut(entry)
    Seat.fail(entry.seat, error)
  }

  const startMix = () =>
    Effect.gen(function*() {
      const before = silences
      const ofMix = yield* Scope.fork(scope)
      let opened: Desk.Desk | undefined
      let broken: VoiceError.VoiceError | undefined
      const desk = yield* Desk.open(mixer, encoder(), (error) => {
        broken = error
        if (opened !== undefined) fork(onBroken(opened, error))
      }).pipe(
        // its thread may have ended meanwhile
        Effect.flatMap((made) => broken === undefined ? Effect.succeed(made) : Effect.fail(broken)),
        Scope.provide(ofMix),
        Effect.onError((cause) => Scope.close(ofMix, Exit.failCause(cause)))
      )
      opened = desk
      // some time has passed
      const all = live()
      const direct = lane._tag === "direct" && entries.has(lane.entry) ? lane : undefined
      if (all.length === 0 || silences !== before) return yield* Scope.close(ofMix, Exit.void)
      if (direct?.next !== undefined) direct.next.entry.place = "waiting"
      // a change that came meanwhile still waits to be told: what is paused goes over at once, all else when its frames are read
      if (direct !== undefined) yield* outlet.setPaused(direct.number, direct.entry.isPaused)
      const after = direct?.entry.media.format === "opus"
        ? Succession.changeOverAt(direct.entry.media.ring, direct.entry.isPaused)
        : undefined
      if (direct !== undefined) add(desk, direct.entry, after)
      for (const entry of all) if (entry !== direct?.entry) add(desk, entry, undefined)
      const number = yield* outlet.attach(desk.ring, { after })
      lane = { _tag: "mix", desk, scope: ofMix, number, from: direct, after, successor: undefined }
      look()
    })

  /** Hands the ring of the mix's last input back to the driver, behind the mix. */
  const handOver = (mix: Lane.Mix) =>
    Effect.gen(function*() {
      const entry = mix.desk.successor()
      // only one can wait
      if (!mix.desk.isBegun()) return
      if (entry === undefined || entry.media.format !== "opus" || !entries.has(entry)) return
      const number = yield* outlet.attach(entry.media.ring, { paused: entry.isPaused, after: "drained" })
      mix.successor = { entry, number }
    })

  /** What waits for a track that is passed through, and can be, follows it without a gap. */
  const prepareNext = (direct: Lane.Direct) =>
    Effect.gen(function*() {
      if (direct.next !== undefined) {
        if (entries.has(direct.next.entry) && Succession.isPlain(direct.next.entry)) return
        yield* outlet.detach(direct.next.number)
        direct.next.entry.place = entries.has(direct.next.entry) ? "waiting" : "out"
        direct.next = undefined
      }
      const entry = waiting().find(({ seat }) => seat.after === direct.entry.seat && seat.crossfadeMs === 0)
      if (entry === undefined || !Succession.isPlain(entry) || entry.media.format !== "opus") return
      entry.counted = entry.media.ring.framesRead()
      const number = yield* outlet.attach(entry.media.ring, { paused: entry.isPaused, after: "drained" })
      direct.next = { entry, number }
    })

  const isDue = (entry: Seat.Entry): boolean =>
    Succession.isDue(entry, mixer.aheadMs, (fading) => {
      if (fading.place === "mix" && lane._tag === "mix") lane.desk.setGain(fading)
    })

  const release = (): void => {
    for (const entry of waiting()) {
      if (lane._tag === "direct" && lane.next?.entry === entry) continue
      if (isDue(entry)) entry.place = "ready"
    }
  }

  /** Brings what the driver reads into line with what shall be heard. */
  const settle: Effect.Effect<void, VoiceError.VoiceError> = Effect.gen(function*() {
    release()
    const all = live()
    if (lane._tag === "direct" && !entries.has(lane.entry)) lane = { _tag: "nothing" }
    const [first] = all
    switch (lane._tag) {
      case "nothing":
        if (first === undefined) break
        if (all.length === 1 && Succession.isPlain(first) && first.media.format === "opus") {
          yield* pass(first, first.media.ring)
          yield* settle
        } else yield* startMix()
        break
      case "direct":
        if (all.length > 1 || !Succession.isPlain(lane.entry)) yield* startMix()
        else yield* prepareNext(lane)
        break
      case "mix":
        if (lane.desk.isEnded()) {
          if (lane.successor === undefined) yield* handOver(lane)
        } else {
          for (const entry of all) if (entry.place === "ready") add(lane.desk, entry, undefined)
        }
    }
    look()
  })

  /** What cannot be mixed does not play. */
  const settled = settle.pipe(Effect.tapError((error) =>
    Effect.sync(() => {
      const direct = lane._tag === "direct" ? lane.entry : undefined
      for (const entry of live()) {
        if (entry === direct) continue
        leaveOut(entry)
        Seat.fail(entry.seat, error)
      }
    })
  ))

  /** Not in the middle of what the driver does. */
  const settleLater = () => void fork(Effect.andThen(Effect.yieldNow, alone(Effect.ignore(settled))))

  const onTick = (): number => {
    if (lane._tag === "mix") {
      lane.desk.look(nowMs(), drained)
      if (lane.desk.isEnded() && lane.successor === undefined && lane.desk.successor() !== undefined) settleLater()
    }
    if (waiting().some((entry) => (lane._tag !== "direct" || lane.next?.entry !== entry) && isDue(entry))) settleLater()
    isLooking = lane._tag === "mix" || waiting().length > 0
    return isLooking ? Succession.lookMs : 0
  }

  const look = (): void => {
    if (isLooking || (lane._tag !== "mix" && waiting().length === 0)) return
    isLooking = true
    fork(Effect.forkIn(Pump.refill(clock, Succession.lookMs, onTick), scope, { startImmediately: true }))
  }

  const onDirect = (_tag: string, direct: Lane.Direct): void => {
    const { entry, next } = direct
    if (_tag === "TrackStarving") return Seat.starving(entry, nowMs())
    if (_tag !== "TrackDrained") return Seat.flowing(entry, nowMs())
    if (next === undefined) lane = { _tag: "nothing" }
    else {
      next.entry.place = "direct"
      next.entry.seat.after = undefined
      lane = { _tag: "direct", ...next, next: undefined }
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
    if (successor === undefined) lane = { _tag: "nothing" }
    else {
      const { entry } = successor
      entry.place = "direct"
      if (entry.media.format === "opus") entry.counted = entry.media.ring.framesRead()
      lane = { _tag: "direct", ...successor, next: undefined }
    }
    // what came too late for this mix gets another one
    for (const entry of live()) if (entry.place === "mix") entry.place = "ready"
    fork(closeMix(mix))
    settleLater()
  }

  yield* outlet.observe({
    onEvent: ({ _tag, track }) => {
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
      const former = lane
      const { place: before } = entry
      const others = live().filter((other) => other !== entry)
      leaveOut(entry)
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
        lane = { _tag: "nothing" }
        return yield* outlet.detach(former.number)
      }
      if (former._tag !== "mix" || before !== "mix") return
      if (former.successor?.entry === entry || others.length === 0) {
        lane = { _tag: "nothing" }
        yield* Lane.detach(outlet, former)
        return yield* closeMix(former)
      }
      former.desk.remove(entry)
    })

  /** Takes an entry out of what plays, for another one of the same track that follows at once. */
  const makeRoom = (entry: Seat.Entry) => {
    if (lane._tag === "direct" && lane.entry === entry) {
      // what is attached next takes its place, and that of what waits
      if (lane.next !== undefined) lane.next.entry.place = "waiting"
      leaveOut(entry)
      lane = { _tag: "nothing" }
      return Effect.void
    }
    if (lane._tag === "mix" && entry.place === "mix" && lane.successor?.entry !== entry && !lane.desk.isEnded()) {
      leaveOut(entry)
      lane.desk.remove(entry)
      return Effect.void
    }
    return remove(entry)
  }

  const silence = Effect.suspend(() => {
    silences++
    silenced.push(...entries)
    isHushed = true
    const detached = Lane.detach(outlet, lane)
    // no track ends that would have the rest done
    return entries.size > 0 ? detached : Effect.andThen(detached, Effect.sync(settleLater))
  })

  /** Of the tracks of a mix only those that are cut, unless nothing is left to be heard then. */
  const cutMix = (isCut: (entry: Seat.Entry) => boolean) =>
    Effect.gen(function*() {
      if (lane._tag !== "mix" || (lane.successor !== undefined && isCut(lane.successor.entry))) return
      const mix = lane
      const those = live().filter((entry) => entry.place === "mix" && isCut(entry))
      if (those.length === 0 || live().every(isCut)) return
      for (const entry of those) leaveOut(entry)
      yield* Lane.cut(outlet, mix, those, nowMs())
    })

  const cut: Player["cut"] = (places) =>
    Effect.suspend(() => {
      const seats = new Set(places.map(Place.seatOf))
      const isCut = ({ seat }: Seat.Entry) => seats.has(seat)
      const inTheWay = lane._tag === "direct" && isCut(lane.entry) ? lane : undefined
      if (inTheWay !== undefined) {
        // at once, also while a mix is being opened
        silences++
        silenced.push(inTheWay.entry)
      }
      return Effect.andThen(
        inTheWay === undefined ? Effect.void : Lane.detach(outlet, inTheWay),
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
        yield* settle.pipe(Effect.tapError(() => Effect.sync(() => leaveOut(entry))))
      })),
    remove: (entry) => alone(Effect.andThen(remove(entry), Effect.ignore(settled))),
    pausing: (entry) =>
      alone(Effect.suspend(() => {
        if (lane._tag === "nothing") return Effect.void
        const follower = lane._tag === "direct" ? lane.next : lane.successor
        if (follower?.entry === entry) return outlet.setPaused(follower.number, entry.isPaused)
        if (lane._tag === "direct" && lane.entry === entry) return outlet.setPaused(lane.number, entry.isPaused)
        if (lane._tag === "mix" && entry.place === "mix") lane.desk.setPaused(entry)
        return Effect.void
      })),
    levelling: ({ entry }) =>
      alone(Effect.suspend(() => {
        if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setGain(entry)
        return settle
      })),
    shaping: ({ entry }) =>
      alone(Effect.suspend(() => {
        if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setEffects(entry)
        return settle
      })),
    left: ({ entry }) =>
      alone(Effect.gen(function*() {
        // one that came in while its track ended
        if (entry !== undefined && entries.has(entry)) yield* remove(entry)
        yield* Effect.ignore(settled)
      })),
    heardMs,
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
      if (lane._tag === "mix") lane.desk.configure(settings)
    }))

  return { place: (options) => Place.make(host, options), silence, cut, configure }
})
