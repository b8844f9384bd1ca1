/**
 * What can go wrong with a request, and whether another attempt can help.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { FetchAnswer } from "./HttpFetch.ts"

/**
 * A failure, and whether another attempt can help.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trouble {
  readonly retry: boolean
  /**
   * Whether the address is at fault rather than the network: it has no host, nothing listens there, or the answer is an
   * error.
   */
  readonly isRefusal?: boolean
  readonly error: VoiceError
}

/**
 * The default schedule of attempts: after 200 ms, doubling up to 5 seconds, 8 times.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultReconnect: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("200 millis", 2),
  Schedule.spaced("5 seconds")
]).pipe(Schedule.upTo({ times: 8 }))

const retried = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * How long the listener of a source waits for it, in milliseconds. A server that wants to be left alone for longer is not
 * asked again. Default 30 seconds.
 *
 * @category references
 * @since 0.1.0
 * @internal
 */
export const Patience = Context.Reference<number>("effect-discord-voice/audio/HttpTrouble/Patience", {
  defaultValue: () => 30_000
})

/** How long servers want to be left alone after a failure, in milliseconds. */
const pauses = new WeakMap<VoiceError, number>()

/**
 * How long the server wants to be left alone after a failure, in milliseconds.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const pauseMs = (error: VoiceError): number => pauses.get(error) ?? 0

/**
 * Sets that time for another failure that was caused by it.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const setPause = (error: VoiceError, milliseconds: number): void => void pauses.set(error, milliseconds)

/**
 * A schedule that leaves a server alone for as long as the server wants.
 *
 * @category combinators
 * @since 0.1.0
 * @internal
 */
export const heeding = <Input>(
  schedule: Schedule.Schedule<unknown, Input>,
  errorOf: (failure: Input) => VoiceError
): Schedule.Schedule<unknown, Input> =>
  Schedule.modifyDelay(
    schedule,
    ({ duration, input }) => Effect.succeed(Duration.max(duration, Duration.millis(pauseMs(errorOf(input)))))
  )

/** Reads a time in seconds, or a date (RFC 9110, 10.2.3); 0 for anything else. */
const retryAfterMs = (said: string, nowMs: number): number => {
  const ms = /^\d+$/.test(said) ? Number(said) * 1_000 : said.endsWith(" GMT") ? Date.parse(said) - nowMs : 0
  return Math.max(0, ms) || 0
}

/**
 * The failure that an error status means at this time, for a listener that waits for `patienceMs` at most.
 *
 * @category errors
 * @since 0.1.0
 */
export const statusFailure = (
  name: string,
  { headers, status, statusText }: Pick<FetchAnswer, "headers" | "status" | "statusText">,
  nowMs: number,
  patienceMs: number
): Trouble => {
  const said = `the server answered ${status}${statusText === "" ? "" : ` ${statusText}`}`
  const kind = status === 404 || status === 410
    ? "NotFound"
    : status === 401 || status === 403
    ? "Unreadable"
    : "Failed"
  const isRetried = retried.has(status)
  const pause = isRetried ? retryAfterMs(headers.get("retry-after")?.trim() ?? "", nowMs) : 0
  const isTooLong = pause > patienceMs
  const until = isTooLong ? `, and asked not to be contacted again for ${Math.ceil(pause / 1_000)} s` : ""
  const error = ByteSource.failure(name, kind, `${said}${until}`)
  if (pause > 0) setPause(error, pause)
  return { retry: isRetried && !isTooLong, isRefusal: true, error }
}

/** The error by which Node reports this. */
const isNoHttp = (cause: Error): boolean => cause.name === "HTTPParserError"

const codeOf = (cause: Error): string => "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** The codes of OpenSSL's verification in Node (Node.js docs, TLS, X509 certificate error codes), and that of a wrong name. */
const certificateCode =
  /^(?:CERT_|CRL_|HOSTNAME_MISMATCH$|INVALID_(?:CA|PURPOSE)$|ERR_TLS_CERT_|UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)_)|SELF_SIGNED/

/** Only another certificate, or another address, fixes this. */
const isOfCertificate = (cause: Error): boolean => certificateCode.test(codeOf(cause))

/** The answer is not TLS, for example because the port speaks HTTP. */
const isNoTls = (cause: Error): boolean => codeOf(cause) === "ERR_SSL_WRONG_VERSION_NUMBER"

/**
 * The messages of `fetch` for redirects that lead nowhere (Fetch Standard, 4.4, "HTTP-redirect fetch"); two of them have no
 * code in Node.
 */
const redirectReasons: Readonly<Record<string, string>> = {
  "redirect count exceeded": "it redirects too many times, or in a loop",
  "URL scheme must be a HTTP(S) scheme": "it redirects to something other than an http or https URL",
  "Invalid URL": "it redirects to something other than an http or https URL"
}

/** Deno adds the URL after a colon. */
const redirectReason = ({ message }: Error): string | undefined =>
  redirectReasons[message.startsWith("Invalid URL:") ? "Invalid URL" : message]

/**
 * Why a request has failed; the cause is one level deeper.
 *
 * @category errors
 * @since 0.1.0
 */
export const reasonOf = (cause: unknown): string => {
  if (cause instanceof Error && cause.cause instanceof Error) {
    const { cause: inner } = cause
    if (isNoHttp(inner)) return "its response is not HTTP; old SHOUTcast servers answer like this"
    if (isNoTls(inner)) return "its response is not TLS; if the server uses plain http, the URL must begin with http://"
    if (isOfCertificate(inner)) return `its certificate is not trusted (${codeOf(inner)}): ${inner.message}`
    return redirectReason(inner) ?? (inner.message === "" ? codeOf(inner) : inner.message)
  }
  return ByteSource.describe(cause)
}

/**
 * The error of the system that made a request fail. Node's own message about an address or a header contains it, and it may
 * be secret.
 *
 * @category errors
 * @since 0.1.0
 */
export const causeOf = (cause: unknown): Error | undefined => {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : undefined
  return inner !== undefined && "code" in inner && !("input" in inner) ? inner : undefined
}

const nobody = new Set(["ECONNREFUSED", "ENOTFOUND"])

/**
 * Whether a request has failed because nothing is at the address, which is usually because the address is wrong.
 *
 * @category errors
 * @since 0.1.0
 */
export const isNobody = (cause: unknown): boolean => {
  const inner = causeOf(cause)
  return inner !== undefined && "code" in inner && typeof inner.code === "string" && nobody.has(inner.code)
}

/** A port that `fetch` refuses to connect to (Fetch Standard, 2.9, "bad port"), for which Node has no code. */
const isBadPort = (cause: Error): boolean => cause.message === "bad port"

/**
 * Whether the network is not involved, so that the same request fails in the same way.
 *
 * @category errors
 * @since 0.1.0
 */
export const isOfRequest = (cause: unknown): boolean =>
  cause instanceof TypeError && (!(cause.cause instanceof Error) || isNoHttp(cause.cause) || isBadPort(cause.cause))

/**
 * Whether the server at the address is set up so that the same request fails in the same way: it redirects to nothing, has a
 * certificate that is not trusted, or does not speak TLS. If it has answered before, another attempt may find it as it was.
 *
 * @category errors
 * @since 0.1.0
 */
export const isOfServer = (cause: unknown): boolean =>
  cause instanceof TypeError && cause.cause instanceof Error &&
  (isNoTls(cause.cause) || isOfCertificate(cause.cause) || redirectReason(cause.cause) !== undefined)

/**
 * Called with the reason why an attempt has failed, each time, so that a caller whose patience has ended can say what it
 * waited for.
 *
 * @category references
 * @since 0.1.0
 * @internal
 */
export const Witness = Context.Reference<(error: VoiceError) => void>(
  "effect-discord-voice/audio/HttpTrouble/Witness",
  {
    defaultValue: () => () => undefined
  }
)

/**
 * Failures after which another attempt could have helped.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const passing = new WeakSet<VoiceError>()

/**
 * Whether a failure to open or to read may pass.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPassing = (error: VoiceError): boolean => passing.has(error)

/**
 * Failures of addresses that have given nothing and refuse it.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const vain = new WeakSet<VoiceError>()

/** How often an address that refuses, and has given nothing before, is tried again by default: within a second and a half. */
const triesAtRefusal = 3

/**
 * Counts the attempts at an address that has given nothing; the function says after a failure whether there were enough.
 *
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const patience = (): (isRefusal: boolean) => boolean => {
  let refusals = 0
  return (isRefusal) => isRefusal && refusals++ >= triesAtRefusal
}
