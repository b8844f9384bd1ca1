/**
 * What comes around the frames of a stream that consists of frames only, as MP3 and ADTS do: the tags of players and
 * stations, zeros, and damaged parts.
 *
 * @since 0.1.0
 */
import type { Cutter } from "./Cutter.ts"
import * as Tags from "./Tags.ts"

/** Tags are read up to this size: a larger one is a picture. */
const maxTagBytes = 256 * 1024

/**
 * How many bytes are searched for a frame: for the first one, since a station is joined in the middle of one, and after a
 * damaged one.
 */
const maxJoinBytes = 65_536

const id3v1Bytes = 128
const id3HeaderBytes = 10

/** The beginnings of tags after the sound. */
const trailers = new Set(["TAG", "APE", "LYR", "ID3"])

/** The first bytes of a frame, and of a tag that declares its length. */
const beginnings = new Set([0xff, ...["T", "A", "I"].map((letter) => letter.charCodeAt(0))])

/**
 * For a tag of APE: the size of its header, and the flags that mark a header rather than a footer, and the presence of a
 * header.
 */
const apeHeaderBytes = 32
const apeIsHeader = 0x20000000
const apeHasHeader = 0x80000000

/** The length of a tag of APE, according to its header or footer: the declared length does not include the header. */
const apeBytes = (bytes: Uint8Array, at: number, isHeader: boolean): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, apeHeaderBytes)
  const hasHeader = isHeader || (view.getUint32(20, true) & apeHasHeader) !== 0
  return view.getUint32(12, true) + (hasHeader ? apeHeaderBytes : 0)
}

/**
 * How many of the last bytes of a file are tags of ID3v1 and APE.
 *
 * @category combinators
 * @since 0.1.0
 */
export const trailingBytes = (tail: Uint8Array): number => {
  const has = (magic: string, at: number) => at >= 0 && Buffer.from(magic).equals(tail.subarray(at, at + magic.length))
  const id3v1 = has("TAG", tail.length - id3v1Bytes) ? id3v1Bytes : 0
  const ape = tail.length - id3v1 - apeHeaderBytes
  return id3v1 + (has("APETAGEX", ape) ? apeBytes(tail, ape, false) : 0)
}

/**
 * Handles what comes before the first frame of a stream that consists of frames only, between frames, and after the last one:
 * tags of ID3 and APE, and zeros.
 *
 * @category models
 * @since 0.1.0
 */
export interface Surroundings {
  /** Whether an ID3v2 tag before the first frame has been looked for. */
  readonly isTagRead: () => boolean
  /** Looks for that tag; `false` if more bytes are needed. */
  readonly readTag: () => boolean
  /**
   * Handles something that is not a frame. `isJoining`: there was none yet. A tag is skipped. A tag that does not declare its
   * length is the end, and so are anything after a tag, and zeros that only a tag follows. Anything else is skipped byte by
   * byte until a frame comes, and `Corrupt` from 64 KiB on.
   */
  readonly pass: (isJoining: boolean) => boolean
  /** A frame has come. */
  readonly onFrame: () => void
  /** Whether something other than a tag was skipped since the last frame: what looks like a frame may then not be one. */
  readonly isLost: () => boolean
  /** Whether that was the case between two frames, so that frames may be missing. */
  readonly isDamaged: () => boolean
  /** Reports what the bytes end with, if no frame has come after what was skipped. */
  readonly failLost: () => void
  /**
   * Whether the sound has ended. What comes then is handled by {@link Surroundings.passEnd}, except for a tag or sound after
   * zeros: then it has not ended.
   */
  readonly isEnded: () => boolean
  readonly passEnd: () => void
  /** Whether the waiting bytes are zeros, the beginning of a tag, or both, and not a frame that was cut off. */
  readonly isTrailer: () => boolean
  /** Whether the first waiting item is followed, after this many bytes, by the beginning of a tag, or by nothing more. */
  readonly isLast: (bytes: number) => boolean
  /** No more bytes will come than those that wait. */
  readonly onLast: () => void
  /** Whether this many more bytes may still come. */
  readonly mayCome: (bytes: number) => boolean
  readonly restart: () => void
}

/**
 * `name` is that of the format, for messages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (cutter: Cutter, name: string, tags: Tags.MutableTags): Surroundings => {
  const { available, consume, fail, input, skip } = cutter
  let isTagRead = false
  /** The bytes that were skipped since the last frame and are not a tag. */
  let passed = 0
  let isDamaged = false
  let hasFrame = false
  let ended = false
  /** Whether it has ended with zeros. */
  let isPadding = false
  /** Whether a tag was the last thing that came. */
  let isBehindTag = false
  let isAtEnd = false

  const ascii = (at: number, length: number): string =>
    String.fromCharCode(...input.bytes.subarray(at, Math.min(at + length, input.end)))
  const text = (length: number): string => ascii(input.start, length)

  /** The length of an ID3v2 tag that begins here, or 0, or `undefined` if more bytes are needed. */
  const id3Bytes = (): number | undefined =>
    text(3) === "ID3" && available() < id3HeaderBytes ? undefined : Tags.id3Bytes(input.bytes, input.start)

  const isZero = (): boolean => available() > 0 && input.bytes[input.start] === 0

  const isTrailer = (): boolean => {
    let at = input.start
    while (at < input.end && input.bytes[at] === 0) at++
    return (at > input.start && at === input.end) || trailers.has(ascii(at, 3))
  }

  const foreign = () => fail("Corrupt", `there is foreign data between the ${name} frames`)

  /** Skips zeros, up to a tag or something else, after which the sound may continue. */
  const passZeros = (): void => {
    while (isZero()) {
      consume(1)
      passed++
    }
    const magic = text(3)
    if (trailers.has(magic)) {
      ended = isPadding = false
      passed = 0
    } else if (passed > maxJoinBytes && magic.startsWith("\xff")) {
      fail("Corrupt", `some of the ${name} frames were overwritten with zeros`)
    } else if (![...trailers].some((trailer) => trailer.startsWith(magic))) {
      ended = isPadding = false
    }
  }

  /** The length of a tag that begins here and declares it, or 0, or `undefined` if more bytes are needed; sound may follow. */
  const tagBytes = (): number | undefined => {
    const magic = text(8)
    if (magic.startsWith("TAG") && magic[3] !== "+") return id3v1Bytes
    if (!magic.startsWith("APE")) return 0
    if (available() < apeHeaderBytes) return undefined
    if (magic !== "APETAGEX") return 0
    const view = new DataView(input.bytes.buffer, input.bytes.byteOffset + input.start, apeHeaderBytes)
    // if it is not a header, it is a footer
    return (view.getUint32(20, true) & apeIsHeader) === 0
      ? apeHeaderBytes
      : apeBytes(input.bytes, input.start, true)
  }

  /** How many bytes come before the next one that a frame or a tag can begin with, or the end of what waits. */
  const toNext = (): number => {
    let at = input.start + 1
    while (at < input.end && !beginnings.has(input.bytes[at] ?? 0)) at++
    return at - input.start
  }

  return {
    isTagRead: () => isTagRead,
    readTag: () => {
      if (available() < id3HeaderBytes) return false
      const bytes = Tags.id3Bytes(input.bytes, input.start)
      if (bytes === 0) {
        isTagRead = true
        return true
      }
      const wanted = Math.min(bytes, maxTagBytes)
      if (available() < wanted) return false
      Tags.id3(input.bytes.slice(input.start, input.start + wanted), tags)
      skip(bytes)
      return true
    },
    pass: (isJoining) => {
      if (isJoining) {
        if (++passed > maxJoinBytes) {
          fail("UnknownFormat", `it contains no ${name}`)
          return false
        }
        consume(1)
        return true
      }
      const id3 = id3Bytes()
      const tag = id3 === 0 ? tagBytes() : id3
      if (tag === undefined) return false
      if (tag > 0) {
        // sound follows a tag of ID3v2, which declares its end; a damaged part may contain the letters of one
        isBehindTag ||= id3 === 0 && passed === 0
        skip(tag)
        return true
      }
      const isLost = passed > 0
      isPadding = !isLost && !isBehindTag && isZero()
      ended = isBehindTag || isPadding || (!isLost && trailers.has(text(3)))
      if (ended) return true
      const bytes = toNext()
      passed += bytes
      if (passed > maxJoinBytes) {
        foreign()
        return false
      }
      consume(bytes)
      return true
    },
    onFrame: () => {
      isDamaged ||= passed > 0 && hasFrame
      hasFrame = true
      passed = 0
      isBehindTag = false
    },
    isLost: () => passed > 0,
    isDamaged: () => isDamaged,
    failLost: foreign,
    isEnded: () => ended,
    passEnd: () => {
      if (isPadding) passZeros()
      else consume(available())
    },
    isTrailer,
    isLast: (bytes) => trailers.has(ascii(input.start + bytes, 3)) || (isAtEnd && available() === bytes),
    onLast: () => {
      isAtEnd = true
    },
    mayCome: (bytes) => !isAtEnd && available() < bytes,
    restart: () => {
      isAtEnd =
        ended =
        isPadding =
        isBehindTag =
        hasFrame =
          false
      passed = 0
    }
  }
}
