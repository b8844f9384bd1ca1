/**
 * The metadata of SHOUTcast and Icecast, which stand between the bytes of the sound where a client has asked for them
 * (`icy-metadata: 1`) and the server says how often (`icy-metaint`): a byte that is their length in units of 16, and as much text,
 * filled up with zeros, such as `StreamTitle='Artist - Song';`.
 *
 * @since 0.1.0
 */
import { concat } from "../format/PacketReader.ts"
import * as Tag from "../format/Tags.ts"
import type { Tags } from "../OpenSource.ts"
import type { FetchHeaders } from "./HttpFetch.ts"

/** More sound than this between two blocks is no interval that a server has. */
const maxInterval = 16 * 1024 * 1024

/**
 * How many bytes of sound come before each block, where there are blocks.
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

/** There is no word of the encoding: what is UTF-8 is hardly anything else. */
const textOf = (bytes: Uint8Array): string => {
  try {
    return strict.decode(bytes)
  } catch {
    return latin1.decode(bytes)
  }
}

const said = ["icy-name", "icy-description", "icy-genre", "icy-url", "icy-br"]

/**
 * What a station says of itself in its answer, by the names of the headers.
 *
 * @category codecs
 * @since 0.1.0
 */
export const tagsOf = (headers: Pick<FetchHeaders, "get">): Tags => {
  const tags: Tag.MutableTags = {}
  // a header has one byte for each character
  for (const name of said) Tag.add(tags, name, textOf(Buffer.from(headers.get(name) ?? "", "latin1")))
  return tags
}

const names = new Map([["streamtitle", "title"], ["streamurl", "url"]])

/** A name and what stands between quotes, which may hold quotes, up to where another name begins, or the end. */
const field = /\s*(\w+)='(.*?)'(?:;(?=\s*\w+=')|;?\s*$)/gsy

/**
 * The text of a block: `title`, `url`, and what else there is by its name in lower case, without what is empty. `undefined` where
 * nothing of it can be read.
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
 * Takes the blocks out of bytes that come in pieces of any size, the first one at the beginning of a body, and gives the sound; tells
 * what blocks say.
 *
 * @category constructors
 * @since 0.1.0
 */
export const splitter = (interval: number, onTags: (tags: Tags) => void): (bytes: Uint8Array) => Uint8Array => {
  /** Bytes up to the next block, or up to its end. */
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
