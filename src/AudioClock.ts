/**
 * The scheduler of due times that all senders of a process share, called the beat. It keeps one timer on a 1 ms grid of the
 * monotonic clock. Senders are spread over the 20 slots of a frame, so that a thousand of them do not send in one burst. A
 * hundred of them occupy as few slots as will do, so that the process wakes up less often.
 *
 * Senders are plain objects, called in the beat: whatever a sender does there must be short and must not throw. A sender says
 * when it is due next, so that frames of any duration (2.5 to 120 ms) share one clock. A late call is passed on as it is: the
 * sender sees how late it is, and decides whether to catch up.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Alarm, alarm, systemAlarm } from "./clock/Alarm.ts"
import * as Batch from "./clock/Batch.ts"
import * as Phases from "./clock/Phases.ts"
import { gridOf, type Keeper, never, noPhase, Place } from "./clock/Place.ts"
import { prefetchSteps, type Registration, type Sender } from "./clock/Sender.ts"
import * as Wheel from "./clock/Wheel.ts"

export {
  /**
   * @category models
   * @since 0.1.0
   */
  type Alarm,
  /**
   * @category constructors
   * @since 0.1.0
   */
  alarm,
  /**
   * @category constructors
   * @since 0.1.0
   */
  systemAlarm
} from "./clock/Alarm.ts"

export {
  /**
   * @category constants
   * @since 0.1.0
   */
  batchPackets,
  /**
   * @category models
   * @since 0.1.0
   */
  type Outlet
} from "./clock/Batch.ts"

export {
  /**
   * @category constants
   * @since 0.1.0
   */
  frameMs
} from "./clock/Phases.ts"

export {
  /**
   * @category constants
   * @since 0.1.0
   */
  prefetchSteps,
  /**
   * @category models
   * @since 0.1.0
   */
  type Registration,
  /**
   * @category models
   * @since 0.1.0
   */
  type Sender
} from "./clock/Sender.ts"

/**
 * The service that calls senders when they are due.
 *
 * @category services
 * @since 0.1.0
 */
export class AudioClock extends Context.Service<AudioClock, {
  /** Milliseconds of a monotonic clock with an arbitrary origin. */
  readonly now: () => number
  readonly register: (sender: Sender) => Registration
  /**
   * Queues a packet that is delivered when all senders of the slot have posted theirs. The packets are delivered in this
   * order: first all are sealed, then all are sent, so that neither half pushes the other's code and data out of the
   * processor's caches between two packets. There is room for {@link batchPackets}; one more delivers those that wait.
   */
  readonly post: (outlet: Batch.Outlet, packet: Uint8Array, length: number) => void
  /** Delivers the packets that were posted. Needed only outside of {@link Sender.onDue}. */
  readonly flush: () => void
}>()("effect-discord-voice/AudioClock") {}

/** The number of senders of one slot that are called with the same time: together they take a tenth of a millisecond. */
const readsOfTheClock = 16

/**
 * Makes a clock over an {@link Alarm}. The layers below are made with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (alarm: Alarm): AudioClock["Service"] => {
  const wheel = Wheel.make<Place>(Math.floor(alarm.now()))
  const phases = Phases.make()
  const { flush, post } = Batch.make()
  // the functions that run for each packet are called without a lookup in the wheel
  const { extract, insert } = wheel
  /** Nobody reads the sum, but without keeping a result the reads could be optimized away. */
  let prefetched = 0
  let armedFor = Infinity
  let running = false

  const arm = (): void => {
    if (running) return
    const next = wheel.next()
    if (next === armedFor) return
    armedFor = next
    if (next === Infinity) alarm.clear()
    else alarm.set(next, ring)
  }

  const ring = (): void => {
    armedFor = Infinity
    running = true
    try {
      wheel.turn(Math.floor(alarm.now()), serve)
    } finally {
      // a sender that throws breaks the rules, but it must not silence all others permanently
      running = false
      flush()
      arm()
    }
  }

  /** Serves the senders of one slot. */
  const serve = (places: ReadonlyArray<Place>): void => {
    for (let step = 0; step < prefetchSteps; step++) {
      for (let i = 0; i < places.length; i++) prefetched ^= places[i]?.sender.prefetch?.(step) ?? 0
    }
    let now = 0
    let i = 0
    try {
      while (i < places.length) {
        // reading the clock costs as much as a large part of a sender's work
        if (i % readsOfTheClock === 0) now = alarm.now()
        const place = places[i++]
        if (place !== undefined) run(place, now)
      }
    } finally {
      // after a sender that throws, the others of its slot are still waiting
      while (i < places.length) {
        const place = places[i++]
        if (place !== undefined && !place.removed && place.slot === Wheel.noSlot && place.due !== never) insert(place)
      }
    }
    flush()
  }

  const run = (place: Place, now: number): void => {
    if (place.removed || place.due === never) return
    if (place.due <= now) {
      const next = place.sender.onDue(now)
      // what it returns now overrides what it, or another sender, asked for in the meantime
      extract(place)
      place.due = gridOf(next)
    }
    if (!place.removed && place.slot === Wheel.noSlot && place.due !== never) insert(place)
  }

  const keeper: Keeper = {
    schedule: (place, dueMs) => {
      if (place.removed) return
      extract(place)
      place.due = gridOf(dueMs)
      if (!running && wheel.isEmpty()) wheel.skip(Math.floor(alarm.now()))
      if (place.due !== never) insert(place)
      arm()
    },
    align: (place, fromMs) => {
      if (place.phase === noPhase) place.phase = phases.take()
      return Phases.align(place.phase, Math.max(fromMs, Math.floor(alarm.now()) + 1))
    },
    remove: (place) => {
      if (place.removed) return
      place.removed = true
      if (place.phase !== noPhase) phases.give(place.phase)
      extract(place)
      arm()
    }
  }

  return AudioClock.of({ now: alarm.now, register: (sender) => new Place(sender, keeper), post, flush })
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
 * A clock that follows Effect's `Clock`: in tests, `TestClock.adjust` moves it together with everything else. It costs one
 * fiber per wake-up, so use {@link layer} in a running process.
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
