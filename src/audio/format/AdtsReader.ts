/**
 * AAC in ADTS (ISO 14496-3, 1.A.3) to access units, with an ID3v2 tag before them, as stations and HLS have it, and tags of
 * ID3v1 and APE after.
 *
 * How it ends: if the bytes end inside a frame, `Truncated`. Up to 64 KiB that are not a frame are skipped before the first
 * one, and between two of them, where a file is damaged. More than that is `Corrupt`, and so is anything after the last frame
 * other than zeros and tags.
 *
 * @since 0.1.0
 */
import * as Cutter from "./Cutter.ts"
import type { Header, PacketReader } from "./PacketReader.ts"
import * as Surroundings from "./Surroundings.ts"
import type * as Tags from "./Tags.ts"

/**
 * The samples of an access unit, before a decoder may double them (SBR).
 *
 * @category constants
 * @since 0.1.0
 */
export const unitSamples = 1024

/**
 * Sample rates by their index in a header or a configuration.
 *
 * @category constants
 * @since 0.1.0
 */
export const rates: ReadonlyArray<number> = [
  96_000,
  88_200,
  64_000,
  48_000,
  44_100,
  32_000,
  24_000,
  22_050,
  16_000,
  12_000,
  11_025,
  8000,
  7350
]

interface Frame {
  readonly bytes: number
  readonly headerBytes: number
  readonly profile: number
  readonly rateIndex: number
  readonly channels: number
  readonly blocks: number
}

const frameAt = (bytes: Uint8Array, at: number): Frame | undefined => {
  const second = bytes[at + 1] ?? 0
  const third = bytes[at + 2] ?? 0
  const fourth = bytes[at + 3] ?? 0
  if (bytes[at] !== 0xff || (second & 0xf6) !== 0xf0) return undefined
  const rateIndex = (third >> 2) & 15
  const size = ((fourth & 3) << 11) | ((bytes[at + 4] ?? 0) << 3) | ((bytes[at + 5] ?? 0) >> 5)
  const headerBytes = (second & 1) === 1 ? 7 : 9
  if (rateIndex >= rates.length || size <= headerBytes) return undefined
  return {
    bytes: size,
    headerBytes,
    profile: third >> 6,
    rateIndex,
    channels: ((third & 1) << 2) | (fourth >> 6),
    blocks: ((bytes[at + 6] ?? 0) & 3) + 1
  }
}

const alike = (a: Frame, b: Frame): boolean =>
  a.profile === b.profile && a.rateIndex === b.rateIndex && a.channels === b.channels

/** A search for frames accepts this many in a row as more than coincidence. */
const framesInRow = 4

/**
 * Whether frames of AAC follow each other somewhere in these bytes.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasFrames = (bytes: Uint8Array): boolean => Cutter.follow(bytes, frameAt, alike, framesInRow)

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
  const around = Surroundings.make(cutter, "AAC", tags)
  let model: Frame | undefined
  let header: Header | undefined
  let start = 0

  const onFirst = (frame: Frame): void => {
    model = frame
    const type = frame.profile + 1
    // AudioSpecificConfig: 5 bits for the type, 4 for the rate, 4 for the channels
    const config = Uint8Array.of(
      (type << 3) | (frame.rateIndex >> 1),
      ((frame.rateIndex & 1) << 7) | (frame.channels << 3)
    )
    header = {
      codec: "aac",
      rate: rates[frame.rateIndex] ?? 44_100,
      channels: frame.channels === 7 ? 8 : Math.max(1, frame.channels),
      setup: [config],
      sampleFormat: undefined,
      delay: 0,
      total: undefined,
      warmUp: 2 * unitSamples,
      tags
    }
  }

  /** The frame after one that waits first. */
  const secondOf = ({ bytes }: Frame): Frame | undefined =>
    available() < bytes + 7 ? undefined : frameAt(input.bytes, input.start + bytes)

  const step = (): boolean => {
    if (around.isEnded()) {
      around.passEnd()
      return !around.isEnded()
    }
    if (!around.isTagRead()) return around.readTag()
    if (available() < 7) return false
    const frame = frameAt(input.bytes, input.start)
    if (frame === undefined || (model !== undefined && !alike(frame, model))) return around.pass(model === undefined)
    if (model === undefined || around.isLost()) {
      if (around.mayCome(frame.bytes + 7) || (model === undefined && available() < frame.bytes + 7)) return false
      const second = secondOf(frame)
      const follows = second === undefined ? model !== undefined && around.isLast(frame.bytes) : alike(frame, second)
      if (!follows) return around.pass(model === undefined)
      if (model === undefined) onFirst(frame)
    }
    if (available() < frame.bytes) return false
    const data = input.bytes.slice(input.start + frame.headerBytes, input.start + frame.bytes)
    around.onFrame()
    give({ data, samples: frame.blocks * unitSamples, start, offset: position() })
    start += frame.blocks * unitSamples
    consume(frame.bytes)
    return true
  }

  return {
    step,
    onLast: around.onLast,
    end: () => {
      if (header === undefined) {
        if (around.isTagRead()) fail("UnknownFormat", "it contains no AAC")
        else fail("Truncated", "it ends inside its headers")
      } else if (!around.isEnded() && around.isLost()) {
        around.failLost()
      } else if (!around.isEnded() && available() > 0 && !around.isTrailer()) {
        fail("Truncated", "it ends inside an AAC frame")
      }
    },
    header: () => header,
    durationByTail: () => undefined,
    tailBytes: 0,
    restart: (place) => {
      around.restart()
      start = place.start
    }
  }
}
