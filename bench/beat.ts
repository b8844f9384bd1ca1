/**
 * How late the shared beat calls its senders, for 1, 100 and 1,000 senders that do nothing but ask for their next 20 ms.
 * Beside it, in the same run, one timer that serves all senders in one burst: what a simple player does.
 */
import { Effect } from "effect"
import * as AudioClock from "../src/AudioClock.ts"
import { type Bench, median } from "./measure.ts"

const frameMs = AudioClock.frameMs

interface Round {
  readonly calls: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

const summarise = (late: Array<number>): Round => {
  late.sort((a, b) => a - b)
  const at = (share: number) => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? 0
  return { calls: late.length, p50: at(0.5), p99: at(0.99), max: late.at(-1) ?? 0 }
}

/** The shared clock, with each sender on its own slot. */
const shared = (senders: number, ms: number): Effect.Effect<Round> =>
  Effect.gen(function*() {
    const clock = yield* AudioClock.AudioClock
    const late: Array<number> = []
    const registrations = Array.from({ length: senders }, () => {
      let due = 0
      const registration = clock.register({
        onDue: (now) => {
          late.push(now - due)
          due += frameMs
          return due
        }
      })
      due = registration.align(clock.now())
      registration.schedule(due)
      return registration
    })
    yield* Effect.sleep(ms)
    for (const registration of registrations) registration.remove()
    return summarise(late)
  }).pipe(Effect.provide(AudioClock.layer))

/** One self-correcting timer that calls every sender when a frame begins. */
const burst = (senders: number, ms: number): Effect.Effect<Round> =>
  Effect.callback<Round>((resume) => {
    const late: Array<number> = []
    const start = performance.now()
    let due = start + frameMs
    const step = () => {
      for (let i = 0; i < senders; i++) late.push(performance.now() - due)
      due += frameMs
      if (due - start > ms) return resume(Effect.succeed(summarise(late)))
      setTimeout(step, Math.max(0, due - performance.now()))
    }
    setTimeout(step, frameMs)
  })

const spread = (rounds: ReadonlyArray<Round>, of: (round: Round) => number) => {
  const values = rounds.map(of)
  return { median: median(values), minimum: Math.min(...values), maximum: Math.max(...values) }
}

const shown = (figures: { readonly median: number; readonly minimum: number; readonly maximum: number }) =>
  `${figures.median.toFixed(2)} (${figures.minimum.toFixed(2)}-${figures.maximum.toFixed(2)})`

export const beat: Bench = {
  name: "beat",
  summary: "lateness of the shared beat, ms, beside one timer that serves all senders in a burst",
  run: async ({ quick }) => {
    const counts = [1, 100, 1_000]
    const rounds = quick ? 1 : 7
    const ms = quick ? 300 : 1_000
    const drivers = { shared, burst }
    const results = counts.flatMap((senders) =>
      (["shared", "burst"] as const).map((driver) => ({ senders, driver, rounds: Array<Round>() }))
    )
    for (let n = 0; n < rounds; n++) {
      for (const result of n % 2 === 0 ? results : results.toReversed()) {
        result.rounds.push(await Effect.runPromise(drivers[result.driver](result.senders, ms)))
      }
    }
    const figures = results.map((result) => ({
      senders: result.senders,
      driver: result.driver,
      callsPerSecond: median(result.rounds.map(({ calls }) => calls)) / result.senders / (ms / 1_000),
      p50: spread(result.rounds, ({ p50 }) => p50),
      p99: spread(result.rounds, ({ p99 }) => p99),
      max: spread(result.rounds, ({ max }) => max)
    }))
    return {
      rows: figures.map((figure) => ({
        senders: figure.senders,
        driver: figure.driver,
        "calls/s each": figure.callsPerSecond.toFixed(1),
        "p50 ms": shown(figure.p50),
        "p99 ms": shown(figure.p99),
        "max ms": shown(figure.max)
      })),
      figures,
      notes: [
        `medians of ${rounds} rounds of ${ms} ms, in turn; in brackets the least and the greatest round`,
        "lateness is the time of the call minus the time it was due, on the grid of 1 ms"
      ]
    }
  }
}
