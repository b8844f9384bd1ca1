import { Cause, Effect } from "effect"
import * as LibOpus from "libopus-wasm"
import type * as AudioSource from "../../src/audio/AudioSource.ts"
import { codec, type FloatDecoder } from "../../src/codec/FloatCodec.ts"
import { timestampDelta } from "../../src/protocol/RtpPacket.ts"

const rate = 48_000

/** The sound that a listener's decoder makes of the packets that it receives. */
export interface Sound {
  readonly left: Float32Array
  /** Where packets were missing and nothing was sent, as indexes of samples. */
  readonly gaps: ReadonlyArray<{ readonly at: number; readonly samples: number }>
}

/** A sine with the given amplitude. */
export const sine = (hz: number, level = 0.3) => (sample: number): number =>
  level * Math.sin((2 * Math.PI * hz * sample) / rate)

/** Something like music: three tones that swell, with values that do not repeat for some seconds. */
export const music = (sample: number): number =>
  0.15 * Math.sin((2 * Math.PI * 220 * sample) / rate) * (1 + 0.3 * Math.sin((2 * Math.PI * 0.7 * sample) / rate)) +
  0.1 * Math.sin((2 * Math.PI * 554.4 * sample) / rate + 1) +
  0.08 * Math.sin((2 * Math.PI * 1318.5 * sample) / rate + 2)

/** Something like a voice: the harmonics of 120 Hz, in syllables of 150 ms. */
export const voice = (sample: number): number => {
  let sum = 0
  for (let k = 1; k <= 20; k++) sum += Math.sin((2 * Math.PI * 120 * k * sample) / rate + k * k) / k
  return 0.2 * sum * Math.max(0, Math.sin((2 * Math.PI * 3.3 * sample) / rate))
}

/**
 * Whether a packet with one frame of 20 ms also contains a coarser copy of the frame before it (RFC 6716, 4.2.3 and
 * 4.2.4: the flags of each channel, activity and redundancy, are the first bits of every frame that is not CELT alone).
 */
export const hasFec = (packet: Uint8Array): boolean => {
  const [toc = 0, flags = 0] = packet
  const isCelt = toc >> 3 >= 16
  const isStereo = (toc & 4) !== 0
  return !isCelt && (((flags >> 6) & 1) === 1 || (isStereo && ((flags >> 4) & 1) === 1))
}

export const samplesOf = (wave: (sample: number) => number, ms: number, fromMs = 0): Float32Array => {
  const count = Math.round(ms * 48)
  const samples = new Float32Array(count * 2)
  for (let i = 0; i < count; i++) samples[i * 2] = samples[i * 2 + 1] = wave(i + fromMs * 48)
  return samples
}

/** A seekable PCM source that delivers chunks of 100 ms. */
export const pcm = (
  wave: (sample: number) => number,
  ms: number,
  options: { readonly seekable?: boolean; readonly name?: string; readonly onPull?: () => void } = {}
): AudioSource.AudioSource => ({
  name: options.name ?? "pcm",
  open: Effect.sync((): AudioSource.OpenPcm => {
    let atMs = 0
    return {
      format: "pcm",
      durationMs: ms,
      tags: {},
      pull: Effect.suspend(() => {
        options.onPull?.()
        if (atMs >= ms) return Cause.done()
        const length = Math.min(100, ms - atMs)
        const samples = samplesOf(wave, length, atMs)
        atMs += length
        return Effect.succeed(samples)
      }),
      ...(options.seekable === false ? {} : {
        seek: (positionMs: number) =>
          Effect.sync(() => {
            atMs = Math.min(ms, positionMs)
            return atMs
          })
      })
    }
  })
})

/** Opus frames of any duration. */
export const encodeIn = (wave: (sample: number) => number, ms: number, frameMs: number) =>
  Effect.promise(async (): Promise<ReadonlyArray<AudioSource.OpusFrame>> => {
    const encoder = await LibOpus.createEncoder({ channels: 2, sampleRate: rate, bitrate: 128_000 })
    const samples = frameMs * 48
    const frames: Array<AudioSource.OpusFrame> = []
    for (let at = 0; at < ms; at += frameMs) {
      frames.push({ data: encoder.encodeFloat(samplesOf(wave, frameMs, at), { frameSize: samples }), samples })
    }
    encoder.free()
    return frames
  })

/** Opus frames of 20 ms. */
export const encode = (wave: (sample: number) => number, ms: number) =>
  Effect.promise(async (): Promise<ReadonlyArray<AudioSource.OpusFrame>> => {
    const encoder = await codec.encoder({ bitrate: 128_000 })
    const frames: Array<AudioSource.OpusFrame> = []
    for (let at = 0; at < ms; at += 20) {
      frames.push({ data: encoder.encode(samplesOf(wave, 20, at)), samples: 960 })
    }
    encoder.free()
    return frames
  })

interface Packet {
  readonly payload: Uint8Array
  readonly timestamp: number
}

/** Decodes packets in order, and inserts silence where the timestamps show that nothing was sent. */
export const decode = (packets: ReadonlyArray<Packet>) =>
  Effect.promise(async (): Promise<Sound> => {
    const decoder: FloatDecoder = await codec.decoder()
    const pieces: Array<Float32Array> = []
    const gaps: Array<{ at: number; samples: number }> = []
    let length = 0
    let due: number | undefined
    for (const { payload, timestamp } of packets) {
      const gap = due === undefined ? 0 : timestampDelta(timestamp, due)
      if (gap > 0) {
        gaps.push({ at: length, samples: gap })
        pieces.push(new Float32Array(gap))
        length += gap
      }
      const samples = decoder.decode(payload)
      const left = Float32Array.from({ length: samples.length / 2 }, (_, i) => samples[i * 2] ?? 0)
      pieces.push(left)
      length += left.length
      due = timestamp + left.length
    }
    decoder.free()
    const left = new Float32Array(length)
    let at = 0
    for (const piece of pieces) {
      left.set(piece, at)
      at += piece.length
    }
    return { left, gaps }
  })

/** The amplitude of a tone within a range of samples. */
export const levelOf = (samples: Float32Array, hz: number, from: number, count: number): number => {
  let re = 0
  let im = 0
  for (let i = 0; i < count; i++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / count)
    const value = (samples[from + i] ?? 0) * window
    const phase = (2 * Math.PI * hz * (from + i)) / rate
    re += value * Math.cos(phase)
    im += value * Math.sin(phase)
  }
  return (4 * Math.hypot(re, im)) / count
}

/** The largest difference between neighboring samples. */
export const steepest = (samples: Float32Array, from = 1, to = samples.length): number => {
  let most = 0
  for (let i = Math.max(1, from); i < to; i++) {
    most = Math.max(most, Math.abs((samples[i] ?? 0) - (samples[i - 1] ?? 0)))
  }
  return most
}

/** The signal-to-noise ratio of a range against what it should be, in dB. */
export const ratio = (
  samples: Float32Array,
  expected: (index: number) => number,
  from: number,
  count: number
): number => {
  let signal = 0
  let noise = 0
  for (let i = from; i < from + count; i++) {
    const wanted = expected(i)
    signal += wanted * wanted
    noise += ((samples[i] ?? 0) - wanted) ** 2
  }
  return 10 * Math.log10(signal / Math.max(noise, 1e-12))
}
