/**
 * Playlists that are documents: XSPF, and ASX of Windows Media. Of each entry its first place is taken, and its title; what else XML
 * can say is not looked at.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export type Kind = "XSPF" | "ASX"

/**
 * How much of a document is looked at to tell what it is: a declaration and comments may stand before its element.
 *
 * @category constants
 * @since 0.1.0
 */
export const headBytes = 512

/** No page, whose text may speak of such elements. */
const beginning = /^(?:\u00ef\u00bb\u00bf)?\s*<(?:\?xml|!--|playlist|asx)[\s>-]/i

const element = /<(playlist|asx)[\s>]/i

/** Up to its end, or that of the text. What looks like one in a section that is marked is text. */
const comment = /(<!\[CDATA\[[^]*?(?:\]\]>|$))|<!--[^]*?(?:-->|$)/g

const withoutComments = (text: string): string => text.replaceAll(comment, "$1")

/**
 * Which kind text that begins so is, if any.
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

/** The text of the first element of this pattern, on one line. None of these goes over a piece twice, however the document is made. */
const textOf = (pattern: RegExp, piece: string): string | undefined => {
  const { apart, marked, plain } = pattern.exec(piece)?.groups ?? {}
  const text = (marked ?? unescaped(plain ?? apart ?? "")).replaceAll(/\s+/g, " ").trim()
  return text === "" ? undefined : text
}

/** Up to the end of a section that is marked, or of the text. */
const contentOf = (name: string): RegExp =>
  new RegExp(`<${name}>\\s*(?:<!\\[CDATA\\[(?<marked>[^\\]]*(?:\\](?!\\]>)[^\\]]*)*)|(?<plain>[^<]*))`, "i")

const title = contentOf("title")

const patterns = {
  XSPF: { entry: /<track[\s>]/i, place: contentOf("location") },
  ASX: { entry: /<entry[\s>]/i, place: /<ref\s[^<>]*?\bhref\s*=\s*(?:"(?<plain>[^"<]*)|'(?<apart>[^'<]*))/i }
} as const

/**
 * In its order. What has no place is left out.
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
