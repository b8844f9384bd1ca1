import type { FloatCodec, FloatDecoder } from "../../src/codec/FloatCodec.ts"

/** A packet whose samples all have this value, which must be a multiple of 0.01. */
export const packetOf = (value: number): Uint8Array => new Uint8Array(4).fill(Math.round(value * 100))

/**
 * Decodes a packet to `samples` samples with the same value, and throws for an invalid packet. `made` is the value of
 * concealed samples.
 */
export const decoderOf = (samples: number, made = -1): FloatDecoder & { readonly isFree: () => boolean } => {
  let isFree = false
  return {
    decode: (packet) => {
      const [value = 0] = packet
      if (value === 255) throw new Error("no sound")
      return new Float32Array(samples * 2).fill(value / 100)
    },
    conceal: (count) => new Float32Array(count * 2).fill(made),
    free: () => {
      isFree = true
    },
    isFree: () => isFree
  }
}

/**
 * Its packets state the first, the middle and the last sample of their sound, in hundredths. It throws if the first
 * sample is -1.
 */
export const make = (lookahead = 0): FloatCodec & { readonly open: () => number; readonly used: () => number } => {
  let open = 0
  let used = 0
  const count = <A extends { readonly free: () => void }>(one: A): A => {
    open++
    used++
    return {
      ...one,
      free: () => {
        one.free()
        open--
      }
    }
  }
  return {
    prepare: () => Promise.resolve(),
    encoder: () =>
      Promise.resolve(count({
        lookahead,
        encode: (pcm: Float32Array) => {
          if (pcm[0] === -1) throw new Error("no sound")
          const packet = new Uint8Array(3)
          packet.set([0, 960, 1_918].map((at) => Math.round((pcm[at] ?? 0) * 100)))
          return packet
        },
        setPrediction: () => {},
        configure: () => {},
        free: () => {}
      })),
    decoder: () => Promise.resolve(count(decoderOf(960))),
    open: () => open,
    used: () => used
  }
}
