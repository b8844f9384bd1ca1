import type { NewInput } from "../../src/mixer/messages.ts"
import type * as PcmRing from "../../src/mixer/PcmRing.ts"

/** An input of a mix that takes the samples of a ring unchanged. Its slot equals its number. */
export const inputOf = (input: number, ring: PcmRing.PcmRing, options: Partial<NewInput> = {}): NewInput => ({
  input,
  slot: input,
  format: "pcm",
  ring: ring.buffer,
  gain: 1,
  paused: false,
  fadeInMs: 0,
  curve: "linear",
  ...options
})
