/**
 * Owns a core in a scope: gives it the time before every input, wakes it when something is due, hands its outputs to the
 * shell, and keeps it from being entered while it is inside itself. Inputs are plain functions, because they come from
 * callbacks of sockets.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Core } from "../core/Core.ts"
import type { Output } from "../core/CoreContext.ts"
import * as DueTimes from "./DueTimes.ts"

/**
 * A core that is being driven.
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  /** The core's time: milliseconds of `Clock.monotonicTimeNanos`. */
  readonly nowMs: () => number
  /**
   * Advances the core to now and hands it to `input`, at once, or after the running input if there is one. After the
   * scope has closed nothing happens. Never throws.
   */
  readonly run: (input: (core: Core) => void) => void
  /**
   * The same as an effect with a result. It dies with the first defect that the core, an input or the shell's delivery
   * ever had, so that a broken emulator cannot look like a well-behaved client.
   */
  readonly call: <A>(f: (core: Core) => A) => Effect.Effect<A>
  /** Waits until the scope closes: nothing happens any more, so that nobody who waits for something of the core may go on waiting. */
  readonly closed: Effect.Effect<void>
}

/**
 * What {@link make} needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface DriverOptions {
  /**
   * Where inputs come from outside: how to wait until those are there that came while the process stood still. What becomes due
   * then is not run before they are handed over, so that nobody is blamed for what lies in a socket already. Default: inputs come
   * when they are made.
   */
  readonly afterInputs?: ((run: () => void) => void) | undefined
  readonly core: (
    options: { readonly nowMs: number; readonly clockMs: () => number; readonly emit: (output: Output) => void }
  ) => Core
  /** Carries out an output. It may call `run`, which waits until the core is free. */
  readonly deliver: (output: Output) => void
}

/**
 * What whoever needs an emulator dies of whose scope has closed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const dieClosed: Effect.Effect<never> = Effect.suspend(() =>
  Effect.die(new Error("The scope of the emulator has closed."))
)

/** The process stood still, or had other things to do, if something is run so late. In milliseconds. */
const stallMs = 15

/** What is due is run at its time, and not before. */
const justBeforeMs = 1e-3

/**
 * Makes a core and drives it until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(options: DriverOptions): Effect.fn.Return<Driver, never, Scope.Scope> {
    const context = yield* Effect.context<never>()
    const time = yield* DueTimes.milliseconds
    const inputs: Array<(core: Core) => void> = []
    let busy = false
    let stopped = false
    const closed = yield* Deferred.make<void>()
    const defects: Array<unknown> = []

    const broken = (cause: unknown) => {
      defects.push(cause)
      Effect.runForkWith(context)(Effect.logError("The emulator is broken", Cause.die(cause)))
    }
    const emit = (output: Output) => {
      if (stopped) return
      try {
        options.deliver(output)
      } catch (cause) {
        broken(cause)
      }
    }
    const core = options.core({ nowMs: time.now(), clockMs: time.now, emit })

    const { afterInputs } = options
    let advancedMs = time.now()
    /** Who waits for the inputs of a time in which the process stood still. */
    let catchingUp: Array<() => void> | undefined
    /** They are there: what is due is run, however late. */
    let isSettled = false

    const runDue = () => {
      isSettled = true
      run(() => {})
      isSettled = false
    }

    const catchUp = (whenDone?: () => void): void => {
      if (whenDone !== undefined) catchingUp?.push(whenDone)
      if (catchingUp !== undefined) return
      catchingUp = whenDone === undefined ? [] : [whenDone]
      afterInputs?.(() => {
        const waiting = catchingUp ?? []
        catchingUp = undefined
        runDue()
        for (const resume of waiting) resume()
      })
    }

    /** Until those inputs are there, it is a moment before what was due meanwhile. */
    const coreNow = (): number => {
      const now = time.now()
      const due = afterInputs === undefined || isSettled ? undefined : core.nextDueMs()
      if (due === undefined || now <= due) return now
      if (now - due > stallMs) catchUp()
      return catchingUp === undefined ? now : Math.max(advancedMs, due - justBeforeMs)
    }

    const step = (input: (core: Core) => void) => {
      try {
        advancedMs = coreNow()
        core.advance(advancedMs)
        input(core)
      } catch (cause) {
        broken(cause)
      }
    }
    const run = (input: (core: Core) => void) => {
      if (stopped) return
      inputs.push(input)
      if (busy) return
      busy = true
      for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) step(next)
      busy = false
      dueTimes.poke()
    }
    const dueTimes = yield* DueTimes.make({
      time,
      nextDueMs: () => defects.length === 0 ? core.nextDueMs() : undefined,
      runDue,
      whenLate: (lateMs) =>
        afterInputs === undefined || lateMs <= stallMs
          ? undefined
          : Effect.callback((resume) => catchUp(() => resume(Effect.void)))
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        stopped = true
        inputs.length = 0
        Deferred.doneUnsafe(closed, Effect.void)
      })
    )

    const call = <A>(f: (core: Core) => A): Effect.Effect<A> =>
      Effect.suspend(() => {
        if (defects.length > 0) return Effect.die(defects[0])
        // A fiber can be resumed from within the core, by a callback of a participant.
        if (busy) return Effect.andThen(Effect.yieldNow, call(f))
        let result: Effect.Effect<A> = dieClosed
        run((core) => {
          result = Effect.succeed(f(core))
        })
        return defects.length === 0 ? result : Effect.die(defects[0])
      })

    return { nowMs: time.now, run, call, closed: Deferred.await(closed) }
  }
)
