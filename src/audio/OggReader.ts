/**
 * Ogg Opus (RFC 7845) to Opus packets, bit for bit and in order. Bytes are pushed in as they come, in pieces of any size, and
 * packets come out as soon as they are whole; nothing is kept but one page and one packet.
 *
 * The reader is our own, because mediabunny (1.61) does not tell apart what this library must: it checks no checksum and
 * gives damaged bytes as sound, ends without a word at a last page whose header is damaged and at an empty packet, and
 * throws a bare assertion where a page is cut.
 *
 * What ends how:
 * - The bytes end inside a page or a packet: `Truncated`. The packets before the cut are played.
 * - The bytes end at a page boundary: the end, also without the flag for the last page, as live recordings have it.
 * - A page with a wrong checksum, a missing page, something that is no page, a malformed Opus packet: `Corrupt`.
 * - Bytes after the page with the flag for the last page that are no page, such as padding: ignored.
 * - A stream that begins after another (a chained file) is played on; if it is one that we cannot play: `Unsupported`.
 *
 * @since 0.1.0
 */
import * as OpusPacket from "../protocol/OpusPacket.ts"
import type { OpusFrame } from "./AudioSource.ts"
import * as OggPage from "./OggPage.ts"
import * as OpusHead from "./OpusHead.ts"
import { append, concat, type PacketReader, pending, type Problem } from "./PacketReader.ts"

/** RFC 6716, 3.4: 48 frames of 1275 bytes with their lengths; padding is the only thing that could make it longer. */
const maxPacketBytes = 65_536

const codecs: ReadonlyArray<readonly [magic: string, name: string]> = [
  ["\x01vorbis", "Vorbis"],
  ["\x7FFLAC", "FLAC"],
  ["Speex   ", "Speex"],
  ["\x80theora", "Theora"],
  ["fishead\0", "Skeleton"]
]

const codecName = (packet: Uint8Array): string => {
  const start = String.fromCharCode(...packet.subarray(0, 8))
  return codecs.find(([magic]) => start.startsWith(magic))?.[1] ?? "an unknown codec"
}

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => {
  const input = pending()
  let pages = 0

  /**
   * `streams`: the first pages of a link; `tags`: before the end of the comment header; `audio`; `ended`: after the last
   * page of a link.
   */
  let state: "streams" | "tags" | "audio" | "ended" = "streams"
  let links = 0
  let selected = false
  let channels: 1 | 2 | undefined
  let preSkip = 0
  let refused: Problem | undefined
  let others: Array<string> = []
  let serial = -1
  let sequence = -1
  let firstAudioPage = true
  let startSamples: number | undefined

  let parts: Array<Uint8Array> = []
  let partBytes = 0
  let inPacket = false

  let frames: Array<OpusFrame> = []
  let problem: Problem | undefined

  const fail = (kind: Problem["kind"], detail: string): void => {
    problem ??= { kind, detail }
  }

  const onStream = (page: OggPage.OggPage): void => {
    if (state !== "streams") {
      if (inPacket) return fail("Corrupt", "a stream begins before the last packet of the one before it has ended")
      state = "streams"
      selected = false
      refused = undefined
      others = []
    }
    if (selected) return
    const packet = input.bytes.subarray(page.body, page.end)
    if (!OpusHead.isHead(packet)) {
      others.push(codecName(packet))
      return
    }
    const decoded = OpusHead.decode(packet)
    if ("kind" in decoded) {
      refused ??= decoded
      return
    }
    selected = true
    links++
    channels ??= decoded.channels
    preSkip = decoded.preSkip
    serial = page.serial
    sequence = page.sequence
    firstAudioPage = true
    inPacket = false
  }

  const onTags = (packet: Uint8Array): void => {
    if (!OpusHead.isTags(packet)) return fail("Corrupt", "the Opus comment header is missing")
    state = "audio"
  }

  /** The comment header can hold pictures of megabytes, so only its start is kept. */
  const keep = (from: number, to: number): void => {
    if (state === "tags" && partBytes >= 8) return
    partBytes += to - from
    if (partBytes > maxPacketBytes && state !== "tags") {
      return fail("Corrupt", "a packet is longer than any Opus packet")
    }
    parts.push(input.bytes.slice(from, to))
  }

  const onPacket = (): void => {
    const packet = parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts)
    parts = []
    partBytes = 0
    inPacket = false
    if (state === "tags") return onTags(packet)
    const samples = OpusPacket.samples(packet)
    if (samples < 0) return fail("Corrupt", `${packet.length} bytes are not a valid Opus packet`)
    frames.push({ data: packet, samples })
  }

  const onSegments = (page: OggPage.OggPage): void => {
    const continued = (page.flags & OggPage.flagContinued) !== 0
    const first = state === "audio" && firstAudioPage
    // Whoever joins a live stream gets its headers, and then the page that is next: the first one can have any number.
    if (!first && page.sequence !== ((sequence + 1) >>> 0)) {
      return fail("Corrupt", `page ${(sequence + 1) >>> 0} is missing, page ${page.sequence} comes instead`)
    }
    sequence = page.sequence
    let skipping = continued && !inPacket
    if (skipping && !first) return fail("Corrupt", "a packet has no beginning")
    if (!continued && inPacket) return fail("Corrupt", "a packet has no end")

    const before = frames.length
    let from = page.body
    let to = page.body
    for (let i = page.table; i < page.body; i++) {
      if (problem !== undefined) return
      const length = input.bytes[i] ?? 0
      to += length
      if (length === 255) {
        inPacket = !skipping
        continue
      }
      if (!skipping) {
        keep(from, to)
        onPacket()
      }
      skipping = false
      from = to
    }
    if (problem !== undefined) return
    if (from < to && !skipping) keep(from, to)
    if (first && page.segments > 0) {
      firstAudioPage = false
      if (startSamples === undefined && page.granule >= 0) {
        let samples = 0
        for (let i = before; i < frames.length; i++) samples += frames[i]?.samples ?? 0
        // The last page may say less than its packets hold: the rest is to be cut off.
        startSamples = (page.flags & OggPage.flagLast) === 0 ? Math.max(0, page.granule - samples) : 0
      }
    }
  }

  const onPage = (page: OggPage.OggPage): void => {
    pages++
    if ((page.flags & OggPage.flagFirst) !== 0) return onStream(page)
    if (state === "streams") {
      if (!selected) {
        return fail(
          refused?.kind ?? "Unsupported",
          refused?.detail ??
            (others.length === 0
              ? "no stream begins in this Ogg file"
              : `the Ogg file holds ${others.join(", ")}, not Opus`)
        )
      }
      state = "tags"
    }
    if (state === "ended" || page.serial !== serial) return
    onSegments(page)
    if (problem === undefined && (page.flags & OggPage.flagLast) !== 0) {
      if (inPacket) fail("Truncated", "the last packet has no end")
      else if (state === "tags") fail("Truncated", "it ends in the headers")
      else state = "ended"
    }
  }

  /** Skips what comes after the last page, up to something that could be a page. */
  const skipPadding = (): void => {
    while (input.start < input.end && !OggPage.isCapture(input.bytes, input.start, input.end)) input.start++
  }

  const read = (): void => {
    while (input.start < input.end) {
      if (problem !== undefined) return
      if (state === "ended") skipPadding()
      const page = OggPage.decode(input.bytes, input.start, input.end)
      switch (page) {
        case undefined:
          return
        case "NoPage":
          return pages === 0
            ? fail("UnknownFormat", "it is not an Ogg file")
            : fail("Corrupt", "something that is not an Ogg page stands between the pages")
        case "BadVersion":
          return fail("Corrupt", "an Ogg page has an unknown version")
        case "BadChecksum":
          return fail("Corrupt", "an Ogg page is damaged: its checksum is wrong")
        default:
          onPage(page)
          input.start = page.end
      }
    }
  }

  return {
    push: (bytes) => {
      if (problem !== undefined) return
      append(input, bytes)
      read()
    },
    end: () => {
      if (problem !== undefined) return
      // Fewer bytes than a capture pattern after the last page are padding as likely as not.
      const left = input.end - input.start
      const cutPage = left > 0 && (state !== "ended" || left >= 4)
      if (cutPage) fail("Truncated", "it ends inside an Ogg page")
      else if (inPacket) fail("Truncated", "it ends inside a packet")
      else if (refused !== undefined && !selected) fail(refused.kind, refused.detail)
      else if (state === "streams" || state === "tags") fail("Truncated", "it ends in the headers")
    },
    take: () => {
      const taken = frames
      frames = []
      return taken
    },
    channels: () => channels,
    durationMs: () => undefined,
    // Only one stream can be measured by the end of the file: a chained file ends in another.
    durationByTail: (tail) => {
      const last = links === 1 ? OggPage.lastGranule(tail, serial) : undefined
      return last === undefined ? undefined : Math.max(0, last - (startSamples ?? 0) - preSkip) / 48
    },
    tailBytes: OggPage.maxPageBytes,
    problem: () => problem
  }
}
