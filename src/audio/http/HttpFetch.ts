/**
 * What a URL is asked with: a `fetch` as the Fetch Standard has it, and no more of it than is used.
 *
 * @since 0.1.0
 */

/**
 * How it is asked. Redirects are to be followed, and `signal` ends the request, and its answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchRequest {
  /** By names in lower case. */
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  readonly redirect: "follow"
}

/**
 * @category models
 * @since 0.1.0
 */
export interface FetchHeaders {
  readonly get: (name: string) => string | null
  readonly keys: () => Iterable<string>
}

/**
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
 * What it answers with: a `Response`, such as `new Response(bytes, { headers })`.
 *
 * @category models
 * @since 0.1.0
 */
export interface FetchAnswer {
  readonly status: number
  readonly statusText: string
  /** Where it came from after all redirects; "" for where it was asked. */
  readonly url: string
  readonly headers: FetchHeaders
  readonly body: { readonly getReader: () => FetchReader } | null
}

/**
 * Asks a URL. What it rejects with is a connection that has failed.
 *
 * @category models
 * @since 0.1.0
 */
export type Fetch = (url: string, request: FetchRequest) => Promise<FetchAnswer>

/**
 * What is asked for, beside the headers of the program, which come first.
 *
 * @internal
 */
export interface Wanted {
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly authorization: string | undefined
  readonly start: number
  /** Behind its last byte; all there is by default. */
  readonly end: number | undefined
  /** What a station puts between its sound. */
  readonly metadata: boolean
  /** It has to be the content that this says, or else is sent from its start. */
  readonly validator: string | undefined
}

/**
 * Throws for a header that is none.
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
