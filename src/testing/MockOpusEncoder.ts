/**
 * An encoder that keeps only the first sample of each channel. To code that only inspects them, its packets are valid Opus
 * packets (RFC 6716, 3) with the right duration and number of channels. {@link MockOpusDecoder} turns them back into sound that
 * is constant for the frame, so that a test can follow frames through a program.
 *
 * **Example** (Encode without a codec)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { OpusEncoder } from "effect-discord-voice"
 * import { MockOpusEncoder } from "effect-discord-voice/testing"
 *
 * const packet = Effect.gen(function*() {
 *   const { make } = yield* OpusEncoder.OpusEncoder
 *   const encoder = yield* make()
 *   return yield* encoder.encode(new Int16Array(1920).fill(1000))
 * }).pipe(Effect.scoped, Effect.provide(MockOpusEncoder.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as OpusEncoder from "../OpusEncoder.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockOpusEncoder extends Context.Service<MockOpusEncoder, {
  /** The number of encoders whose scope is open. */
  readonly live: Effect.Effect<number>
  /** The number of frames that all of them have encoded. */
  readonly frames: Effect.Effect<number>
  /** Makes the creation of the next encoder fail. Can be called several times. */
  readonly refuse: Effect.Effect<void>
}>()("effect-discord-voice/testing/MockOpusEncoder") {}

/** By samples per channel: the first byte of the packet, for mono, and the count byte if there are more than two frames. */
const headers: ReadonlyMap<number, ReadonlyArray<number>> = new Map([
  [120, [0xe0]],
  [240, [0xe8]],
  [480, [0xf0]],
  [960, [0xf8]],
  [1920, [0xf9]],
  [2880, [0xfb, 3]]
])

/** The number of bytes after the header. It is divisible by two and three, the numbers of frames in a packet. */
const bodyBytes = 12

const make = Effect.sync(() => {
  let live = 0
  let frames = 0
  let refusals = 0

  const makeEncoder = Effect.fnUntraced(function*(options: OpusEncoder.EncoderOptions = {}) {
    if (refusals > 0) {
      refusals--
      return yield* VoiceError.fail(
        new VoiceError.CodecUnavailable({ codec: "the mock encoder", detail: "refused by the test" })
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
    let before: readonly [number, number] = [0, 0]
    const encoder: OpusEncoder.Encoder = {
      channels,
      encode: (pcm) =>
        Effect.suspend(() => {
          const header = headers.get(pcm.length / channels)
          if (header === undefined) {
            return VoiceError.fail(
              new VoiceError.EncodeFailed({
                codec: "The mock encoder",
                detail: `${pcm.length / channels} samples per channel are not an Opus frame`
              })
            )
          }
          frames++
          const packet = new Uint8Array(header.length + bodyBytes)
          packet.set(header)
          if (channels === 2) packet[0] = (header[0] ?? 0) | 0x04
          const view = new DataView(packet.buffer, header.length)
          const now = [pcm[0] ?? 0, pcm[channels - 1] ?? 0] as const
          view.setInt16(0, now[0])
          view.setInt16(2, now[1])
          if (options.fec === true) {
            view.setInt16(4, before[0])
            view.setInt16(6, before[1])
          }
          before = now
          return Effect.succeed(packet)
        }),
      setBitrate: () => Effect.void,
      setExpectedLoss: () => Effect.void,
      setPrediction: () => Effect.void,
      setVariableBitrate: () => Effect.void
    }
    return encoder
  })

  return Context.make(OpusEncoder.OpusEncoder, { make: makeEncoder }).pipe(
    Context.add(MockOpusEncoder, {
      live: Effect.sync(() => live),
      frames: Effect.sync(() => frames),
      refuse: Effect.sync(() => {
        refusals++
      })
    })
  )
})

/**
 * Encoders without a codec.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<OpusEncoder.OpusEncoder | MockOpusEncoder> = Layer.effectContext(make)
