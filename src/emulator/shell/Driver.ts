/**
 * Owns a core in a scope: sets its time before every input, wakes it when something is due, passes its outputs to the shell,
 * and prevents it from being entered recursively. Inputs are plain functions, because they come from callbacks of sockets.
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
 * A core with its driver.
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  /** The core's time: milliseconds of `Clock.monotonicTimeNanos`. */
  readonly nowMs: () => number
  /**
   * Advances the core to the current time and passes it to `input`, immediately, or after the running input if there is one.
   * Does nothing after the scope has closed. Never throws.
   */
  readonly run: (input: (core: Core) => void) => void
  /**
   * The same as an effect with a result. It dies with the first defect that the core, an input or the shell's delivery ever
   * had, so that a broken emulator cannot look like a well-behaved client.
   */
  readonly call: <A>(f: (core: Core) => A) => Effect.Effect<A>
  /** Waits until the scope closes: nothing happens after that, so nobody may continue to wait for something of the core. */
  readonly closed: Effect.Effect<void>
}

/**
 * The options of {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface DriverOptions {
  /**
   * If inputs come from outside: how to wait for the inputs that arrived while the process stood still. What becomes due in
   * that time is not run before these are handed over, so that nobody is blamed for what is still in a socket. Default: inputs
   * are available as soon as they are made.
   */
  readonly afterInputs?: ((run: () => void) => void) | undefined
  readonly core: (
    options: { readonly nowMs: number; readonly clockMs: () => number; readonly emit: (output: Output) => void }
  ) => Core
  /** Carries out an output. It may call `run`, which waits until the core is free. */
  readonly deliver: (output: Output) => void
}

/**
 * Dies with the message that the emulator's scope has closed.
 *
 * @category combinators
 * @since 0.1.0
 */
export const dieClosed: Effect.Effect<never> = Effect.suspend(() =>
  Effect.die(new Error("The scope of the emulator has closed."))
)

/** If something is run this late, in milliseconds, the process stood still or was busy. */
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
    /** Waiting for the inputs of a time in which the process stood still. */
    let catchingUp: Array<() => void> | undefined
    /** Whether they have arrived: then what is due is run, however late. */
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

    /** Until those inputs have arrived, the time stays just before what was due meanwhile. */
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
        // A fiber can be resumed from inside the core, by a callback of a participant.
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
