import { Clock, Duration, Effect, Exit, Fiber, Scheduler } from "effect"
import { loadLibopus } from "libopus-wasm"
import * as SodiumMemory from "../../src/crypto/SodiumMemory.ts"

interface Sleeper {
  readonly atMs: number
  readonly number: number
  readonly wake: () => void
}

const isBefore = (a: Sleeper, b: Sleeper) => a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)

/** A heap of sleepers, the earliest first; of two with the same time, the one that has slept longer comes first. */
const makeSleepers = () => {
  const heap: Array<Sleeper> = []
  const at = (index: number): Sleeper | undefined => heap[index]
  const sift = (from: number) => {
    let index = from
    while (true) {
      let first = index
      for (const child of [2 * index + 1, 2 * index + 2]) {
        const [a, b] = [at(child), at(first)]
        if (a !== undefined && b !== undefined && isBefore(a, b)) first = child
      }
      const [a, b] = [at(first), at(index)]
      if (first === index || a === undefined || b === undefined) return
      heap[index] = a
      heap[first] = b
      index = first
    }
  }
  return {
    add: (sleeper: Sleeper) => {
      let index = heap.push(sleeper) - 1
      while (index > 0) {
        const parent = (index - 1) >>> 1
        const above = at(parent)
        if (above === undefined || isBefore(above, sleeper)) return
        heap[index] = above
        heap[parent] = sleeper
        index = parent
      }
    },
    take: (): Sleeper | undefined => {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined || heap.length === 0) return first
      heap[0] = last
      sift(0)
      return first
    }
  }
}

/** Anything that is not Effect begins within this time, if at all. */
const startMs = 1

/**
 * Runs a program on virtual time that passes on its own: whenever every fiber waits, the time jumps to that of the next
 * sleeper. It does what a `TestClock` that is constantly adjusted does, but without a turn of the event loop for each
 * step, which makes thousands of runs possible. `timers` says how many fibers are sleeping. A program that waits for
 * something that never comes, or has not ended after `limitMs`, hangs.
 */
export const run = <A, E>(
  program: Effect.Effect<A, E> | ((timers: () => number) => Effect.Effect<A, E>),
  limitMs: number
): Effect.Effect<A, E> =>
  Effect.flatten(Effect.promise(async (): Promise<Exit.Exit<A, E>> => {
    // WebAssembly is compiled in threads, which takes real time
    await Promise.all([SodiumMemory.get(), loadLibopus()])
    const sleepers = makeSleepers()
    let ready: Array<() => void> = []
    let nowMs = 0
    let slept = 0
    let asleep = 0
    const nanos = () => BigInt(Math.round(nowMs * 1_000_000))

    const sleep = (duration: Duration.Duration): Effect.Effect<void> =>
      Effect.callback((resume) => {
        const ms = Duration.toMillis(duration)
        if (!(ms > 0)) return resume(Effect.void)
        let cancelled = false
        asleep++
        sleepers.add({
          atMs: nowMs + ms,
          number: slept++,
          wake: () => {
            if (cancelled) return
            asleep--
            resume(Effect.void)
          }
        })
        return Effect.sync(() => {
          if (cancelled) return
          cancelled = true
          asleep--
        })
      })
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: () => nowMs,
      currentTimeMillis: Effect.sync(() => nowMs),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep
    }
    const scheduler = new Scheduler.MixedScheduler("async", (f) => {
      let cancelled = false
      ready.push(() => {
        if (!cancelled) f()
      })
      return () => {
        cancelled = true
      }
    })
    const settle = () => {
      while (ready.length > 0) {
        const now = ready
        ready = []
        for (const f of now) f()
      }
    }

    const effect = typeof program === "function" ? program(() => asleep) : program
    /** Libraries may still have to start, which takes turns of the event loop. */
    const starting = async () => {
      for (let turn = 0; turn < 5; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
        settle()
      }
    }

    const fiber = Effect.runFork(Effect.provideService(effect, Clock.Clock, clock), { scheduler })
    let interrupted = false
    /** Consecutive turns of the event loop in which nothing happened: a library may still have to start. */
    let idle = 0
    while (true) {
      settle()
      // codecs are made with promises, which take no time, but need their turn
      await undefined
      if (nowMs < startMs) await starting()
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) {
        if (interrupted) return Exit.die(new Error(`hangs: not at its end after ${Math.round(nowMs)} ms`))
        return asleep > 0 ? Exit.die(new Error(`${asleep} timers stay`)) : exit
      }
      const next = nowMs < limitMs || interrupted ? sleepers.take() : undefined
      if (next !== undefined) {
        idle = 0
        nowMs = next.atMs
        next.wake()
        if (nowMs > 2 * limitMs) return Exit.die(new Error("hangs, and cannot be interrupted"))
      } else if (idle++ < 100 && nowMs < limitMs) {
        await new Promise((resolve) => setImmediate(resolve))
      } else if (interrupted) return Exit.die(new Error("hangs, and cannot be interrupted"))
      else {
        interrupted = true
        Effect.runFork(Fiber.interrupt(fiber), { scheduler })
      }
    }
  }))
