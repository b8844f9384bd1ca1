/**
 * Tables of a windowed sinc, with a Kaiser window and any number of phases, for reading samples between existing ones.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Table {
  /** Weights on either side of the center. */
  readonly half: number
  readonly phases: number
  /** `phases + 1` rows of `2 * half` weights. Each leaves a constant unchanged. */
  readonly weights: Float32Array
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  /** Weights on either side of the center if nothing is removed. */
  readonly halfTaps: number
  /** The parameter of the Kaiser window. */
  readonly beta: number
  readonly phases: number
  /** The share of the frequency range that is kept, above 0 and at most 1: what would alias is above it. */
  readonly share: number
}

const besselI0 = (x: number): number => {
  let sum = 1
  let term = 1
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ beta, halfTaps, phases, share }: Shape): Table => {
  const half = Math.ceil(halfTaps / share)
  const taps = 2 * half
  const weights = new Float32Array((phases + 1) * taps)
  const norm = besselI0(beta)
  for (let phase = 0; phase <= phases; phase++) {
    const row = phase * taps
    let sum = 0
    for (let i = 0; i < taps; i++) {
      const distance = i - (half - 1) - phase / phases
      const place = distance / half
      const x = Math.PI * distance * share
      const sinc = x === 0 ? 1 : Math.sin(x) / x
      const weight = Math.abs(place) >= 1 ? 0 : sinc * besselI0(beta * Math.sqrt(1 - place * place)) / norm
      weights[row + i] = weight
      sum += weight
    }
    for (let i = 0; i < taps; i++) weights[row + i] = (weights[row + i] ?? 0) / sum
  }
  return { half, phases, weights }
}

/**
 * Keeps the most recently used tables, by key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kept = (most: number, shapeOf: (key: number) => Shape): (key: number) => Table => {
  const tables = new Map<number, Table>()
  return (key) => {
    const table = tables.get(key) ?? make(shapeOf(key))
    // the most recently used one comes last
    tables.delete(key)
    tables.set(key, table)
    const [oldest] = tables.keys()
    if (tables.size > most && oldest !== undefined) tables.delete(oldest)
    return table
  }
}
