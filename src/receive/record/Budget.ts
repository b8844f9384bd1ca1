/**
 * The bytes that a recording may use. What its files need to be completed is reserved throughout, so that they are complete
 * when there is no more room.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Budget {
  /** Updates the budget. Call it before and after anything is written. */
  readonly renew: () => void
  /** Reserves bytes for what is about to be accepted. Returns false, from then on, if there are not enough. */
  readonly afford: (bytes: number) => boolean
  /** Where the recording ends for lack of bytes, once that is certain. */
  readonly end: () => number | undefined
}

/** The time for which the cost of time itself is reserved. */
const reach = 9_600

/**
 * `used` is the current size of the files, and `due` what completes them at a given length.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly bytes: number
  readonly now: () => number
  readonly used: () => number
  readonly due: (length: number) => number
}): Budget => {
  const { bytes, due, now, used } = options
  if (bytes === Infinity) return { renew: () => {}, afford: () => true, end: () => undefined }
  /** The length up to which it can be completed. */
  let horizon = 0
  let left = 0
  let end: number | undefined

  const renew = (): void => {
    if (end !== undefined) return
    const at = now()
    left = bytes - used() - due(at + reach)
    if (left < 0) end = Math.min(at, horizon)
    else horizon = at + reach
  }

  return {
    renew,
    afford: (more) => {
      if (now() > horizon) renew()
      if (end !== undefined) return false
      left -= more
      if (left < 0) end = Math.min(now(), horizon)
      return end === undefined
    },
    end: () => end
  }
}
