/**
 * libopus-wasm: libopus 1.6 with everything that the services offer.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as LibOpus from "libopus-wasm"
import type { Codec } from "./Codec.ts"
import { bandwidths, signals } from "./controls.ts"
import * as errors from "./errors.ts"
import { sampleRate } from "./limits.ts"

const name = "libopus-wasm"

const applications = {
  audio: LibOpus.Application.Audio,
  voip: LibOpus.Application.Voip,
  lowdelay: LibOpus.Application.RestrictedLowDelay
} as const

/** The complexity that libopus starts with. The library would raise it to 10. */
const defaultComplexity = 9

const acquire = <Handle extends { readonly free: () => void }>(create: () => Promise<Handle>) =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: create, catch: (cause) => errors.unavailable(name, errors.messageOf(cause)) }),
    (handle) => Effect.sync(() => handle.free())
  )

/** @internal */
export const codec: Codec = {
  name,

  prepare: Effect.ignore(Effect.tryPromise(LibOpus.loadLibopus)),

  encoder: (options) =>
    acquire(() =>
      LibOpus.createEncoder({
        channels: options.channels,
        sampleRate,
        application: applications[options.application ?? "audio"],
        bitrate: options.bitrate ?? "auto",
        complexity: options.complexity ?? defaultComplexity,
        fec: options.fec ?? false,
        packetLossPercent: options.expectedLossPercent ?? 0,
        dtx: options.dtx ?? false,
        maxBandwidth: bandwidths[options.bandwidth ?? "fullband"],
        signal: signals[options.signal ?? "auto"]
      })
    ).pipe(
      Effect.map((handle) => ({
        encode: (pcm) => handle.encode(pcm, { frameSize: pcm.length / options.channels }),
        setBitrate: (bitsPerSecond) => handle.setBitrate(bitsPerSecond),
        setExpectedLoss: (percent) => handle.setPacketLossPercent(percent),
        setPrediction: (on) => handle.encoderCtl(LibOpus.EncoderCtl.SetPredictionDisabled, on ? 0 : 1),
        setVariableBitrate: (on) => handle.encoderCtl(LibOpus.EncoderCtl.SetVbr, on ? 1 : 0)
      }))
    ),

  decoder: (channels, rate) =>
    acquire(() => LibOpus.createDecoder({ channels, sampleRate: rate })).pipe(
      Effect.map((handle) => ({
        decode: (packet) => handle.decode(packet),
        conceal: (samples) => handle.decodePacketLoss(samples * rate / sampleRate),
        recover: (next, samples) => handle.decode(next, { decodeFec: true, frameSize: samples * rate / sampleRate })
      }))
    )
}
