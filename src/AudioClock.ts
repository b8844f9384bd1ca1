/**
 * The scheduler of due times that all senders of a process share. It keeps one timer on a 1 ms grid of the monotonic
 * clock; senders are spread over the 20 slots of a frame, so that a thousand of them do not send in one burst, and a hundred
 * of them over as few as will do, so that the process is woken less often.
 *
 * Senders are plain objects, called in the beat: what a sender does there must be short and must not throw. A sender says
 * itself when it is due next, so that frames of any duration (2.5 to 120 ms) share one clock. A late call is passed on as
 * it is: the sender sees how late it is and re-anchors; the clock never calls twice to catch up.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"

/**
 * Something that is called when it is due.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sender {
  /**
   * Called at `nowMs`, at or after the time it asked for. Returns when it is due next, in milliseconds of the same clock,
   * or `Infinity` to be left alone until {@link Registration.schedule}.
   */
  readonly onDue: (nowMs: number) => number
  /**
   * Reads what `onDue` is about to need, and returns some number made of it. All senders of a slot are asked before the
   * first of them is called: a thousand are more than the processor's caches hold, and what is read here for one waits for
   * memory together with what is read for the next. An address that lies in memory itself would have to be waited for, so
   * there are {@link prefetchSteps} rounds: each reads only what can be found from what those before have read.
   */
  readonly prefetch?: ((step: number) => number) | undefined
}

/**
 * A sender's place at the clock. Its functions belong to it: they cannot be called apart from it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Registration {
  /** Asks to be called at `dueMs`, in place of any time asked for before. */
  readonly schedule: (dueMs: number) => void
  /** The first time to come, at or after `fromMs`, that lies on this sender's own slot of the 20 ms grid. */
  readonly align: (fromMs: number) => number
  /** Leaves the clock. Doing it twice is harmless. */
  readonly remove: () => void
}

/**
 * Takes a packet that is ready, at the end of the turn in which it was made. `packet` is a buffer of a workspace.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outlet {
  readonly deliver: (packet: Uint8Array, length: number) => void
}

/**
 * @category services
 * @since 0.1.0
 */
export class AudioClock extends Context.Service<AudioClock, {
  /** Milliseconds of a monotonic clock with an origin of its own. */
  readonly now: () => number
  readonly register: (sender: Sender) => Registration
  /**
   * Delivers a packet when all senders of the slot have made theirs, in this order: first all are sealed, then all are sent,
   * so that neither half pushes the other's code and data out of the processor's caches between two packets. There is room
   * for {@link batchPackets}; one more delivers those that wait.
   */
  readonly post: (outlet: Outlet, packet: Uint8Array, length: number) => void
  /** Delivers what was posted. Needed outside of {@link Sender.onDue} only. */
  readonly flush: () => void
}>()("effect-discord-voice/AudioClock") {}

/**
 * The length of a frame in milliseconds and the number of slots that senders are spread over.
 *
 * @category constants
 * @since 0.1.0
 */
export const frameMs = 20

/**
 * How many rounds of {@link Sender.prefetch} there are: from 0 on.
 *
 * @category constants
 * @since 0.1.0
 */
export const prefetchSteps = 6

/**
 * How many packets may wait for the end of their slot.
 *
 * @category constants
 * @since 0.1.0
 */
export const batchPackets = 128

/**
 * Where an {@link AudioClock} gets its time and its wake-ups from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Alarm {
  readonly now: () => number
  /** Calls `ring` once at `atMs` or later, in place of an earlier request. */
  readonly set: (atMs: number, ring: () => void) => void
  readonly clear: () => void
}

/** What a place at the clock needs of it. */
interface Wheel {
  readonly schedule: (place: Place, dueMs: number) => void
  readonly align: (place: Place, fromMs: number) => number
  readonly remove: (place: Place) => void
}

/** Instead of a time. */
const never = -1

/** One object a sender: what is looked at for each packet should lie together. */
class Place implements Registration {
  readonly sender: Sender
  /** The millisecond of the grid at which it is due, or `never`: whole numbers, which are kept without an object of their own. */
  due = never
  /** The slot list that holds this place, or -1. */
  slot = -1
  removed = false
  /** Its slot of the 20 ms grid, or -1 as long as it has not asked for it. */
  phase = -1
  readonly #wheel: Wheel

  constructor(sender: Sender, wheel: Wheel) {
    this.sender = sender
    this.#wheel = wheel
  }

  schedule(dueMs: number): void {
    this.#wheel.schedule(this, dueMs)
  }

  align(fromMs: number): number {
    return this.#wheel.align(this, fromMs)
  }

  remove(): void {
    this.#wheel.remove(this)
  }
}

/** A time on the grid. */
const gridOf = (dueMs: number): number => dueMs === Infinity ? never : Math.max(0, Math.ceil(dueMs))

/**
 * Senders that share a slot before another one is used: to wake a process costs as much as some packets, and they take a
 * quarter of a millisecond together. Beyond 20 times as many, all slots get their share.
 */
const slotSenders = 32

/** The slots of a frame in the order in which they are used, so that few are far apart. */
const slotOrder = [0, 10, 5, 15, 2, 12, 7, 17, 3, 13, 8, 18, 1, 11, 6, 16, 4, 14, 9, 19]

/** Senders of one slot that are called with the same time: together they take a tenth of a millisecond. */
const readsOfTheClock = 16

/** Slots of 1 ms, and as many again of as many milliseconds each, for what is due later. A power of two. */
const wheelSlots = 256

/**
 * The clock itself, for an {@link Alarm}. The layers below are made of it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (alarm: Alarm): AudioClock["Service"] => {
  /** First the slots of 1 ms, then the long ones, of which each is dealt out to the others when it begins. */
  const wheel: Array<Array<Place>> = Array.from({ length: 2 * wheelSlots }, () => [])
  const spread = new Uint32Array(frameMs)
  let turning: Array<Place> = []
  /** Nobody wants the sum, but what nobody keeps need not be read. */
  let prefetched = 0
  let waiting = 0
  let current = Math.floor(alarm.now())
  let armedFor = Infinity
  let running = false

  const outlets: Array<Outlet> = []
  const packets: Array<Uint8Array> = []
  const lengths = new Uint32Array(batchPackets)
  let posted = 0

  const flush = (): void => {
    for (let i = 0; i < posted; i++) {
      const packet = packets[i]
      if (packet !== undefined) outlets[i]?.deliver(packet, lengths[i] ?? 0)
    }
    posted = 0
  }

  const post = (outlet: Outlet, packet: Uint8Array, length: number): void => {
    if (posted === batchPackets) flush()
    outlets[posted] = outlet
    packets[posted] = packet
    lengths[posted] = length
    posted++
  }

  const longOf = (ms: number): number => Math.floor(ms / wheelSlots)

  const insert = (place: Place): void => {
    const due = Math.max(place.due, current + 1)
    place.slot = due <= current + wheelSlots
      ? due & (wheelSlots - 1)
      // what is due later still waits in the last one, and is put back when its turn comes
      : wheelSlots + (Math.min(longOf(due), longOf(current) + wheelSlots - 1) & (wheelSlots - 1))
    wheel[place.slot]?.push(place)
    waiting++
  }

  /** Deals out a long slot that begins. */
  const deal = (long: number): void => {
    const list = wheel[wheelSlots + (long & (wheelSlots - 1))]
    if (list === undefined || list.length === 0) return
    const places = list.splice(0)
    waiting -= places.length
    for (const place of places) insert(place)
  }

  const extract = (place: Place): void => {
    if (place.slot === -1) return
    const list = wheel[place.slot]
    const index = list === undefined ? -1 : list.indexOf(place)
    place.slot = -1
    if (list === undefined || index === -1) return
    list.splice(index, 1)
    waiting--
  }

  /** Whether nothing is due in a slot, nor begins with it. */
  const isEmpty = (slot: number): boolean =>
    (wheel[slot & (wheelSlots - 1)]?.length ?? 0) === 0 &&
    ((slot & (wheelSlots - 1)) !== 0 || (wheel[wheelSlots + (longOf(slot) & (wheelSlots - 1))]?.length ?? 0) === 0)

  const arm = (): void => {
    if (running) return
    if (waiting === 0) {
      if (armedFor !== Infinity) alarm.clear()
      armedFor = Infinity
      return
    }
    let next = current + 1
    while (isEmpty(next)) next++
    if (next === armedFor) return
    armedFor = next
    alarm.set(next, ring)
  }

  const run = (place: Place, now: number): void => {
    if (place.removed || place.due === never) return
    if (place.due <= now) {
      const next = place.sender.onDue(now)
      // what it says now counts more than what it, or another one, asked for meanwhile
      extract(place)
      place.due = gridOf(next)
    }
    if (!place.removed && place.slot === -1 && place.due !== never) insert(place)
  }

  const ring = (): void => {
    armedFor = Infinity
    running = true
    try {
      turn()
    } finally {
      // a sender that throws breaks a rule, but it must not silence all others for good
      running = false
      flush()
      arm()
    }
  }

  const turn = (): void => {
    const end = Math.floor(alarm.now())
    const first = Math.max(current + 1, end - wheelSlots + 1)
    const begun = longOf(current) + 1
    current = first - 1
    // those that a long stall has passed over
    for (let long = Math.max(begun, longOf(current) - wheelSlots + 1); long <= longOf(current); long++) deal(long)
    for (let slot = first; slot <= end; slot++) {
      if ((slot & (wheelSlots - 1)) === 0) {
        current = slot - 1
        deal(longOf(slot))
      }
      current = slot
      const list = wheel[slot & (wheelSlots - 1)]
      if (list === undefined || list.length === 0) continue
      // two lists change places, so that no garbage is made fifty times a second
      turning.length = 0
      wheel[slot & (wheelSlots - 1)] = turning
      turning = list
      waiting -= list.length
      for (let i = 0; i < list.length; i++) {
        const place = list[i]
        if (place !== undefined) place.slot = -1
      }
      for (let step = 0; step < prefetchSteps; step++) {
        for (let i = 0; i < list.length; i++) prefetched ^= list[i]?.sender.prefetch?.(step) ?? 0
      }
      let now = 0
      let i = 0
      try {
        while (i < list.length) {
          // asking for the time costs as much as much else that a sender does
          if (i % readsOfTheClock === 0) now = alarm.now()
          const place = list[i++]
          if (place !== undefined) run(place, now)
        }
      } finally {
        // behind one that throws, the others of its slot are still waiting
        while (i < list.length) {
          const place = list[i++]
          if (place !== undefined && !place.removed && place.slot === -1 && place.due !== never) insert(place)
        }
      }
      flush()
    }
    current = Math.max(current, end)
  }

  const places: Wheel = {
    schedule: (place, dueMs) => {
      if (place.removed) return
      extract(place)
      place.due = gridOf(dueMs)
      if (waiting === 0 && !running) current = Math.max(current, Math.floor(alarm.now()))
      if (place.due !== never) insert(place)
      arm()
    },
    align: (place, fromMs) => {
      if (place.phase === -1) {
        const free = slotOrder.find((slot) => (spread[slot] ?? 0) < slotSenders)
        place.phase = free ?? spread.indexOf(Math.min(...spread))
        spread[place.phase] = (spread[place.phase] ?? 0) + 1
      }
      const { phase } = place
      const earliest = Math.max(fromMs, current + 1, Math.floor(alarm.now()) + 1)
      return Math.ceil((earliest - phase) / frameMs) * frameMs + phase
    },
    remove: (place) => {
      if (place.removed) return
      place.removed = true
      if (place.phase !== -1) spread[place.phase] = (spread[place.phase] ?? 1) - 1
      extract(place)
      arm()
    }
  }

  const register = (sender: Sender): Registration => new Place(sender, places)

  return AudioClock.of({ now: alarm.now, register, post, flush })
}

/**
 * An alarm by Effect's `Clock`. It costs a fiber a wake-up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const alarm = (clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>): Alarm => {
  let fiber: Fiber.Fiber<void> | undefined
  let requests = 0
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const clear = () => {
    requests++
    fiber?.interruptUnsafe()
    fiber = undefined
  }
  return {
    now,
    clear,
    set: (atMs, ring) => {
      clear()
      const request = requests
      const sleeping = fork(Effect.andThen(
        clock.sleep(Duration.millis(Math.max(0, atMs - now()))),
        Effect.sync(() => {
          fiber = undefined
          ring()
        })
      ))
      // one whose time has come may have rung by now, and what it called may have asked for another
      if (request === requests) fiber = sleeping
    }
  }
}

/**
 * The alarm of a running process: one `setTimeout` and `performance.now()`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const systemAlarm = (): Alarm => {
  let timer: NodeJS.Timeout | undefined
  const now = () => performance.now()
  return {
    now,
    clear: () => clearTimeout(timer),
    set: (atMs, ring) => {
      clearTimeout(timer)
      const step = () => {
        // setTimeout may fire a fraction of a millisecond early
        const early = atMs - now()
        if (early > 0) timer = setTimeout(step, early)
        else ring()
      }
      timer = setTimeout(step, Math.max(0, atMs - now()))
    }
  }
}

/**
 * The clock of a running process: {@link systemAlarm}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<AudioClock> = Layer.effect(
  AudioClock,
  Effect.map(
    Effect.acquireRelease(Effect.sync(systemAlarm), ({ clear }) => Effect.sync(clear)),
    make
  )
)

/**
 * A clock that follows Effect's `Clock`: in tests, `TestClock.adjust` moves it together with everything else. It costs a
 * fiber a wake-up, so a running process wants {@link layer}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEffectClock: Layer.Layer<AudioClock> = Layer.effect(
  AudioClock,
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const { clear, now, set } = alarm(clock, Effect.runForkWith(yield* Effect.context()))
    yield* Effect.addFinalizer(() => Effect.sync(clear))
    return make({ now, set, clear })
  })
)
