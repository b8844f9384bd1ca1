/**
 * Something to play that needs no file: a sine wave, as PCM and as Opus frames. Many of the examples use it.
 */
import { Effect } from "effect"
import { type AudioSource, OpusEncoder } from "effect-discord-voice"

/** Interleaved signed 16-bit samples in two channels at 48 kHz. */
export const pcm = (seconds: number, hertz = 440): Int16Array => {
  const samples = new Int16Array(2 * 48_000 * seconds)
  for (let i = 0; i < samples.length; i++) {
    samples[i] = 8_000 * Math.sin((2 * Math.PI * hertz * Math.floor(i / 2)) / 48_000)
  }
  return samples
}

/** The same as Opus, in frames of 20 ms. */
export const frames = Effect.fnUntraced(function*(seconds: number, hertz = 440) {
  const samples = pcm(seconds, hertz)
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 64_000 })
  const result: Array<AudioSource.OpusFrame> = []
  for (let at = 0; at + 1920 <= samples.length; at += 1920) {
    result.push({ data: yield* encoder.encode(samples.subarray(at, at + 1920)), samples: 960 })
  }
  return result
}, Effect.scoped)
