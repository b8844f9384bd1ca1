/**
 * Finds where two pieces of sound fit together best.
 *
 * @since 0.1.0
 */

/**
 * How long one fades into the other, in samples: 10 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const overlap = 480

/**
 * The number of positions that are compared: a wave of 50 Hz fits somewhere within.
 *
 * @category constants
 * @since 0.1.0
 */
export const range = 960

const coarse = 8

/** How similar a continuation and a position are, on both sides: a correlation that does not depend on their levels. */
const likeness = (follows: Float32Array, frames: Float32Array, at: number, step: number): number => {
  let product = 0
  let energy = 1e-9
  for (let i = 0; i < overlap * 2; i += step * 2) {
    const left = frames[at * 2 + i] ?? 0
    const right = frames[at * 2 + i + 1] ?? 0
    product += left * (follows[i] ?? 0) + right * (follows[i + 1] ?? 0)
    energy += left * left + right * right
  }
  return product / Math.sqrt(energy)
}

/** The position from `first` to before `last` that is most similar to `follows`. */
const best = (
  follows: Float32Array,
  frames: Float32Array,
  first: number,
  last: number,
  step: number,
  detail: number
): number => {
  let found = first
  let most = -Infinity
  for (let place = first; place < last; place += step) {
    const like = likeness(follows, frames, place, detail)
    if (like <= most) continue
    most = like
    found = place
  }
  return found
}

/**
 * Finds the position from `from` on, within the first `places`, that is most similar to `follows`. Returns its distance from
 * there.
 *
 * @category combinators
 * @since 0.1.0
 */
export const find = (follows: Float32Array, frames: Float32Array, from: number, places: number): number => {
  const near = best(follows, frames, from, from + places, coarse, 4)
  const first = Math.max(from, near - coarse + 1)
  return best(follows, frames, first, Math.min(from + places, near + coarse), 1, 2) - from
}
