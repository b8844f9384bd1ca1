/**
 * What the emulator noticed: a bounded list of verdicts, and counters by name.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"
import type { Verdict } from "./CoreContext.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Verdicts {
  readonly judge: (
    severity: Verdict["severity"],
    code: string,
    message: string,
    userId: UserId | undefined
  ) => void
  readonly count: (name: string) => void
  /** In the order in which they occurred. */
  readonly list: () => ReadonlyArray<Verdict>
  readonly counters: () => ReadonlyMap<string, number>
}

/**
 * The number of verdicts that are kept. Later ones are only counted, by their code and as `verdicts-not-kept`.
 *
 * @category constants
 * @since 0.1.0
 */
export const limit = 10_000

/**
 * The number of names that are counted. Later names are counted as `others`, because bots can request any number of paths.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostNames = 1_000

/**
 * Makes an empty list. `now` is in milliseconds. Every verdict is also counted under `violation:code` or `advice:code`, and
 * passed to `onVerdict`, whether it is kept or not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: () => number, onVerdict: (verdict: Verdict) => void = () => {}): Verdicts => {
  const kept: Array<Verdict> = []
  const counters = new Map<string, number>()
  const count = (name: string) => {
    const counted = counters.has(name) || counters.size < mostNames ? name : "others"
    counters.set(counted, (counters.get(counted) ?? 0) + 1)
  }
  return {
    judge: (severity, code, message, userId) => {
      count(`${severity}:${code}`)
      const verdict = { severity, code, message, userId, atMs: now() }
      if (kept.length >= limit) count("verdicts-not-kept")
      else kept.push(verdict)
      onVerdict(verdict)
    },
    count,
    list: () => kept.slice(),
    counters: () => new Map(counters)
  }
}
