/**
 * Whether an Ogg file is one stream from its first page to its last, or a chained file whose streams share a serial number,
 * in which case the last page describes the last stream only. The numbers of the pages in between reveal this, since each
 * stream counts its pages from the beginning. A few places are checked, and only if there are fewer pages than the number of
 * bytes suggests.
 *
 * @since 0.1.0
 */
import * as OggPage from "./OggPage.ts"

/**
 * A page: where it begins, and its number.
 *
 * @category models
 * @since 0.1.0
 */
export interface Point {
  readonly offset: number
  readonly sequence: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface OggChain {
  /** Notes a page of sound that was read. The pages that were read before the first look count. */
  readonly pass: (page: Point, serial: number) => void
  /** Whether it is one stream, as far as can be told with the end of the file, which is at `offset` of it. */
  readonly isOne: (tail: Uint8Array, offset: number) => boolean
  /** Where to look next, while there is a doubt. */
  readonly doubt: () => number | undefined
  /** Notes the pages in bytes that are at `offset` of the file. */
  readonly look: (bytes: Uint8Array, offset: number) => void
}

/**
 * How many times more bytes per page than where pages were counted raise a doubt, as when the first of two streams has a
 * tenth of the other's pages.
 */
const tolerance = 1.1

/** Each look is a request, if the file is behind a URL. */
const maxLooks = 8

/** Distances below this are not checked. */
const nearBytes = 2 * OggPage.maxPageBytes

const bytesPerPage = (from: Point, to: Point): number => (to.offset - from.offset) / (to.sequence - from.sequence)

/**
 * Makes the record for the stream whose first page of sound is passed first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): OggChain => {
  let serial = -1
  let first: Point | undefined
  let last: Point | undefined
  const points: Array<Point> = []
  /** The most bytes that a page has taken where every page was seen. */
  let seen = 0
  let chained = false
  /** Whether pages of another stream are in between, such as those of a video: the bytes per page then mean nothing. */
  let isShared = false
  let looks = 0
  /** Where a page begins of which the last look has seen only a part. */
  let cut: number | undefined
  /** Where pages begin before which no look has found a whole one. */
  const blind = new Set<number>()
  let lookedBefore = -1

  const begin = (): void => {
    if (first === undefined || last === undefined) return
    points.push(first)
    if (first.offset === last.offset) return
    points.push(last)
    seen = bytesPerPage(first, last)
  }

  const look: OggChain["look"] = (bytes, offset) => {
    if (looks++ === 0) begin()
    const pages = OggPage.all(bytes)
    const found = pages.filter((page) => page.serial === serial)
    isShared ||= found.length < pages.length
    const start = points[0]?.offset ?? 0
    chained ||= found.some((page) => (page.flags & OggPage.flagFirst) !== 0 && offset + page.start > start)
    const [from] = found
    const to = found.at(-1)
    const isCutBefore = cut !== undefined
    cut = undefined
    if (from === undefined || to === undefined) {
      const at = isCutBefore || lookedBefore < 0 ? 0 : OggPage.lastCut(bytes)
      if (at > 0) cut = offset + at
      else blind.add(lookedBefore)
      return
    }
    // the very last page is usually shorter than others
    seen = Math.max(seen, to.end - to.start)
    const ends = [from, to].map(({ sequence, start }) => ({ offset: offset + start, sequence }))
    if (from.sequence < to.sequence) seen = Math.max(seen, (to.start - from.start) / (to.sequence - from.sequence))
    points.push(...ends)
    points.sort((a, b) => a.offset - b.offset)
    chained ||= points.some((point, i) => {
      const before = points[i - 1]
      return before !== undefined && point.offset > before.offset && point.sequence <= before.sequence
    })
  }

  return {
    pass: (page, of) => {
      if (looks > 0) return
      first ??= page
      last = page
      serial = of
    },
    isOne: (tail, offset) => {
      if (looks === 0) look(tail, offset)
      return !chained
    },
    look,
    doubt: () => {
      if (chained || isShared || looks > maxLooks) return undefined
      if (cut !== undefined) return cut
      let most = seen * tolerance
      let middle: number | undefined
      for (const [i, to] of points.entries()) {
        const from = points[i - 1]
        if (from === undefined || to.offset - from.offset < nearBytes || bytesPerPage(from, to) <= most) continue
        if (blind.has(to.offset)) continue
        lookedBefore = to.offset
        most = bytesPerPage(from, to)
        middle = Math.floor((from.offset + to.offset - OggPage.maxPageBytes) / 2)
      }
      return middle
    }
  }
}
