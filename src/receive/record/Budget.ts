/**
 * The bytes that a recording may have. What completes its files is set aside all along, so that they are whole when there is room
 * for no more.
 *
 * The unit of all times is a sample at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Budget {
  /** Looks anew at what there is. It has to be called before and after anything is written. */
  readonly renew: () => void
  /** Sets bytes aside for what is about to be taken. False, from then on, when there are not so many. */
  readonly afford: (bytes: number) => boolean
  /** Where the recording ends for want of bytes, once that is so. */
  readonly end: () => number | undefined
}

/** For so long it is set aside what time costs. */
const reach = 9_600

/**
 * `used` is what the files have, and `due` what completes them at a length.
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
  /** Up to here it can be completed. */
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
