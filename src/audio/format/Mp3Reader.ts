/**
 * MPEG audio of layers I to III (ISO 11172-3, 13818-3) to frames, with the tags around them: ID3v2 before, ID3v1 and APE
 * after, and the frame of Xing or LAME that says how many samples there are and which of them the encoder has added.
 *
 * How it ends:
 * - The bytes end inside a frame, or before the number of frames that the first one declares: `Truncated`.
 * - More frames than the first one declares, as in joined files: they are played, and the number no longer counts.
 * - Up to 64 KiB of something that is not a frame are skipped, before the first frame, since a station is joined in the
 *   middle, and between two frames, where a file is damaged. More than that is `Corrupt`, and so is anything after the last
 *   frame other than zeros and tags.
 * - Frames of a free bitrate, which do not declare their length: `Unsupported`.
 *
 * @since 0.1.0
 */
import * as Cutter from "./Cutter.ts"
import type { Header, PacketReader } from "./PacketReader.ts"
import * as Surroundings from "./Surroundings.ts"
import type * as Tags from "./Tags.ts"

/** The delay of a decoder of layer III in samples (the filter bank and the overlap), as LAME counts it. */
const decoderDelay = 529

/** The number of frames that a frame of layer III can take bits from: 511 bytes back, of frames of at least 24 bytes. */
const reservoirFrames = 12

const bitrates: { readonly [key: string]: ReadonlyArray<number> } = {
  "1/1": [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  "1/2": [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  "1/3": [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  "2/1": [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  "2/2": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  "2/3": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
}

const baseRates = [44_100, 48_000, 32_000]

/** A frame header. */
interface Frame {
  readonly bytes: number
  readonly samples: number
  readonly rate: number
  readonly channels: 1 | 2
  readonly layer: 1 | 2 | 3
  readonly lowRate: boolean
  readonly bitrate: number
}

const frameAt = (bytes: Uint8Array, at: number): Frame | undefined => {
  const second = bytes[at + 1] ?? 0
  const third = bytes[at + 2] ?? 0
  const fourth = bytes[at + 3] ?? 0
  if (bytes[at] !== 0xff || (second & 0xe0) !== 0xe0) return undefined
  const version = (second >> 3) & 3
  const layerBits = (second >> 1) & 3
  const base = baseRates[(third >> 2) & 3]
  if (version === 1 || layerBits === 0 || base === undefined || (fourth & 3) === 2) return undefined
  const layer = layerBits === 3 ? 1 : layerBits === 2 ? 2 : 3
  const lowRate = version !== 3
  const rate = version === 3 ? base : version === 2 ? base / 2 : base / 4
  const bitrate = bitrates[`${lowRate ? 2 : 1}/${layer}`]?.[third >> 4] ?? 0
  if (bitrate === 0) return undefined
  const padding = (third >> 1) & 1
  const samples = layer === 1 ? 384 : layer === 3 && lowRate ? 576 : 1152
  const size = layer === 1
    ? 4 * (Math.floor(12_000 * bitrate / rate) + padding)
    : Math.floor(samples / 8 * 1000 * bitrate / rate) + padding
  return { bytes: size, samples, rate, channels: (fourth >> 6) === 3 ? 1 : 2, layer, lowRate, bitrate }
}

/** The most bytes of a frame of a free bitrate: LAME goes up to 640 kbit/s. */
const maxFreeBytes = 4096

/** Whether a header of a free bitrate begins here: a frame that declares no bitrate. */
const isFreeAt = (bytes: Uint8Array, at: number): boolean => {
  const header = bytes.slice(at, at + 4)
  const third = header[2] ?? 0
  header[2] = third | 0x10
  return third >> 4 === 0 && frameAt(header, 0) !== undefined
}

/** Whether frames of a free bitrate begin here: two more similar ones follow at equal distances, apart from padding. */
const areFreeAt = (bytes: Uint8Array, at: number): boolean => {
  const isLike = (other: number): boolean =>
    bytes[other] === 0xff && bytes[other + 1] === bytes[at + 1] &&
    ((bytes[other + 2] ?? 0) | 2) === ((bytes[at + 2] ?? 0) | 2)
  for (let length = 24; length <= maxFreeBytes; length++) {
    const second = at + length
    if (isLike(second) && [0, 1, -1].some((padding) => isLike(second + length + padding))) return true
  }
  return false
}

const alike = (a: Frame, b: Frame): boolean => a.rate === b.rate && a.layer === b.layer && a.lowRate === b.lowRate

/** The contents of the frame of Xing, LAME or Fraunhofer. */
interface Info {
  readonly frames: number | undefined
  /** The bytes of the sound. */
  readonly bytes: number | undefined
  readonly delay: number
  readonly padding: number
}

const ascii = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length))

const u32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0

const infoOf = (data: Uint8Array, frame: Frame): Info | undefined => {
  if (frame.layer !== 3) return undefined
  const side = frame.lowRate ? (frame.channels === 1 ? 9 : 17) : frame.channels === 1 ? 17 : 32
  // the header can be followed by a checksum
  for (const at of [4 + side, 6 + side]) {
    const magic = ascii(data, at, 4)
    if (magic !== "Xing" && magic !== "Info") continue
    const flags = u32(data, at + 4)
    // a program that could not go back to the first frame has written nothing there
    const told = (flag: number, offset: number) => (flags & flag) === 0 ? undefined : u32(data, offset) || undefined
    const frames = told(1, at + 8)
    const bytes = told(2, at + 8 + ((flags & 1) === 0 ? 0 : 4))
    const lame = at + 8 + ((flags & 1) === 0 ? 0 : 4) + ((flags & 2) === 0 ? 0 : 4) + ((flags & 4) === 0 ? 0 : 100) +
      ((flags & 8) === 0 ? 0 : 4)
    const known = lame + 24 <= data.length && /^(LAME|Lav[cf]|GOGO)/.test(ascii(data, lame, 4))
    if (!known) return { frames, bytes, delay: 0, padding: 0 }
    const [a = 0, b = 0, c = 0] = data.subarray(lame + 21, lame + 24)
    return { frames, bytes, delay: (a << 4) | (b >> 4), padding: ((b & 15) << 8) | c }
  }
  return ascii(data, 36, 4) === "VBRI"
    ? { frames: u32(data, 50) || undefined, bytes: u32(data, 46) || undefined, delay: 0, padding: 0 }
    : undefined
}

/** There may be tags after the sound, with pictures in them. Anything longer is sound. */
const maxTrailerBytes = 1024 * 1024

/** By how many frames an encoder may have miscounted. */
const strayFrames = 2

/** A search for frames accepts this many in a row as more than coincidence. */
const framesInRow = 4

/**
 * Whether frames of MPEG audio follow each other somewhere in these bytes.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasFrames = (bytes: Uint8Array): boolean => Cutter.follow(bytes, frameAt, alike, framesInRow)

/**
 * The samples of the frame that these bytes begin with; `undefined` if it is not a frame.
 *
 * @category codecs
 * @since 0.1.0
 */
export const samplesOf = (bytes: Uint8Array): number | undefined => frameAt(bytes, 0)?.samples

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => Cutter.make(formatOf)

const formatOf = (cutter: Cutter.Cutter): Cutter.Format => {
  const { available, consume, fail, give, input, position } = cutter
  const tags: Tags.MutableTags = {}
  const around = Surroundings.make(cutter, "MP3", tags)
  let model: Frame | undefined
  let header: { -readonly [key in keyof Header]: Header[key] } | undefined
  let info: Info | undefined
  let start = 0
  let soundAt = 0
  /** The rates of all frames so far. */
  const rates = new Set<number>()

  /** The declaration of the first frame is not true of all that follows. */
  const forgetTotal = (): void => {
    if (header !== undefined) header.total = undefined
    info = info === undefined ? undefined : { ...info, frames: undefined }
  }

  const onFirst = (frame: Frame, data: Uint8Array): boolean => {
    info = infoOf(data, frame)
    model = frame
    const known = info !== undefined && info.delay > 0
    const delay = known ? (info?.delay ?? 0) + decoderDelay : 0
    const total = info?.frames === undefined
      ? undefined
      : Math.max(0, info.frames * frame.samples - (known ? (info.delay ?? 0) + info.padding : 0))
    soundAt = info === undefined ? position() : position() + frame.bytes
    header = {
      codec: "mp3",
      rate: frame.rate,
      channels: frame.channels,
      setup: [],
      sampleFormat: undefined,
      delay,
      total,
      warmUp: frame.layer === 3 ? reservoirFrames * frame.samples : 2 * frame.samples,
      tags
    }
    return info !== undefined
  }

  /** Whether it may be MP3 of a free bitrate, which takes more bytes to tell. */
  const isFree = (): boolean => model === undefined && !around.isLost() && isFreeAt(input.bytes, input.start)

  const refuseFree = (): boolean => {
    if (!areFreeAt(input.bytes.subarray(0, input.end), input.start)) return false
    fail("Unsupported", "it is MP3 with a free bitrate")
    return true
  }

  /** The frame after one that waits first. */
  const secondOf = ({ bytes }: Frame): Frame | undefined =>
    available() < bytes + 4 ? undefined : frameAt(input.bytes, input.start + bytes)

  const step = (): boolean => {
    if (around.isEnded()) {
      around.passEnd()
      return !around.isEnded()
    }
    if (!around.isTagRead()) return around.readTag()
    if (available() < 4) return false
    const frame = frameAt(input.bytes, input.start)
    if (isFree()) {
      if (available() < 2 * maxFreeBytes + 4) return false
      if (refuseFree()) return false
    }
    if (frame === undefined || (model !== undefined && !alike(frame, model))) return around.pass(model === undefined)
    // a header is too easily found by chance: the first one counts only if a second one, a tag or the end follows
    if (model === undefined || around.isLost()) {
      if (around.mayCome(frame.bytes + 4) || (model === undefined && available() < frame.bytes + 4)) return false
      const second = secondOf(frame)
      const follows = second === undefined ? model !== undefined && around.isLast(frame.bytes) : alike(frame, second)
      if (!follows) return around.pass(model === undefined)
    }
    if (available() < frame.bytes) return false
    const data = input.bytes.slice(input.start, input.start + frame.bytes)
    if (model === undefined && onFirst(frame, data)) {
      consume(frame.bytes)
      return true
    }
    around.onFrame()
    rates.add(frame.bitrate)
    give({ data, samples: frame.samples, start, offset: position() })
    start += frame.samples
    if (info?.frames !== undefined && start > (info.frames + strayFrames) * frame.samples) forgetTotal()
    consume(frame.bytes)
    return true
  }

  /** The bitrate of all frames that were seen, at both ends, if it is the same. */
  const oneBitrate = (first: Frame, tail: Uint8Array): number | undefined => {
    const found = new Set([...rates, ...Cutter.framesOf(tail, frameAt, alike).map(({ bitrate }) => bitrate)])
    return found.size <= 1 ? first.bitrate : undefined
  }

  return {
    step,
    onLast: around.onLast,
    end: () => {
      const frame = model === undefined ? frameAt(input.bytes, input.start) : undefined
      // a single frame has no second one to confirm it
      if (frame !== undefined && available() >= frame.bytes) {
        const data = input.bytes.slice(input.start, input.start + frame.bytes)
        if (!onFirst(frame, data)) give({ data, samples: frame.samples, start: 0, offset: position() })
        consume(frame.bytes)
      }
      if (header === undefined) {
        if (isFree() && refuseFree()) return
        if (around.isTagRead()) fail("UnknownFormat", "it contains no MP3")
        else fail("Truncated", "it ends inside its headers")
        return
      }
      const whole = info?.frames === undefined || model === undefined ? undefined : info.frames * model.samples
      const missing = whole === undefined ? undefined : whole - start
      if (!around.isEnded() && around.isLost()) {
        // anything after all the declared frames does not belong to the sound
        if (missing === undefined || missing > 0) around.failLost()
        return
      }
      if (!around.isEnded() && available() >= 4 && !around.isTrailer()) {
        return fail("Truncated", "it ends inside an MP3 frame")
      }
      // it is not known how many frames a damaged part contained
      if (missing !== undefined && !around.isDamaged() && missing > (model?.samples ?? 0)) {
        fail("Truncated", "it is shorter than its header says")
      }
    },
    header: () => header,
    onSize: (size) => {
      if (info?.bytes !== undefined && size - soundAt > info.bytes + maxTrailerBytes) forgetTotal()
    },
    // without a count, there is only one answer if all frames have the same size
    durationByTail: (tail, size) => {
      const bitrate = model === undefined ? undefined : oneBitrate(model, tail)
      const bytes = size - soundAt - Surroundings.trailingBytes(tail)
      return bitrate === undefined ? undefined : Math.max(0, bytes) * 8 / bitrate
    },
    tailBytes: 16_384,
    restart: (place) => {
      around.restart()
      start = place.start
    }
  }
}
