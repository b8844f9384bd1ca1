/**
 * Sound from WebM and Matroska (RFC 9559, on EBML, RFC 8794) to packets, bit for bit and in order. It reads the tags and the
 * blocks of the first track that can be played; the rest is skipped without being kept.
 *
 * The reader is our own, because mediabunny (1.61) returns nothing of a cluster that is cut off, which is up to some seconds
 * of sound, silently leaves out damaged parts, holds back what a live stream sends until the cluster is whole, and never
 * returns from a file that continues with zeros, as broken downloads do.
 *
 * If times show that a part is missing, packets are counted from after the gap. If a block says how much of its end is not
 * sound, the decoded sound ends there.
 *
 * How it ends:
 * - The bytes end inside an element, or before the end that the segment or the cluster has by its size: `Truncated`.
 * - The bytes end between the elements of a segment of unknown size, as in live recordings: the end.
 * - Something that is not an element, an element that is larger than the one it is in, a malformed packet, or an empty one:
 *   `Corrupt`.
 * - After the end of the segment: another file that was joined to it is played, anything else is ignored.
 *
 * @since 0.1.0
 */
import {
  append,
  concat,
  type Header,
  type Packet,
  type PacketReader,
  pending,
  type Place,
  type Problem
} from "../format/PacketReader.ts"
import * as Tags from "../format/Tags.ts"
import * as OggTrim from "../ogg/OggTrim.ts"
import { children, float, int, text, u8, uint, unknownSize, unlace, vint, vintLength } from "./Ebml.ts"
import * as WebmCluster from "./WebmCluster.ts"
import * as WebmTags from "./WebmTags.ts"
import * as WebmTimeline from "./WebmTimeline.ts"
import * as WebmTrack from "./WebmTrack.ts"

const idEbml = 0x1a45dfa3
const idDocType = 0x4282
const idSegment = 0x18538067
const idInfo = 0x1549a966
const idTimestampScale = 0x2ad7b1
const idDuration = 0x4489
const idTracks = 0x1654ae6b
const idTitle = 0x7ba9
const idTags = 0x1254c367
const idBlockGroup = 0xa0
const idBlock = 0xa1
const idDiscardPadding = 0x75a2
const idSimpleBlock = 0xa3
const { idCluster, idTimestamp } = WebmCluster

/** Elements that can only be in the segment itself, and therefore end a cluster of unknown size. */
const levelOne = new Set([idInfo, idTracks, idCluster, 0x114d9b74, 0x1c53bb6b, 0x1254c367, 0x1941a469, 0x1043a770])

/** Elements that can be outside of a segment; a cluster only if a segment declares a size that is too small. */
const topLevel = new Set([idEbml, idSegment, idCluster, 0xec])

/** Headers are read as a whole. Larger ones do not exist in practice: pictures are not among them. */
const maxHeaderBytes = 4 * 1024 * 1024

const maxBlockBytes = 1024 * 1024

/** The most by which the first sound of a cluster begins later than the cluster. */
const maxLateMs = 1000

const utf8 = new TextDecoder()

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => {
  const input = pending()
  /** Where in the file `input.start` is. */
  let position = 0
  let skipping = 0
  /**
   * Where the elements end that contain the current position, outermost first, and which these are: segment, cluster, block
   * group.
   */
  const ends: Array<number> = []
  const within: Array<number> = []
  let ended = false

  let track: WebmTrack.Track | undefined
  /** The track of the first segment, to which the positions of a search belong, and where that segment ends. */
  let firstTrack: WebmTrack.Track | undefined
  let firstEnd: number | undefined
  let header: Header | undefined
  /** The time of the cluster, in the units of the segment. */
  let clusterTime = 0
  /** Where the current cluster begins, until its first packet has taken that with it. */
  let clusterAt = -1
  const line = WebmTimeline.make()
  const tags: Tags.MutableTags = {}
  let timestampScale = 1_000_000
  let duration: number | undefined

  let frames: Array<Packet> = []
  /** The packets of the current block group, the last of which may be shortened at the end. */
  let group: Array<Packet> = []
  let problem: Problem | undefined

  const fail = (kind: Problem["kind"], detail: string): void => {
    problem ??= { kind, detail }
    endGroup()
  }

  const consume = (bytes: number): void => {
    input.start += bytes
    position += bytes
  }

  const onHeader = (id: number, data: Uint8Array): void => {
    const fields = children(data)
    if (fields === undefined) return id === idTags ? undefined : fail("Corrupt", "a header is malformed")
    if (id === idEbml) {
      const type = text(fields.find(([id]) => id === idDocType)?.[1] ?? new Uint8Array(0))
      if (type !== "webm" && type !== "matroska") {
        fail("Unsupported", `it is an EBML document of type "${type}", neither WebM nor Matroska`)
      }
    } else if (id === idInfo) {
      const scale = fields.find(([id]) => id === idTimestampScale)
      const length = fields.find(([id]) => id === idDuration)
      if (scale !== undefined) timestampScale = uint(scale[1])
      const ms = length === undefined ? 0 : float(length[1]) * timestampScale / 1_000_000
      if (duration === undefined && Number.isFinite(ms) && ms > 0) duration = ms
      const title = fields.find(([id]) => id === idTitle)
      if (title !== undefined) Tags.add(tags, "title", utf8.decode(title[1]))
    } else if (id === idTags) {
      WebmTags.read(fields, tags)
    } else {
      const chosen = WebmTrack.choose(data)
      if ("kind" in chosen) return fail(chosen.kind, chosen.detail)
      const refusal = header === undefined ? undefined : WebmTrack.refusal(header, chosen)
      if (refusal !== undefined) return fail("Unsupported", refusal)
      track = chosen
      firstTrack ??= chosen
      header ??= WebmTrack.headerOf(chosen, tags)
    }
  }

  const endGroup = (): void => {
    frames.push(...group)
    group = []
  }

  /**
   * Nanoseconds at the end of a block that are not sound (RFC 9559, 5.1.3.5.5). Packets that are sent as they are stay
   * unchanged.
   */
  const onDiscard = (ns: number): void => {
    const isPassed = header?.codec === "opus" && header.opus === undefined
    if (header === undefined || isPassed || ns <= 0) return
    line.pass(-OggTrim.cut(group, Math.round(ns * header.rate / 1_000_000_000)))
  }

  const onBlock = (block: Uint8Array, headerBytes: number): void => {
    const packets = unlace(block.subarray(headerBytes), (u8(block, headerBytes - 1) >> 1) & 3)
    // a few bytes could contain hundreds of empty frames
    if (packets === undefined || (packets.length > 1 && packets.some(({ length }) => length === 0))) {
      return fail("Corrupt", "a block is malformed")
    }
    const relative = ((u8(block, headerBytes - 3) << 8 | u8(block, headerBytes - 2)) << 16) >> 16
    const timeMs = (clusterTime + relative) * timestampScale / 1_000_000
    if (track === undefined || header === undefined) return
    endGroup()
    const { placeOf, samples: samplesOf, stripped } = track
    for (const [i, packet] of packets.entries()) {
      const data = stripped === undefined ? packet.slice() : concat([stripped, packet])
      const samples = samplesOf(data)
      if (samples < 0) return fail("Corrupt", `a packet of ${data.length} bytes is not valid ${header.codec}`)
      if (i === 0) line.onBlock(timeMs, header.rate, placeOf === undefined ? undefined : (at) => placeOf(data, at))
      group.push({ data, samples, start: line.next(), offset: clusterAt })
      clusterAt = -1
      line.pass(samples)
    }
  }

  /** Reads a block, or skips it if it belongs to another track; `false` if it is not completely there. */
  const block = (body: number, size: number): boolean => {
    const available = input.end - body
    if (available < Math.min(size, 8)) return false
    const length = vintLength(u8(input.bytes, body))
    const headerBytes = length + 3
    if (length > 8 || headerBytes > size) {
      fail("Corrupt", "a block is malformed")
      return true
    }
    if (track === undefined) {
      fail("Corrupt", "a block comes before the description of the tracks")
      return true
    }
    if (vint(input.bytes, body, length) !== track.number) {
      skipping = size
      consume(body - input.start)
      return true
    }
    if (size > maxBlockBytes) {
      fail("Corrupt", "a block of the track is too large")
      return true
    }
    if (available < size) return false
    onBlock(input.bytes.subarray(body, body + size), headerBytes)
    consume(body + size - input.start)
    return true
  }

  /** Leaves the elements that end here. */
  const leave = (): void => {
    const outermost = ends.findIndex((end) => position >= end)
    if (outermost >= 0) ends.length = within.length = outermost
    if (within.at(-1) !== idBlockGroup) endGroup()
  }

  const fits = (id: number): boolean => {
    const parent = within.at(-1)
    // a segment whose size is too small leaves clusters outside
    if (id === idCluster) return parent === undefined || parent === idSegment
    return id === idSegment ? parent === undefined : parent === idCluster
  }

  /** Anything may come after the end of a segment, but nothing before the first one. */
  const onForeign = (): void => {
    if (ends.length > 0) fail("Corrupt", "there is foreign data between the elements")
    else if (position === 0) fail("UnknownFormat", "it is not an EBML document")
    else if (header === undefined) fail("Corrupt", "the segment is missing")
    else ended = true
  }

  /** Reads one element, or enters it; `false` if more bytes are needed. */
  const element = (): boolean => {
    leave()
    const available = input.end - input.start
    const idLength = vintLength(u8(input.bytes, input.start))
    if (idLength > 4) {
      onForeign()
      return true
    }
    if (available < idLength + 1) return false
    const sizeLength = vintLength(u8(input.bytes, input.start + idLength))
    if (available < idLength + sizeLength && sizeLength <= 8) return false
    const id = uint(input.bytes.subarray(input.start, input.start + idLength))
    if (ends.length === 0 && !topLevel.has(id)) {
      onForeign()
      return true
    }
    const headerBytes = idLength + sizeLength
    const size = sizeLength > 8 ? -1 : vint(input.bytes, input.start + idLength, sizeLength)

    // An element that cannot be inside ends one without a size: a cluster, or the segment if another file begins.
    const endsParent = () => id === idEbml || id === idSegment || (ends.length > 1 && levelOne.has(id))
    while (ends.at(-1) === unknownSize && endsParent()) {
      ends.pop()
      within.pop()
    }
    const limit = Math.min(...ends)
    const master = id === idSegment || id === idCluster || id === idBlockGroup
    // only these two may be written without a size (RFC 9559, 4.5)
    const mayBeUnknown = id === idSegment || id === idCluster
    if (
      size < 0 || (size === unknownSize && !mayBeUnknown) || (master && !fits(id)) ||
      (size !== unknownSize && position + headerBytes + size > limit)
    ) {
      fail("Corrupt", "an element is larger than the one that contains it")
      return true
    }
    if (master) {
      if (id === idCluster) clusterAt = position
      consume(headerBytes)
      ends.push(size === unknownSize ? unknownSize : position + size)
      within.push(id)
      if (id === idSegment) {
        line.onSegment()
        firstEnd ??= ends.at(-1)
      }
      return true
    }
    const body = input.start + headerBytes
    switch (id) {
      case idEbml:
      case idInfo:
      case idTags:
      case idTracks: {
        if (id === idTags && size > maxHeaderBytes) {
          skipping = size
          consume(headerBytes)
          return true
        }
        if (size > maxHeaderBytes) {
          fail("Corrupt", "a header is too large")
          return true
        }
        if (input.end - body < size) return false
        onHeader(id, input.bytes.subarray(body, body + size))
        consume(headerBytes + size)
        return true
      }
      case idTimestamp: {
        if (size > 8) {
          fail("Corrupt", "the time of a cluster is malformed")
          return true
        }
        if (input.end - body < size) return false
        clusterTime = uint(input.bytes.subarray(body, body + size))
        consume(headerBytes + size)
        return true
      }
      case idDiscardPadding: {
        if (size > 8) {
          fail("Corrupt", "the padding of a block is malformed")
          return true
        }
        if (input.end - body < size) return false
        onDiscard(int(input.bytes.subarray(body, body + size)))
        consume(headerBytes + size)
        return true
      }
      case idSimpleBlock:
      case idBlock:
        return block(body, size)
      default:
        skipping = size
        consume(headerBytes)
        return true
    }
  }

  const read = (): void => {
    while (input.start < input.end) {
      if (problem !== undefined || ended) break
      if (skipping > 0) {
        const bytes = Math.min(skipping, input.end - input.start)
        skipping -= bytes
        consume(bytes)
      } else if (!element()) break
    }
    if (ended) input.start = input.end
    leave()
  }

  const placeIn = (bytes: Uint8Array, offset: number): Place | undefined => {
    const cluster = WebmCluster.first(bytes)
    // the times of another segment start over
    if (cluster === undefined || offset + cluster.at >= (firstEnd ?? unknownSize)) return undefined
    // its first block may be late, after those of a picture
    const timeMs = cluster.time * timestampScale / 1_000_000 + maxLateMs
    return { offset: offset + cluster.at, start: Math.max(0, Math.round(line.sampleAt(timeMs, header?.rate ?? 0))) }
  }

  return {
    push: (bytes) => {
      if (problem !== undefined || ended) return
      append(input, bytes)
      read()
    },
    end: () => {
      if (problem !== undefined || ended) return
      leave()
      endGroup()
      if (header === undefined) fail("Truncated", "it ends inside its headers")
      else if (skipping > 0 || input.start < input.end || ends.some((end) => end !== unknownSize)) {
        fail("Truncated", "it is shorter than its header says")
      }
    },
    take: () => {
      const taken = frames
      frames = []
      return taken
    },
    header: () => header,
    durationMs: () => duration,
    durationByTail: () => undefined,
    tailBytes: 0,
    problem: () => problem,
    restart: (place) => {
      input.start = 0
      input.end = 0
      skipping = 0
      ended = false
      ends.splice(0, ends.length, firstEnd ?? unknownSize)
      within.splice(0, within.length, idSegment)
      frames = []
      group = []
      problem = undefined
      position = place.offset
      line.restart(place.start)
      if (position < (firstEnd ?? unknownSize)) track = firstTrack
      track?.reset()
    },
    get placeIn() {
      return track?.placeOf === undefined ? undefined : placeIn
    }
  }
}
