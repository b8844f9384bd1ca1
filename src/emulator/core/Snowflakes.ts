/**
 * The ids of what happens while the emulator runs, messages and interactions: bots read from them when it was (Discord docs, Reference,
 * Snowflakes).
 *
 * @since 0.1.0
 */

/** The first second of 2015, in milliseconds of Unix time. */
const epochMs = 1_420_070_400_000

/**
 * Ids that ascend, with the time `nowMs` in their upper bits, in milliseconds of Unix time; before 2015 those of `otherwise`.
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
 * When something happened, by its id, in milliseconds of Unix time.
 *
 * @category getters
 * @since 0.1.0
 */
export const msOf = (id: string): number => Number(BigInt(id) >> 22n) + epochMs

/**
 * When something happened, by its id, as Discord writes times.
 *
 * @category getters
 * @since 0.1.0
 */
export const timeOf = (id: string): string => new Date(msOf(id)).toISOString()

/**
 * The order of two ids, which are numbers of more digits than a number has: negative where `one` is the earlier one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (one: string, other: string): number =>
  one.length - other.length || (one < other ? -1 : +(one > other))
