/**
 * libopus-wasm for the mixer: two channels of float samples at 48 kHz, and what is needed to join one stream to another.
 * Plain code, so that a thread can load it without anything else.
 *
 * @since 0.1.0
 */
import * as LibOpus from "libopus-wasm"
import { bandwidths, signals } from "./controls.ts"
import type { EncoderOptions, EncoderSettings } from "./options.ts"

/** @internal */
export interface FloatEncoder {
  /** The delay of decoded samples relative to the encoded ones, in samples per channel. */
  readonly lookahead: number
  /** Encodes 20 ms: 1920 samples, left and right in turn. The packet belongs to the caller. May throw. */
  readonly encode: (pcm: Float32Array) => Uint8Array
  /** Sets whether frames may be predicted from former ones, which a decoder that has heard something else does not know. */
  readonly setPrediction: (on: boolean) => void
  /** Changes how it encodes, from the next frame on. May throw. */
  readonly configure: (settings: EncoderSettings) => void
  readonly free: () => void
}

/** @internal */
export interface FloatDecoder {
  /** Decodes a packet to samples, left and right in turn. May throw. */
  readonly decode: (packet: Uint8Array) => Float32Array
  /** Fills in for a gap, in samples per channel. May throw. */
  readonly conceal: (samples: number) => Float32Array
  readonly free: () => void
}

/** @internal */
export interface FloatCodec {
  /** Loads the library, so that making a codec does not wait. Failures are reported when a codec is made. */
  readonly prepare: () => Promise<void>
  readonly encoder: (options: EncoderOptions) => Promise<FloatEncoder>
  readonly decoder: () => Promise<FloatDecoder>
}

const applications = {
  audio: LibOpus.Application.Audio,
  voip: LibOpus.Application.Voip,
  lowdelay: LibOpus.Application.RestrictedLowDelay
} as const

/** The complexity that libopus starts with. */
const defaultComplexity = 9

/** @internal */
export const codec: FloatCodec = {
  prepare: () => LibOpus.loadLibopus().then(() => {}, () => {}),

  encoder: async (options) => {
    const handle = await LibOpus.createEncoder({
      channels: 2,
      sampleRate: 48_000,
      application: applications[options.application ?? "audio"],
      bitrate: options.bitrate ?? "auto",
      complexity: options.complexity ?? defaultComplexity,
      fec: options.fec ?? false,
      packetLossPercent: options.expectedLossPercent ?? 0,
      dtx: options.dtx ?? false,
      maxBandwidth: bandwidths[options.bandwidth ?? "fullband"],
      signal: signals[options.signal ?? "auto"]
    })
    const control = (request: number, value: number | undefined) => {
      if (value !== undefined) handle.encoderCtl(request, value)
    }
    const flag = (on: boolean | undefined) => on === undefined ? undefined : Number(on)
    return {
      lookahead: handle.getLookahead(),
      encode: (pcm) => handle.encodeFloat(pcm, { frameSize: 960 }),
      setPrediction: (on) => handle.encoderCtl(LibOpus.EncoderCtl.SetPredictionDisabled, on ? 0 : 1),
      configure: ({ bandwidth, bitrate, complexity, dtx, expectedLossPercent, fec, signal }) => {
        control(LibOpus.EncoderCtl.SetBitrate, bitrate === "auto" ? LibOpus.Bitrate.Auto : bitrate)
        control(LibOpus.EncoderCtl.SetComplexity, complexity)
        control(LibOpus.EncoderCtl.SetInBandFec, flag(fec))
        control(LibOpus.EncoderCtl.SetPacketLossPercent, expectedLossPercent)
        control(LibOpus.EncoderCtl.SetDtx, flag(dtx))
        control(LibOpus.EncoderCtl.SetMaxBandwidth, bandwidth === undefined ? undefined : bandwidths[bandwidth])
        control(LibOpus.EncoderCtl.SetSignal, signal === undefined ? undefined : signals[signal])
      },
      free: () => handle.free()
    }
  },
  decoder: async () => {
    const handle = await LibOpus.createDecoder({ channels: 2, sampleRate: 48_000 })
    return {
      decode: (packet) => handle.decodeFloat(packet),
      conceal: (samples) => handle.decodePacketLossFloat(samples),
      free: () => handle.free()
    }
  }
}
