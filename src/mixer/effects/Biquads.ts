/**
 * Second-order filters in series (after R. Bristow-Johnson's "Audio EQ Cookbook").
 *
 * @since 0.1.0
 */
import { amplitude, type Processor, rate, settled, timesUntilGone } from "./Processor.ts"

/**
 * The coefficients b0, b1, b2, a1, a2, for an a0 of 1.
 *
 * @category models
 * @since 0.1.0
 */
export type Section = readonly [number, number, number, number, number]

const normal = (b0: number, b1: number, b2: number, a0: number, a1: number, a2: number): Section => [
  b0 / a0,
  b1 / a0,
  b2 / a0,
  a1 / a0,
  a2 / a0
]

const angleOf = (hz: number): number => (2 * Math.PI * hz) / rate

/**
 * @category constructors
 * @since 0.1.0
 */
export const peak = (hz: number, gainDb: number, q: number): Section => {
  const cosine = Math.cos(angleOf(hz))
  const alpha = Math.sin(angleOf(hz)) / (2 * q)
  const a = Math.sqrt(amplitude(gainDb))
  return normal(1 + alpha * a, -2 * cosine, 1 - alpha * a, 1 + alpha / a, -2 * cosine, 1 - alpha / a)
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const lowPass = (hz: number, q: number): Section => {
  const cosine = Math.cos(angleOf(hz))
  const alpha = Math.sin(angleOf(hz)) / (2 * q)
  return normal((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha)
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const highPass = (hz: number, q: number): Section => {
  const cosine = Math.cos(angleOf(hz))
  const alpha = Math.sin(angleOf(hz)) / (2 * q)
  return normal((1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha)
}

/**
 * Passes what is around `hz`, unchanged.
 *
 * @category constructors
 * @since 0.1.0
 */
export const band = (hz: number, q: number): Section => {
  const cosine = Math.cos(angleOf(hz))
  const alpha = Math.sin(angleOf(hz)) / (2 * q)
  return normal(alpha, 0, -alpha, 1 + alpha, -2 * cosine, 1 - alpha)
}

/**
 * How long it rings, in samples.
 *
 * @category combinators
 * @since 0.1.0
 */
export const ringing = ([, , , a1, a2]: Section): number => {
  const root = a1 * a1 - 4 * a2
  return timesUntilGone(root < 0 ? Math.sqrt(a2) : (Math.abs(a1) + Math.sqrt(root)) / 2)
}

/** The share of a state that is its current motion: the lower the filter, the longer it keeps swinging. */
const pace = (a1: number, a2: number): number => Math.sqrt(1 + a1 + a2)

/**
 * The second state of a section that continues from the states of another one. If the state of a high filter were copied
 * unchanged, it would be a pulse to a low one, many times as loud as the sound.
 *
 * @category combinators
 * @since 0.1.0
 */
export const carried = (
  state1: number,
  state2: number,
  [, , , formerA1, formerA2]: Section,
  [, , , a1, a2]: Section
): number => {
  if (a1 === formerA1 && a2 === formerA2) return state2
  return ((state1 + state2) * pace(a1, a2)) / pace(formerA1, formerA2) - state1
}

const perSection = 5
const perState = 4

/**
 * @category models
 * @since 0.1.0
 */
export class Biquads implements Processor {
  readonly tail: number
  readonly #made: ReadonlyArray<Section>
  /** The coefficients of all sections, one after another. */
  readonly #sections: Float64Array
  /** Two numbers per channel for each section: direct form 2, transposed. */
  readonly #states: Float64Array

  constructor(sections: ReadonlyArray<Section>) {
    this.#made = sections
    this.#sections = Float64Array.from(sections.flat())
    this.#states = new Float64Array(sections.length * perState)
    this.tail = sections.reduce((longest, section) => Math.max(longest, ringing(section)), 0)
  }

  adopt(former: Processor): void {
    if (!(former instanceof Biquads)) return
    for (const [i, section] of this.#made.entries()) {
      const before = former.#made[i]
      if (before === undefined) return
      for (let at = i * perState; at < (i + 1) * perState; at += 2) {
        const state1 = former.#states[at] ?? 0
        this.#states[at] = state1
        this.#states[at + 1] = carried(state1, former.#states[at + 1] ?? 0, before, section)
      }
    }
  }

  process(samples: Float32Array, from: number, to: number): void {
    const sections = this.#sections
    const states = this.#states
    for (let at = 0, state = 0; at < sections.length; at += perSection, state += perState) {
      const b0 = sections[at] ?? 0
      const b1 = sections[at + 1] ?? 0
      const b2 = sections[at + 2] ?? 0
      const a1 = sections[at + 3] ?? 0
      const a2 = sections[at + 4] ?? 0
      let left1 = states[state] ?? 0
      let left2 = states[state + 1] ?? 0
      let right1 = states[state + 2] ?? 0
      let right2 = states[state + 3] ?? 0
      for (let i = from * 2; i < to * 2; i += 2) {
        const left = samples[i] ?? 0
        const right = samples[i + 1] ?? 0
        const nextLeft = b0 * left + left1
        const nextRight = b0 * right + right1
        left1 = b1 * left - a1 * nextLeft + left2
        left2 = b2 * left - a2 * nextLeft
        right1 = b1 * right - a1 * nextRight + right2
        right2 = b2 * right - a2 * nextRight
        samples[i] = nextLeft
        samples[i + 1] = nextRight
      }
      states[state] = settled(left1)
      states[state + 1] = settled(left2)
      states[state + 2] = settled(right1)
      states[state + 3] = settled(right2)
    }
  }
}
