/**
 * The metadata of SHOUTcast and Icecast, which is in between the bytes of the sound if the client has asked for it
 * (`icy-metadata: 1`) and the server says how often (`icy-metaint`). A block is one byte with its length in units of 16, and
 * that much text, padded with zeros, such as `StreamTitle='Artist - Song';`.
 *
 * @since 0.1.0
 */
import { concat } from "../format/PacketReader.ts"
import * as Tag from "../format/Tags.ts"
import type { Tags } from "../OpenSource.ts"
import type { FetchHeaders } from "./HttpFetch.ts"

/** No server uses a longer interval between two blocks. */
const maxInterval = 16 * 1024 * 1024

/**
 * The number of bytes of sound before each block, if there are blocks.
 *
 * @category codecs
 * @since 0.1.0
 */
export const intervalOf = (headers: Pick<FetchHeaders, "get">): number | undefined => {
  const said = headers.get("icy-metaint")
  const interval = said === null || !/^\s*\d+\s*$/.test(said) ? 0 : Number(said)
  return interval > 0 && interval <= maxInterval ? interval : undefined
}

const strict = new TextDecoder("utf-8", { fatal: true })
const latin1 = new TextDecoder("latin1")

/** The encoding is not declared: text that is valid UTF-8 is almost certainly UTF-8. */
const textOf = (bytes: Uint8Array): string => {
  try {
    return strict.decode(bytes)
  } catch {
    return latin1.decode(bytes)
  }
}

const said = ["icy-name", "icy-description", "icy-genre", "icy-url", "icy-br"]

/**
 * The tags that a station sends in its answer, by the names of the headers.
 *
 * @category codecs
 * @since 0.1.0
 */
export const tagsOf = (headers: Pick<FetchHeaders, "get">): Tags => {
  const tags: Tag.MutableTags = {}
  // a header has one byte per character
  for (const name of said) Tag.add(tags, name, textOf(Buffer.from(headers.get(name) ?? "", "latin1")))
  return tags
}

const names = new Map([["streamtitle", "title"], ["streamurl", "url"]])

/** A name and a text in quotes. The text may contain quotes, and ends where another name begins, or at the end. */
const field = /\s*(\w+)='(.*?)'(?:;(?=\s*\w+=')|;?\s*$)/gsy

/**
 * Parses the text of a block: `title`, `url`, and other fields by their names in lower case, without empty ones. `undefined`
 * if nothing can be read.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (block: Uint8Array): Tags | undefined => {
  const end = block.indexOf(0)
  const text = textOf(end < 0 ? block : block.subarray(0, end))
  const tags: Tag.MutableTags = {}
  let isKnown = false
  for (const [, name = "", value = ""] of text.matchAll(field)) {
    const key = name.toLowerCase()
    Tag.add(tags, names.get(key) ?? key, value)
    isKnown = true
  }
  return isKnown ? tags : undefined
}

/**
 * Removes the blocks from bytes in pieces of any size, the first one at the beginning of a body, and returns the sound;
 * reports the contents of blocks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const splitter = (interval: number, onTags: (tags: Tags) => void): (bytes: Uint8Array) => Uint8Array => {
  /** The bytes up to the next block, or up to its end. */
  let left = interval
  let block: Uint8Array | undefined
  return (bytes) => {
    const sound: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length;) {
      if (left === 0 && block === undefined) {
        left = 16 * (bytes[at++] ?? 0)
        if (left === 0) left = interval
        else block = new Uint8Array(left)
        continue
      }
      const part = bytes.subarray(at, at + left)
      if (block === undefined) sound.push(part)
      else block.set(part, block.length - left)
      at += part.length
      left -= part.length
      if (left > 0 || block === undefined) continue
      const tags = parse(block)
      if (tags !== undefined) onTags(tags)
      block = undefined
      left = interval
    }
    const [first] = sound
    return first !== undefined && sound.length === 1 ? first : concat(sound)
  }
}
