/**
 * Whether an Ogg file is one stream from its first page to its last, or a chained file whose streams have one serial number, where
 * the last page tells of the last stream only. What is told between the ends is the numbers of pages: they are counted anew in each
 * stream. A few places are looked at, and only where there are fewer pages than there are bytes for.
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
  /** Takes note of the pages in bytes that stand at `offset` of the file. */
  readonly look: (bytes: Uint8Array, offset: number) => void
  /** Whether another stream of the same serial number begins between the pages that were seen. */
  readonly isChained: () => boolean
  /** Where to look next, as long as there is a doubt. */
  readonly doubt: () => number | undefined
}

/** More bytes a page than where pages were counted: as where the first of two streams has a tenth of the other's pages. */
const tolerance = 1.1

/** Each is a request, where the file is behind a URL. */
const maxLooks = 8

/** What lies closer together is not looked into. */
const nearBytes = 2 * OggPage.maxPageBytes

const bytesPerPage = (from: Point, to: Point): number => (to.offset - from.offset) / (to.sequence - from.sequence)

/**
 * Between the first page of sound and the last one that was read with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (serial: number, first: Point, last: Point): OggChain => {
  const points = first.offset < last.offset ? [first, last] : [first]
  /** The most bytes that a page has taken where each was seen. */
  let seen = first.offset < last.offset ? bytesPerPage(first, last) : 0
  let chained = false
  /** Pages of another stream stand between, such as those of a video: how many bytes there are for a page says nothing then. */
  let isShared = false
  let looks = 0

  return {
    look: (bytes, offset) => {
      looks++
      const pages = OggPage.all(bytes)
      const found = pages.filter((page) => page.serial === serial)
      isShared ||= found.length < pages.length
      chained ||= found.some(({ flags, start }) => (flags & OggPage.flagFirst) !== 0 && offset + start > first.offset)
      const seenPoints = found.map(({ sequence, start }) => ({ offset: offset + start, sequence }))
      const from = seenPoints.at(0)
      const to = seenPoints.at(-1)
      if (from === undefined || to === undefined) return
      // the last one of all is shorter than others as a rule
      for (const { end, start } of found.slice(-1)) seen = Math.max(seen, end - start)
      if (from.sequence < to.sequence) seen = Math.max(seen, bytesPerPage(from, to))
      points.push(from, to)
      points.sort((a, b) => a.offset - b.offset)
      chained ||= points.some((point, i) => {
        const before = points[i - 1]
        return before !== undefined && point.offset > before.offset && point.sequence <= before.sequence
      })
    },
    isChained: () => chained,
    doubt: () => {
      if (chained || isShared || looks > maxLooks) return undefined
      let most = seen * tolerance
      let middle: number | undefined
      for (const [i, to] of points.entries()) {
        const from = points[i - 1]
        if (from === undefined || to.offset - from.offset < nearBytes || bytesPerPage(from, to) <= most) continue
        most = bytesPerPage(from, to)
        middle = Math.floor((from.offset + to.offset - OggPage.maxPageBytes) / 2)
      }
      return middle
    }
  }
}
