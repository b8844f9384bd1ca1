/**
 * The files of messages, stored and served like Discord's content delivery network does (Discord docs, Resources, Message,
 * Attachment Object).
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import type { RestResponse } from "../http/RestAnswer.ts"
import * as ServedFile from "../http/ServedFile.ts"
import type { Json } from "../objects/DiscordObject.ts"
import type { Said, SentFile } from "./Sent.ts"

/**
 * A file of a message.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attachment {
  readonly id: string
  readonly name: string
  readonly description: string | undefined
  /** Its other properties, by Discord's names. */
  readonly more: Said
  readonly contentType: string
  /** In bytes. */
  readonly size: number
  /** The address from which the emulator serves it: to any client on loopback, and through the emulator's `fetch`. */
  readonly url: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Attachments {
  readonly keep: (channelId: string, files: ReadonlyArray<SentFile>) => ReadonlyArray<Attachment>
  readonly forget: (attachments: ReadonlyArray<Attachment>) => void
  /** Removes all files of a channel. */
  readonly forgetIn: (channelId: string) => void
  /** Answers requests under `/attachments`; `undefined` for all others. `range` is the header of that name. */
  readonly rest: (method: string, path: string, range: string | undefined) => RestResponse | undefined
}

/** The maximum size of files and their descriptions, in bytes. Beyond it, the oldest are removed. */
const mostKept = 256 * 1024 * 1024

/** Content types by the ending of a name, used when none is given. */
const known: ReadonlyMap<string, string> = new Map([
  ["png", "image/png"],
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["gif", "image/gif"],
  ["webp", "image/webp"],
  ["svg", "image/svg+xml"],
  ["txt", "text/plain; charset=utf-8"],
  ["lrc", "text/plain; charset=utf-8"],
  ["md", "text/markdown; charset=utf-8"],
  ["json", "application/json"],
  ["mp3", "audio/mpeg"],
  ["ogg", "audio/ogg"],
  ["opus", "audio/ogg"],
  ["wav", "audio/wav"],
  ["flac", "audio/flac"],
  ["m4a", "audio/mp4"],
  ["webm", "video/webm"],
  ["mp4", "video/mp4"]
])

const unknownType = "application/octet-stream"

const contentTypeOf = ({ contentType, name }: SentFile): string =>
  contentType === undefined || contentType === "" || contentType === unknownType
    ? known.get(/\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? "") ?? unknownType
    : contentType

/** The number of characters of a name that are kept: the last ones, which include the ending. */
const longestName = 200

/**
 * The name as Discord stores it, without anything that cannot be in a path. A name that would mean a folder, or nothing, is
 * replaced.
 */
const plain = (name: string): string => {
  const some = Array.from(name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_")).slice(-longestName).join("")
  return /^\.{0,2}$/.test(some) ? "unknown" : some
}

/** Whether a server may send this text in a header. */
const isHeader = (text: string): boolean => /^[\x20-\x7e]{0,200}$/.test(text)

/**
 * `origin` is the address they are served from, without a path.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (nextId: () => string, origin: () => string): Attachments => {
  const files = new Map<
    string,
    {
      readonly channelId: string
      readonly contentType: string
      readonly data: Uint8Array
      /** Its stored size in bytes. */
      readonly weight: number
    }
  >()
  let total = 0

  const drop = (id: string) => {
    total -= files.get(id)?.weight ?? 0
    files.delete(id)
  }

  return {
    keep: (channelId, sent) =>
      sent.map((file) => {
        const id = nextId()
        const name = plain(file.name)
        const type = contentTypeOf(file)
        const contentType = isHeader(type) ? type : unknownType
        // the buffer that it was cut from does not have to be kept
        const data = new Uint8Array(file.data)
        const { description, more = {} } = file
        const said = [name, name, description ?? "", contentType, ...Object.values(more)].join("").length
        const weight = data.length + 2 * said
        files.set(id, { channelId, contentType, data, weight })
        total += weight
        for (const oldest of files.keys()) {
          if (total <= mostKept) break
          drop(oldest)
        }
        const url = `${origin()}/attachments/${channelId}/${id}/${encodeURIComponent(name)}`
        return { id, name, description, more, contentType, size: data.length, url }
      }),
    forget: (attachments) => {
      for (const { id } of attachments) drop(id)
    },
    forgetIn: (channelId) => {
      for (const [id, file] of files) if (file.channelId === channelId) drop(id)
    },
    rest: (method, path, range) => {
      const [, root, channelId, id, name] = path.split("/")
      if (root !== "attachments" || name === undefined) return undefined
      const file = id === undefined ? undefined : files.get(id)
      return ServedFile.answer(file?.channelId === channelId ? file : undefined, method, range)
    }
  }
}

/**
 * The attachments that remain after an edit: all of them, or those that it names, with the descriptions that it gives.
 *
 * @category combinators
 * @since 0.1.0
 */
export const left = (attachments: ReadonlyArray<Attachment>, body: Json): ReadonlyArray<Attachment> => {
  const { attachments: named } = body
  if (!Array.isArray(named)) return attachments
  // of several with one id, the first counts
  const said = new Map(Body.objectsOf(named).toReversed().map((one) => [Body.idOf(one["id"]), one]))
  return attachments.flatMap((attachment) => {
    const one = said.get(attachment.id)
    if (one === undefined) return []
    const { description } = one
    return [typeof description === "string" ? { ...attachment, description } : attachment]
  })
}

/**
 * An attachment in Discord's format.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = ({ contentType, description, id, more, name, size, url }: Attachment): Json => ({
  id,
  filename: name,
  size,
  url,
  proxy_url: url,
  content_type: contentType,
  ...(description === undefined ? {} : { description }),
  ...more
})

const scheme = "attachment://"

/**
 * What a message shows. Where embeds and components refer to files (`attachment://name`), the result has their addresses;
 * `loose` are the files that none of them shows (Discord docs, Resources, Message, Message Object).
 *
 * @category combinators
 * @since 0.1.0
 */
export const shown = (
  { attachments, components, embeds }: {
    readonly attachments: ReadonlyArray<Attachment>
    readonly components: ReadonlyArray<unknown>
    readonly embeds: ReadonlyArray<unknown>
  }
): {
  readonly loose: ReadonlyArray<Attachment>
  readonly components: ReadonlyArray<unknown>
  readonly embeds: ReadonlyArray<unknown>
} => {
  if (attachments.length === 0) return { loose: attachments, components, embeds }
  const used = new Set<Attachment>()
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve)
    if (Body.isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolve(one)]))
    if (typeof value !== "string") return value
    const name = value.startsWith(scheme) ? plain(value.slice(scheme.length)) : undefined
    const found = attachments.find((one) => one.name === name || one.url === value)
    if (found === undefined) return value
    used.add(found)
    return found.url
  }
  const resolved = { components: components.map(resolve), embeds: embeds.map(resolve) }
  return { loose: attachments.filter((one) => !used.has(one)), ...resolved }
}
