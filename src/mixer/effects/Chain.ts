/**
 * Effects in series.
 *
 * @since 0.1.0
 */
import type { Complete } from "../../SoundEffect.ts"
import * as Biquads from "./Biquads.ts"
import { ChannelMix } from "./ChannelMix.ts"
import { Compressor } from "./Compressor.ts"
import { Distortion } from "./Distortion.ts"
import { Echo } from "./Echo.ts"
import { Karaoke } from "./Karaoke.ts"
import { guard, type Processor } from "./Processor.ts"
import { Rotation } from "./Rotation.ts"
import { Tremolo } from "./Tremolo.ts"
import { Vibrato } from "./Vibrato.ts"

/**
 * Effects that return as many samples as they take.
 *
 * @category models
 * @since 0.1.0
 */
export type Shaping = Exclude<Complete, { readonly _tag: "Timescale" }>

/**
 * @category guards
 * @since 0.1.0
 */
export const isShaping = (effect: Complete): effect is Shaping => effect._tag !== "Timescale"

const processor = (effect: Shaping): Processor => {
  switch (effect._tag) {
    case "Equalizer":
      return new Biquads.Biquads(effect.bands.map(({ gainDb, hz, q }) => Biquads.peak(hz, gainDb, q)))
    case "LowPass":
      return new Biquads.Biquads([Biquads.lowPass(effect.hz, effect.q)])
    case "HighPass":
      return new Biquads.Biquads([Biquads.highPass(effect.hz, effect.q)])
    case "Tremolo":
      return new Tremolo(effect)
    case "Vibrato":
      return new Vibrato(effect)
    case "Rotation":
      return new Rotation(effect)
    case "Karaoke":
      return new Karaoke(effect)
    case "ChannelMix":
      return new ChannelMix(effect)
    case "Distortion":
      return new Distortion(effect)
    case "Echo":
      return new Echo(effect)
    case "Compressor":
      return new Compressor(effect)
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export class Chain {
  /** How long it sounds after the last sample, in samples per channel. */
  readonly tail: number
  readonly #effects: ReadonlyArray<Shaping>
  readonly #processors: ReadonlyArray<Processor>

  /** The state of the former chain continues: what an echo still has to repeat, the phase of a rotation. */
  constructor(effects: ReadonlyArray<Shaping>, former?: Chain) {
    this.#effects = effects
    this.#processors = effects.map(processor)
    this.tail = this.#processors.reduce((sum, { tail }) => sum + tail, 0)
    if (former === undefined) return
    const before = Array.from(former.#effects.entries())
    for (const [i, { _tag }] of effects.entries()) {
      const at = before.findIndex(([, other]) => other._tag === _tag)
      const [found] = at === -1 ? [] : before.splice(at, 1)
      const processor = found === undefined ? undefined : former.#processors[found[0]]
      if (processor === undefined) this.#processors[i]?.comeIn?.()
      else this.#processors[i]?.adopt?.(processor)
    }
  }

  /** Changes samples in place, from index `from` of a channel to before `to`. */
  process(samples: Float32Array, from: number, to: number): void {
    guard(samples, from, to)
    for (const processor of this.#processors) {
      processor.process(samples, from, to)
      guard(samples, from, to)
    }
  }
}
