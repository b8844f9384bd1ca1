/**
 * The interface of effects that change samples in place.
 *
 * @since 0.1.0
 */

/**
 * Samples per second in each channel.
 *
 * @category constants
 * @since 0.1.0
 */
export const rate = 48_000

/**
 * How long changing to other effects takes, in samples: 20 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const change = 960

/**
 * An effect at work. It allocates nothing after it was created.
 *
 * @category models
 * @since 0.1.0
 */
export interface Processor {
  /** How long it sounds after the last sample, in samples per channel. */
  readonly tail: number
  /** Changes samples, left and right in turn, from index `from` of a channel to before `to`. */
  readonly process: (samples: Float32Array, from: number, to: number) => void
  /** Continues from the state of another one of its kind. */
  readonly adopt?: (former: Processor) => void
  /** The sound began before: it fades in within {@link change} samples, instead of treating the first one as the beginning. */
  readonly comeIn?: () => void
}

/** 36 dB above full scale: louder sound would be distorted anyway, and everything that follows stays finite. */
const loudest = 64

/** Nothing is heard below this, and computing with such small numbers becomes slow. */
const softest = 1e-15

/**
 * Replaces what is not a number, far too loud, or practically silent.
 *
 * @category transformations
 * @since 0.1.0
 */
export const guard = (samples: Float32Array, from: number, to: number): void => {
  for (let i = from * 2; i < to * 2; i++) {
    const value = samples[i] ?? 0
    if (value >= softest ? value <= loudest : value <= -softest && value >= -loudest) continue
    samples[i] = value > loudest ? loudest : value < -loudest ? -loudest : 0
  }
}

/**
 * A state that decays: it would become slow to compute with before it is 0.
 *
 * @category transformations
 * @since 0.1.0
 */
export const settled = (value: number): number => value > softest || value < -softest ? value : 0

/**
 * @category conversions
 * @since 0.1.0
 */
export const amplitude = (db: number): number => 10 ** (db / 20)

/** -60 dB. */
const gone = 1e-3

/**
 * How many times something that is multiplied by `factor` each time can be heard.
 *
 * @category combinators
 * @since 0.1.0
 */
export const timesUntilGone = (factor: number): number =>
  factor <= 0 ? 1 : factor >= 1 ? Infinity : Math.ceil(Math.log(gone) / Math.log(factor))
