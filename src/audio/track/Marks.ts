/**
 * Waits for a track to reach a position, or reports positions on its way. What was sent is counted anyway. It is checked when
 * a position can have been reached, which is never before its time, and not at all while nobody waits.
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
  /** Waits for a position, in milliseconds of the source; false if the end comes first. */
  readonly reached: (positionMs: number) => Effect.Effect<boolean>
  /** The multiples of an interval in milliseconds, as they are reached. Ends with the track. */
  readonly every: (intervalMs: number) => Stream.Stream<number>
  /** From now on, this reading is sent, from another position. */
  readonly follow: (reading: Reading) => void
  /** Something has changed that affects what is to come: a pause is over, another pass follows. */
  readonly wake: () => void
  /** The track has ended. */
  readonly end: () => void
  /** Nothing more of the track is sent. */
  readonly release: () => void
}

type Heard = Pick<Reading, "heardMs" | "pass" | "positionMs">

/** The current position, without its ring: an ended track may be kept for long. */
const standing = (reading: Heard): Heard => {
  const [heardMs, pass, positionMs] = [reading.heardMs(), reading.pass(), reading.positionMs()]
  return { heardMs: () => heardMs, pass: () => pass, positionMs: () => positionMs }
}

interface Watcher {
  /** Checks what was sent up to a time of the ring. Returns the time at which there can be something new. */
  readonly look: (heardMs: number) => number
  /** What is heard from now on begins with this pass. */
  readonly restart: (pass: Pass) => void
  readonly end: () => void
}

/** How far ahead of its time one packet can be: all of it counts as soon as it is sent. */
const longestPacketMs = 120

const leastWaitMs = 20

const longestWaitMs = 60_000

/** The number of checks, 20 ms apart, of something that does not move: what is mixed already is still heard after a pause. */
const looksWhilePaused = 32

/** One sample, since positions are sums of fractions. */
const sampleMs = 1 / 48
const roundingMs = sampleMs / 2

const placesKept = 64

/** When a position of a pass is reached. A position before the pass is reached with its first sample. */
const dueMs = (pass: Pass, positionMs: number): number =>
  pass.atMs + Math.max(sampleMs, (positionMs - pass.positionMs) / pass.speed) - roundingMs

const endOf = ({ next }: Pass): number => next === undefined ? Infinity : next.atMs

/** Waits for one position, in this pass or a later one. */
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

/** Reports the multiples of an interval; if several are passed at once in one pass, only the last. */
const tellEach = (
  intervalMs: number,
  first: Pass,
  fromMs: number,
  tell: (positionMs: number) => void,
  done: () => void
): Watcher => {
  const multipleFrom = (positionMs: number) => Math.ceil((positionMs - roundingMs) / intervalMs)
  let pass = first
  /** The multiple that is reported next; not known for a pass that has not begun. */
  let next = multipleFrom(fromMs)
  return {
    look: (heardMs) => {
      while (true) {
        // its start may have been moved
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
  /** Most tracks never have any. */
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
        // not in the middle of the beat, which all tracks share
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

  /** Checks what was sent. Returns when to check again, in milliseconds, or 0. */
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

  /** Checks at once, so that it is known what was reached before. */
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
