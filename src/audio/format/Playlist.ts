/**
 * Playlists: addresses of sound instead of sound, which is what links to radio stations usually lead to. M3U, with or without
 * its extensions, PLS, XSPF, ASX, and HLS, whose entries are pieces of one stream.
 *
 * @since 0.1.0
 */
import * as Probe from "./Probe.ts"
import * as XmlPlaylist from "./XmlPlaylist.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** As it is written: a URL, a part of one, or a path. */
  readonly location: string
  readonly title: string | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export type Playlist =
  | { readonly kind: "M3U" | "PLS" | XmlPlaylist.Kind; readonly entries: ReadonlyArray<Entry> }
  | {
    readonly kind: "HLS"
    readonly entries: ReadonlyArray<Entry>
    /** The entries are playlists of the same sound in different qualities. */
    readonly hasVariants: boolean
    /** All of it is there; otherwise it is live. */
    readonly isEnded: boolean
  }

/**
 * How much of a playlist is read.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 65_536

/** Further entries are ignored. */
const maxEntries = 1_000

/** A longer line is not an address. */
const maxLocation = 4_096

const utf8 = new TextDecoder("utf-8", { fatal: true })
const latin1 = new TextDecoder("latin1")

/** UTF-8, or, if it is not valid, the encoding that was common before. Without the byte order mark that it may begin with. */
const textOf = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    return latin1.decode(bytes).replace(/^\u00ef\u00bb\u00bf/, "")
  }
}

const beginning = /^(?:\u00ef\u00bb\u00bf)?\s*(?:#EXTM3U|#EXTINF:|#EXT-X-|\[playlist\]|https?:\/\/)/i

const types = /^\s*(?:audio|application|video)\/(?:(?:x-|vnd\.apple\.)?mpegurl|(?:x-)?scpls|pls\+xml)\s*(?:;|$)/i

// oxlint-disable-next-line no-control-regex -- they are what no text has
const noText = /[\0-\x08\x0e-\x1f\x7f]/

/** The content types that servers use for files that they do not know. */
const anything = /^\s*(?:text\/plain|(?:application|binary)\/octet-stream)\s*(?:;|$)/i

const names = /\.m3u8?$/i

/**
 * How many bytes are needed to say whether bytes that begin like this are a playlist.
 *
 * @category combinators
 * @since 0.1.0
 */
export const headBytes = (first: Uint8Array): number =>
  /^(?:\u00ef\u00bb\u00bf)?\s*</.test(latin1.decode(first.subarray(0, 16))) ? XmlPlaylist.headBytes : Probe.probeBytes

/**
 * Whether bytes that begin like this are a playlist, of which {@link headBytes} are there. If they have no signature, their
 * content type decides, and if that says nothing, the path of their address.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPlaylist = (first: Uint8Array, contentType?: string, path = ""): boolean => {
  const head = latin1.decode(first.subarray(0, XmlPlaylist.headBytes))
  const text = head.slice(0, 64)
  if (beginning.test(text) || XmlPlaylist.kindOf(head) !== undefined) return true
  const isSaid = contentType === undefined || anything.test(contentType) ? names.test(path) : types.test(contentType)
  return isSaid && text.trim() !== "" && !noText.test(text) && Probe.probe(first) === undefined
}

/** The text after the first comma that is not in quotes. */
const titleOf = (info: string): string | undefined => {
  const title = /^(?:[^",]|"[^"]*")*,(.*)$/.exec(info)?.[1]?.trim()
  return title === "" ? undefined : title
}

const m3u = (lines: ReadonlyArray<string>): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  let title: string | undefined
  for (const line of lines) {
    if (entries.length >= maxEntries) break
    if (line.startsWith("#")) {
      const info = /^#EXTINF:(.*)$/i.exec(line)?.[1]
      if (info !== undefined) title = titleOf(info)
      continue
    }
    if (line.length <= maxLocation) entries.push({ location: line, title })
    title = undefined
  }
  return entries
}

const pls = (lines: ReadonlyArray<string>): ReadonlyArray<Entry> => {
  const files = new Map<number, string>()
  const titles = new Map<number, string>()
  for (const line of lines) {
    if (files.size >= maxEntries) break
    const [, key = "", number = "", value = ""] = /^(file|title)(\d{1,9})\s*=\s*(.*)$/i.exec(line) ?? []
    const into = key.toLowerCase() === "file" ? files : titles
    if (value !== "" && value.length <= maxLocation && !into.has(Number(number))) into.set(Number(number), value)
  }
  return Array.from(files)
    .toSorted(([a], [b]) => a - b)
    .map(([number, location]) => ({ location, title: titles.get(number) }))
}

/**
 * The entries of a playlist, in order, a thousand at most; none if it is invalid. If it is longer than {@link maxBytes}, the
 * whole lines, or tags, of the first bytes count.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (bytes: Uint8Array): Playlist => {
  const isCut = bytes.length > maxBytes
  const head = bytes.subarray(0, maxBytes)
  const kind = XmlPlaylist.kindOf(latin1.decode(head.subarray(0, XmlPlaylist.headBytes)))
  // a document may be one line, and its tags end with ">"
  const ends = kind === undefined ? [10, 13] : [62]
  const text = textOf(isCut ? head.subarray(0, Math.max(...ends.map((end) => head.lastIndexOf(end))) + 1) : head)
  if (kind !== undefined) {
    const usable = XmlPlaylist.entries(kind, text).filter(({ location }) => location.length <= maxLocation)
    return { kind, entries: usable.slice(0, maxEntries) }
  }
  const lines = text.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== "")
  if (/^\[playlist\]/i.test(lines[0] ?? "")) return { kind: "PLS", entries: pls(lines) }
  const entries = m3u(lines)
  if (!lines.some((line) => line.startsWith("#EXT-X-"))) return { kind: "M3U", entries }
  return {
    kind: "HLS",
    entries,
    hasVariants: lines.some((line) => line.startsWith("#EXT-X-STREAM-INF")),
    // a live one only has the last pieces, and is never that long
    isEnded: isCut || lines.some((line) => /^#EXT-X-(?:ENDLIST|PLAYLIST-TYPE:\s*VOD)\b/.test(line))
  }
}

/**
 * The URL of an entry; `undefined` for anything that is not HTTP, such as a file of the listener.
 *
 * @category combinators
 * @since 0.1.0
 */
export const resolve = ({ location }: Entry, base: URL): URL | undefined => {
  // a Windows share would become a host
  if (location.startsWith("\\") || !URL.canParse(location, base.href)) return undefined
  const url = new URL(location, base)
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined
}
