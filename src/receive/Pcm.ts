/**
 * Received frames to PCM: decodes what came, recovers or conceals what did not. A packet that cannot be decoded is concealed
 * like one that was lost.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Decoder } from "../OpusDecoder.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import type { VoiceError } from "../VoiceError.ts"
import type { PcmFrame, ReceivedFrame } from "./ReceivedFrame.ts"

/** The longest time that a decoder is asked to fill in: what it makes up has faded to silence by then. */
const maxConcealedSamples = 4_800
/** The longest gap that a decoder fills in with one call. */
const maxGapSamples = 5_760
const unitSamples = 120
/** The longest silence in one frame of PCM: 1 second. */
const maxSilenceSamples = 48_000

const samplesAt = (rate: number, position: number): number => Math.floor(position * rate / 48_000)

/** Samples of silence, as PCM from this place on. */
const zeros = (decoder: Decoder, timestamp: number, samples: number): Int16Array =>
  new Int16Array(
    (samplesAt(decoder.rate, timestamp + samples) - samplesAt(decoder.rate, timestamp)) * decoder.channels
  )

const orZeros = (
  decoder: Decoder,
  timestamp: number,
  samples: number,
  pcm: Effect.Effect<Int16Array, VoiceError>
): Effect.Effect<Int16Array> => Effect.orElseSucceed(pcm, () => zeros(decoder, timestamp, samples))

/** Fills in for up to 100 ms; silence behind. */
const concealed = Effect.fnUntraced(function*(decoder: Decoder, timestamp: number, samples: number) {
  const out = zeros(decoder, timestamp, samples)
  const made = Math.min(Math.floor(samples / unitSamples) * unitSamples, maxConcealedSamples, maxGapSamples)
  if (made === 0) return out
  const pcm = yield* orZeros(decoder, timestamp, made, decoder.conceal(made))
  out.set(pcm.subarray(0, out.length))
  return out
})

/**
 * The frames of PCM for a received frame: one, more for a long silence, none for nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const decode = Effect.fnUntraced(function*(
  decoder: Decoder,
  frame: ReceivedFrame
): Effect.fn.Return<Iterable<PcmFrame>> {
  const { samples, timestamp } = frame
  const one = (kind: PcmFrame["kind"], pcm: Int16Array): ReadonlyArray<PcmFrame> => [{
    userId: frame.userId,
    timestamp,
    samples,
    atMs: frame.atMs,
    kind,
    pcm,
    ...(frame.dropped === undefined ? {} : { dropped: frame.dropped })
  }]
  if (frame.packets === 0 || samples > maxGapSamples) return silence(decoder, frame)
  if (frame.kind === "lost") {
    if (samples === 0) return []
    // a decoder that finds none makes something up, and does not say so
    if (frame.recovery !== undefined && OpusPacket.hasRecovery(frame.recovery)) {
      const recovered = yield* Effect.option(decoder.recover(frame.recovery, samples))
      if (recovered._tag === "Some") return one("recovered", recovered.value)
    }
    return one("concealed", yield* concealed(decoder, timestamp, samples))
  }
  const pcm = yield* Effect.option(decoder.decode(frame.data))
  if (pcm._tag === "Some") return one(frame.kind, pcm.value)
  return one("concealed", yield* concealed(decoder, timestamp, samples))
})

/** Made piece by piece as it is read: a pause may be hours long. */
function* silence(decoder: Decoder, frame: ReceivedFrame): Iterable<PcmFrame> {
  for (let done = 0; done < frame.samples; done += maxSilenceSamples) {
    const samples = Math.min(maxSilenceSamples, frame.samples - done)
    const timestamp = frame.timestamp + done
    yield {
      userId: frame.userId,
      timestamp,
      samples,
      atMs: frame.atMs + done / 48,
      kind: frame.kind === "lost" ? "concealed" : "silence",
      pcm: zeros(decoder, timestamp, samples),
      ...(done > 0 || frame.dropped === undefined ? {} : { dropped: frame.dropped })
    }
  }
}
