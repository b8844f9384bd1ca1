/**
 * A message as it is sent: JSON, or a form that also has files (Discord docs, Reference, Uploading Files).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import * as Form from "../http/Form.ts"
import { badLength, invalidForm, ofText, type Problem } from "../http/FormProblems.ts"
import { error, invalidJson, type RestResponse } from "../http/RestAnswer.ts"
import type { Json } from "../objects/DiscordObject.ts"
import * as Components from "./Components.ts"
import * as Embeds from "./Embeds.ts"
import * as Poll from "./Poll.ts"

/**
 * The other properties of a file, by Discord's names: its title, and for a voice message its duration in seconds and its
 * waveform in base64.
 *
 * @category models
 * @since 0.1.0
 */
export interface Said {
  readonly title?: string
  readonly duration_secs?: number
  readonly waveform?: string
}

const saidOf = ({ duration_secs: seconds, title, waveform }: Json): Said => ({
  ...(typeof title === "string" ? { title } : {}),
  ...(typeof seconds === "number" ? { duration_secs: seconds } : {}),
  ...(typeof waveform === "string" ? { waveform } : {})
})

/**
 * A file of a message.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentFile {
  readonly name: string
  readonly description: string | undefined
  readonly more?: Said | undefined
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
 * The maximum number of characters of a message (Discord docs, Create Message).
 *
 * @category constants
 * @since 0.1.0
 */
export const longest = 2_000

/**
 * The maximum number of files in a message.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostFiles = 10

/**
 * The maximum size of a file without boosts, in bytes (Discord docs, Reference, Uploading Files).
 *
 * @category constants
 * @since 0.1.0
 */
export const largestFile = 10 * 1024 * 1024

/**
 * The maximum total size of the files of a message, in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const largestInAll = 25 * 1024 * 1024

/**
 * The maximum number of characters of a file's description (Discord docs, Attachment Object).
 *
 * @category constants
 * @since 0.1.0
 */
export const longestDescription = 1_024

/**
 * The maximum number of characters of a file's title, and of its waveform: 256 bytes in base64 (Discord docs, Attachment
 * Object).
 */
const [longestTitle, longestWaveform] = [1_024, 400]

/** The maximum size of a message's JSON in bytes, alone or with files: a thousand per channel are kept. */
const largestMessage = 64 * 1024

/** The size of all commands of an application, with their options, their choices and the translations of those. */
const largestJson = 1024 * 1024

/**
 * The maximum size of a request in bytes: JSON, or a form with files, which has room for the parts around them.
 *
 * @category constants
 * @since 0.1.0
 */
export const largestBody = { json: largestJson, form: largestInAll + largestMessage } as const

/**
 * The answer to a request that is too large, or contains a file that is.
 *
 * @category constants
 * @since 0.1.0
 */
export const tooLarge: RestResponse = error(413, 40005, "Request entity too large")

/**
 * Whether a request exceeds every limit.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTooLarge = (body: string | Uint8Array): boolean =>
  Buffer.byteLength(body) > largestBody[Form.isForm(body) ? "form" : "json"]

/**
 * The answer to a message with too many files.
 *
 * @category constants
 * @since 0.1.0
 */
export const tooManyFiles: RestResponse = invalidForm(badLength("attachments", mostFiles))

const utf8 = new TextDecoder()

/** `files[n]`, and in older libraries `file`, `filen`. */
const numberOf = (field: string): string | undefined => {
  const found = /^files?(?:\[(\d+)\]|(\d*))$/.exec(field)
  return found === null ? undefined : found[1] ?? (found[2] || "0")
}

/** Adds what the JSON says about the files, where an `id` is the number of a field. */
const described = (body: Json, files: ReadonlyArray<Form.File>): ReadonlyArray<SentFile> => {
  // of several with one id, the first counts
  const said = new Map(Body.objectsOf(body["attachments"]).toReversed().map((one) => [Body.idOf(one["id"]), one]))
  return files.map((file) => {
    const id = numberOf(file.field)
    const of = (id === undefined ? undefined : said.get(id)) ?? {}
    const { description, filename } = of
    return {
      name: typeof filename === "string" && filename !== "" ? filename : file.name,
      description: typeof description === "string" ? description : undefined,
      more: saidOf(of),
      contentType: file.contentType,
      data: file.data
    }
  })
}

const object = (text: string): Json | undefined => {
  const value = Body.parse(text)
  return Body.isObject(value) ? value : undefined
}

const textsOf = ({ texts }: Form.Form): Json =>
  Object.fromEntries(Array.from(texts, ([field, bytes]) => [field, utf8.decode(bytes)]))

/**
 * Parses the body of a request: an empty one, JSON, or a form with the part `payload_json`; or returns what is wrong with it.
 * The answer to an interaction has the message in its `data`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parse = (body: string | Uint8Array | undefined): Sent | RestResponse => {
  if (body === undefined || body.length === 0) return { body: {}, files: [] }
  if (!Form.isForm(body)) {
    if (Buffer.byteLength(body) > largestMessage) return tooLarge
    const json = object(typeof body === "string" ? body : utf8.decode(body))
    return json === undefined ? invalidJson : { body: json, files: [] }
  }
  const form = Form.parse(typeof body === "string" ? Buffer.from(body) : body)
  if (form === undefined) return invalidJson
  if (form.hasMore || form.files.length > mostFiles) return tooManyFiles
  if (Array.from(form.texts.values()).reduce((sum, { length }) => sum + length, 0) > largestMessage) return tooLarge
  const payload = form.texts.get("payload_json")
  const json = payload === undefined ? textsOf(form) : object(utf8.decode(payload))
  if (json === undefined) return invalidJson
  return { body: json, files: described(Body.isObject(json["data"]) ? json["data"] : json, form.files) }
}

/**
 * Whether a message has a text, apart from what else may be in it.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasText = (content: unknown): boolean => typeof content === "string" && content.trim() !== ""

/**
 * Whether a message is not empty.
 *
 * @category guards
 * @since 0.1.0
 */
export const saysSomething = ({ body, files }: Sent): boolean =>
  hasText(body["content"]) || Body.isObject(body["poll"]) || files.length > 0 ||
  ["embeds", "components"].some((field) => Body.itemsOf(body[field]).length > 0)

/**
 * The path of a message in the body of a request, with a trailing dot, and what the message already contains.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly path?: string
  readonly flags?: number
  readonly content?: string
  readonly embeds?: ReadonlyArray<unknown>
  readonly poll?: Json | undefined
}

/** IS_COMPONENTS_V2: the message consists of its components (Discord docs, Message Flags). */
const ofComponents = 1 << 15

const noSticker = error(400, 50081, "Invalid sticker sent")

/** What a message of components cannot contain in addition. */
const legacy = ["content", "embeds", "sticker_ids", "poll"] as const

const isGiven = (value: unknown): boolean => Array.isArray(value) ? value.length > 0 : Boolean(value)

const legacyIn = (path: string, body: Json): ReadonlyArray<Problem> =>
  legacy.filter((field) => isGiven(body[field])).map((field) => ({
    path: `${path}${field}`,
    code: "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    message: `The '${field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2`
  }))

const inAttachment = (path: string, one: unknown): ReadonlyArray<Problem> =>
  Body.isObject(one)
    ? [
      ...ofText(`${path}.description`, one["description"], { most: longestDescription }),
      ...ofText(`${path}.title`, one["title"], { most: longestTitle }),
      ...ofText(`${path}.waveform`, one["waveform"], { most: longestWaveform })
    ]
    : []

const inAttachments = (path: string, value: unknown): ReadonlyArray<Problem> =>
  Body.itemsOf(value).flatMap((one, i) => inAttachment(`${path}.${i}`, one))

/**
 * What is too long, too large, too many or impossible, in Discord's format.
 *
 * @category guards
 * @since 0.1.0
 */
export const problemOf = ({ body, files }: Sent, place: Place = {}): RestResponse | undefined => {
  const { content, embeds, flags = 0, path = "", poll } = place
  if (files.length > mostFiles) return tooManyFiles
  const isAlone = ((typeof body["flags"] === "number" ? body["flags"] : 0) | flags) & ofComponents
  const problems = [
    ...ofText(`${path}content`, body["content"], { most: longest }),
    // what it already has and keeps counts, too (Discord docs, Edit Message)
    ...(isAlone ? legacyIn(path, { content, embeds, poll, ...body }) : []),
    ...Embeds.problemsOf(`${path}embeds`, body["embeds"]),
    ...Components.problemsOf(`${path}components`, body["components"], isAlone !== 0),
    ...inAttachments(`${path}attachments`, body["attachments"]),
    ...Poll.problemsOf(`${path}poll`, body["poll"])
  ]
  if (problems.length > 0) return invalidForm(...problems)
  // the guilds have no stickers
  if (Body.itemsOf(body["sticker_ids"]).length > 0) return noSticker
  return isLarger(files) ? tooLarge : undefined
}

const isLarger = (files: ReadonlyArray<SentFile>): boolean =>
  files.some(({ data }) => data.length > largestFile) ||
  files.reduce((sum, { data }) => sum + data.length, 0) > largestInAll
