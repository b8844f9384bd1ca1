/**
 * How far the other inputs are lowered while a voice is heard over them.
 *
 * @since 0.1.0
 */
import * as Heard from "./Heard.ts"
import type { Ducking } from "./messages.ts"

const unitMs = 20

/**
 * @category models
 * @since 0.1.0
 */
export interface Duck {
  /** Called with what a voice did in this unit. */
  readonly hear: (ducking: Ducking, flags: number, peak: number) => void
  /** The gain of the others at the beginning and the end of this unit. */
  readonly next: () => { readonly from: number; readonly to: number }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Duck => {
  let gain = 1
  let target = 1
  let speaking: number | undefined
  let down = 1
  let up = 1
  let unitsLeft = 0

  return {
    hear: (ducking, flags, peak) => {
      if ((flags & Heard.Flag.Playing) === 0 || peak < ducking.threshold) return
      speaking = Math.min(speaking ?? 1, ducking.gain)
      const depth = 1 - ducking.gain
      down = depth * Math.min(1, unitMs / Math.max(1, ducking.attackMs))
      up = depth * Math.min(1, unitMs / Math.max(1, ducking.releaseMs))
      unitsLeft = Math.ceil(ducking.holdMs / unitMs)
    },
    next: () => {
      if (speaking !== undefined) target = speaking
      else if (unitsLeft > 0) unitsLeft--
      else target = 1
      speaking = undefined
      const from = gain
      gain = gain > target ? Math.max(target, gain - down) : Math.min(target, gain + up)
      return { from, to: gain }
    }
  }
}
