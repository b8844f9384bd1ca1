/**
 * Forms (multipart/form-data, RFC 7578), in which files are sent together with JSON.
 *
 * @since 0.1.0
 */

/**
 * A file as it was sent. `contentType` is the declared type, if any.
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
  /** The parts that are not files, by the name of the field, in UTF-8. */
  readonly texts: ReadonlyMap<string, Uint8Array>
  readonly files: ReadonlyArray<File>
  /** Whether there are more parts than are read. */
  readonly hasMore: boolean
}

/** The number of parts that are read: twice as many as a message has files. */
const mostParts = 20

/** The maximum number of characters of a boundary (RFC 2046, 5.1.1). */
const longestBoundary = 70

/** The maximum number of bytes before the data of a part. */
const longestHead = 8 * 1024

const parameter = (header: string, name: string): string | undefined =>
  new RegExp(`[;\\s]${name}="([^"]*)"`, "i").exec(header)?.[1] ??
    new RegExp(`[;\\s]${name}=([^";\\s]+)`, "i").exec(header)?.[1]

/** How browsers and undici escape what cannot be in quotes. */
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
 * Whether a body begins like a form: with a boundary, or with the line break before one, as in eris and dysnomia (RFC 2046,
 * 5.1.1).
 *
 * @category guards
 * @since 0.1.0
 */
export const isForm = (body: string | Uint8Array): boolean =>
  /^(?:\r\n)?--/.test(typeof body === "string" ? body.slice(0, 4) : String.fromCharCode(...body.subarray(0, 4)))

/**
 * Parses a form, which begins with its boundary; `undefined` if it is not a form. The data of its texts and files are views of
 * `bytes`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (bytes: Uint8Array): Form | undefined => {
  if (!isForm(bytes)) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = buffer.indexOf("--")
  const firstLine = buffer.subarray(0, first + 2 + longestBoundary + 2).indexOf("\r\n", first)
  if (firstLine <= first + 2) return undefined
  const delimiter = `\r\n${buffer.toString("latin1", first, firstLine)}`
  const texts = new Map<string, Uint8Array>()
  const files: Array<File> = []
  let at = firstLine + 2
  for (let parts = 0; parts < mostParts; parts++) {
    const end = buffer.indexOf(delimiter, at, "latin1")
    if (end < 0) return undefined
    const headersEnd = buffer.subarray(at, Math.min(end, at + longestHead)).indexOf("\r\n\r\n")
    if (headersEnd < 0 && end - at > longestHead) return undefined
    // without an empty line after its headers it has none
    const start = headersEnd < 0 ? at : at + headersEnd + 4
    const headers = buffer.toString("utf8", at, start).split("\r\n")
    const header = (name: string) => headers.find((line) => line.toLowerCase().startsWith(`${name}:`))
    const disposition = header("content-disposition") ?? ""
    const field = parameter(disposition, "name")
    const name = fileName(disposition)
    const data = buffer.subarray(start, end)
    // a part with a file name is a file, whatever its field is called: eris names the fields of several files like the files
    if (name !== undefined) {
      const contentType = header("content-type")?.slice("content-type:".length).trim()
      files.push({ field: field ?? "", name, contentType, data })
    } else if (field !== undefined) texts.set(field, data)
    at = end + delimiter.length + 2
    // the last delimiter is followed by two hyphens, all others by a line break
    if (buffer.toString("latin1", at - 2, at) !== "\r\n") return { texts, files, hasMore: false }
  }
  return { texts, files, hasMore: true }
}
