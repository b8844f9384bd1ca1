/**
 * What a response says about the bytes of its body.
 *
 * @since 0.1.0
 */
import type { Tags } from "../OpenSource.ts"
import type { FetchAnswer, FetchHeaders, FetchReader } from "./HttpFetch.ts"
import * as Icy from "./Icy.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly body: FetchReader | undefined
  readonly abort: () => void
  readonly status: number
  /** The position of the first byte of the body, of the one after its last, and the total size, if they are stated. */
  readonly start: number
  readonly end: number | undefined
  readonly size: number | undefined
  readonly ranges: boolean
  /**
   * The server has compressed the body although it was told not to: its numbers then count other bytes than those that are
   * read.
   */
  readonly isEncoded: boolean
  readonly validator: string | undefined
  readonly live: boolean
  readonly from: string
  readonly type: string | undefined
  /** The tags that the server sends, and a function that removes metadata from the body, if there is any. */
  readonly tags: Tags
  readonly sound: ((bytes: Uint8Array) => Uint8Array) | undefined
}

const contentRange = /^bytes (\d+)-(\d+)\/(\d+|\*)$/

/** Weak validators do not guarantee that the bytes are the same. */
const validatorOf = (headers: FetchHeaders): string | undefined => {
  const tag = headers.get("etag")
  if (tag !== null && !tag.startsWith("W/")) return tag
  return headers.get("last-modified") ?? undefined
}

/**
 * Reads a response. `onTags` is called with what a station reports while it is read. Returns `undefined` if the response is a
 * part, and does not say which.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answerOf = (
  { headers, status, url }: FetchAnswer,
  { onTags, ...reading }: Pick<Answer, "abort" | "body"> & { readonly onTags: (tags: Tags) => void }
): Answer | undefined => {
  const range = status === 206 ? contentRange.exec(headers.get("content-range") ?? "") : null
  if (status === 206 && range === null) return undefined
  const interval = Icy.intervalOf(headers)
  const isEncoded = (headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity"
  const length = Number(headers.get("content-length") ?? "NaN")
  // metadata counts toward the length
  const size = interval !== undefined || isEncoded ? NaN : range === null ? length : Number(range[3])
  return {
    ...reading,
    status,
    start: range === null ? 0 : Number(range[1]),
    end: range === null || isEncoded ? undefined : Number(range[2]) + 1,
    size: Number.isFinite(size) ? size : undefined,
    ranges: status === 206,
    isEncoded,
    validator: validatorOf(headers),
    live: [...headers.keys()].some((header) => header.startsWith("icy-")),
    from: url,
    type: headers.get("content-type") ?? undefined,
    tags: Icy.tagsOf(headers),
    sound: interval === undefined ? undefined : Icy.splitter(interval, onTags)
  }
}
