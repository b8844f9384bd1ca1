/**
 * FLAC (RFC 9639) to frames. A frame is given when its checksum is right; where it ends is only known by the next one's
 * header.
 *
 * What ends how:
 * - The bytes end inside a frame, or before the number of samples that the header says: `Truncated`.
 * - A frame with a wrong checksum, or something that is no frame: `Corrupt`.
 * - Behind the last frame, tags and zeros are ignored, and anything else behind the last sample.
 *
 * @since 0.1.0
 */
import * as Cutter from "./Cutter.ts"
import type { Header, PacketReader } from "./PacketReader.ts"
import * as Samples from "./Samples.ts"
import * as Tags from "./Tags.ts"

/** Comments are read as a whole up to this size; pictures are skipped. */
const maxCommentBytes = 4 * 1024 * 1024

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

/** What a trailer begins with, in as many bytes as are needed to tell. */
const trailers = ["TAG", "APETAGEX", "ID3", "LYRICS", "\0\0\0\0\0\0\0\0"]
const trailerBytes = 8

interface StreamInfo {
  readonly minBlock: number
  readonly maxBlock: number
  readonly rate: number
  readonly channels: number
  readonly bits: number
  readonly total: number | undefined
}

interface Frame {
  /** Samples in each channel, and the first of them. */
  readonly samples: number
  readonly start: number
}

const decodeInfo = (bytes: Uint8Array): StreamInfo | undefined => {
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
 */
const frameAt = (bytes: Uint8Array, at: number, end: number, info: StreamInfo): Frame | "short" | undefined => {
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

  // the number of the frame, or of its first sample, is written like a character of UTF-8, of up to seven bytes
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
  // where all blocks are of one size, only the last one is shorter; the smallest that is told may be that one
  return { samples, start: (second & 1) === 1 ? number : number * info.maxBlock }
}

/** No coding makes a frame much longer than its samples are as they are. */
const limitOf = ({ samples }: Frame, { bits, channels }: StreamInfo): number =>
  64 + Math.ceil(samples * channels * (bits + 1) / 8)

/** Zero for a frame that is whole, its own checksum included. */
const crc16 = (bytes: Uint8Array, from: number, to: number): number => {
  let sum = 0
  for (let i = from; i < to; i++) sum = ((sum << 8) & 0xffff) ^ (crc16Table[(sum >> 8) ^ (bytes[i] ?? 0)] ?? 0)
  return sum
}

const isTagAt = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x54 && bytes[at + 1] === 0x41 && bytes[at + 2] === 0x47

/** The last frame of a file, if it is whole. */
const lastFrame = (tail: Uint8Array, info: StreamInfo): Frame | undefined => {
  const end = isTagAt(tail, tail.length - 128) ? tail.length - 128 : tail.length
  for (let at = end - 1; at >= 0; at--) {
    const frame = frameAt(tail, at, end, info)
    if (typeof frame !== "object" || end - at > limitOf(frame, info)) continue
    if (crc16(tail, at, end) === 0) return frame
  }
  return undefined
}

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => Cutter.make(formatOf)

const formatOf = ({ available, consume, fail, give, input, position, skip }: Cutter.Cutter): Cutter.Format => {
  let state: "start" | "blocks" | "frames" | "ended" = "start"
  let info: StreamInfo | undefined
  let header: Header | undefined
  let frame: Frame | undefined
  let expected = 0
  /** The number of the first sample, as the first frame has it: a part of a stream may keep those of the whole. */
  let origin: number | undefined
  /** After a restart, what looks like a frame need not be one. */
  let searching = false
  let scanned = 0
  let crc = 0
  const tags: Tags.MutableTags = {}

  const onStart = (): boolean => {
    if (available() < 10) return false
    const id3 = Tags.id3Bytes(input.bytes, input.start)
    if (id3 > 0) {
      skip(id3)
      return true
    }
    if (String.fromCharCode(...input.bytes.subarray(input.start, input.start + 4)) !== "fLaC") {
      fail("UnknownFormat", "it is not a FLAC file")
      return false
    }
    consume(4)
    state = "blocks"
    return true
  }

  const onBlock = (): boolean => {
    if (available() < 4) return false
    const [first = 0, a = 0, b = 0, c = 0] = input.bytes.subarray(input.start, input.start + 4)
    const type = first & 127
    const size = (a << 16) | (b << 8) | c
    const wanted = type === 0 || (type === 4 && size <= maxCommentBytes)
    if (wanted && available() < 4 + size) return false
    const block = input.bytes.subarray(input.start + 4, input.start + 4 + size)
    if (type === 0) {
      info = decodeInfo(block)
      if (info === undefined) fail("Corrupt", "the FLAC stream information is malformed")
    } else if (type === 4 && wanted) {
      Tags.vorbisComments(block, tags)
    } else if (type === 127) {
      fail("Corrupt", "a FLAC metadata block is malformed")
    }
    if (wanted) consume(4 + size)
    else {
      consume(4)
      skip(size)
    }
    if ((first & 128) !== 0) onFrames()
    return true
  }

  const onFrames = (): void => {
    if (info === undefined) return fail("Corrupt", "the FLAC stream information is missing")
    if (info.channels > Samples.maxChannels || info.bits > 24) {
      return fail("Unsupported", `FLAC of ${info.bits} bits a sample; 24 at most can be played`)
    }
    state = "frames"
    header = {
      codec: "flac",
      rate: info.rate,
      channels: info.channels,
      setup: [],
      sampleFormat: undefined,
      delay: 0,
      total: info.total,
      warmUp: 0,
      tags
    }
  }

  const giveFrame = (current: Frame, length: number): void => {
    give({
      data: input.bytes.slice(input.start, input.start + length),
      samples: current.samples,
      start: current.start,
      offset: position()
    })
    expected = current.start + current.samples
    searching = false
    consume(length)
    frame = undefined
  }

  /** A frame, counted from the first one of the file. */
  const frameIn = (bytes: Uint8Array, at: number, end: number, stream: StreamInfo): Frame | "short" | undefined => {
    const found = frameAt(bytes, at, end, stream)
    return typeof found === "object" ? { ...found, start: found.start - (origin ?? 0) } : found
  }

  /** Looks for the first frame after a restart, or takes the one that must be here. */
  const beginFrame = (stream: StreamInfo): boolean => {
    while (input.start < input.end) {
      if (origin === undefined) {
        const first = frameAt(input.bytes, input.start, input.end, stream)
        if (typeof first === "object") origin = first.start
      }
      const found = frameIn(input.bytes, input.start, input.end, stream)
      if (found === "short") return false
      if (found !== undefined && (searching || found.start === expected)) {
        frame = found
        scanned = 1
        crc = crc16Table[input.bytes[input.start] ?? 0] ?? 0
        return true
      }
      if (!searching) {
        onForeign()
        return false
      }
      consume(1)
    }
    return false
  }

  const isTag = (at: number): boolean => isTagAt(input.bytes, at)

  /** Whether a tag of any kind begins here, or nothing but zeros come for a while. */
  const isTrailer = (at: number): boolean => {
    const magic = String.fromCharCode(...input.bytes.subarray(at, at + trailerBytes))
    return trailers.some((trailer) => magic.startsWith(trailer))
  }

  const complete = (): boolean => info?.total !== undefined && expected >= info.total

  const onForeign = (): void => {
    // behind the last sample anything may stand
    if (complete() || isTag(input.start)) state = "ended"
    else fail("Corrupt", "something that is no frame stands between the FLAC frames")
  }

  const onFrame = (stream: StreamInfo): boolean => {
    if (frame === undefined && !beginFrame(stream)) return false
    const current = frame
    if (current === undefined) return false
    const limit = limitOf(current, stream)
    const isLast = stream.total !== undefined && current.start + current.samples >= stream.total
    while (input.start + scanned < input.end) {
      const at = input.start + scanned
      if (isLast && crc === 0 && scanned > 8) {
        if (input.end - at < trailerBytes) return false
        if (isTrailer(at)) {
          giveFrame(current, scanned)
          state = "ended"
          return true
        }
      }
      const byte = input.bytes[at] ?? 0
      if (byte === 0xff && scanned > 8) {
        const next = frameIn(input.bytes, at, input.end, stream)
        if (next === "short") return false
        if (next !== undefined) {
          if (crc === 0) {
            giveFrame(current, scanned)
            return true
          }
          if (!searching && next.start === current.start + current.samples) {
            fail("Corrupt", "a FLAC frame is damaged: its checksum is wrong")
            return false
          }
        }
      }
      crc = ((crc << 8) & 0xffff) ^ (crc16Table[(crc >> 8) ^ byte] ?? 0)
      scanned++
      if (scanned > limit) {
        if (searching) {
          frame = undefined
          consume(1)
          return true
        }
        fail("Corrupt", "a FLAC frame is damaged: it has no end")
        return false
      }
    }
    return false
  }

  const step = (): boolean => {
    if (state === "start") return onStart()
    if (state === "blocks") return onBlock()
    if (state === "ended") {
      consume(available())
      return false
    }
    return info !== undefined && onFrame(info)
  }

  /** The last frame has no next one: it ends where the bytes end, or where a tag of 128 bytes begins. */
  const endFrame = (): void => {
    const held = available()
    const current = frame
    if (current === undefined) {
      if (!complete() && !isTag(input.start) && (held > 0 || info?.total !== undefined)) {
        fail("Truncated", held > 0 ? "it ends inside a FLAC frame" : "it is shorter than it says")
      }
      return
    }
    const length = isTag(input.end - 128) && held > 128 ? held - 128 : held
    if (crc16(input.bytes, input.start, input.start + length) !== 0) {
      return fail("Truncated", "it ends inside a FLAC frame")
    }
    giveFrame(current, length)
    if (info?.total !== undefined && expected < info.total) fail("Truncated", "it is shorter than it says")
  }

  return {
    step,
    end: () => {
      if (state === "ended") {
        if (info?.total !== undefined && !complete()) fail("Truncated", "it is shorter than it says")
      } else if (state !== "frames") fail("Truncated", "it ends in the headers")
      else endFrame()
    },
    header: () => header,
    // who could not go back to the header has told no length
    durationByTail: (tail) => {
      const last = info === undefined ? undefined : lastFrame(tail, info)
      return info === undefined || last === undefined
        ? undefined
        : (last.start + last.samples - (origin ?? 0)) / info.rate * 1000
    },
    tailBytes: 256 * 1024,
    restart: (place) => {
      state = "frames"
      frame = undefined
      expected = place.start
      searching = true
    },
    placeIn: (bytes, offset) => {
      if (info === undefined) return undefined
      for (let at = 0; at < bytes.length; at++) {
        const found = frameIn(bytes, at, bytes.length, info)
        if (typeof found === "object") return { offset: offset + at, start: found.start }
      }
      return undefined
    }
  }
}
