/**
 * The ids of messages and interactions: bots read the time from them (Discord docs, Reference, Snowflakes).
 *
 * @since 0.1.0
 */

/** The first second of 2015, in milliseconds of Unix time. */
const epochMs = 1_420_070_400_000

/**
 * Ids that ascend and contain the time `nowMs` in their upper bits, in milliseconds of Unix time. Before 2015, those of
 * `otherwise`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (nowMs: () => number, otherwise: () => string): () => string => {
  let last = 0n
  return () => {
    const sinceMs = Math.floor(nowMs() - epochMs)
    if (sinceMs < 0) return otherwise()
    const first = BigInt(sinceMs) << 22n
    last = first > last ? first : last + 1n
    return String(last)
  }
}

/**
 * The time of an id, in milliseconds of Unix time.
 *
 * @category getters
 * @since 0.1.0
 */
export const msOf = (id: string): number => Number(BigInt(id) >> 22n) + epochMs

/**
 * The time of an id in Discord's format.
 *
 * @category getters
 * @since 0.1.0
 */
export const timeOf = (id: string): string => new Date(msOf(id)).toISOString()

/**
 * Compares two ids, which have more digits than a number can represent: negative if `one` is earlier.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (one: string, other: string): number =>
  one.length - other.length || (one < other ? -1 : +(one > other))
