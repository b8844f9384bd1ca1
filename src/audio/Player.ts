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
import type { TrackNumber } from "../driver/Line.ts"
import type { Mixer } from "../Mixer.ts"
import type { Ducking } from "../mixer/messages.ts"
import type { Observer, VoiceConnection } from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as Desk from "./Desk.ts"
import * as Pump from "./Pump.ts"
import * as Seat from "./Seat.ts"

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
export interface PlaceOptions {
  readonly gain: number
  readonly fadeInMs: number
  readonly duck: Ducking | undefined
  /** Waits until the track of this place has ended. */
  readonly after: Place | undefined
  /** How long before its end it begins. */
  readonly crossfadeMs: number
}

/**
 * The place of one track.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  /** Plays a ring. Fails with what the mixer fails with, or `NotConnected`. */
  readonly attach: (
    media: Seat.Media,
    options: Seat.AttachOptions
  ) => Effect.Effect<TrackNumber, VoiceError.VoiceError>
  readonly detach: (track: TrackNumber) => Effect.Effect<void>
  readonly setPaused: (track: TrackNumber, paused: boolean) => Effect.Effect<void>
  readonly setGain: (gain: number, rampMs: number) => Effect.Effect<void, VoiceError.VoiceError>
  /** Media time of the ring that was sent, in milliseconds. */
  readonly heardMs: (track: TrackNumber) => number | undefined
  readonly metrics: () => Seat.TrackMetrics
  readonly observe: (observer: Observer<Seat.Happening>) => Effect.Effect<void, never, Scope.Scope>
  readonly awaitEnd: Effect.Effect<never, VoiceError.VoiceError>
  /** The track has ended: whoever waits for it begins. */
  readonly leave: Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Player {
  readonly place: (options: PlaceOptions) => Place
  /** Nothing of what plays now is heard any more. The tracks have to be stopped then. */
  readonly silence: Effect.Effect<void>
}

/** What the driver reads. */
type Lane =
  | { readonly _tag: "nothing" }
  | {
    readonly _tag: "direct"
    readonly entry: Seat.Entry
    readonly number: TrackNumber
    next: { readonly entry: Seat.Entry; readonly number: TrackNumber } | undefined
  }
  | {
    readonly _tag: "mix"
    readonly desk: Desk.Desk
    readonly scope: Scope.Closeable
    readonly number: TrackNumber
    /** The entry that was passed through before, until it is the mix's turn. */
    from: Seat.Entry | undefined
    /** The entry that is passed through afterwards. */
    successor: { readonly entry: Seat.Entry; readonly number: TrackNumber } | undefined
  }

/** How long a ring is passed through until the mix takes over, in milliseconds: the decoder gets used to it meanwhile. */
const leadMs = 160

/** How often what was heard is looked at, in milliseconds. */
const lookMs = 20

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  outlet: Outlet,
  mixer: Mixer["Service"],
  encoder: Parameters<Mixer["Service"]["open"]>[0]["encoder"]
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
  let lane: Lane = { _tag: "nothing" }
  let numbers = 0
  let isLooking = false

  const live = () => Array.from(entries).filter(({ place }) => place !== "waiting")
  const waiting = () => Array.from(entries).filter(({ place }) => place === "waiting")

  /** Whether an entry sounds as its source does. */
  const isPlain = ({ media, seat }: Seat.Entry): boolean =>
    media.format === "opus" && seat.gain === 1 && seat.fadeInMs === 0

  const heardMs = (entry: Seat.Entry): number => {
    if (entry.place === "mix" && lane._tag === "mix" && lane.from !== entry) {
      entry.heardMs = lane.desk.heardMs(entry) ?? entry.heardMs
    } else if (entry.place !== "out" && entry.place !== "mix") {
      entry.heardMs = entry.media.ring.positionMs()
    } else if (entry.place === "mix") entry.heardMs = entry.media.ring.positionMs()
    return entry.heardMs
  }

  const leaveOut = (entry: Seat.Entry): void => {
    heardMs(entry)
    if (entry.place === "direct") Seat.count(entry)
    entry.place = "out"
    entries.delete(entry)
  }

  const drained = (entry: Seat.Entry): void => {
    leaveOut(entry)
    Seat.tell(entry, "TrackDrained")
  }

  const closeMix = ({ scope: ofMix }: Extract<Lane, { readonly _tag: "mix" }>) => Scope.close(ofMix, Exit.void)

  /** Begins to pass an entry through. */
  const pass = Effect.fnUntraced(function*(entry: Seat.Entry, media: FrameRing.FrameRing) {
    entry.place = "direct"
    entry.counted = media.framesRead()
    const number = yield* outlet.attach(media, { paused: entry.isPaused })
    lane = { _tag: "direct", entry, number, next: undefined }
  })

  /** The frame of a ring with which a mix can take over. */
  const changeOverAt = (ring: FrameRing.FrameRing, isPaused: boolean): number => {
    const read = ring.framesRead()
    const ahead = ring.framesWritten() - read
    if (isPaused || ahead === 0) return read
    const frameMs = ring.bufferedMs() / ahead
    return read + Math.min(ahead, Math.ceil(leadMs / frameMs))
  }

  const onBroken = (broken: Desk.Desk, error: VoiceError.VoiceError) =>
    onePermit.withPermit(Effect.gen(function*() {
      if (lane._tag !== "mix" || lane.desk !== broken) return
      const former = lane
      lane = { _tag: "nothing" }
      yield* outlet.detach(former.number)
      yield* closeMix(former)
      for (const entry of live()) {
        leaveOut(entry)
        Seat.fail(entry.seat, error)
      }
    }))

  const startMix = Effect.fnUntraced(function*() {
    const ofMix = yield* Scope.fork(scope)
    const desk: Desk.Desk = yield* Desk.open(mixer, encoder, (error) => void fork(onBroken(desk, error))).pipe(
      Scope.provide(ofMix),
      Effect.onError((cause) => Scope.close(ofMix, Exit.failCause(cause)))
    )
    // some time has passed
    const all = live()
    const direct = lane._tag === "direct" && entries.has(lane.entry) ? lane : undefined
    if (all.length === 0) return yield* Scope.close(ofMix, Exit.void)
    if (direct?.next !== undefined) direct.next.entry.place = "waiting"
    const after = direct?.entry.media.format === "opus"
      ? changeOverAt(direct.entry.media.ring, direct.entry.isPaused)
      : undefined
    if (direct !== undefined) desk.add(direct.entry, after)
    for (const entry of all) if (entry !== direct?.entry) desk.add(entry, undefined)
    const number = yield* outlet.attach(desk.ring, { after })
    lane = { _tag: "mix", desk, scope: ofMix, number, from: direct?.entry, successor: undefined }
    look()
  })

  /** Hands the ring of the mix's last input back to the driver, behind the mix. */
  const handOver = Effect.fnUntraced(function*(mix: Extract<Lane, { readonly _tag: "mix" }>) {
    const entry = mix.desk.successor()
    if (entry === undefined || entry.media.format !== "opus" || !entries.has(entry)) return
    const number = yield* outlet.attach(entry.media.ring, { paused: entry.isPaused, after: "drained" })
    mix.successor = { entry, number }
  })

  /** What waits for a track that is passed through, and can be, follows it without a gap. */
  const prepareNext = Effect.fnUntraced(function*(direct: Extract<Lane, { readonly _tag: "direct" }>) {
    if (direct.next !== undefined) {
      if (entries.has(direct.next.entry) && isPlain(direct.next.entry)) return
      yield* outlet.detach(direct.next.number)
      direct.next.entry.place = entries.has(direct.next.entry) ? "waiting" : "out"
      direct.next = undefined
    }
    const entry = waiting().find(({ seat }) => seat.after === direct.entry.seat && seat.crossfadeMs === 0)
    if (entry === undefined || !isPlain(entry) || entry.media.format !== "opus") return
    entry.counted = entry.media.ring.framesRead()
    const number = yield* outlet.attach(entry.media.ring, { paused: entry.isPaused, after: "drained" })
    direct.next = { entry, number }
  })

  /** Media time to the end of what plays at a place, in milliseconds, as far as it is known. */
  const remainingMs = (seat: Seat.Seat): number => {
    const entry = seat.entry
    if (entry === undefined || entry.place === "out") return Infinity
    if (entry.media.ring.isEnded()) return entry.media.ring.bufferedMs()
    const left = entry.remainingMs() ?? Infinity
    // what was mixed and not heard is past changing
    return entry.place === "mix" ? left - mixer.aheadMs : left
  }

  /** Whether an entry does not wait any more; a crossfade begins then. */
  const isDue = (entry: Seat.Entry): boolean => {
    const { after: former, crossfadeMs } = entry.seat
    if (former === undefined || former.isOver) return true
    const playing = former.entry
    if (playing === undefined || playing.place === "waiting" || playing.place === "out") return false
    if (crossfadeMs > 0) {
      const lead = lane._tag === "mix" ? lookMs : leadMs + lookMs
      const left = remainingMs(former)
      if (left > crossfadeMs + lead) return false
      const rampMs = Math.max(lookMs, Math.min(crossfadeMs, left - lead))
      former.gain = 0
      former.ramp = { rampMs, curve: "power", end: true }
      if (playing.place === "mix" && lane._tag === "mix") lane.desk.setGain(playing)
      entry.seat.fadeInMs = rampMs
      entry.seat.curve = "power"
      entry.seat.after = undefined
      return true
    }
    // the mix begins with the sample behind its last one
    return playing.media.ring.isEnded() && (playing.place === "mix" || !isPlain(entry))
  }

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
        if (all.length === 1 && isPlain(first) && first.media.format === "opus") {
          yield* pass(first, first.media.ring)
          yield* settle
        } else yield* startMix()
        break
      case "direct":
        if (all.length > 1 || !isPlain(lane.entry)) yield* startMix()
        else yield* prepareNext(lane)
        break
      case "mix":
        if (lane.desk.isEnded()) {
          if (lane.successor === undefined) yield* handOver(lane)
        } else {
          for (const entry of all) if (entry.place === "ready") lane.desk.add(entry, undefined)
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

  const settleLater = () => void fork(onePermit.withPermit(Effect.ignore(Effect.uninterruptible(settled))))

  const onTick = (): number => {
    if (lane._tag === "mix") {
      lane.desk.look(nowMs(), drained)
      if (lane.desk.isEnded() && lane.successor === undefined && lane.desk.successor() !== undefined) settleLater()
    }
    if (waiting().some((entry) => (lane._tag !== "direct" || lane.next?.entry !== entry) && isDue(entry))) settleLater()
    isLooking = lane._tag === "mix" || waiting().length > 0
    return isLooking ? lookMs : 0
  }

  const look = (): void => {
    if (isLooking || (lane._tag !== "mix" && waiting().length === 0)) return
    isLooking = true
    fork(Effect.forkIn(Pump.refill(clock, lookMs, onTick), scope, { startImmediately: true }))
  }

  const onDirect = (_tag: string, direct: Extract<Lane, { readonly _tag: "direct" }>): void => {
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

  const onMix = (_tag: string, mix: Extract<Lane, { readonly _tag: "mix" }>): void => {
    if (mix.from !== undefined) {
      Seat.count(mix.from)
      mix.desk.own(mix.from)
      mix.from = undefined
    }
    if (_tag === "TrackStarving") return mix.desk.starving(nowMs())
    mix.desk.look(nowMs(), drained)
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
  const remove = Effect.fnUntraced(function*(entry: Seat.Entry) {
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
      if (former.successor !== undefined) yield* outlet.detach(former.successor.number)
      yield* outlet.detach(former.number)
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
    const now = lane
    if (now._tag === "nothing") return Effect.void
    const next = now._tag === "direct" ? now.next : now.successor
    return Effect.andThen(
      next === undefined ? Effect.void : outlet.detach(next.number),
      outlet.detach(now.number)
    )
  })

  const alone = <A, E>(effect: Effect.Effect<A, E>) => onePermit.withPermit(Effect.uninterruptible(effect))

  const place = (options: PlaceOptions): Place => {
    const seat: Seat.Seat = {
      gain: options.gain,
      ramp: undefined,
      fadeInMs: options.fadeInMs,
      curve: "linear",
      duck: options.duck,
      after: options.after === undefined ? undefined : seats.get(options.after),
      crossfadeMs: options.crossfadeMs,
      isOver: false,
      entry: undefined,
      observers: new Set(),
      sent: 0,
      late: 0,
      missed: 0,
      concealed: 0
    }
    const mine = (track: TrackNumber) =>
      seat.entry !== undefined && seat.entry.number === track ? seat.entry : undefined

    const made: Place = {
      attach: (media, attachOptions) =>
        alone(Effect.gen(function*() {
          const entry: Seat.Entry = {
            ...attachOptions,
            number: ++numbers,
            media,
            seat,
            isPaused: attachOptions.paused,
            place: seat.after === undefined ? "ready" : "waiting",
            input: 0,
            slot: -1,
            isStarted: false,
            starvingMs: undefined,
            overAt: undefined,
            counted: 0,
            heardMs: 0
          }
          const former = seat.entry
          if (former !== undefined && entries.has(former)) yield* makeRoom(former)
          seat.entry = entry
          entries.add(entry)
          yield* settle.pipe(Effect.tapError(() => Effect.sync(() => leaveOut(entry))))
          return entry.number
        })),
      detach: (track) =>
        alone(Effect.suspend(() => {
          const entry = mine(track)
          if (entry === undefined || !entries.has(entry)) return Effect.void
          return Effect.andThen(remove(entry), Effect.ignore(settled))
        })),
      setPaused: (track, paused) =>
        alone(Effect.suspend(() => {
          const entry = mine(track)
          if (entry === undefined || !entries.has(entry)) return Effect.void
          entry.isPaused = paused
          if (paused) entry.starvingMs = undefined
          if (lane._tag === "direct") {
            if (lane.entry === entry) return outlet.setPaused(lane.number, paused)
            return lane.next?.entry === entry ? outlet.setPaused(lane.next.number, paused) : Effect.void
          }
          if (lane._tag !== "mix") return Effect.void
          if (lane.successor?.entry === entry) return outlet.setPaused(lane.successor.number, paused)
          if (entry.place === "mix") lane.desk.setPaused(entry)
          return Effect.void
        })),
      setGain: (gain, rampMs) =>
        alone(Effect.suspend(() => {
          const former = seat.gain
          seat.gain = gain
          seat.ramp = { rampMs, curve: "linear", end: false }
          const { entry } = seat
          if (entry?.place === "mix" && lane._tag === "mix") lane.desk.setGain(entry)
          return settle.pipe(Effect.tapError(() =>
            Effect.sync(() => {
              seat.gain = former
            })
          ))
        })),
      heardMs: (track) => {
        const entry = mine(track)
        return entry === undefined ? undefined : heardMs(entry)
      },
      metrics: () => {
        const { entry } = seat
        if (entry?.place === "direct") Seat.count(entry)
        const { concealed, late, missed, sent } = seat
        return { sent, late, missed, concealed }
      },
      observe: (observer) =>
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
        ),
      awaitEnd: outlet.awaitEnd,
      leave: alone(Effect.suspend(() => {
        seat.isOver = true
        return Effect.ignore(settled)
      }))
    }
    seats.set(made, seat)
    return made
  }

  const seats = new WeakMap<Place, Seat.Seat>()

  return { place, silence }
})
