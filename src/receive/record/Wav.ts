/**
 * WAV files: 16-bit PCM (RIFF/WAVE, Microsoft "Multimedia Programming Interface and Data Specifications 1.0"). All integers are
 * little-endian. A file of more than 4 GiB, 6.2 hours of stereo at 48 kHz, has no correct size in its header: players read it
 * to its end.
 *
 * @since 0.1.0
 */
import type { Output } from "./Outputs.ts"

/**
 * The size of the header in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const headerBytes = 44

const greatest = 0xffff_ffff

/**
 * The header of a file with `dataBytes` of samples.
 *
 * @category codecs
 * @since 0.1.0
 */
export const header = (options: {
  readonly channels: number
  readonly rate: number
  readonly dataBytes: number
}): Uint8Array => {
  const { channels, dataBytes, rate } = options
  const bytes = new Uint8Array(headerBytes)
  const view = new DataView(bytes.buffer)
  const text = (offset: number, value: string): void => bytes.set(new TextEncoder().encode(value), offset)
  text(0, "RIFF")
  view.setUint32(4, Math.min(greatest, dataBytes + headerBytes - 8), true)
  text(8, "WAVEfmt ")
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, channels, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, rate * channels * 2, true)
  view.setUint16(32, channels * 2, true)
  view.setUint16(34, 16, true)
  text(36, "data")
  view.setUint32(40, Math.min(greatest, dataBytes), true)
  return bytes
}

/**
 * Converts samples to bytes, whatever the byte order of the machine.
 *
 * @category codecs
 * @since 0.1.0
 */
export const samples = (pcm: Int16Array): Uint8Array => {
  const bytes = new Uint8Array(pcm.length * 2)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < pcm.length; i++) view.setInt16(i * 2, pcm[i] ?? 0, true)
  return bytes
}

/**
 * A file that is being written: stereo at 48 kHz. All times are in samples.
 *
 * @category models
 * @since 0.1.0
 */
export interface WavFile {
  /** Adds interleaved stereo. */
  readonly add: (pcm: Int16Array) => void
  /** Sets the length, by adding silence or by cutting. */
  readonly resize: (length: number) => void
  readonly length: () => number
  /** Makes the present content playable. */
  readonly flush: () => void
}

const channels = 2
const rate = 48_000

/**
 * The size of a sample of a {@link WavFile} in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const sampleBytes = channels * 2

/**
 * Makes a file without samples.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (output: Pick<Output, "append" | "overwrite" | "resize">): WavFile => {
  let length = 0
  /** The size in the header. */
  let told = 0
  const head = () => header({ channels, rate, dataBytes: length * sampleBytes })
  output.append(head())
  return {
    add: (pcm) => {
      if (pcm.length === 0) return
      output.append(samples(pcm))
      length += pcm.length / channels
    },
    resize: (to) => {
      length = to
      output.resize(headerBytes + to * sampleBytes)
    },
    length: () => length,
    flush: () => {
      if (told === length) return
      told = length
      output.overwrite(head(), 0)
    }
  }
}
