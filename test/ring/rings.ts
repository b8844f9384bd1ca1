import * as FrameRing from "../../src/ring/FrameRing.ts"

export const frame = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (seed + i) & 0xff)

/** A ring whose two indices, which count bytes modulo 2^32, already stand at `index`. */
export const usedRing = (index: number) => {
  const { buffer } = FrameRing.make()
  new Int32Array(buffer).fill(index, 0, 2)
  return buffer
}
