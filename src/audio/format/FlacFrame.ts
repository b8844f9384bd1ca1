/**
 * The stream information and the frames of FLAC (RFC 9639, 8.2 and 9), as far as they can be known without decoding.
 *
 * @since 0.1.0
 */

const crc8Table = new Uint8Array(256)
const crc16Table = new Uint16Array(256)
for (let i = 0; i < 256; i++) {
  let crc8 = i
  let crc16 = i << 8
  for (let bit = 0; bit < 8; bit++) {
    crc8 = (crc8 & 0x80) === 0 ? crc8 << 1 : (crc8 << 1) ^ 0x07
    crc16 = (crc16 & 0x8000) === 0 ? crc16 << 1 : (crc16 << 1) ^ 0x8005
  }
  crc8Table[i] = crc8
  crc16Table[i] = crc16
}

/**
 * The description of a stream, before its frames.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamInfo {
  readonly minBlock: number
  readonly maxBlock: number
  readonly rate: number
  readonly channels: number
  readonly bits: number
  readonly total: number | undefined
}

/**
 * The description of a frame.
 *
 * @category models
 * @since 0.1.0
 */
export interface Frame {
  /** The samples in each channel, and the number of the first one. */
  readonly samples: number
  readonly start: number
}

/**
 * Reads the stream information; `undefined` if it is malformed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeInfo = (bytes: Uint8Array): StreamInfo | undefined => {
  if (bytes.length < 34) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packed = view.getUint32(10)
  const total = (view.getUint8(13) & 15) * 0x1_0000_0000 + view.getUint32(14)
  const info = {
    minBlock: view.getUint16(0),
    maxBlock: view.getUint16(2),
    rate: packed >>> 12,
    channels: ((packed >>> 9) & 7) + 1,
    bits: ((packed >>> 4) & 31) + 1,
    total: total === 0 ? undefined : total
  }
  return info.rate === 0 || info.maxBlock < 16 || info.minBlock > info.maxBlock ? undefined : info
}

const blockSizes = [0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768]
const bitDepths = [0, 8, 12, 0, 16, 20, 24, 32]
const rates = [0, 88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]

/**
 * The frame header at `at` (RFC 9639, 9.1); `undefined` if there is none, "short" if more bytes are needed to tell.
 *
 * @category codecs
 * @since 0.1.0
 */
export const frameAt = (bytes: Uint8Array, at: number, end: number, info: StreamInfo): Frame | "short" | undefined => {
  if (bytes[at] !== 0xff) return undefined
  if (at + 1 >= end) return "short"
  const second = bytes[at + 1] ?? 0
  if ((second & 0xfe) !== 0xf8) return undefined
  if (at + 6 > end) return "short"
  const third = bytes[at + 2] ?? 0
  const fourth = bytes[at + 3] ?? 0
  const channelCode = fourth >> 4
  const channels = channelCode < 8 ? channelCode + 1 : channelCode < 11 ? 2 : 0
  const depthCode = (fourth >> 1) & 7
  if (channels !== info.channels || (fourth & 1) !== 0) return undefined
  if (depthCode !== 0 && bitDepths[depthCode] !== info.bits) return undefined
  const sizeCode = third >> 4
  const rateCode = third & 15
  if (sizeCode === 0 || rateCode === 15) return undefined
  if (rateCode > 0 && rateCode < 12 && rates[rateCode] !== info.rate) return undefined

  // the number of the frame, or of its first sample, is written like a UTF-8 character, of up to seven bytes
  const lead = bytes[at + 4] ?? 0
  const extra = lead < 0x80 ? 0 : Math.clz32(~(lead << 24)) - 1
  if (extra < 0 || extra > 6 || (lead >= 0x80 && extra === 0)) return undefined
  const length = 5 + extra + (sizeCode === 6 ? 1 : sizeCode === 7 ? 2 : 0) +
    (rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0)
  if (at + length >= end) return "short"
  let number = extra === 0 ? lead : lead & (0x3f >> extra)
  for (let i = 1; i <= extra; i++) {
    const byte = bytes[at + 4 + i] ?? 0
    if ((byte & 0xc0) !== 0x80) return undefined
    number = number * 64 + (byte & 0x3f)
  }
  let crc = 0
  for (let i = at; i < at + length; i++) crc = crc8Table[crc ^ (bytes[i] ?? 0)] ?? 0
  if (crc !== bytes[at + length]) return undefined
  const sized = at + 5 + extra
  const samples = sizeCode === 6
    ? (bytes[sized] ?? 0) + 1
    : sizeCode === 7
    ? ((bytes[sized] ?? 0) << 8) + (bytes[sized + 1] ?? 0) + 1
    : blockSizes[sizeCode] ?? 0
  if (samples === 0 || samples > 65_535) return undefined
  // if all blocks have one size, only the last one is shorter; the declared minimum may be that one
  return { samples, start: (second & 1) === 1 ? number : number * info.maxBlock }
}

/**
 * The most bytes of a frame: no coding makes it much longer than its raw samples.
 *
 * @category combinators
 * @since 0.1.0
 */
export const limitOf = ({ samples }: Frame, { bits, channels }: StreamInfo): number =>
  64 + Math.ceil(samples * channels * (bits + 1) / 8)

/**
 * The checksum with one more byte.
 *
 * @category combinators
 * @since 0.1.0
 */
export const nextCrc16 = (sum: number, byte: number): number =>
  ((sum << 8) & 0xffff) ^ (crc16Table[(sum >> 8) ^ byte] ?? 0)

/**
 * The checksum of bytes: zero for a whole frame with its own checksum.
 *
 * @category combinators
 * @since 0.1.0
 */
export const crc16 = (bytes: Uint8Array, from: number, to: number): number => {
  let sum = 0
  for (let i = from; i < to; i++) sum = nextCrc16(sum, bytes[i] ?? 0)
  return sum
}

/**
 * Returns the number of samples that packets of one frame each decode to; -1 for an invalid packet.
 *
 * @category combinators
 * @since 0.1.0
 */
export const counter = (info: StreamInfo) => ({
  samples: (packet: Uint8Array): number => {
    const frame = frameAt(packet, 0, packet.length, info)
    return typeof frame === "object" ? frame.samples : -1
  },
  reset: (): void => undefined
})
