/**
 * Generated sound: silence and tones.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { OpenPcm } from "../OpenSource.ts"
import { pullSamples } from "./DecodedSource.ts"

/**
 * The options of `AudioSource.tone`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToneOptions {
  /** The frequency in Hz. */
  readonly frequency: number
  /** The duration. Endless by default. */
  readonly duration?: Duration.Input | undefined
  /** The gain, relative to full scale. Default 0.25. */
  readonly gain?: number | undefined
  /** How long fading in and out takes, which avoids clicks. Default 5 ms. */
  readonly ramp?: Duration.Input | undefined
}

/** PCM whose samples depend only on their position. */
const open = (total: number, write: (out: Float32Array, at: number) => void): OpenPcm => {
  let position = 0
  return {
    format: "pcm",
    durationMs: total === Infinity ? undefined : total / 48,
    tags: {},
    pull: Effect.suspend(() => {
      const count = Math.min(pullSamples, total - position)
      if (count <= 0) return Cause.done()
      const out = new Float32Array(2 * count)
      write(out, position)
      position += count
      return Effect.succeed(out)
    }),
    seek: (positionMs) =>
      Effect.sync(() => {
        position = Math.min(total, Math.max(0, Math.round(positionMs * 48)))
        return position / 48
      })
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const silence = (durationMs: number): OpenPcm => open(Math.round(durationMs * 48), () => undefined)

/**
 * @category constructors
 * @since 0.1.0
 */
export const tone = ({ durationMs, frequency, gain, rampMs }: {
  readonly frequency: number
  readonly durationMs: number
  readonly gain: number
  readonly rampMs: number
}): OpenPcm => {
  const total = Math.round(durationMs * 48)
  const ramp = Math.max(1, Math.min(total / 2, Math.round(rampMs * 48)))
  const step = 2 * Math.PI * frequency / 48_000
  return open(total, (out, from) => {
    for (let i = 0; 2 * i < out.length; i++) {
      const at = from + i
      const level = Math.min(1, at / ramp, (total - at) / ramp)
      const sample = gain * level * Math.sin(step * at)
      out[2 * i] = sample
      out[2 * i + 1] = sample
    }
  })
}
