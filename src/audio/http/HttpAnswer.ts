/**
 * What an answer says of the bytes that it holds.
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
  /** The first byte of the body and the one behind its last, and the size of it all, if they are said. */
  readonly start: number
  readonly end: number | undefined
  readonly size: number | undefined
  readonly ranges: boolean
  /** The server has compressed it though it was told not to: its numbers count other bytes than those that are read. */
  readonly isEncoded: boolean
  readonly validator: string | undefined
  readonly live: boolean
  readonly from: string
  readonly type: string | undefined
  /** What the server says of itself, and what takes its metadata out of the body, if it puts any in. */
  readonly tags: Tags
  readonly sound: ((bytes: Uint8Array) => Uint8Array) | undefined
}

const contentRange = /^bytes (\d+)-(\d+)\/(\d+|\*)$/

/** Weak tags do not say that the bytes are the same. */
const validatorOf = (headers: FetchHeaders): string | undefined => {
  const tag = headers.get("etag")
  if (tag !== null && !tag.startsWith("W/")) return tag
  return headers.get("last-modified") ?? undefined
}

/**
 * `onTags` is told what a station says while it is read. `undefined` where it is a part, and does not say which.
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
  // what it has of metadata is counted in its length
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
