/**
 * The counterpart of {@link MockOpusEncoder}: each packet becomes a frame of constant sound, with the value of the first
 * encoded sample. The silence frame and a lost packet become silence; a packet of a real encoder becomes noise of the right
 * length.
 *
 * **Example** (There and back)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { OpusDecoder, OpusEncoder } from "effect-discord-voice"
 * import { MockOpusDecoder, MockOpusEncoder } from "effect-discord-voice/testing"
 *
 * const heard = Effect.gen(function*() {
 *   const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
 *   const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
 *   return yield* decoder.decode(yield* encoder.encode(new Int16Array(1920).fill(1000)))
 * }).pipe(Effect.scoped, Effect.provide([MockOpusEncoder.layer, MockOpusDecoder.layer]))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as OpusDecoder from "../OpusDecoder.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockOpusDecoder extends Context.Service<MockOpusDecoder, {
  /** The number of decoders whose scope is open. */
  readonly live: Effect.Effect<number>
  /** The number of packets that all of them have decoded. */
  readonly packets: Effect.Effect<number>
  /** Makes the creation of the next decoder fail. Can be called several times. */
  readonly refuse: Effect.Effect<void>
}>()("effect-discord-voice/testing/MockOpusDecoder") {}

const make = Effect.sync(() => {
  let live = 0
  let packets = 0
  let refusals = 0

  const makeDecoder = Effect.fnUntraced(function*(
    options: OpusDecoder.DecoderOptions = {}
  ) {
    if (refusals > 0) {
      refusals--
      return yield* VoiceError.fail(
        new VoiceError.CodecUnavailable({ codec: "the mock decoder", detail: "refused by the test" })
      )
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        live++
      }),
      () =>
        Effect.sync(() => {
          live--
        })
    )
    const channels = options.channels ?? 2
    const rate = options.rate ?? 48_000

    const constant = (packet: Uint8Array, offset: 0 | 4, samples: number) => {
      const pcm = new Int16Array(samples * rate / 48_000 * channels)
      const body = ((packet[0] ?? 0) & 3) === 3 ? 2 : 1
      if (packet.length < body + offset + 4 || OpusPacket.isSilence(packet)) return pcm
      const view = new DataView(packet.buffer, packet.byteOffset + body + offset, 4)
      for (let i = 0; i < pcm.length; i++) pcm[i] = view.getInt16(channels === 2 && i % 2 === 1 ? 2 : 0)
      return pcm
    }
    const decoder: OpusDecoder.Decoder = {
      channels,
      rate,
      decode: (packet) =>
        Effect.suspend(() => {
          const samples = OpusPacket.samples(packet)
          if (samples <= 0) {
            return VoiceError.fail(
              new VoiceError.EncodeFailed({ codec: "The mock decoder", detail: "these bytes are not an Opus packet" })
            )
          }
          packets++
          return Effect.succeed(constant(packet, 0, samples))
        }),
      conceal: (samples) => Effect.sync(() => new Int16Array(samples * rate / 48_000 * channels)),
      recover: (next, samples) => Effect.sync(() => constant(next, 4, samples))
    }
    return decoder
  })

  return Context.make(OpusDecoder.OpusDecoder, { make: makeDecoder }).pipe(
    Context.add(MockOpusDecoder, {
      live: Effect.sync(() => live),
      packets: Effect.sync(() => packets),
      refuse: Effect.sync(() => {
        refusals++
      })
    })
  )
})

/**
 * Decoders without a codec.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<OpusDecoder.OpusDecoder | MockOpusDecoder> = Layer.effectContext(make)
