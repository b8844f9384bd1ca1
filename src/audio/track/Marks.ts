/**
 * Who waits for a track to come to a place, or wants to know of each place on its way. What was sent is counted anyway: it is
 * looked at when a place can have been reached, which is never before its time, and not at all while nobody waits.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Pump from "../../ring/Pump.ts"
import type { Pass, Reading } from "./Reading.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly clock: Clock.Clock
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly isPaused: () => boolean
  /** How many milliseconds of the ring are heard in one. Default 1. */
  readonly pace?: (() => number) | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Marks {
  /** Whether what is sent comes to a place, in milliseconds of the source, before the end. */
  readonly reached: (positionMs: number) => Effect.Effect<boolean>
  /** The multiples of so many milliseconds that what is sent comes to. Ends with the track. */
  readonly every: (intervalMs: number) => Stream.Stream<number>
  /** What is sent from now on is of this reading, at another place. */
  readonly follow: (reading: Reading) => void
  /** Something has changed that moves what is to come: a pause is over, another pass follows. */
  readonly wake: () => void
  /** The track has ended. */
  readonly end: () => void
  /** Nothing more of it is sent. */
  readonly release: () => void
}

type Heard = Pick<Reading, "heardMs" | "pass" | "positionMs">

/** Where it is now, without its ring: an ended track may be kept for long. */
const standing = (reading: Heard): Heard => {
  const [heardMs, pass, positionMs] = [reading.heardMs(), reading.pass(), reading.positionMs()]
  return { heardMs: () => heardMs, pass: () => pass, positionMs: () => positionMs }
}

interface Watcher {
  /** What was sent up to a time of the ring. Gives the time at which there can be something new. */
  readonly look: (heardMs: number) => number
  /** What is heard from now on begins with this pass. */
  readonly restart: (pass: Pass) => void
  readonly end: () => void
}

/** What one packet can be ahead of its time: all of it counts as soon as it is sent. */
const longestPacketMs = 120

const leastWaitMs = 20

const longestWaitMs = 60_000

/** Looks at something that does not move, 20 ms apart: what is mixed already is heard after a pause. */
const looksWhilePaused = 32

/** A sample, as long as places are sums of fractions. */
const sampleMs = 1 / 48
const roundingMs = sampleMs / 2

const placesKept = 64

/** When what is sent comes to a place of a pass: with its first sample to what lies before the pass. */
const dueMs = (pass: Pass, positionMs: number): number =>
  pass.atMs + Math.max(sampleMs, (positionMs - pass.positionMs) / pass.speed) - roundingMs

const endOf = ({ next }: Pass): number => next === undefined ? Infinity : next.atMs

/** Waits for one place, in this pass or a later one. */
const waitFor = (positionMs: number, first: Pass, done: (reached: boolean) => void): Watcher => {
  let pass = first
  return {
    look: (heardMs) => {
      while (pass.next !== undefined && dueMs(pass, positionMs) > endOf(pass)) pass = pass.next
      const due = dueMs(pass, positionMs)
      if (heardMs >= due) done(true)
      return due
    },
    restart: (next) => {
      pass = next
    },
    end: () => done(false)
  }
}

/** Tells the multiples of an interval: of those that are passed at a time in one pass, the last. */
const tellEach = (
  intervalMs: number,
  first: Pass,
  fromMs: number,
  tell: (positionMs: number) => void,
  done: () => void
): Watcher => {
  const multipleFrom = (positionMs: number) => Math.ceil((positionMs - roundingMs) / intervalMs)
  let pass = first
  /** The multiple that is told next; not known of a pass that has not begun. */
  let next = multipleFrom(fromMs)
  return {
    look: (heardMs) => {
      while (true) {
        // where it begins may have been moved
        if (next === Infinity || heardMs <= pass.atMs) next = Math.min(next, multipleFrom(pass.positionMs))
        const end = endOf(pass)
        const at = Math.min(heardMs, end)
        if (at >= dueMs(pass, next * intervalMs)) {
          next = Math.max(next, Math.floor((pass.positionMs + (at - pass.atMs + roundingMs) * pass.speed) / intervalMs))
          tell(next * intervalMs)
          next++
        }
        if (pass.next === undefined || heardMs < end) return Math.min(end, dueMs(pass, next * intervalMs))
        pass = pass.next
        next = Infinity
      }
    },
    restart: (nextPass) => {
      pass = nextPass
      next = Infinity
    },
    end: done
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Marks => new Watching(options)

class Watching implements Marks {
  readonly #options: Options
  /** Most tracks have none, ever. */
  #watchers: Set<Watcher> | undefined
  #reading: Heard | undefined
  #looking: Fiber.Fiber<void> | undefined
  #isOver = false
  #lastMs = -1
  #standstills = 0

  constructor(options: Options) {
    this.#options = options
  }

  reached(positionMs: number): Effect.Effect<boolean> {
    return Effect.callback((resume) => {
      const reading = this.#reading
      if (reading === undefined) return resume(Effect.succeed(false))
      const watcher = waitFor(positionMs, reading.pass(), (reached) => {
        this.#watchers?.delete(watcher)
        // not in the middle of what all tracks share
        resume(Effect.as(Effect.yieldNow, reached))
      })
      this.#enter(watcher)
      return Effect.sync(() => this.#leave(watcher))
    })
  }

  every(intervalMs: number): Stream.Stream<number> {
    return Stream.unwrap(Effect.gen({ self: this }, function*() {
      const queue = yield* Queue.make<number, Cause.Done>({ capacity: placesKept, strategy: "sliding" })
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const reading = this.#reading
          if (reading === undefined) return void Queue.endUnsafe(queue)
          const watcher = tellEach(
            intervalMs,
            reading.pass(),
            reading.positionMs(),
            (positionMs) => void Queue.offerUnsafe(queue, positionMs),
            () => {
              this.#watchers?.delete(watcher)
              Queue.endUnsafe(queue)
            }
          )
          this.#enter(watcher)
          return watcher
        }),
        (watcher) => Effect.sync(() => watcher === undefined ? undefined : this.#leave(watcher))
      )
      return Stream.fromQueue(queue)
    }))
  }

  follow(reading: Reading): void {
    this.#look()
    this.#reading = reading
    for (const watcher of this.#watchers ?? []) watcher.restart(reading.pass())
    this.wake()
  }

  wake(): void {
    if (this.#isIdle()) return
    this.#rest()
    this.#standstills = 0
    const ms = this.#look()
    if (ms > 0 && !this.#isOver) {
      this.#looking = this.#options.fork(Pump.refill(this.#options.clock, ms, () => this.#look()))
    }
    if (!this.#isOver) return
    for (const watcher of Array.from(this.#watchers ?? [])) watcher.end()
  }

  end(): void {
    this.#isOver = true
    this.wake()
  }

  release(): void {
    if (this.#reading !== undefined) this.#reading = standing(this.#reading)
  }

  #isIdle(): boolean {
    return this.#watchers === undefined || this.#watchers.size === 0
  }

  /** Looks at what was sent. Gives when to look again, in milliseconds, or 0. */
  #look(): number {
    const options = this.#options
    if (this.#reading === undefined || this.#watchers === undefined || this.#watchers.size === 0) return 0
    const heardMs = this.#reading.heardMs()
    let next = Infinity
    for (const watcher of this.#watchers) next = Math.min(next, watcher.look(heardMs))
    this.#standstills = heardMs === this.#lastMs ? this.#standstills + 1 : 0
    this.#lastMs = heardMs
    if (this.#isIdle() || (options.isPaused() && this.#standstills >= looksWhilePaused)) return 0
    return Math.max(leastWaitMs, Math.min(longestWaitMs, (next - heardMs - longestPacketMs) / (options.pace?.() ?? 1)))
  }

  #rest(): void {
    this.#looking?.interruptUnsafe()
    this.#looking = undefined
  }

  /** Looks at once, so that what was reached before is known by then. */
  #enter(watcher: Watcher): void {
    this.#watchers ??= new Set()
    this.#watchers.add(watcher)
    this.wake()
  }

  #leave(watcher: Watcher): void {
    this.#watchers?.delete(watcher)
    if (this.#isIdle()) this.#rest()
  }
}
