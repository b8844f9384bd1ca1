/**
 * When a recording was paused.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Pause {
  readonly from: number
  /** `Infinity` while it lasts. */
  readonly to: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Pauses {
  /** Does nothing while it is paused. */
  readonly begin: (now: number) => void
  readonly end: (now: number) => void
  /** Whether it is paused now. */
  readonly isOn: () => boolean
  /** Whether it was paused for any part of this time. */
  readonly covers: (at: number, samples: number) => boolean
  readonly all: () => ReadonlyArray<Pause>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Pauses => {
  const pauses: Array<Pause> = []
  const isOn = (): boolean => pauses.at(-1)?.to === Infinity
  return {
    begin: (now) => {
      if (!isOn()) pauses.push({ from: now, to: Infinity })
    },
    end: (now) => {
      const last = pauses.at(-1)
      if (last !== undefined && isOn()) pauses[pauses.length - 1] = { from: last.from, to: now }
    },
    isOn,
    covers: (at, samples) => {
      // the requested time is near the end of the recording
      for (let i = pauses.length - 1; i >= 0; i--) {
        const pause = pauses[i]
        if (pause === undefined || pause.to <= at) return false
        if (pause.from < at + samples) return true
      }
      return false
    },
    all: () => pauses
  }
}
