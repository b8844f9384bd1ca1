/**
 * AAC in ADTS (ISO 14496-3, 1.A.3) to access units, with an ID3v2 tag before them, as stations and HLS have it.
 *
 * What ends how: the bytes end inside a frame: `Truncated`; something that is no frame between two frames: `Corrupt`, and
 * before the first one up to 64 KiB of it are skipped.
 *
 * @since 0.1.0
 */
import { append, type Header, type Packet, type PacketReader, pending, type Problem } from "./PacketReader.ts"
import * as Tags from "./Tags.ts"

const maxTagBytes = 256 * 1024

const maxJoinBytes = 65_536

/** Samples of an access unit, before a decoder may double them (SBR). */
const unitSamples = 1024

const rates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350]

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

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => {
  const input = pending()
  let position = 0
  let skipping = 0
  let tagsRead = false
  let joined = 0
  let model: Frame | undefined
  let header: Header | undefined
  let start = 0
  const tags: Tags.MutableTags = {}
  let packets: Array<Packet> = []
  let problem: Problem | undefined

  const fail = (kind: Problem["kind"], detail: string): void => {
    problem ??= { kind, detail }
  }

  const consume = (bytes: number): void => {
    input.start += bytes
    position += bytes
  }

  const onTag = (): boolean => {
    const available = input.end - input.start
    if (available < 10) return false
    const bytes = Tags.id3Bytes(input.bytes, input.start)
    if (bytes === 0) {
      tagsRead = true
      return true
    }
    const wanted = Math.min(bytes, maxTagBytes)
    if (available < wanted) return false
    Tags.id3(input.bytes.slice(input.start, input.start + wanted), tags)
    skipping = bytes
    return true
  }

  const onFirst = (frame: Frame): void => {
    model = frame
    const type = frame.profile + 1
    // AudioSpecificConfig: 5 bits of the type, 4 of the rate, 4 of the channels
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

  const onForeign = (): boolean => {
    if (model === undefined) {
      if (++joined > maxJoinBytes) {
        fail("UnknownFormat", "there is no AAC in it")
        return false
      }
      consume(1)
      return true
    }
    const id3 = input.end - input.start >= 10 ? Tags.id3Bytes(input.bytes, input.start) : 0
    if (id3 > 0) {
      skipping = id3
      return true
    }
    fail("Corrupt", "something that is no frame stands between the AAC frames")
    return false
  }

  const step = (): boolean => {
    if (problem !== undefined) return false
    const available = input.end - input.start
    if (skipping > 0) {
      const bytes = Math.min(skipping, available)
      skipping -= bytes
      consume(bytes)
      return bytes > 0
    }
    if (!tagsRead) return onTag()
    if (available < 7) return false
    const frame = frameAt(input.bytes, input.start)
    if (frame === undefined || (model !== undefined && !alike(frame, model))) return onForeign()
    if (model === undefined) {
      if (available < frame.bytes + 7) return false
      const second = frameAt(input.bytes, input.start + frame.bytes)
      if (second === undefined || !alike(frame, second)) return onForeign()
      onFirst(frame)
    }
    if (available < frame.bytes) return false
    const data = input.bytes.slice(input.start + frame.headerBytes, input.start + frame.bytes)
    packets.push({ data, samples: frame.blocks * unitSamples, start, offset: position })
    start += frame.blocks * unitSamples
    consume(frame.bytes)
    return true
  }

  return {
    push: (bytes) => {
      if (problem !== undefined) return
      append(input, bytes)
      while (step()) { /* goes on as far as there are bytes */ }
    },
    end: () => {
      if (problem !== undefined) return
      if (header === undefined) {
        fail(tagsRead ? "UnknownFormat" : "Truncated", tagsRead ? "there is no AAC in it" : "it ends in the headers")
      } else if (input.end > input.start) {
        fail("Truncated", "it ends inside an AAC frame")
      }
    },
    take: () => {
      const taken = packets
      packets = []
      return taken
    },
    header: () => header,
    durationMs: () => undefined,
    durationByTail: () => undefined,
    tailBytes: 0,
    problem: () => problem,
    restart: (place) => {
      input.start = 0
      input.end = 0
      skipping = 0
      packets = []
      problem = undefined
      position = place.offset
      start = place.start
    }
  }
}
