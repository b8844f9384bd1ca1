/**
 * One page of an Ogg bitstream (RFC 3533, 6): a header of 27 bytes, a table of segment lengths, and the segments. The reader
 * and the writer share the layout and the checksum; nothing here knows what the segments contain.
 *
 * All integers of a page are little-endian.
 *
 * @since 0.1.0
 */

/**
 * Bytes of a page header before its segment table.
 *
 * @category constants
 * @since 0.1.0
 */
export const headerBytes = 27

/**
 * The largest page in bytes: the header, 255 segments, and 255 bytes in each.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxPageBytes = headerBytes + 255 + 255 * 255

/**
 * Flag: the first segment continues a packet of the page before.
 *
 * @category constants
 * @since 0.1.0
 */
export const flagContinued = 1

/**
 * Flag: the first page of a logical stream.
 *
 * @category constants
 * @since 0.1.0
 */
export const flagFirst = 2

/**
 * Flag: the last page of a logical stream.
 *
 * @category constants
 * @since 0.1.0
 */
export const flagLast = 4

/**
 * The granule position of a page on which no packet ends.
 *
 * @category constants
 * @since 0.1.0
 */
export const noGranule = -1

/**
 * A page, as offsets into the bytes that it was read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface OggPage {
  readonly flags: number
  /** The position, in units of the codec, up to the end of the last packet that ends here; {@link noGranule} if none does. */
  readonly granule: number
  /** Identifies the logical stream. */
  readonly serial: number
  readonly sequence: number
  /** Where its header begins. */
  readonly start: number
  /** Where the segment table begins. */
  readonly table: number
  /** The number of entries of the segment table. */
  readonly segments: number
  /** Where the segments begin. */
  readonly body: number
  /** Where the page ends. */
  readonly end: number
}

const polynomial = 0x04c11db7

const crcTable = new Uint32Array(256)
for (let i = 0; i < 256; i++) {
  let value = i << 24
  for (let bit = 0; bit < 8; bit++) value = (value & 0x80000000) === 0 ? value << 1 : (value << 1) ^ polynomial
  crcTable[i] = value
}

const checksumOffset = 22

const u8 = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0

const u32 = (bytes: Uint8Array, offset: number): number =>
  (u8(bytes, offset) | (u8(bytes, offset + 1) << 8) | (u8(bytes, offset + 2) << 16) | (u8(bytes, offset + 3) << 24)) >>>
  0

const setU32 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

/**
 * The checksum of the page in `bytes[start, end)`, its checksum field counted as zero (RFC 3533, 6, field 7).
 *
 * @category codecs
 * @since 0.1.0
 */
export const checksum = (bytes: Uint8Array, start: number, end: number): number => {
  let crc = 0
  const field = start + checksumOffset
  for (let i = start; i < end; i++) {
    const byte = i >= field && i < field + 4 ? 0 : u8(bytes, i)
    crc = (crc << 8) ^ (crcTable[(crc >>> 24) ^ byte] ?? 0)
  }
  return crc >>> 0
}

/**
 * Whether `bytes` has the capture pattern `OggS` at `offset`, as far as there are bytes before `end`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCapture = (bytes: Uint8Array, offset: number, end: number): boolean =>
  (offset >= end || bytes[offset] === 0x4f) &&
  (offset + 1 >= end || bytes[offset + 1] === 0x67) &&
  (offset + 2 >= end || bytes[offset + 2] === 0x67) &&
  (offset + 3 >= end || bytes[offset + 3] === 0x53)

/**
 * Reads the page at `start` of `bytes[start, end)`. Returns `undefined` if it continues beyond `end`, `"NoPage"` if there is
 * something else, `"BadVersion"` for a stream structure other than 0, and `"BadChecksum"` for a damaged page.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (
  bytes: Uint8Array,
  start: number,
  end: number
): OggPage | "NoPage" | "BadVersion" | "BadChecksum" | undefined => {
  if (!isCapture(bytes, start, end)) return "NoPage"
  if (start + headerBytes > end) return undefined
  if (u8(bytes, start + 4) !== 0) return "BadVersion"
  const segments = u8(bytes, start + 26)
  const table = start + headerBytes
  const body = table + segments
  if (body > end) return undefined
  let pageEnd = body
  for (let i = table; i < body; i++) pageEnd += u8(bytes, i)
  if (pageEnd > end) return undefined
  if (checksum(bytes, start, pageEnd) !== u32(bytes, start + checksumOffset)) return "BadChecksum"
  // The upper half is signed: -1 in both halves says that no packet ends on the page.
  const granule = (u32(bytes, start + 10) | 0) * 0x1_0000_0000 + u32(bytes, start + 6)
  return {
    flags: u8(bytes, start + 5),
    granule,
    serial: u32(bytes, start + 14),
    sequence: u32(bytes, start + 18),
    start,
    table,
    segments,
    body,
    end: pageEnd
  }
}

/**
 * Writes a page of at most 255 segments.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encode = (page: {
  readonly flags: number
  readonly granule: number
  readonly serial: number
  readonly sequence: number
  /** The segment lengths. */
  readonly lacing: ReadonlyArray<number>
  /** The segments, one after the other. */
  readonly body: ReadonlyArray<Uint8Array>
}): Uint8Array => {
  let size = headerBytes + page.lacing.length
  for (const part of page.body) size += part.length
  const bytes = new Uint8Array(size)
  bytes.set([0x4f, 0x67, 0x67, 0x53, 0, page.flags])
  setU32(bytes, 6, page.granule)
  setU32(bytes, 10, Math.floor(page.granule / 0x1_0000_0000))
  setU32(bytes, 14, page.serial)
  setU32(bytes, 18, page.sequence)
  bytes[26] = page.lacing.length
  bytes.set(page.lacing, headerBytes)
  let offset = headerBytes + page.lacing.length
  for (const part of page.body) {
    bytes.set(part, offset)
    offset += part.length
  }
  setU32(bytes, checksumOffset, checksum(bytes, 0, size))
  return bytes
}

/** A search for pages gives up after this many damaged ones: bytes full of page beginnings are meant to waste time. */
const maxDamaged = 64

/** Reads what may be pages, one after another, until too many are not. */
const scanner = (bytes: Uint8Array) => {
  let damaged = 0
  return {
    goesOn: () => damaged < maxDamaged,
    pageAt: (start: number): OggPage | undefined => {
      const page = bytes[start] === 0x4f ? decode(bytes, start, bytes.length) : undefined
      if (page === "BadChecksum") damaged++
      return typeof page === "object" ? page : undefined
    }
  }
}

/**
 * The granule position of the last whole page of the logical stream `serial` in `bytes`, or `undefined` if there is none or
 * a page of another stream comes after it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const lastGranule = (bytes: Uint8Array, serial: number): number | undefined => {
  const { goesOn, pageAt } = scanner(bytes)
  for (let start = bytes.length - headerBytes; start >= 0 && goesOn(); start--) {
    const page = pageAt(start)
    if (page === undefined) continue
    if (page.serial !== serial) return undefined
    if (page.granule !== noGranule) return page.granule
  }
  return undefined
}

/**
 * The first whole page of the logical stream `serial` in `bytes` that ends with a packet, or `undefined` if there is none. A
 * page on which no packet ends gives no position; after one whose last packet continues, the beginning of that packet would
 * be missing.
 *
 * @category codecs
 * @since 0.1.0
 */
export const firstComplete = (bytes: Uint8Array, serial: number): OggPage | undefined => {
  const { goesOn, pageAt } = scanner(bytes)
  for (let start = 0; start + headerBytes <= bytes.length && goesOn(); start++) {
    const page = pageAt(start)
    if (page === undefined || page.serial !== serial || page.granule < 0) continue
    if (bytes[page.body - 1] !== 255) return page
  }
  return undefined
}

/**
 * Where the last page begins, if `bytes` contain only a part of it; 0 if there is none after their beginning.
 *
 * @category codecs
 * @since 0.1.0
 */
export const lastCut = (bytes: Uint8Array): number => {
  for (let start = bytes.length - 4; start > 0; start--) {
    if (bytes[start] === 0x4f && isCapture(bytes, start, bytes.length)) {
      return decode(bytes, start, bytes.length) === undefined ? start : 0
    }
  }
  return 0
}

/**
 * All whole pages in `bytes`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const all = (bytes: Uint8Array): ReadonlyArray<OggPage> => {
  const pages: Array<OggPage> = []
  const { goesOn, pageAt } = scanner(bytes)
  for (let start = 0; start + headerBytes <= bytes.length && goesOn();) {
    const page = pageAt(start)
    if (page !== undefined) pages.push(page)
    start = page?.end ?? start + 1
  }
  return pages
}
