/**
 * Decodes received frames to PCM, and recovers or conceals what is missing. A packet that cannot be decoded is concealed like a
 * lost one. If a user stops without frames of silence, the decoder is given one: its remaining sound fades out there, instead
 * of being cut off and heard before what is said next.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Decoder } from "../OpusDecoder.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import type { VoiceError } from "../VoiceError.ts"
import type { PcmFrame, ReceivedFrame } from "./ReceivedFrame.ts"

/** The longest time for which a decoder conceals: by then its sound has faded to silence. */
const maxConcealedSamples = 4_800
/** The longest gap that a decoder conceals with one call. */
const maxGapSamples = 5_760
const unitSamples = 120
/** The longest silence in one PCM frame: 1 second. */
const maxSilenceSamples = 48_000

const samplesAt = (rate: number, position: number): number => Math.floor(position * rate / 48_000)

/** Silence as PCM from this position on. */
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

/** Conceals up to 100 ms, followed by silence. */
const concealed = Effect.fnUntraced(function*(decoder: Decoder, timestamp: number, samples: number) {
  const out = zeros(decoder, timestamp, samples)
  const made = Math.min(Math.floor(samples / unitSamples) * unitSamples, maxConcealedSamples, maxGapSamples)
  if (made === 0) return out
  const pcm = yield* orZeros(decoder, timestamp, made, decoder.conceal(made))
  out.set(pcm.subarray(0, out.length))
  return out
})

/**
 * A decoder that knows whether its sound was cut off.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmDecoder {
  /** The PCM frames for a received frame: one, several for a long silence, or none for an empty frame. */
  readonly decode: (frame: ReceivedFrame) => Effect.Effect<Iterable<PcmFrame>>
  /**
   * The rest of a sound in a decoder after which nothing has come, within this many samples at 48 kHz: it fades out and is not
   * heard before what comes next. `undefined` if there is none.
   */
  readonly trail: (samples: number) => Effect.Effect<Int16Array | undefined>
}

/** CELT frames that are marked as silent (RFC 6716, 4.3), longest first. Their sound is the rest of what came before. */
const trails: ReadonlyArray<readonly [samples: number, packet: Uint8Array]> = [
  [OpusPacket.silenceSamples, OpusPacket.silenceFrame()],
  [480, Uint8Array.of(30 << 3, 0xff, 0xfe)],
  [240, Uint8Array.of(29 << 3, 0xff, 0xfe)],
  [120, Uint8Array.of(28 << 3, 0xff, 0xfe)]
]

/**
 * `onUndecodable` is called for each packet that the decoder rejects.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (decoder: Decoder, onUndecodable: () => void = () => {}): PcmDecoder => {
  let isSounding = false

  const trail = Effect.fnUntraced(function*(samples: number) {
    const found = isSounding ? trails.find(([length]) => length <= samples) : undefined
    if (found === undefined) return undefined
    isSounding = false
    return Option.getOrUndefined(yield* Effect.option(decoder.decode(found[1])))
  })

  const decode = Effect.fnUntraced(function*(frame: ReceivedFrame): Effect.fn.Return<Iterable<PcmFrame>> {
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
    if (frame.packets === 0 || samples > maxGapSamples) return silence(decoder, frame, yield* trail(samples))
    if (frame.kind === "lost") {
      if (samples === 0) return []
      // a decoder that finds no recovery data makes something up without saying so
      if (frame.recovery !== undefined && OpusPacket.hasRecovery(frame.recovery)) {
        const recovered = yield* Effect.option(decoder.recover(frame.recovery, samples))
        if (recovered._tag === "Some") {
          isSounding = true
          return one("recovered", recovered.value)
        }
      }
      return one("concealed", yield* concealed(decoder, timestamp, samples))
    }
    const pcm = yield* Effect.option(decoder.decode(frame.data))
    if (pcm._tag === "Some") {
      isSounding = frame.kind !== "silence"
      return one(frame.kind, pcm.value)
    }
    onUndecodable()
    return one("concealed", yield* concealed(decoder, timestamp, samples))
  })

  return { decode, trail }
}

/** Made piece by piece as it is read: a pause may last for hours. */
function* silence(decoder: Decoder, frame: ReceivedFrame, trail: Int16Array | undefined): Iterable<PcmFrame> {
  for (let done = 0; done < frame.samples; done += maxSilenceSamples) {
    const samples = Math.min(maxSilenceSamples, frame.samples - done)
    const timestamp = frame.timestamp + done
    const pcm = zeros(decoder, timestamp, samples)
    if (done === 0 && trail !== undefined) pcm.set(trail.subarray(0, pcm.length))
    yield {
      userId: frame.userId,
      timestamp,
      samples,
      atMs: frame.atMs + done / 48,
      kind: frame.kind === "lost" ? "concealed" : "silence",
      pcm,
      ...(done > 0 || frame.dropped === undefined ? {} : { dropped: frame.dropped })
    }
  }
}
