/**
 * A message as it is sent: JSON, or a form with files beside it (Discord docs, Reference, Uploading Files).
 *
 * @since 0.1.0
 */
import * as Body from "./Body.ts"
import type { Json } from "./DiscordObject.ts"
import * as Form from "./Form.ts"
import { error, invalidBody, type RestResponse } from "./RestAnswer.ts"

/**
 * A file of a message.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentFile {
  readonly name: string
  readonly description: string | undefined
  readonly contentType: string | undefined
  readonly data: Uint8Array
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Sent {
  readonly body: Json
  readonly files: ReadonlyArray<SentFile>
}

/**
 * So many characters has a message at most (Discord docs, Create Message).
 *
 * @category constants
 * @since 0.1.0
 */
export const longest = 2_000

/**
 * So many files has a message at most.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostFiles = 10

/**
 * So many bytes has a file at most, where nobody has paid for more (Discord docs, Reference, Uploading Files).
 *
 * @category constants
 * @since 0.1.0
 */
export const largestFile = 10 * 1024 * 1024

const tooLarge = error(413, 40005, "Request entity too large")

const utf8 = new TextDecoder()

/** `files[n]`, and in older libraries `file`, `filen`. */
const numberOf = (field: string): string | undefined => {
  const found = /^files?(?:\[(\d+)\]|(\d*))$/.exec(field)
  return found === null ? undefined : found[1] ?? (found[2] || "0")
}

/** What is said of a file in the JSON, where its `id` is the number of its field. */
const describe = (body: Json, file: Form.File): SentFile => {
  const id = numberOf(file.field)
  const said = Body.objectsOf(body["attachments"]).find((one) => String(one["id"]) === id)
  const { description, filename } = said ?? {}
  return {
    name: typeof filename === "string" && filename !== "" ? filename : file.name,
    description: typeof description === "string" ? description : undefined,
    contentType: file.contentType,
    data: file.data
  }
}

const object = (text: string): Json | undefined => {
  const value = Body.parse(text)
  return Body.isObject(value) ? value : undefined
}

/**
 * Reads the body of a request: an empty one, JSON, or a form with the part `payload_json`. `undefined` for anything else. What is
 * answered to an interaction has the message in its `data`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (body: string | Uint8Array | undefined): Sent | undefined => {
  if (body === undefined || body.length === 0) return { body: {}, files: [] }
  if (!Form.isForm(body)) {
    const json = object(typeof body === "string" ? body : utf8.decode(body))
    return json && { body: json, files: [] }
  }
  const form = Form.parse(typeof body === "string" ? Buffer.from(body) : body)
  if (form === undefined) return undefined
  const payload = form.texts.get("payload_json")
  const json = payload === undefined ? Object.fromEntries(form.texts) : object(payload)
  if (json === undefined) return undefined
  const message = Body.isObject(json["data"]) ? json["data"] : json
  const files = form.files.filter(({ field }) => numberOf(field) !== undefined)
  return { body: json, files: files.map((file) => describe(message, file)) }
}

/**
 * Whether a message has a text, beside what else may be in it.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasText = (content: unknown): boolean => typeof content === "string" && content.trim() !== ""

/**
 * Whether there is something that is not kept: a sticker or a poll.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasMore = (body: Json): boolean =>
  Body.itemsOf(body["sticker_ids"]).length > 0 || Body.isObject(body["poll"])

/**
 * Whether there is anything in a message.
 *
 * @category guards
 * @since 0.1.0
 */
export const saysSomething = ({ body, files }: Sent): boolean =>
  hasText(body["content"]) || hasMore(body) || files.length > 0 ||
  ["embeds", "components"].some((field) => Body.itemsOf(body[field]).length > 0)

/**
 * What is too long, too large or too much, as Discord says it.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemOf = ({ body: { content }, files }: Sent): RestResponse | undefined => {
  if ((typeof content === "string" && content.length > longest) || files.length > mostFiles) return invalidBody
  return files.some(({ data }) => data.length > largestFile) ? tooLarge : undefined
}
