/**
 * DCA1, in which older bots keep their sounds, to packets of Opus: "DCA1", the length of a description in JSON, the
 * description itself, and then each packet after its length. Lengths are little-endian, of 32 and 16 bits.
 *
 * How it ends:
 * - The bytes end inside a packet or a length: `Truncated`.
 * - A packet that is empty, has a negative length, or is not Opus: `Corrupt`.
 *
 * DCA0 has neither a signature nor a description, so that it cannot be recognized.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import * as Cutter from "./Cutter.ts"
import type { Header, PacketReader } from "./PacketReader.ts"
import * as Tags from "./Tags.ts"

/** The signature, and the length of the description. */
const headBytes = 8

/** A longer description contains a picture, and is skipped without being kept. */
const maxDescriptionBytes = 1024 * 1024

const maxChannels = 2

const utf8 = new TextDecoder()

/** The fields of the part "info" that become tags, and the names of these tags. */
const names = [
  ["title", "title"],
  ["artist", "artist"],
  ["album", "album"],
  ["genre", "genre"],
  ["comments", "comment"]
] as const

const partOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    // the value has a field of this name, whatever it contains
    ? (value as { readonly [name: string]: unknown })[name]
    : undefined

const parse = (json: Uint8Array): unknown => {
  try {
    return JSON.parse(utf8.decode(json))
  } catch {
    // the sound does not need the description
    return undefined
  }
}

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => Cutter.make(formatOf)

const formatOf = (cutter: Cutter.Cutter): Cutter.Format => {
  const { available, consume, fail, give, input, position, skip } = cutter
  let header: Header | undefined
  let start = 0

  const byte = (offset: number): number => input.bytes[input.start + offset] ?? 0

  const describe = (description: unknown): void => {
    const tags: Tags.MutableTags = {}
    for (const [name, key] of names) {
      const value = partOf(partOf(description, "info"), name)
      if (typeof value === "string") Tags.add(tags, key, value)
    }
    header = {
      codec: "opus",
      rate: OpusPacket.sampleRate,
      channels: partOf(partOf(description, "opus"), "channels") === 1 ? 1 : maxChannels,
      setup: [],
      sampleFormat: undefined,
      delay: 0,
      total: undefined,
      warmUp: 80 * 48,
      tags
    }
  }

  const onHead = (): boolean => {
    if (available() < headBytes) return false
    if (utf8.decode(input.bytes.subarray(input.start, input.start + 4)) !== "DCA1") {
      fail("UnknownFormat", "it is not DCA1")
      return false
    }
    const length = byte(4) | (byte(5) << 8) | (byte(6) << 16) | (byte(7) << 24)
    if (length < 0) {
      fail("Corrupt", `its metadata has an invalid length of ${length} bytes`)
      return false
    }
    if (length > maxDescriptionBytes) {
      describe(undefined)
      skip(headBytes + length)
      return true
    }
    if (available() < headBytes + length) return false
    const from = input.start + headBytes
    describe(parse(input.bytes.subarray(from, from + length)))
    consume(headBytes + length)
    return true
  }

  const onPacket = (): boolean => {
    if (available() < 2) return false
    const length = ((byte(0) | (byte(1) << 8)) << 16) >> 16
    if (length <= 0) {
      fail("Corrupt", `a packet has an invalid length of ${length} bytes`)
      return false
    }
    if (available() < 2 + length) return false
    const data = input.bytes.slice(input.start + 2, input.start + 2 + length)
    const samples = OpusPacket.samples(data)
    if (samples < 0) {
      fail("Corrupt", `a packet of ${length} bytes is not valid Opus`)
      return false
    }
    give({ data, samples, start, offset: position() })
    start += samples
    consume(2 + length)
    return true
  }

  return {
    step: () => header === undefined ? onHead() : onPacket(),
    end: () => {
      if (header === undefined) fail("Truncated", "it ends inside its headers")
      else if (cutter.available() > 0) fail("Truncated", "it ends inside a packet")
    },
    header: () => header,
    durationByTail: () => undefined,
    tailBytes: 0,
    restart: (place) => {
      start = place.start
    }
  }
}
