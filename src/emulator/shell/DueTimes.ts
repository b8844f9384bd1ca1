/**
 * One fiber that waits for due times: it sleeps on Effect's `Clock` until the earliest one, runs what is due, and checks again.
 * It drives both the core's timers and the datagrams that a virtual network holds back, under the live clock and the
 * `TestClock` alike.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/**
 * The part of a millisecond within which a due time counts as reached: converting a clock reading from nanoseconds to
 * milliseconds can miss it by a rounding error, and no clock can sleep for so short a time.
 */
const roundingMs = 1e-4

/**
 * The shared monotonic clock: what is read here can be compared with what a program in the same process reads.
 *
 * @category models
 * @since 0.1.0
 */
export interface Milliseconds {
  /** Milliseconds of `Clock.monotonicTimeNanos`, with fractions; never goes back. */
  readonly now: () => number
  /** Sets a minimum of `ms` for `now`. */
  readonly reach: (ms: number) => void
}

/**
 * The monotonic time of Effect's `Clock` in milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const milliseconds: Effect.Effect<Milliseconds> = Clock.clockWith((clock) =>
  Effect.sync(() => {
    let last = Number.NEGATIVE_INFINITY
    return {
      now: () => {
        last = Math.max(last, Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
        return last
      },
      reach: (ms) => {
        last = Math.max(last, ms)
      }
    }
  })
)

/**
 * The options of {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface DueTimesOptions {
  readonly time: Milliseconds
  /** The earliest due time in milliseconds, if there is one. */
  readonly nextDueMs: () => number | undefined
  /** Runs everything that is due by `time.now()`. Afterwards `nextDueMs` must be later. */
  readonly runDue: () => void
  /** What has to be waited for before something that is `lateMs` late is run, if anything. */
  readonly whenLate?: ((lateMs: number) => Effect.Effect<void> | undefined) | undefined
}

/**
 * Wakes the fiber if something is due earlier than what it waits for. It never runs anything itself, so it can be called from
 * anywhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface DueTimes {
  readonly poke: () => void
}

/**
 * Starts the fiber, which ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(options: DueTimesOptions): Effect.fn.Return<DueTimes, never, Scope.Scope> {
    const { nextDueMs, runDue, time, whenLate } = options
    const wake = yield* Queue.sliding<void>(1)
    let waitingFor = Number.POSITIVE_INFINITY

    const turn: Effect.Effect<unknown> = Effect.suspend(() => {
      const due = nextDueMs()
      waitingFor = due ?? Number.POSITIVE_INFINITY
      if (due === undefined) return Queue.take(wake)
      const wait = due - time.now()
      if (wait > roundingMs) {
        return Effect.timeoutOrElse(Queue.take(wake), { duration: wait, orElse: () => Effect.void })
      }
      const run = Effect.suspend(() => {
        time.reach(due)
        runDue()
        return Effect.yieldNow
      })
      const waiting = whenLate?.(-wait)
      return waiting === undefined ? run : Effect.andThen(waiting, run)
    })
    yield* Effect.forever(turn, { disableYield: true }).pipe(Effect.forkScoped)

    return {
      poke: () => {
        const due = nextDueMs()
        if (due === undefined || due >= waitingFor) return
        waitingFor = due
        Queue.offerUnsafe(wake, undefined)
      }
    }
  }
)
