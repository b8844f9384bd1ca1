/**
 * Playlists that are XML documents: XSPF, and ASX of Windows Media. Only the title and the first location of each entry are
 * read.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export type Kind = "XSPF" | "ASX"

/**
 * How much of a document is searched to recognize it: a declaration and comments may come before its element.
 *
 * @category constants
 * @since 0.1.0
 */
export const headBytes = 512

/** Excludes HTML pages, whose text may mention such elements. */
const beginning = /^(?:\u00ef\u00bb\u00bf)?\s*<(?:\?xml|!--|playlist|asx)[\s>-]/i

const element = /<(playlist|asx)[\s>]/i

/** A comment, up to its end or that of the text. What looks like one in a CDATA section is text. */
const comment = /(<!\[CDATA\[[^]*?(?:\]\]>|$))|<!--[^]*?(?:-->|$)/g

const withoutComments = (text: string): string => text.replaceAll(comment, "$1")

/**
 * The kind of playlist that text with this beginning is, if any.
 *
 * @category guards
 * @since 0.1.0
 */
export const kindOf = (text: string): Kind | undefined => {
  const head = text.slice(0, headBytes)
  const name = beginning.test(head) ? element.exec(withoutComments(head))?.[1]?.toLowerCase() : undefined
  return name === undefined ? undefined : name === "asx" ? "ASX" : "XSPF"
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" }

const unescaped = (text: string): string =>
  text.replaceAll(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return named[name.toLowerCase()] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= 0x10_ffff ? String.fromCodePoint(code) : whole
  })

/**
 * The text of the first element that matches this pattern, on one line. None of these patterns scans a piece twice, whatever
 * the document is.
 */
const textOf = (pattern: RegExp, piece: string): string | undefined => {
  const { apart, marked, plain } = pattern.exec(piece)?.groups ?? {}
  const text = (marked ?? unescaped(plain ?? apart ?? "")).replaceAll(/\s+/g, " ").trim()
  return text === "" ? undefined : text
}

/** Up to the end of a CDATA section, or of the text. */
const contentOf = (name: string): RegExp =>
  new RegExp(`<${name}>\\s*(?:<!\\[CDATA\\[(?<marked>[^\\]]*(?:\\](?!\\]>)[^\\]]*)*)|(?<plain>[^<]*))`, "i")

const title = contentOf("title")

const patterns = {
  XSPF: { entry: /<track[\s>]/i, place: contentOf("location") },
  ASX: { entry: /<entry[\s>]/i, place: /<ref\s[^<>]*?\bhref\s*=\s*(?:"(?<plain>[^"<]*)|'(?<apart>[^'<]*))/i }
} as const

/**
 * The entries, in order. Entries without a location are left out.
 *
 * @category codecs
 * @since 0.1.0
 */
export const entries = (
  kind: Kind,
  text: string
): ReadonlyArray<{ readonly location: string; readonly title: string | undefined }> => {
  const { entry, place } = patterns[kind]
  return withoutComments(text).split(entry).slice(1).flatMap((piece) => {
    const location = textOf(place, piece)
    return location === undefined ? [] : [{ location, title: textOf(title, piece) }]
  })
}
