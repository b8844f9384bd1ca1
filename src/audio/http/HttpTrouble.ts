/**
 * What can go wrong with a request, and whether another one can help.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Schedule from "effect/Schedule"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"

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
 * What an answer of this status means.
 *
 * @category errors
 * @since 0.1.0
 */
export const statusFailure = (name: string, status: number, text: string): Trouble => {
  const said = `the server answered ${status}${text === "" ? "" : ` ${text}`}`
  const kind = status === 404 || status === 410
    ? "NotFound"
    : status === 401 || status === 403
    ? "Unreadable"
    : "Failed"
  return { retry: retried.has(status), isRefusal: true, error: ByteSource.failure(name, kind, said) }
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
    return redirectReasons[inner.message] ?? (inner.message === "" ? codeOf(inner) : inner.message)
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
  (isNoTls(cause.cause) || isOfCertificate(cause.cause) || cause.cause.message in redirectReasons)

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
