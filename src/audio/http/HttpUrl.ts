/**
 * HTTP addresses, and which parts of them may be shown and sent.
 *
 * @since 0.1.0
 */
import * as ByteSource from "../ByteSource.ts"

/**
 * Parses a URL; `undefined` if it is not HTTP or HTTPS.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (url: string | URL): URL | undefined => {
  try {
    const parsed = new URL(url)
    return parsed.protocol === "http:" || parsed.protocol === "https:" ? parsed : undefined
  } catch {
    return undefined
  }
}

/**
 * A name for messages: never the whole URL, which may contain a password or a token.
 *
 * @category getters
 * @since 0.1.0
 */
export const nameOf = (url: URL): string => {
  const last = url.pathname.split("/").findLast((part) => part !== "")
  return last === undefined ? url.host : ByteSource.unescaped(last)
}

/**
 * The URL without user and password, which a request must not have, and the header that carries them.
 *
 * @category combinators
 * @since 0.1.0
 */
export const split = (url: URL): { readonly target: URL; readonly authorization: string | undefined } => {
  if (url.username === "" && url.password === "") return { target: url, authorization: undefined }
  const target = new URL(url)
  target.username = ""
  target.password = ""
  const pair = `${ByteSource.unescaped(url.username)}:${ByteSource.unescaped(url.password)}`
  return { target, authorization: `Basic ${Buffer.from(pair).toString("base64")}` }
}

/**
 * The URL that an answer came from, with the user and the password of the requested one if it is at the same place.
 *
 * @category combinators
 * @since 0.1.0
 */
export const reached = (asked: URL, answered: string): URL => {
  const url = parse(answered)
  if (url === undefined) return asked
  if (url.origin === asked.origin) {
    url.username = asked.username
    url.password = asked.password
  }
  return url
}

/** The headers that are sent to one place only; `fetch` also drops these when it is redirected elsewhere. */
const secret = new Set(["authorization", "cookie", "host", "proxy-authorization"])

/**
 * The headers for an address that the first one named: without secrets if it is at another place.
 *
 * @category combinators
 * @since 0.1.0
 */
export const headersFor = (
  from: URL,
  to: URL,
  headers: Readonly<Record<string, string>> | undefined
): Readonly<Record<string, string>> | undefined =>
  headers === undefined || from.origin === to.origin
    ? headers
    : Object.fromEntries(Object.entries(headers).filter(([key]) => !secret.has(key.toLowerCase())))
