/**
 * opusscript: libopus 1.4, without decoding of error correction data.
 *
 * A process can hold 52 codecs at most. That is how many opusscript's own class can serve, and it limits a memory that never
 * shrinks: each codec takes 120 kB of it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Codec } from "./Codec.ts"
import { applications, bandwidths, signals } from "./controls.ts"
import * as errors from "./errors.ts"
import { sampleRate, unitSamples } from "./limits.ts"
import type { Rate } from "./options.ts"
import { type Handler, load, type Loaded } from "./opusScriptModule.ts"

const name = "opusscript"

/** The number of encoders and decoders that a process can hold at the same time. */
const limit = 52

/** Request codes of `opus_encoder_ctl`. */
const Request = {
  bitrate: 4002,
  bandwidth: 4004,
  variableBitrate: 4006,
  complexity: 4010,
  fec: 4012,
  expectedLoss: 4014,
  dtx: 4016,
  signal: 4024,
  predictionDisabled: 4042
} as const

/** The names of libopus's error codes. */
const messages: Record<number, string> = {
  [-1]: "bad argument",
  [-2]: "buffer too small",
  [-3]: "internal error",
  [-4]: "invalid packet",
  [-5]: "unimplemented",
  [-6]: "invalid state",
  [-7]: "memory allocation failed"
}

const checked = (result: number): number => {
  if (result < 0) throw new Error(messages[result] ?? `error ${result}`)
  return result
}

let loaded: Loaded | undefined
let live = 0

/** An encoder and a decoder in one. */
class OpusScript {
  readonly #channels: 1 | 2
  readonly #loaded: Loaded
  readonly #handler: Handler
  #freed = false

  constructor(loaded: Loaded, channels: 1 | 2, application: number, rate: Rate) {
    this.#channels = channels
    this.#loaded = loaded
    this.#handler = this.#guard(() => new loaded.native.OpusScriptHandler(rate, channels, application))
  }

  encode(pcm: Int16Array): Uint8Array {
    this.#assertLive()
    const { native, packet, pcm: address } = this.#loaded
    const words = native.HEAPU16
    let word = address >> 1
    for (const sample of pcm) {
      words[word] = sample & 0xff
      words[word + 1] = (sample >> 8) & 0xff
      word += 2
    }
    const length = checked(
      this.#guard(() => this.#handler._encode(address, pcm.length, packet, pcm.length / this.#channels))
    )
    return native.HEAPU8.slice(packet, packet + length)
  }

  decode(packet: Uint8Array): Int16Array {
    this.#assertLive()
    const { native, packet: address, pcm } = this.#loaded
    native.HEAPU8.set(packet, address)
    const samples = checked(this.#guard(() => this.#handler._decode(address, packet.length, pcm)))
    const out = new Int16Array(samples * this.#channels)
    const words = native.HEAPU16
    let word = pcm >> 1
    for (let i = 0; i < out.length; i++) {
      out[i] = (words[word] ?? 0) | ((words[word + 1] ?? 0) << 8)
      word += 2
    }
    return out
  }

  control(request: number, value: number): void {
    this.#assertLive()
    checked(this.#guard(() => this.#handler._encoder_ctl(request, value)))
  }

  /** Frees the codec; must be called only once. */
  free(): void {
    this.#freed = true
    live -= 1
    if (!this.#loaded.broken) this.#handler.delete()
  }

  #assertLive(): void {
    if (this.#freed) throw new Error("the codec is closed")
    if (this.#loaded.broken) throw new Error("another codec has corrupted the memory that they share")
  }

  #guard<A>(run: () => A): A {
    try {
      return run()
    } catch (cause) {
      if (cause instanceof Error && cause.name === "RuntimeError") {
        this.#loaded.broken = true
        if (loaded === this.#loaded) loaded = undefined
      }
      throw cause
    }
  }
}

const acquire = (channels: 1 | 2, application: number, rate: Rate = sampleRate) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      if (live >= limit) return Effect.fail(errors.unavailable(name, "all its codecs are in use", limit))
      return Effect.try({
        try: () => {
          loaded ??= load()
          const codec = new OpusScript(loaded, channels, application, rate)
          live += 1
          return codec
        },
        catch: (cause) => errors.unavailable(name, errors.messageOf(cause))
      })
    }),
    (codec) => Effect.sync(() => codec.free())
  )

/**
 * The only way to make this decoder conceal is a packet that contains nothing but its duration: libopus fills in for a frame
 * without bytes as it does for a lost one, in the mode and the channels of the packet before. These are the first bytes of
 * CELT fullband packets of one frame (RFC 6716, 3.1).
 */
const gaps = [
  { samples: 960, toc: 31 << 3 },
  { samples: 480, toc: 30 << 3 },
  { samples: 240, toc: 29 << 3 },
  { samples: unitSamples, toc: 28 << 3 }
] as const

const conceal = (codec: OpusScript, channels: 1 | 2, samples: number, scale: number): Int16Array => {
  const out = new Int16Array(samples * channels * scale)
  let done = 0
  for (const gap of gaps) {
    const packet = Uint8Array.of(gap.toc)
    for (; done + gap.samples <= samples; done += gap.samples) {
      out.set(codec.decode(packet), done * channels * scale)
    }
  }
  return out
}

/** @internal */
export const codec: Codec = {
  name,

  prepare: Effect.ignore(Effect.try(() => {
    loaded ??= load()
  })),

  encoder: (options) =>
    Effect.gen(function*() {
      const codec = yield* acquire(options.channels, applications[options.application ?? "audio"])
      yield* Effect.try({
        try: () => {
          if (options.bitrate !== undefined) codec.control(Request.bitrate, options.bitrate)
          if (options.complexity !== undefined) codec.control(Request.complexity, options.complexity)
          codec.control(Request.fec, options.fec === true ? 1 : 0)
          codec.control(Request.expectedLoss, options.expectedLossPercent ?? 0)
          codec.control(Request.dtx, options.dtx === true ? 1 : 0)
          codec.control(Request.bandwidth, bandwidths[options.bandwidth ?? "fullband"])
          codec.control(Request.signal, signals[options.signal ?? "auto"])
        },
        catch: (cause) => errors.unavailable(name, errors.messageOf(cause))
      })
      return {
        encode: (pcm) => codec.encode(pcm),
        setBitrate: (bitsPerSecond) => codec.control(Request.bitrate, bitsPerSecond),
        setExpectedLoss: (percent) => codec.control(Request.expectedLoss, percent),
        setPrediction: (on) => codec.control(Request.predictionDisabled, on ? 0 : 1),
        setVariableBitrate: (on) => codec.control(Request.variableBitrate, on ? 1 : 0)
      }
    }),

  decoder: (channels, rate) =>
    acquire(channels, applications.audio, rate).pipe(
      Effect.map((codec) => ({
        decode: (packet) => codec.decode(packet),
        conceal: (samples) => conceal(codec, channels, samples, rate / sampleRate)
      }))
    )
}
