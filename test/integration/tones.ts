import { Effect, Layer } from "effect"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"

export const codecs = Layer.merge(OpusEncoder.layer, OpusDecoder.layer)

/** Frames of 20 ms of a tone, the same in both channels; `level` is its peak. */
export const tone = (hertz: number, count: number, level: number) =>
  Array.from({ length: count }, (_, frame) => {
    const pcm = new Int16Array(1920)
    for (let i = 0; i < 960; i++) {
      pcm[2 * i] = pcm[2 * i + 1] = Math.round(level * Math.sin(2 * Math.PI * hertz * (frame * 960 + i) / 48_000))
    }
    return pcm
  })

/** Samples as Opus, encoded by the encoder of the layer. */
export const encoded = Effect.fnUntraced(
  function*(pcm: ReadonlyArray<Int16Array>, options?: OpusEncoder.EncoderOptions) {
    const encoder = yield* (yield* OpusEncoder.OpusEncoder).make(options)
    return yield* Effect.forEach(pcm, (frame) => Effect.map(encoder.encode(frame), (data) => ({ data, samples: 960 })))
  },
  Effect.scoped
)
