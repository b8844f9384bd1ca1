/**
 * The file of a sound: MP3 or Ogg (Discord docs, Resources, Soundboard, Sound Files), and its duration.
 *
 * @since 0.1.0
 */
import type { Sound } from "../World.ts"

/**
 * The maximum size of the file in bytes, and the maximum duration in seconds (Discord docs, Create Guild Soundboard Sound).
 *
 * @category constants
 * @since 0.1.0
 */
export const most = { bytes: 512 * 1024, seconds: 5.2 } as const

/**
 * What is wrong with a file.
 *
 * @category models
 * @since 0.1.0
 */
export type Problem = "too-large" | "wrong-type" | "no-duration" | "too-long"

/**
 * Reads a file. Its type is detected from its content, whatever was declared.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (data: Uint8Array): NonNullable<Sound["file"]> | Problem => {
  if (data.length > most.bytes) return "too-large"
  const type = isOgg(data, 0) ? ogg : isMp3(data) ? mp3 : undefined
  if (type === undefined) return "wrong-type"
  const seconds = type.secondsOf(data)
  if (seconds === undefined || seconds <= 0) return "no-duration"
  // the buffer that it was cut from does not have to be kept
  return seconds > most.seconds ? "too-long" : { contentType: type.contentType, data: new Uint8Array(data) }
}

const viewOf = (data: Uint8Array) => new DataView(data.buffer, data.byteOffset, data.byteLength)

const hasText = (data: Uint8Array, at: number, text: string): boolean =>
  at + text.length <= data.length && Array.from(text).every((sign, i) => data[at + i] === sign.charCodeAt(0))

const isOgg = (data: Uint8Array, at: number): boolean => hasText(data, at, "OggS")

/** The unit of its positions in samples per second, and the first position (RFC 7845, 5.1; Vorbis I, 4.2.2). */
const oggClock = (data: Uint8Array, at: number): { readonly rate: number; readonly first: number } | undefined => {
  const view = viewOf(data)
  if (hasText(data, at, "OpusHead") && at + 12 <= data.length) {
    return { rate: 48_000, first: view.getUint16(at + 10, true) }
  }
  if (hasText(data, at, "\x01vorbis") && at + 16 <= data.length) {
    return { rate: view.getUint32(at + 12, true), first: 0 }
  }
  return undefined
}

/** The duration up to the position on its last page (RFC 3533, 6), for the stream that begins first. */
const oggSeconds = (data: Uint8Array): number | undefined => {
  const view = viewOf(data)
  const serial = data.length < 27 ? undefined : view.getUint32(14, true)
  let clock: ReturnType<typeof oggClock>
  let last = 0n
  for (let at = 0; isOgg(data, at) && at + 27 <= data.length;) {
    const segments = view.getUint8(at + 26)
    const bodyAt = at + 27 + segments
    if (at === 0) clock = oggClock(data, bodyAt)
    const position = view.getBigInt64(at + 6, true)
    // a page on which no packet ends has -1
    if (view.getUint32(at + 14, true) === serial && position > last) last = position
    at = data.subarray(at + 27, bodyAt).reduce((end, length) => end + length, bodyAt)
  }
  return clock === undefined || clock.rate === 0 ? undefined : (Number(last) - clock.first) / clock.rate
}

const ogg = { contentType: "audio/ogg", secondsOf: oggSeconds } as const

/** In kbit/s: for MPEG-1 layer III, and for the two versions with lower rates (ISO 11172-3, 2.4.2.3; ISO 13818-3, 2.4.2.3). */
const bitrates = {
  full: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  lower: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
} as const

/** By the two bits of the version: 2.5, none, 2 and 1. */
const sampleRates = [[11_025, 12_000, 8_000], [], [22_050, 24_000, 16_000], [44_100, 48_000, 32_000]] as const

interface Frame {
  readonly bytes: number
  readonly seconds: number
}

const mp3Frame = (data: Uint8Array, at: number): Frame | undefined => {
  const [first = 0, second = 0, third = 0] = data.subarray(at, at + 3)
  const isLayer3 = (second & 0x06) === 0x02
  if (first !== 0xff || (second & 0xe0) !== 0xe0 || !isLayer3) return undefined
  const version = (second >> 3) & 3
  const rate = sampleRates[version]?.[(third >> 2) & 3]
  const bitrate = (version === 3 ? bitrates.full : bitrates.lower)[third >> 4]
  if (rate === undefined || bitrate === undefined || bitrate === 0) return undefined
  const samples = version === 3 ? 1_152 : 576
  return { bytes: Math.floor(samples / 8 * bitrate * 1_000 / rate) + ((third >> 1) & 1), seconds: samples / rate }
}

/** The offset of its first frame: after the tag (ID3v2.4, 3.1), whose size has seven bits per byte. */
const mp3Start = (data: Uint8Array): number => {
  if (!hasText(data, 0, "ID3")) return 0
  const hasFooter = ((data[5] ?? 0) & 0x10) !== 0
  return data.subarray(6, 10).reduce((size, byte) => size * 128 + (byte & 0x7f), 0) + (hasFooter ? 20 : 10)
}

const isMp3 = (data: Uint8Array): boolean => hasText(data, 0, "ID3") || mp3Frame(data, 0) !== undefined

/** Whether its first frame is a table of all others, which contains no sound. */
const isTable = (data: Uint8Array, at: number, { bytes }: Frame): boolean => {
  const text = Buffer.from(data.subarray(at, at + Math.min(bytes, 64))).toString("latin1")
  return ["Xing", "Info", "VBRI"].some((name) => text.includes(name))
}

const mp3Seconds = (data: Uint8Array): number | undefined => {
  let at = mp3Start(data)
  let seconds = 0
  for (let isFirst = true;; isFirst = false) {
    const frame = mp3Frame(data, at)
    if (frame === undefined) return seconds
    if (!isFirst || !isTable(data, at, frame)) seconds += frame.seconds
    at += frame.bytes
  }
}

const mp3 = { contentType: "audio/mpeg", secondsOf: mp3Seconds } as const
