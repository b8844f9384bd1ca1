/**
 * What changes samples in place.
 *
 * @since 0.1.0
 */

/**
 * Samples a second, of one channel.
 *
 * @category constants
 * @since 0.1.0
 */
export const rate = 48_000

/**
 * How long it takes to go over from some effects to others, in samples: 20 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const change = 960

/**
 * One effect at work. It allocates nothing after it is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Processor {
  /** How long it sounds behind the last sample, in samples of a channel. */
  readonly tail: number
  /** Changes samples, left and right in turn, from index `from` of a channel to before `to`. */
  readonly process: (samples: Float32Array, from: number, to: number) => void
  /** Goes on from where another of its kind is. */
  readonly adopt?: (former: Processor) => void
  /** The sound began before: it takes it in within {@link change} samples, where it would say later that it has begun. */
  readonly comeIn?: () => void
}

/** 36 dB above full scale: what is louder would be bent anyway, and whatever comes behind it stays finite. */
const loudest = 64

/** Below this nothing is heard, and numbers become slow before they are 0. */
const softest = 1e-15

/**
 * Takes away what is no number, what is far too loud, and what is as good as silent.
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
 * A state that dies away, which would become slow before it is 0.
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
 * How many times something that is multiplied by `factor` each time is heard.
 *
 * @category combinators
 * @since 0.1.0
 */
export const timesUntilGone = (factor: number): number =>
  factor <= 0 ? 1 : factor >= 1 ? Infinity : Math.ceil(Math.log(gone) / Math.log(factor))
