/**
 * Ogg (RFC 3533) with Opus (RFC 7845), Vorbis or FLAC (RFC 9639, 10.1) to packets, bit for bit and in order. Bytes are pushed
 * in as they arrive, in pieces of any size, and packets come out as soon as they are whole; only one page and one packet are
 * kept.
 *
 * The reader is our own, because mediabunny (1.61) does not make the distinctions that this library needs: it checks no
 * checksum and returns damaged bytes as sound, ends silently at a last page whose header is damaged and at an empty packet,
 * and throws a bare assertion if a page is cut off.
 *
 * How it ends:
 * - The bytes end inside a page or a packet: `Truncated`. The packets before the cut are played.
 * - The bytes end at a page boundary: the end, also without the flag for the last page, as in live recordings.
 * - A page with a wrong checksum, a missing page, something that is not a page, a malformed Opus packet: `Corrupt`.
 * - Bytes after the page with the flag for the last page that are not a page, such as padding: ignored.
 * - A stream that begins after another (a chained file): played, or `Unsupported` if it cannot be.
 *
 * @since 0.1.0
 */
import * as OpusHead from "../format/OpusHead.ts"
import * as OpusStreams from "../format/OpusStreams.ts"
import { concat, type Header, type Packet, type PacketReader, type Problem } from "../format/PacketReader.ts"
import * as Tags from "../format/Tags.ts"
import type * as Vorbis from "../format/Vorbis.ts"
import * as OggChain from "./OggChain.ts"
import * as OggHeaders from "./OggHeaders.ts"
import * as OggPage from "./OggPage.ts"
import * as OggPages from "./OggPages.ts"
import * as OggStream from "./OggStream.ts"
import * as OggTrim from "./OggTrim.ts"

/** Comments are kept up to this size: longer ones contain a picture, and names usually come before it. */
const maxHeaderBytes = 256 * 1024

/** Whether packets are sent as they are, so that nothing is left out before them. */
const isPassed = ({ codec, opus }: Header): boolean => codec === "opus" && opus === undefined

/**
 * A reader at the start of a file. `onTags` is called with the tags of the streams after the first one, where a station has
 * its titles.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (onTags: (tags: Tags.MutableTags) => void = () => undefined): PacketReader => {
  const pages = OggPages.make()

  /**
   * `streams`: the first pages of a link; `tags`: before the end of the comment header; `audio`; `ended`: after the last page
   * of a link.
   */
  let state: "streams" | "tags" | "audio" | "ended" = "streams"
  let links = 0
  let selected = false
  /** The header of the first stream, once all of its headers were read. */
  let header: OggHeaders.MutableHeader | undefined
  let headers: OggHeaders.OggHeaders | undefined
  /** How Opus of the current link is decoded, if it is, and the headers of Vorbis before it. */
  let decoding: OpusHead.Decoding | undefined
  let setup: Header["setup"] = []
  /** What the first packet of a link has yet to report. */
  let news: Pick<Packet, "opus" | "vorbis"> | undefined
  /** Where the sound of the links before it ends. */
  let heard = 0
  let codec: OggStream.OggStream["codec"] = "opus"
  let counter: Vorbis.Counter | undefined
  const tags: Tags.MutableTags = {}
  /** The sample at which the next packet begins, from the first of the file; unknown after a restart. */
  let next = 0
  let searching = false
  /** Where the current page begins, until its first packet has taken that with it. */
  let pageAt = -1
  let refused: Problem | undefined
  const others = new Set<string>()
  let serial = -1
  let sequence: number | undefined
  let firstAudioPage = true
  const chain = OggChain.make()
  /**
   * Whether the end of the file is known to be that of its first stream: nothing is known in advance about another one that
   * follows.
   */
  let isOne = false
  let startSamples: number | undefined
  /** The same for the current link, and the sample at which it begins. */
  let linkStart: number | undefined
  let linkAt = 0

  let parts: Array<Uint8Array> = []
  let partBytes = 0
  let inPacket = false

  let frames: Array<Packet> = []
  let problem: Problem | undefined

  const fail = (kind: Problem["kind"], detail: string): void => {
    problem ??= { kind, detail }
  }

  const onStream = (page: OggPage.OggPage): void => {
    if (state !== "streams") {
      if (inPacket) return fail("Corrupt", "a stream begins before the last packet of the previous one has ended")
      state = "streams"
      selected = false
      refused = undefined
      others.clear()
    }
    if (selected) return
    const packet = pages.bytes().subarray(page.body, page.end)
    const stream = OggStream.identify(packet, header)
    if (stream === undefined) {
      others.add(OggStream.codecName(packet))
      return
    }
    if ("kind" in stream) {
      refused ??= stream
      return
    }
    selected = true
    links++
    linkStart = undefined
    codec = stream.codec
    counter = undefined
    headers = OggHeaders.make(stream, packet, tags, onComments)
    // after one stream of Opus is decoded, all that follow are decoded, too
    decoding = decoding === undefined ? stream.decoding : stream.decoding ?? OpusHead.plain
    // its first samples, which are not to be heard, overlap with what comes before it, and are left out
    if (header !== undefined) {
      heard = Math.max(heard, next, isPassed(header) ? 0 : header.delay)
      if (codec === "vorbis") next = heard
      if (decoding !== undefined) {
        news = { opus: decoding }
        next = heard - stream.preSkip
      }
    }
    linkAt = next
    serial = page.serial
    sequence = page.sequence
    firstAudioPage = true
    inPacket = false
  }

  const onComments = (comments: Uint8Array): void => {
    if (links === 1) Tags.vorbisComments(comments, tags)
    else onTags(Tags.vorbisComments(comments))
  }

  /** Whether the packet is not a header, but the first frame of FLAC. */
  const onHeader = (packet: Uint8Array): boolean => {
    const read = headers?.(packet) ?? "more"
    if (read === "more" || "kind" in read) {
      if (read !== "more") fail(read.kind, read.detail)
      return false
    }
    counter = read.counter
    if (header !== undefined && !OggHeaders.isSameSetup(setup, read.header.setup)) news = { vorbis: read.header.setup }
    setup = read.header.setup
    header ??= read.header
    state = "audio"
    return codec === "flac" && OggHeaders.isFrame(packet[0]) === true
  }

  /** The comment header can contain pictures of megabytes, so only its start is kept. */
  const keep = (from: number, to: number): void => {
    if (state === "tags" && partBytes >= maxHeaderBytes) return
    partBytes += to - from
    if (partBytes > OggStream.maxPacketBytes[codec] && state !== "tags") {
      return fail("Corrupt", `a packet is longer than any ${OggStream.names[codec]} packet`)
    }
    parts.push(pages.bytes().slice(from, to))
  }

  const onPacket = (): void => {
    const packet = parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts)
    parts = []
    partBytes = 0
    inPacket = false
    const isMore = codec === "flac" && next === linkAt && OggHeaders.isFrame(packet[0]) === false
    if ((state === "tags" || isMore) && !onHeader(packet)) return
    // some end a stream of FLAC with one
    if (codec === "flac" && packet.length === 0) return
    const samples = counter === undefined ? OpusStreams.samples(packet, decoding) : counter.samples(packet)
    if (samples < 0) {
      return fail("Corrupt", `a packet of ${packet.length} bytes is not valid ${OggStream.names[codec]}`)
    }
    frames.push({ data: packet, samples, start: next, offset: pageAt, ...news })
    news = undefined
    pageAt = -1
    next += samples
  }

  const onSegments = (page: OggPage.OggPage): void => {
    const bytes = pages.bytes()
    const continued = (page.flags & OggPage.flagContinued) !== 0
    // before the sound, the beginning of a page shows whether the headers of FLAC are over: not all writers mark that
    const isFrame = codec === "flac" && firstAudioPage && !continued && !inPacket
      ? OggHeaders.isFrame(bytes[page.body])
      : undefined
    if (isFrame === false) state = "tags"
    else if (isFrame === true && state === "tags") onHeader(bytes.subarray(page.body, page.end))
    if (problem !== undefined) return
    const first = state === "audio" && firstAudioPage
    // A listener who joins a live stream receives its headers, and then the current page: the first one can have any number.
    if (!first && sequence !== undefined && page.sequence !== ((sequence + 1) >>> 0)) {
      return fail("Corrupt", `page ${(sequence + 1) >>> 0} is missing; page ${page.sequence} follows instead`)
    }
    sequence = page.sequence
    if (state === "audio") chain.pass({ offset: pages.position(), sequence }, serial)
    let skipping = continued && !inPacket
    if (skipping && !first) return fail("Corrupt", "a packet has no beginning")
    if (!continued && inPacket) return fail("Corrupt", "a packet has no end")

    pageAt = continued ? -1 : pages.position()
    const before = frames.length
    let from = page.body
    let to = page.body
    for (let i = page.table; i < page.body; i++) {
      if (problem !== undefined) return
      const length = bytes[i] ?? 0
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
    // a packet that has begun before may continue through more pages than this
    const begins = first || (state === "audio" && firstAudioPage && frames.length > before)
    if (begins && page.segments > 0 && !skipping) firstAudioPage = false
    // if the first packet continues through several pages, none of them gives its position before it ends
    if (!firstAudioPage && linkStart === undefined && page.granule >= 0 && frames.length > before) {
      // The last page may declare less than its packets contain: the rest is to be cut off.
      linkStart = (page.flags & OggPage.flagLast) === 0 ? page.granule - (next - linkAt) : 0
      if (links === 1) startSamples ??= linkStart
      if (codec === "vorbis" && linkStart < 0) trimStart(-linkStart, before)
    }
    if (searching && page.granule >= 0 && frames.length > before) onFound(page, before)
    const isDecoded = codec === "vorbis" || decoding !== undefined
    if (isDecoded && page.granule >= 0 && (page.flags & OggPage.flagLast) !== 0) trim(page.granule)
  }

  /** The granule of the first page of Vorbis says how much of its packets comes before the sound (Vorbis I, A.2). */
  const trimStart = (samples: number, from: number): void => {
    if (links === 1) {
      if (header !== undefined) header.delay = samples
      return
    }
    OggTrim.shift(frames, from, -samples)
    next -= samples
    linkAt -= samples
  }

  /**
   * The granule of the last page says how much of its packets is sound. This applies to packets that are decoded, not to
   * those sent as they are.
   */
  const trim = (granule: number): void => {
    // the value of a damaged or cut page takes nothing away from the stream before
    next -= OggTrim.cut(frames, next - linkAt - Math.max(0, granule - (linkStart ?? 0)))
  }

  /** The granule of the first page after a restart says where its packets are. */
  const onFound = ({ flags, granule }: OggPage.OggPage, before: number): void => {
    searching = false
    const said = granule - (startSamples ?? 0) - next
    // the last page may declare less than its packets contain: then the position counts from which they are read
    const shift = (flags & OggPage.flagLast) === 0 ? said : Math.max(0, said)
    OggTrim.shift(frames, before, shift)
    next += shift
  }

  const onPage = (page: OggPage.OggPage): void => {
    if ((page.flags & OggPage.flagFirst) !== 0) return onStream(page)
    if (state === "streams") {
      if (!selected) {
        const held = `the Ogg file contains ${[...others].join(", ")}, not Opus, Vorbis or FLAC`
        const none = others.size === 0 ? "no stream begins in this Ogg file" : held
        return fail(refused?.kind ?? "Unsupported", refused?.detail ?? none)
      }
      state = "tags"
    }
    if (state === "ended" || page.serial !== serial) return
    onSegments(page)
    if (problem === undefined && (page.flags & OggPage.flagLast) !== 0) {
      if (inPacket) fail("Truncated", "the last packet has no end")
      else if (state === "tags") fail("Truncated", "it ends inside its headers")
      else state = "ended"
    }
  }

  const read = (): void => {
    while (true) {
      if (problem !== undefined) return
      const page = pages.next(state === "ended")
      if (page === undefined) return
      if ("kind" in page) fail(page.kind, page.detail)
      else onPage(page)
    }
  }

  return {
    push: (bytes) => {
      if (problem !== undefined) return
      pages.push(bytes)
      read()
    },
    end: () => {
      if (problem !== undefined) return
      // Fewer bytes than a capture pattern after the last page may well be padding.
      const left = pages.left()
      const cutPage = left > 0 && (state !== "ended" || left >= 4)
      if (cutPage) fail("Truncated", "it ends inside an Ogg page")
      else if (inPacket) fail("Truncated", "it ends inside a packet")
      else if (refused !== undefined && !selected) fail(refused.kind, refused.detail)
      else if (state === "streams" || state === "tags") fail("Truncated", "it ends inside its headers")
    },
    take: () => {
      const taken = frames
      frames = []
      return taken
    },
    header: () => header,
    durationMs: () => undefined,
    // Only a single stream can be measured by the end of the file: a chained file ends in another.
    durationByTail: (tail, size) => {
      const last = links === 1 && chain.isOne(tail, size - tail.length) ? OggPage.lastGranule(tail, serial) : undefined
      isOne = last !== undefined
      const samples = last === undefined ? undefined : Math.max(0, last - (startSamples ?? 0) - (header?.delay ?? 0))
      return samples === undefined || header === undefined ? undefined : samples / header.rate * 1000
    },
    // pages of FLAC are so long that there would be no whole one
    get tailBytes() {
      return codec === "flac" ? 2 * OggPage.maxPageBytes : OggPage.maxPageBytes
    },
    canSeek: () => isOne,
    doubt: chain.doubt,
    look: chain.look,
    problem: () => problem,
    restart: (place) => {
      pages.restart(place.offset)
      parts = []
      partBytes = 0
      inPacket = false
      frames = []
      problem = undefined
      state = "audio"
      selected = true
      firstAudioPage = true
      startSamples ??= 0
      // a position belongs to the first link, from which packets are counted
      linkStart = startSamples
      linkAt = 0
      decoding = header?.opus
      setup = header?.setup ?? []
      news = undefined
      heard = 0
      next = place.start
      searching = true
      sequence = undefined
      counter?.reset()
    },
    placeIn: (bytes, offset) => {
      const page = OggPage.firstComplete(bytes, serial)
      if (page === undefined) return undefined
      // what the first packet of Vorbis decodes to depends on the one before it: only the granule after it gives its
      // position, which that of the last page may not
      if (codec === "vorbis" && (page.flags & OggPage.flagLast) !== 0) return undefined
      return {
        offset: offset + (codec === "vorbis" ? page.start : page.end),
        start: page.granule - (startSamples ?? 0)
      }
    }
  }
}
