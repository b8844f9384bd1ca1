import { Effect } from "effect"
import { Chain, isShaping, type Shaping } from "../../../src/mixer/effects/Chain.ts"
import * as SoundEffect from "../../../src/SoundEffect.ts"

export const unit = 960

export const complete = (...effects: ReadonlyArray<SoundEffect.SoundEffect>): ReadonlyArray<SoundEffect.Complete> =>
  Effect.runSync(SoundEffect.complete(effects))

/** The effects that output as many samples as they take. */
export const shapings = (...effects: ReadonlyArray<SoundEffect.SoundEffect>): ReadonlyArray<Shaping> =>
  complete(...effects).filter(isShaping)

export interface Stereo {
  readonly left: Float32Array
  readonly right: Float32Array
}

/** The output of a process that works in place, unit by unit. */
export const through = (
  process: (samples: Float32Array, unit: number) => void,
  left: (sample: number) => number,
  right: (sample: number) => number,
  units: number
): Stereo => {
  const heard = { left: new Float32Array(units * unit), right: new Float32Array(units * unit) }
  const samples = new Float32Array(unit * 2)
  for (let at = 0; at < units; at++) {
    for (let i = 0; i < unit; i++) {
      samples[i * 2] = left(at * unit + i)
      samples[i * 2 + 1] = right(at * unit + i)
    }
    process(samples, at)
    for (let i = 0; i < unit; i++) {
      heard.left[at * unit + i] = samples[i * 2] ?? NaN
      heard.right[at * unit + i] = samples[i * 2 + 1] ?? NaN
    }
  }
  return heard
}

/** What effects make of a sound. */
export const shaped = (
  effects: ReadonlyArray<SoundEffect.SoundEffect>,
  left: (sample: number) => number,
  right = left,
  units = 50
): Stereo => {
  const chain = new Chain(shapings(...effects))
  return through((samples) => chain.process(samples, 0, unit), left, right, units)
}

/** The same noise each time, from -1 to 1. */
export const noise = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  }
}

export const peakOf = (samples: Float32Array, from = 0, to = samples.length): number => {
  let peak = 0
  for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(samples[i] ?? NaN))
  return peak
}
