/**
 * The `fetch` that URLs are requested with: the part of the Fetch Standard that is used here.
 *
 * @since 0.1.0
 */

/**
 * A request. Redirects are to be followed, and `signal` ends the request and its answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchRequest {
  /** The headers, by names in lower case. */
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  readonly redirect: "follow"
}

/**
 * The headers of an answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchHeaders {
  readonly get: (name: string) => string | null
  readonly keys: () => Iterable<string>
}

/**
 * Reads the body of an answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchReader {
  readonly read: () => Promise<
    { readonly done: false; readonly value: Uint8Array } | { readonly done: true; readonly value?: unknown }
  >
  readonly cancel: () => Promise<unknown>
}

/**
 * The answer: a `Response`, such as `new Response(bytes, { headers })`.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchAnswer {
  readonly status: number
  readonly statusText: string
  /** Where the answer came from after all redirects; "" for the requested URL. */
  readonly url: string
  readonly headers: FetchHeaders
  readonly body: { readonly getReader: () => FetchReader } | null
}

/**
 * Requests a URL. A rejection counts as a connection that has failed.
 *
 * @category models
 * @since 0.1.0
 */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchAnswer>

/**
 * What is requested, in addition to the headers of the program, which come first.
 *
 * @internal
 */
export interface Wanted {
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly authorization: string | undefined
  readonly start: number
  /** The position after the last byte; by default everything is requested. */
  readonly end: number | undefined
  /** Whether a station should put its metadata between the sound. */
  readonly metadata: boolean
  /** The content has to match this validator, or is sent from its start. */
  readonly validator: string | undefined
}

/**
 * The headers of a request. Throws for an invalid header.
 *
 * @internal
 */
export const headersOf = (wanted: Wanted): Record<string, string> => {
  const { authorization, end, start, validator } = wanted
  const headers = new Headers({ "accept-encoding": "identity", ...wanted.headers })
  if (authorization !== undefined && !headers.has("authorization")) headers.set("authorization", authorization)
  headers.set("range", `bytes=${start}-${end === undefined ? "" : end - 1}`)
  if (wanted.metadata && !headers.has("icy-metadata")) headers.set("icy-metadata", "1")
  if (validator !== undefined && start > 0) headers.set("if-range", validator)
  return Object.fromEntries(headers)
}
