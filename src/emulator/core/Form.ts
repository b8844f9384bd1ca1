/**
 * Forms (multipart/form-data, RFC 7578), by which files are sent beside JSON.
 *
 * @since 0.1.0
 */

/**
 * A file as it was sent. `contentType` is what was said of it, if anything was.
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  /** The name of its field. */
  readonly field: string
  readonly name: string
  readonly contentType: string | undefined
  readonly data: Uint8Array
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Form {
  /** What is no file, by the name of the field. */
  readonly texts: ReadonlyMap<string, string>
  readonly files: ReadonlyArray<File>
}

const parameter = (header: string, name: string): string | undefined =>
  new RegExp(`[;\\s]${name}="([^"]*)"`, "i").exec(header)?.[1] ??
    new RegExp(`[;\\s]${name}=([^";\\s]+)`, "i").exec(header)?.[1]

/** Browsers and undici write so what may not stand in quotes. */
const signs: Readonly<Record<string, string>> = { "%22": "\"", "%0D": "\r", "%0A": "\n" }

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const fileName = (header: string): string | undefined => {
  const [, encoded] = /[;\s]filename\*=utf-8''([^;\s]+)/i.exec(header) ?? []
  return (encoded === undefined ? undefined : decoded(encoded)) ??
    parameter(header, "filename")?.replace(/%22|%0D|%0A/gi, (sign) => signs[sign.toUpperCase()] ?? sign)
}

/**
 * Whether a body begins as a form does: with a boundary.
 *
 * @category guards
 * @since 0.1.0
 */
export const isForm = (body: string | Uint8Array): boolean =>
  typeof body === "string" ? body.startsWith("--") : body[0] === 45 && body[1] === 45

/**
 * Reads a form, whose first line is its boundary; `undefined` for what is none. The data of its files are those of `bytes`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (bytes: Uint8Array): Form | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const firstLine = buffer.indexOf("\r\n")
  if (!isForm(bytes) || firstLine <= 2) return undefined
  const delimiter = `\r\n${buffer.toString("latin1", 0, firstLine)}`
  const texts = new Map<string, string>()
  const files: Array<File> = []
  let at = firstLine + 2
  while (true) {
    const end = buffer.indexOf(delimiter, at, "latin1")
    if (end < 0) return undefined
    const headersEnd = buffer.subarray(at, end).indexOf("\r\n\r\n")
    // what has no empty line behind its headers has none
    const start = headersEnd < 0 ? at : at + headersEnd + 4
    const headers = buffer.toString("utf8", at, start).split("\r\n")
    const header = (name: string) => headers.find((line) => line.toLowerCase().startsWith(`${name}:`))
    const disposition = header("content-disposition") ?? ""
    const field = parameter(disposition, "name")
    const name = fileName(disposition)
    if (field !== undefined && name !== undefined) {
      const contentType = header("content-type")?.slice("content-type:".length).trim()
      files.push({ field, name, contentType, data: buffer.subarray(start, end) })
    } else if (field !== undefined) texts.set(field, buffer.toString("utf8", start, end))
    at = end + delimiter.length + 2
    // the last delimiter has two hyphens behind it, all others a line break
    if (buffer.toString("latin1", at - 2, at) !== "\r\n") return { texts, files }
  }
}
