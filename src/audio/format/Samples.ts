/**
 * Raw samples: how they are encoded, and how many channels become two.
 *
 * @since 0.1.0
 */

/**
 * How a sample is encoded: unsigned or signed integers or floating point, of this many bits, little-endian (`le`) or
 * big-endian (`be`). Full scale is 1.0 for floating point, and the smallest number for integers. `alaw` and `mulaw` are
 * telephony encodings (ITU-T G.711).
 *
 * @category models
 * @since 0.1.0
 */
export type SampleFormat =
  | "u8"
  | "s8"
  | "s16le"
  | "s16be"
  | "s24le"
  | "s24be"
  | "s32le"
  | "s32be"
  | "f32le"
  | "f32be"
  | "f64le"
  | "f64be"
  | "alaw"
  | "mulaw"

type Read = (view: DataView, offset: number) => number

const s24 = (view: DataView, offset: number, little: boolean): number =>
  little
    ? view.getUint16(offset, true) | (view.getInt8(offset + 2) << 16)
    : view.getUint16(offset + 1, false) | (view.getInt8(offset) << 16)

/** The linear 16-bit value of a byte (G.711, table 1a): a sign, three bits for the segment, four for the position in it. */
const alaw = (byte: number): number => {
  const bits = byte ^ 0x55
  const segment = (bits >> 4) & 7
  const place = ((bits & 15) << 4) + 8
  const value = segment === 0 ? place : (place + 256) << (segment - 1)
  return (bits & 128) === 0 ? -value : value
}

/** The same for table 2a. */
const mulaw = (byte: number): number => {
  const bits = ~byte
  const value = (((bits & 15) << 3) + 132) << ((bits >> 4) & 7)
  return (bits & 128) === 0 ? value - 132 : 132 - value
}

const formats: { readonly [format in SampleFormat]: readonly [bytes: number, read: Read] } = {
  u8: [1, (view, offset) => (view.getUint8(offset) - 128) / 128],
  s8: [1, (view, offset) => view.getInt8(offset) / 128],
  s16le: [2, (view, offset) => view.getInt16(offset, true) / 32_768],
  s16be: [2, (view, offset) => view.getInt16(offset, false) / 32_768],
  s24le: [3, (view, offset) => s24(view, offset, true) / 8_388_608],
  s24be: [3, (view, offset) => s24(view, offset, false) / 8_388_608],
  s32le: [4, (view, offset) => view.getInt32(offset, true) / 2_147_483_648],
  s32be: [4, (view, offset) => view.getInt32(offset, false) / 2_147_483_648],
  f32le: [4, (view, offset) => view.getFloat32(offset, true)],
  f32be: [4, (view, offset) => view.getFloat32(offset, false)],
  f64le: [8, (view, offset) => view.getFloat64(offset, true)],
  f64be: [8, (view, offset) => view.getFloat64(offset, false)],
  alaw: [1, (view, offset) => alaw(view.getUint8(offset)) / 32_768],
  mulaw: [1, (view, offset) => mulaw(view.getUint8(offset)) / 32_768]
}

/**
 * Whether a value is the name of a sample format.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFormat = (value: unknown): value is SampleFormat =>
  typeof value === "string" && Object.hasOwn(formats, value)

/**
 * The bytes of one sample of one channel.
 *
 * @category combinators
 * @since 0.1.0
 */
export const bytesOf = (format: SampleFormat): number => formats[format][0]

/**
 * Decodes the whole samples of all channels in `bytes`, each channel separately. NaN becomes silence.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array, format: SampleFormat, channels: number): Array<Float32Array> => {
  const [size, read] = formats[format]
  const count = Math.floor(bytes.length / (size * channels))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const float = format.startsWith("f")
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(count)
    const stride = size * channels
    for (let i = 0, offset = channel * size; i < count; i++, offset += stride) {
      const value = read(view, offset)
      samples[i] = float && !Number.isFinite(value) ? 0 : value
    }
    return samples
  })
}

const half = Math.SQRT1_2

/**
 * What each channel contributes to left and right, by their number, in the order of WAV, FLAC and MPEG: front left, front
 * right, center, low frequency, then the others by side. A center and the surround channels are added at -3 dB, and the
 * low-frequency channel is left out, as in ITU-R BS.775.
 */
const mixes: ReadonlyArray<ReadonlyArray<readonly [left: number, right: number]>> = [
  [],
  [[1, 1]],
  [[1, 0], [0, 1]],
  [[1, 0], [0, 1], [half, half]],
  [[1, 0], [0, 1], [half, 0], [0, half]],
  [[1, 0], [0, 1], [half, half], [half, 0], [0, half]],
  [[1, 0], [0, 1], [half, half], [0, 0], [half, 0], [0, half]],
  [[1, 0], [0, 1], [half, half], [0, 0], [0.5, 0.5], [half, 0], [0, half]],
  [[1, 0], [0, 1], [half, half], [0, 0], [half, 0], [0, half], [half, 0], [0, half]]
]

/** Vorbis has its own order from three channels on (Vorbis I, 4.3.9). These are the indexes of the order above. */
const vorbisOrder: ReadonlyArray<ReadonlyArray<number>> = [
  [],
  [0],
  [0, 1],
  [0, 2, 1],
  [0, 1, 2, 3],
  [0, 2, 1, 3, 4],
  [0, 2, 1, 5, 3, 4],
  [0, 2, 1, 6, 5, 3, 4],
  [0, 2, 1, 7, 5, 6, 3, 4]
]

/**
 * AAC puts the center first (ISO 14496-3, table 1.19). The decoder has put up to six channels into the order of WAV already,
 * and leaves eight as they are (@audio/decode-aac 1.6.0).
 */
const aacOrder: ReadonlyArray<ReadonlyArray<number> | undefined> = [
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  [1, 2, 0, 7, 3, 4, 5, 6]
]

/**
 * The order of the channels.
 *
 * @category models
 * @since 0.1.0
 */
export type ChannelOrder = "wav" | "vorbis" | "aac"

/**
 * The most channels that can be mixed down.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxChannels = mixes.length - 1

/**
 * Returns one or two channels as they are, and mixes more of them down to two: front left and right, the center and the
 * surround channels at -3 dB, nothing of the low-frequency channel; everything is lowered by as much as is needed to never
 * clip.
 *
 * @category combinators
 * @since 0.1.0
 */
export const downmix = (
  channels: ReadonlyArray<Float32Array>,
  count: number,
  order: ChannelOrder = "wav"
): ReadonlyArray<Float32Array> => {
  if (channels.length <= 2) return channels
  const mix = mixes[channels.length]
  if (mix === undefined) return channels.slice(0, 2)
  const places = order === "vorbis"
    ? vorbisOrder[channels.length]
    : order === "aac"
    ? aacOrder[channels.length]
    : undefined
  const sum = mix.reduce((total, [left]) => total + left, 0)
  const left = new Float32Array(count)
  const right = new Float32Array(count)
  for (let i = 0; i < mix.length; i++) {
    const [toLeft, toRight] = mix[i] ?? [0, 0]
    const samples = channels[places?.[i] ?? i]
    if (samples === undefined) continue
    const a = toLeft / sum
    const b = toRight / sum
    for (let k = 0; k < count; k++) {
      const sample = samples[k] ?? 0
      left[k] = (left[k] ?? 0) + a * sample
      right[k] = (right[k] ?? 0) + b * sample
    }
  }
  return [left, right]
}
