/**
 * Detects speech by its energy: a window is voiced if it is sufficiently louder than the noise floor. The floor follows the
 * quietest sound that was heard, and rises slowly.
 *
 * @since 0.1.0
 */

/**
 * Thresholds of the energy detector. Levels are in dBFS: decibels relative to the mean power of a full-scale square wave, which
 * is 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface EnergyOptions {
  /** How much louder than the floor speech has to be, in decibels, at least 0. Default 10. */
  readonly margin?: number | undefined
  /** Sound below this level is never speech. Default -46. */
  readonly least?: number | undefined
  /** Sound above this level is always speech, and never part of the floor. Default -30. */
  readonly most?: number | undefined
  /** How fast the floor rises, in decibels per second, at least 0. Default 3. */
  readonly rise?: number | undefined
}

/**
 * The mean power of a window in dBFS, at least -120.
 *
 * @category combinators
 * @since 0.1.0
 */
export const level = (window: Int16Array): number => {
  let sum = 0
  for (let i = 0; i < window.length; i++) sum += (window[i] ?? 0) ** 2
  return 10 * Math.log10(Math.max(1e-12, sum / Math.max(1, window.length) / 0x4000_0000))
}

/**
 * Describes what is wrong with the options, or returns `undefined`.
 *
 * @internal
 */
export const problem = (options: EnergyOptions): string | undefined => {
  for (const [name, value = 0] of [["margin", options.margin], ["rise", options.rise]] as const) {
    if (!(Number.isFinite(value) && value >= 0)) return `${name} is ${value}, not a finite number of at least 0`
  }
  for (const [name, value = 0] of [["least", options.least], ["most", options.most]] as const) {
    if (!Number.isFinite(value)) return `${name} is ${value}, not a finite number`
  }
  return undefined
}

/** How fast the floor falls: by a fifth of the distance with each window. */
const fall = 0.2
/** The lowest floor: silence that is quieter does not come from a microphone. */
const quietest = -70

/**
 * Makes a detector with its own state, for windows of `windowMs`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (windowMs: number, options: EnergyOptions = {}): (window: Int16Array) => boolean => {
  const { least = -46, margin = 10, most = -30, rise = 3 } = options
  const step = rise * windowMs / 1000
  let floor = quietest
  return (window) => {
    const now = Math.max(quietest, level(window))
    floor = now < floor ? floor + (now - floor) * fall : Math.min(floor + step, now, most - margin)
    return now >= Math.min(most, Math.max(least, floor + margin))
  }
}
