/**
 * The metadata of files: Vorbis comments, ID3v2, RIFF INFO and the tags of Matroska, as text by lower-case name. The names
 * are those of Vorbis comments (title, artist, album, tracknumber, date ...) if a format has its own for the same thing.
 * Nothing here fails: what cannot be read is left out, and so are pictures.
 *
 * @since 0.1.0
 */

/** A tag with more text than this is not for display. */
const maxValue = 4096

const maxTags = 256

/**
 * Collects tags: the first value of a name counts.
 *
 * @category models
 * @since 0.1.0
 */
export type MutableTags = Record<string, string>

/**
 * Adds a tag, unless there is one of that name.
 *
 * @category combinators
 * @since 0.1.0
 */
export const add = (tags: MutableTags, name: string, value: string): void => {
  const key = name.trim().toLowerCase()
  const text = value.replace(/\0+$/, "").trim()
  if (key === "" || text === "" || text.length > maxValue || Object.hasOwn(tags, key)) return
  if (Object.keys(tags).length >= maxTags) return
  // a name that every object inherits must become a tag, too
  Object.defineProperty(tags, key, { value: text, enumerable: true, configurable: true, writable: true })
}

const utf8 = new TextDecoder("utf-8")
const latin1 = new TextDecoder("latin1")

const u32le = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8) | ((bytes[offset + 2] ?? 0) << 16) |
    ((bytes[offset + 3] ?? 0) << 24)) >>> 0

const u32 = (bytes: Uint8Array, offset: number): number =>
  (((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16) | ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)) >>> 0

/**
 * Reads a Vorbis comment header after its magic (Vorbis I, 5): a vendor, then `NAME=value`. The bytes may be cut off.
 *
 * @category codecs
 * @since 0.1.0
 */
export const vorbisComments = (bytes: Uint8Array, tags: MutableTags = {}): MutableTags => {
  let offset = 4 + u32le(bytes, 0)
  if (offset + 4 > bytes.length) return tags
  const count = u32le(bytes, offset)
  offset += 4
  for (let i = 0; i < count && offset + 4 <= bytes.length; i++) {
    const size = u32le(bytes, offset)
    offset += 4
    if (offset + size > bytes.length) break
    if (size <= maxValue + 64) {
      const text = utf8.decode(bytes.subarray(offset, offset + size))
      const equals = text.indexOf("=")
      if (equals > 0) add(tags, text.slice(0, equals), text.slice(equals + 1))
    }
    offset += size
  }
  return tags
}

const id3Names: { readonly [id: string]: string } = {
  TIT2: "title",
  TT2: "title",
  TPE1: "artist",
  TP1: "artist",
  TPE2: "albumartist",
  TP2: "albumartist",
  TALB: "album",
  TAL: "album",
  TRCK: "tracknumber",
  TRK: "tracknumber",
  TPOS: "discnumber",
  TPA: "discnumber",
  TCON: "genre",
  TCO: "genre",
  TDRC: "date",
  TYER: "date",
  TYE: "date",
  TCOM: "composer",
  TCM: "composer",
  TCOP: "copyright",
  TCR: "copyright",
  TSSE: "encoder",
  TSS: "encoder",
  TENC: "encoded_by",
  TEN: "encoded_by",
  TPUB: "publisher",
  TBPM: "bpm",
  TLAN: "language",
  TSRC: "isrc"
}

const id3Text = (encoding: number, bytes: Uint8Array): string => {
  switch (encoding) {
    case 1:
    case 2: {
      const big = encoding === 2 ? !(bytes[0] === 0xff && bytes[1] === 0xfe) : bytes[0] === 0xfe && bytes[1] === 0xff
      return new TextDecoder(big ? "utf-16be" : "utf-16le").decode(bytes)
    }
    case 3:
      return utf8.decode(bytes)
    default:
      return latin1.decode(bytes)
  }
}

const firstOf = (text: string): string => text.split("\0")[0] ?? ""

const syncsafe = (bytes: Uint8Array, offset: number): number =>
  (((bytes[offset] ?? 0) & 127) << 21) | (((bytes[offset + 1] ?? 0) & 127) << 14) |
  (((bytes[offset + 2] ?? 0) & 127) << 7) | ((bytes[offset + 3] ?? 0) & 127)

/**
 * The length of an ID3v2 tag that begins here, including its header; 0 if there is none. Ten bytes are enough.
 *
 * @category codecs
 * @since 0.1.0
 */
export const id3Bytes = (bytes: Uint8Array, offset: number): number => {
  if (bytes[offset] !== 0x49 || bytes[offset + 1] !== 0x44 || bytes[offset + 2] !== 0x33) return 0
  // the bytes of a length never have their first bit set; otherwise this is not a tag
  if (bytes.subarray(offset + 6, offset + 10).some((byte) => byte >= 0x80)) return 0
  const footer = ((bytes[offset + 5] ?? 0) & 0x10) === 0 ? 0 : 10
  return 10 + syncsafe(bytes, offset + 6) + footer
}

const unsynchronised = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length)
  let size = 0
  for (let i = 0; i < bytes.length; i++) {
    out[size++] = bytes[i] ?? 0
    if (bytes[i] === 0xff && bytes[i + 1] === 0) i++
  }
  return out.subarray(0, size)
}

/** Whether a frame begins here, or nothing more comes. */
const isFrameOrEnd = (body: Uint8Array, at: number): boolean =>
  at >= body.length || body[at] === 0 || /^[A-Z][A-Z0-9]{3}$/.test(latin1.decode(body.subarray(at, at + 4)))

/**
 * The size of a frame. iTunes has written the sizes of version 4 like those of version 3; where the next frame begins reveals
 * this.
 */
const frameSize = (body: Uint8Array, offset: number, version: number): number => {
  if (version === 2) return u32(body, offset + 2) & 0xffffff
  const plain = u32(body, offset + 4)
  if (version === 3) return plain
  const safe = syncsafe(body, offset + 4)
  const isPlain = !isFrameOrEnd(body, offset + 10 + safe) && isFrameOrEnd(body, offset + 10 + plain)
  return isPlain ? plain : safe
}

/**
 * In version 4, each frame says for itself whether it is unsynchronised, and whether its length is repeated before its data.
 */
const frameData = (body: Uint8Array, offset: number, data: Uint8Array, version: number): Uint8Array => {
  if (version < 4) return data
  const flags = body[offset + 9] ?? 0
  const rest = (flags & 1) === 0 ? data : data.subarray(4)
  return (flags & 2) === 0 ? rest : unsynchronised(rest)
}

/**
 * Reads an ID3v2 tag of version 2, 3 or 4 with its header (id3.org). Its text frames are read, and TXXX by their own names.
 *
 * @category codecs
 * @since 0.1.0
 */
export const id3 = (tag: Uint8Array, tags: MutableTags = {}): MutableTags => {
  const version = tag[3] ?? 0
  const flags = tag[5] ?? 0
  if (version < 2 || version > 4) return tags
  const whole = tag.subarray(10)
  const body = version < 4 && (flags & 0x80) !== 0 ? unsynchronised(whole) : whole
  let offset = 0
  if (version > 2 && (flags & 0x40) !== 0) offset = version === 4 ? syncsafe(body, 0) : 4 + u32(body, 0)
  const header = version === 2 ? 6 : 10
  while (offset + header < body.length && body[offset] !== 0) {
    const id = latin1.decode(body.subarray(offset, offset + (version === 2 ? 3 : 4)))
    const size = frameSize(body, offset, version)
    const start = offset + header
    if (size === 0 || start + size > body.length) break
    if (id.startsWith("T") && size <= 2 * maxValue) {
      const data = frameData(body, offset, body.subarray(start, start + size), version)
      const text = id3Text(data[0] ?? 0, data.subarray(1))
      const known = id3Names[id]
      if (known !== undefined) add(tags, known, firstOf(text))
      else if (id === "TXXX" || id === "TXX") {
        const [name = "", value = ""] = text.split("\0")
        add(tags, name.replace(/^\uFEFF/, ""), value.replace(/^\uFEFF/, ""))
      }
    }
    offset = start + size
  }
  return tags
}

/** Decodes text without a declared encoding: if it is not valid UTF-8, it was written on Windows. */
const untold = (bytes: Uint8Array): string => {
  const text = utf8.decode(bytes)
  return text.includes("\uFFFD") ? latin1.decode(bytes) : text
}

const riffNames: { readonly [id: string]: string } = {
  INAM: "title",
  IART: "artist",
  IPRD: "album",
  ICRD: "date",
  IGNR: "genre",
  ICMT: "comment",
  ITRK: "tracknumber",
  IPRT: "tracknumber",
  ICOP: "copyright",
  ISFT: "encoder",
  IENG: "engineer",
  ILNG: "language"
}

/**
 * Reads the chunks of a RIFF list of type INFO, after that word.
 *
 * @category codecs
 * @since 0.1.0
 */
export const riffInfo = (bytes: Uint8Array, tags: MutableTags = {}): MutableTags => {
  let offset = 0
  while (offset + 8 <= bytes.length) {
    const id = latin1.decode(bytes.subarray(offset, offset + 4))
    const size = u32le(bytes, offset + 4)
    const value = bytes.subarray(offset + 8, Math.min(bytes.length, offset + 8 + size))
    const name = riffNames[id]
    if (name !== undefined && size <= maxValue) add(tags, name, firstOf(untold(value)))
    offset += 8 + size + (size & 1)
  }
  return tags
}
