/**
 * What can go wrong with a request, and whether another one can help.
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
 * A failure, and whether another try can help.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trouble {
  readonly retry: boolean
  /** The address does not give it, rather than the network: it has no host, nobody listens there, or the answer is an error. */
  readonly isRefusal?: boolean
  readonly error: VoiceError
}

/**
 * When another try is made: after 200 ms, doubling up to 5 seconds, 8 times.
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
 * How long whoever wants to hear a source waits for it, in milliseconds. A server that wants to be left alone for longer is not asked again.
 * Default 30 seconds.
 *
 * @category references
 * @since 0.1.0
 * @internal
 */
export const Patience = Context.Reference<number>("effect-discord-voice/audio/HttpTrouble/Patience", {
  defaultValue: () => 30_000
})

/** How long servers want to be left alone behind a failure, in milliseconds. */
const pauses = new WeakMap<VoiceError, number>()

/**
 * How long the server wants to be left alone behind a failure, in milliseconds.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const pauseMs = (error: VoiceError): number => pauses.get(error) ?? 0

/**
 * Says so of another failure that it is the cause of.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const setPause = (error: VoiceError, milliseconds: number): void => void pauses.set(error, milliseconds)

/**
 * A schedule that leaves a server alone for as long as that wants.
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

/** In seconds, or up to a date (RFC 9110, 10.2.3); 0 for what is neither. */
const retryAfterMs = (said: string, nowMs: number): number => {
  const ms = /^\d+$/.test(said) ? Number(said) * 1_000 : said.endsWith(" GMT") ? Date.parse(said) - nowMs : 0
  return Math.max(0, ms) || 0
}

/**
 * What an answer that is an error means, now, to who waits for `patienceMs` at most.
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
  const until = isTooLong ? `, and is not to be asked again for ${Math.ceil(pause / 1_000)} s` : ""
  const error = ByteSource.failure(name, kind, `${said}${until}`)
  if (pause > 0) setPause(error, pause)
  return { retry: isRetried && !isTooLong, isRefusal: true, error }
}

/** How Node says it. */
const isNoHttp = (cause: Error): boolean => cause.name === "HTTPParserError"

const codeOf = (cause: Error): string => "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** The codes of OpenSSL's verification as Node has them (Node.js docs, TLS, X509 certificate error codes), and that of a wrong name. */
const certificateCode =
  /^(?:CERT_|CRL_|HOSTNAME_MISMATCH$|INVALID_(?:CA|PURPOSE)$|ERR_TLS_CERT_|UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)_)|SELF_SIGNED/

/** Nothing but another certificate, or another address, makes it right. */
const isOfCertificate = (cause: Error): boolean => certificateCode.test(codeOf(cause))

/** What comes is no TLS, as where HTTP is spoken at the port. */
const isNoTls = (cause: Error): boolean => codeOf(cause) === "ERR_SSL_WRONG_VERSION_NUMBER"

/** How `fetch` says of redirects that they lead to nothing (Fetch Standard, 4.4, "HTTP-redirect fetch"), for two of which Node has no code. */
const redirectReasons: Readonly<Record<string, string>> = {
  "redirect count exceeded": "it redirects too often, or in a circle",
  "URL scheme must be a HTTP(S) scheme": "it redirects to what is no address of http or https",
  "Invalid URL": "it redirects to what is no address of http or https"
}

/** Deno says behind a colon which URL it is. */
const redirectReason = ({ message }: Error): string | undefined =>
  redirectReasons[message.startsWith("Invalid URL:") ? "Invalid URL" : message]

/**
 * Why a request has failed, whose cause stands one level deeper.
 *
 * @category errors
 * @since 0.1.0
 */
export const reasonOf = (cause: unknown): string => {
  if (cause instanceof Error && cause.cause instanceof Error) {
    const { cause: inner } = cause
    if (isNoHttp(inner)) return "its answer is no HTTP; old SHOUTcast servers give such"
    if (isNoTls(inner)) return "its answer is no TLS; where it is meant for http, the address begins with that"
    if (isOfCertificate(inner)) return `its certificate is not trusted (${codeOf(inner)}): ${inner.message}`
    return redirectReason(inner) ?? (inner.message === "" ? codeOf(inner) : inner.message)
  }
  return ByteSource.describe(cause)
}

/**
 * What a request has failed of, as the system says it. What Node says of an address or a header has that in it, which may be secret.
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
 * Whether a request has failed because nobody is at the address, which is a wrong one more often than not.
 *
 * @category errors
 * @since 0.1.0
 */
export const isNobody = (cause: unknown): boolean => {
  const inner = causeOf(cause)
  return inner !== undefined && "code" in inner && typeof inner.code === "string" && nobody.has(inner.code)
}

/** A port that `fetch` asks nobody at (Fetch Standard, 2.9, "bad port"), for which Node has no code. */
const isBadPort = (cause: Error): boolean => cause.message === "bad port"

/**
 * Whether the network has no part in it, so that the same request fails in the same way.
 *
 * @category errors
 * @since 0.1.0
 */
export const isOfRequest = (cause: unknown): boolean =>
  cause instanceof TypeError && (!(cause.cause instanceof Error) || isNoHttp(cause.cause) || isBadPort(cause.cause))

/**
 * Whether whoever is at the address is set up so that the same request fails in the same way: it redirects to nothing, has a
 * certificate that is not trusted, or speaks no TLS. Of one that has answered before, another try may find it as it was.
 *
 * @category errors
 * @since 0.1.0
 */
export const isOfServer = (cause: unknown): boolean =>
  cause instanceof TypeError && cause.cause instanceof Error &&
  (isNoTls(cause.cause) || isOfCertificate(cause.cause) || redirectReason(cause.cause) !== undefined)

/**
 * Is told why a try has failed, each time: for whoever waits no longer, and has to say for what.
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
 * Failures after which another try could have helped.
 *
 * @category errors
 * @since 0.1.0
 * @internal
 */
export const passing = new WeakSet<VoiceError>()

/**
 * Whether a failure to open or to read may be none a moment later.
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
 * Counts the tries of an address that has given nothing: says of a failure whether there were enough.
 *
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const patience = (): (isRefusal: boolean) => boolean => {
  let refusals = 0
  return (isRefusal) => isRefusal && refusals++ >= triesAtRefusal
}
