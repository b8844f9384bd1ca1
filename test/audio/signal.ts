/**
 * A sound that is known sample by sample, against which the sound decoded from files is compared. The files in `files/`
 * contain it in every format. To make them again, run `node test/audio/files/make.ts`, which uses the ffmpeg of the
 * tests.
 */

export interface Stereo {
  readonly left: Float32Array
  readonly right: Float32Array
}

/** A chirp from 100 Hz to 6 kHz on the left, and two tones with a beat on the right. */
export const sampleAt = (seconds: number, length: number): readonly [left: number, right: number] => {
  const chirp = 2 * Math.PI * (100 * seconds + (6000 - 100) / (2 * length) * seconds * seconds)
  const tones = 0.25 * Math.sin(2 * Math.PI * 660 * seconds) + 0.15 * Math.sin(2 * Math.PI * 1234.5 * seconds)
  return [0.4 * Math.sin(chirp), tones]
}

/** `length` seconds of the sound at a sample rate. */
export const signal = (rate: number, length: number): Stereo => {
  const count = Math.round(rate * length)
  const left = new Float32Array(count)
  const right = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const [a, b] = sampleAt(i / rate, length)
    left[i] = a
    right[i] = b
  }
  return { left, right }
}

/**
 * The signal-to-noise ratio in dB of interleaved samples, the first of which is sample `at` of the sound at 48 kHz. The
 * edges are left out.
 */
export const signalToNoise = (heard: Float32Array, length: number, at = 0, edge = 480): number => {
  let noise = 0
  let power = 0
  const total = Math.round(48_000 * length)
  for (let i = edge; i < heard.length / 2 - edge && i + at < total - edge; i++) {
    const [left, right] = sampleAt((i + at) / 48_000, length)
    noise += ((heard[2 * i] ?? 0) - left) ** 2 + ((heard[2 * i + 1] ?? 0) - right) ** 2
    power += left * left + right * right
  }
  return 10 * Math.log10(power / noise)
}

/** The root mean square of interleaved samples. */
export const levelOf = (samples: Float32Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)

/** A 16-bit WAV. */
export const wav16 = ({ left, right }: Stereo, rate: number): Uint8Array => {
  const bytes = new Uint8Array(44 + 4 * left.length)
  const view = new DataView(bytes.buffer)
  bytes.set(Buffer.from("RIFF....WAVEfmt ", "latin1"))
  view.setUint32(4, bytes.length - 8, true)
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 2, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, 4 * rate, true)
  view.setUint16(32, 4, true)
  view.setUint16(34, 16, true)
  bytes.set(Buffer.from("data", "latin1"), 36)
  view.setUint32(40, 4 * left.length, true)
  for (let i = 0; i < left.length; i++) {
    view.setInt16(44 + 4 * i, Math.round((left[i] ?? 0) * 32_768), true)
    view.setInt16(46 + 4 * i, Math.round((right[i] ?? 0) * 32_768), true)
  }
  return bytes
}
