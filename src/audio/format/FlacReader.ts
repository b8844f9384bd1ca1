/**
 * FLAC (RFC 9639) to frames. A frame is returned when its checksum is right; where it ends is only known from the header of
 * the next one.
 *
 * How it ends:
 * - The bytes end inside a frame, or before the number of samples that the header declares: `Truncated`.
 * - A frame with a wrong checksum, or something that is not a frame: `Corrupt`.
 * - Tags, zeros and another file after the last frame are ignored.
 *
 * @since 0.1.0
 */
import * as Cutter from "./Cutter.ts"
import * as FlacFrame from "./FlacFrame.ts"
import type { Header, PacketReader } from "./PacketReader.ts"
import * as Samples from "./Samples.ts"
import * as Tags from "./Tags.ts"

/** Comments are read as a whole up to this size; pictures are skipped. */
const maxCommentBytes = 4 * 1024 * 1024

/** The beginnings of trailers, with as many bytes as are needed to recognize them. */
const trailers = ["TAG", "APETAGEX", "ID3", "LYRICS", "fLaC", "\0\0\0\0\0\0\0\0"]
const trailerBytes = 8

const magic = [0x66, 0x4c, 0x61, 0x43]

/** Where another file begins, in the bytes from an index on, or where they end. */
const otherFile = (bytes: Uint8Array, from: number): number => {
  for (let at = bytes.indexOf(0x66, from); at >= 0; at = bytes.indexOf(0x66, at + 1)) {
    if (magic.every((byte, i) => bytes[at + i] === byte)) return at
  }
  return bytes.length
}

const isTagAt = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x54 && bytes[at + 1] === 0x41 && bytes[at + 2] === 0x47

/** How many other bytes may be between frames, such as damaged ones. */
const slackBytes = 4_096

/** A frame header is found by chance once in many megabytes. More than this many are meant to waste time. */
const maxStray = 16

/** The last frame of a file, if it is whole. */
const lastFrame = (tail: Uint8Array, info: FlacFrame.StreamInfo): FlacFrame.Frame | undefined => {
  const end = isTagAt(tail, tail.length - 128) ? tail.length - 128 : tail.length
  let strays = 0
  for (let at = end - 1; at >= 0 && strays < maxStray; at--) {
    const frame = FlacFrame.frameAt(tail, at, end, info)
    if (typeof frame !== "object" || end - at > FlacFrame.limitOf(frame, info)) continue
    if (FlacFrame.crc16(tail, at, end) === 0) return frame
    strays++
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
  let info: FlacFrame.StreamInfo | undefined
  let header: Header | undefined
  let frame: FlacFrame.Frame | undefined
  let expected = 0
  /** The number of the first sample, according to the first frame: a part of a stream may keep the numbers of the whole. */
  let origin: number | undefined
  /** Where the first frame is. */
  let framesAt = 0
  /** After a restart, what looks like a frame may not be one. */
  let searching = false
  let strays = 0
  let scanned = 0
  let crc = 0
  /**
   * The length of a frame that is the last one unless another follows, or 0. If the length was not declared, a checksum may
   * be right by chance, and the beginning of a tag may occur inside a frame.
   */
  let whole = 0
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
      info = FlacFrame.decodeInfo(block)
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
      return fail("Unsupported", `it is FLAC with ${info.bits} bits per sample; at most 24 are supported`)
    }
    state = "frames"
    framesAt = position()
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

  const giveFrame = (current: FlacFrame.Frame, length: number): void => {
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

  const giveLast = (current: FlacFrame.Frame): void => {
    giveFrame(current, whole)
    state = "ended"
  }

  /** A frame, with samples counted from the first one of the file. */
  const frameIn = (
    bytes: Uint8Array,
    at: number,
    end: number,
    stream: FlacFrame.StreamInfo
  ): FlacFrame.Frame | "short" | undefined => {
    const found = FlacFrame.frameAt(bytes, at, end, stream)
    return typeof found === "object" ? { ...found, start: found.start - (origin ?? 0) } : found
  }

  /** Looks for the first frame after a restart, or takes the one that must be here. */
  const beginFrame = (stream: FlacFrame.StreamInfo): boolean => {
    while (input.start < input.end) {
      if (origin === undefined) {
        const first = FlacFrame.frameAt(input.bytes, input.start, input.end, stream)
        if (typeof first === "object") origin = first.start
      }
      const found = frameIn(input.bytes, input.start, input.end, stream)
      if (found === "short") return false
      if (found !== undefined && (searching || found.start === expected)) {
        frame = found
        scanned = 1
        whole = 0
        crc = FlacFrame.nextCrc16(0, input.bytes[input.start] ?? 0)
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

  /** Whether a tag of any kind begins here, or nothing but zeros follow for a while. */
  const isTrailer = (at: number): boolean => {
    const magic = String.fromCharCode(...input.bytes.subarray(at, at + trailerBytes))
    return trailers.some((trailer) => magic.startsWith(trailer))
  }

  const complete = (): boolean => info?.total !== undefined && expected >= info.total

  const onForeign = (): void => {
    // anything may come after the last sample
    if (complete() || isTag(input.start)) state = "ended"
    else fail("Corrupt", "there is foreign data between the FLAC frames")
  }

  const onFrame = (stream: FlacFrame.StreamInfo): boolean => {
    if (frame === undefined && !beginFrame(stream)) return false
    const current = frame
    if (current === undefined) return false
    const limit = FlacFrame.limitOf(current, stream)
    const isLast = stream.total !== undefined && current.start + current.samples >= stream.total
    while (input.start + scanned < input.end) {
      const at = input.start + scanned
      if (crc === 0 && scanned > 8 && whole === 0 && (isLast || stream.total === undefined)) {
        if (input.end - at < trailerBytes) return false
        if (isTrailer(at)) {
          whole = scanned
          if (isLast) {
            giveLast(current)
            return true
          }
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
          if (!searching && whole === 0 && next.start === current.start + current.samples) {
            fail("Corrupt", "a FLAC frame is damaged: its checksum is wrong")
            return false
          }
        }
      }
      crc = FlacFrame.nextCrc16(crc, byte)
      scanned++
      if (scanned > limit) {
        if (whole > 0) {
          giveLast(current)
          return true
        }
        if (searching && ++strays < maxStray) {
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
      if (!complete() && (held > 0 || info?.total !== undefined)) {
        fail("Truncated", held > 0 ? "it ends inside a FLAC frame" : "it is shorter than its header says")
      }
      return
    }
    const length = isTag(input.end - 128) && held > 128 ? held - 128 : held
    const isWhole = FlacFrame.crc16(input.bytes, input.start, input.start + length) === 0
    if (!isWhole && whole === 0) return fail("Truncated", "it ends inside a FLAC frame")
    giveFrame(current, isWhole ? length : whole)
    if (info?.total !== undefined && expected < info.total) fail("Truncated", "it is shorter than its header says")
  }

  return {
    step,
    end: () => {
      if (state === "ended") {
        if (info?.total !== undefined && !complete()) fail("Truncated", "it is shorter than its header says")
      } else if (state !== "frames") fail("Truncated", "it ends inside its headers")
      else endFrame()
    },
    header: () => header,
    // a program that could not go back to the header has declared no length
    durationByTail: (bytes, size) => {
      const tail = bytes.subarray(0, otherFile(bytes, Math.max(0, framesAt - (size - bytes.length))))
      const last = info === undefined ? undefined : lastFrame(tail, info)
      return info === undefined || last === undefined
        ? undefined
        : (last.start + last.samples - (origin ?? 0)) / info.rate * 1000
    },
    tailBytes: 256 * 1024,
    restart: (place) => {
      state = "frames"
      frame = undefined
      // if the first frame cannot be read, the numbers of others count as those of the file
      origin ??= 0
      expected = place.start
      searching = true
      strays = 0
    },
    follows: (earlier, later) => {
      if (info === undefined) return true
      // the declared minimum block may be the last one
      const frames = (later.start - earlier.start) / info.maxBlock
      const samples = FlacFrame.limitOf({ samples: later.start - earlier.start, start: 0 }, info)
      return later.start > earlier.start && later.offset - earlier.offset <= samples + 64 * frames + slackBytes
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
