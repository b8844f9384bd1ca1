/**
 * Recognizes a file by its first bytes. Its name does not matter.
 *
 * @since 0.1.0
 */
import * as Tags from "./Tags.ts"

/**
 * The formats that this process reads.
 *
 * @category models
 * @since 0.1.0
 */
export type Format = "ogg" | "matroska" | "mp4" | "wav" | "flac" | "mp3" | "adts" | "dca"

/**
 * `known`: another format, by its name. It `isDoubtful` if only one or two bytes indicate it. If it is not `isSound`, no
 * other program will find any sound in it.
 *
 * @category models
 * @since 0.1.0
 */
export type Found = { readonly format: Format } | {
  readonly known: string
  readonly isDoubtful: boolean
  readonly isSound: boolean
} | undefined

/**
 * How many bytes {@link probe} needs.
 *
 * @category constants
 * @since 0.1.0
 */
export const probeBytes = 16

const others: ReadonlyArray<readonly [offset: number, magic: string, name: string]> = [
  [8, "AIFF", "AIFF"],
  [8, "AIFC", "AIFF"],
  [8, "AVI ", "AVI"],
  [0, "caff", "CAF"],
  [0, "FORM", "an IFF file"],
  [0, ".snd", "AU"],
  [0, "FLV", "FLV"],
  [0, "MThd", "MIDI"],
  [0, "MAC ", "Monkey's Audio"],
  [0, "wvpk", "WavPack"],
  [0, "MPCK", "Musepack"],
  [0, "MP+", "Musepack"],
  [0, "TTA1", "True Audio"],
  [0, "#!AMR", "AMR"],
  [0, "DSD ", "DSD"],
  [0, "ADIF", "AAC in ADIF"],
  [0, "\x0bw", "AC-3"],
  [0, "\x30\x26\xb2\x75", "ASF (WMA)"],
  [0, "\x00\x00\x01\xba", "an MPEG program stream"]
]

const notSound: typeof others = [
  [0, "<", "a web page or a document, not audio"],
  [0, "{", "JSON, not audio"],
  [0, "%PDF", "PDF"],
  [0, "PK\x03\x04", "a ZIP archive"],
  [0, "\x1f\x8b", "compressed with gzip"],
  [0, "\xff\xd8\xff", "a JPEG picture"],
  [0, "\x89PNG", "a PNG picture"]
]

const has = (bytes: Uint8Array, offset: number, magic: string): boolean => {
  for (let i = 0; i < magic.length; i++) {
    if (bytes[offset + i] !== magic.charCodeAt(i)) return false
  }
  return true
}

/**
 * MP3 and ADTS have no signature other than their frame headers: a sync word, and no reserved value in the fields after it
 * (ISO 11172-3, 2.4.2.3; ISO 13818-7, 6.2).
 */
const frameFormat = (bytes: Uint8Array): Format | undefined => {
  const [first = 0, second = 0, third = 0] = bytes
  if (first !== 0xff) return undefined
  if ((second & 0xf6) === 0xf0) return (third & 0x3c) < 0x34 ? "adts" : undefined
  const valid = (second & 0xe0) === 0xe0 && (second & 0x18) !== 0x08 && (second & 0x06) !== 0 &&
    (third & 0xf0) !== 0xf0 && (third & 0x0c) !== 0x0c
  return valid ? "mp3" : undefined
}

/** The boxes that an MP4 can begin with; old QuickTime files have no `ftyp`. */
const boxes = ["ftyp", "moov", "mdat", "free", "skip", "wide", "styp", "sidx"]

/**
 * How many bytes come before those that identify the format: an ID3v2 tag, which FLAC and AAC can have as well as MP3.
 *
 * @category combinators
 * @since 0.1.0
 */
export const leading = (bytes: Uint8Array): number => Tags.id3Bytes(bytes, 0)

/**
 * Recognizes a format by the first bytes, without the {@link leading} ones.
 *
 * @category combinators
 * @since 0.1.0
 */
export const probe = (bytes: Uint8Array): Found => {
  if (has(bytes, 0, "OggS")) return { format: "ogg" }
  if (has(bytes, 0, "\x1a\x45\xdf\xa3")) return { format: "matroska" }
  if (has(bytes, 0, "DCA1")) return { format: "dca" }
  if (has(bytes, 0, "fLaC")) return { format: "flac" }
  if (["RIFF", "RF64", "BW64"].some((magic) => has(bytes, 0, magic)) && has(bytes, 8, "WAVE")) return { format: "wav" }
  if (boxes.some((box) => has(bytes, 4, box))) return { format: "mp4" }
  const isThis = ([offset, magic]: (typeof others)[number]): boolean => has(bytes, offset, magic)
  const sound = others.find(isThis)
  const other = sound ?? notSound.find(isThis)
  if (other !== undefined) {
    return { known: other[2], isDoubtful: other[1].length < 3, isSound: sound !== undefined }
  }
  const format = frameFormat(bytes)
  return format === undefined ? undefined : { format }
}
