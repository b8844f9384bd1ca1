/**
 * Requests to the REST API: `GET /gateway/bot`, which says where the main gateway is and how many sessions may still be
 * started today, and whatever else can be read and changed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Lenient from "../protocol/internal/lenient.ts"
import * as VoiceError from "../VoiceError.ts"
import * as End from "./End.ts"

const GatewayBot = Schema.Struct({
  url: Schema.String,
  session_start_limit: Lenient.orAbsent(Schema.Struct({
    remaining: Schema.Finite,
    reset_after: Schema.Finite,
    max_concurrency: Lenient.orAbsent(Schema.Natural)
  }))
})

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(GatewayBot))

const userAgent = "DiscordBot (https://www.npmjs.com/package/effect-discord-voice, 0.1.0)"

/** Describes an error without its message: an error about an invalid header quotes the header, which has the token. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return "the request failed"
  // Bun has the code on the error itself
  const { cause = error } = error
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  return typeof code === "string" ? `the request failed with ${code}` : `the request failed with ${error.name}`
}

const retryAfterMs = (response: Response): number => {
  const seconds = Number(response.headers.get("retry-after"))
  return seconds > 0 ? Math.min(seconds, 3600) * 1000 : 0
}

/**
 * Where to send requests, and as which bot. `restUrl` includes the version.
 *
 * @category models
 * @since 0.1.0
 */
export interface Access {
  readonly restUrl: string
  readonly token: Redacted.Redacted
  readonly fetch: typeof globalThis.fetch
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Such as "/channels/1". */
  readonly path: string
  /** A form, or a value that is written as JSON. */
  readonly body?: unknown
  /** The reason for the audit log of the guild. */
  readonly reason?: string | undefined
}

const request = ({ fetch, restUrl, token }: Access, { body, method, path, reason }: Request) =>
  Effect.tryPromise({
    try: async (signal) => {
      const isForm = body instanceof FormData
      const response = await fetch(`${restUrl.replace(/\/+$/, "")}${path}`, {
        method,
        headers: {
          "Authorization": `Bot ${Redacted.value(token)}`,
          "User-Agent": userAgent,
          // a form has a type of its own, which includes its boundary
          ...(body === undefined || isForm ? {} : { "Content-Type": "application/json" }),
          ...(reason === undefined ? {} : { "X-Audit-Log-Reason": encodeURIComponent(reason) })
        },
        ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
        signal
      })
      return { response, text: await response.text() }
    },
    catch: describe
  }).pipe(
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.fail("no answer arrived within 10 seconds") })
  )

/**
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly status: number
  /** The parsed JSON of the body, if it is JSON. */
  readonly body: unknown
  /** How long to send no further requests, in milliseconds; 0 if the answer does not say. */
  readonly retryAfterMs: number
}

const answerOf = ({ response, text }: { readonly response: Response; readonly text: string }): Answer => ({
  status: response.status,
  retryAfterMs: retryAfterMs(response),
  body: Option.getOrUndefined(readJson(text))
})

const readJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/**
 * Sends one request, and returns the answer whatever its status is. Fails with what prevented the request.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ask = (access: Access, asked: Request): Effect.Effect<Answer, string> =>
  Effect.map(request(access, asked), answerOf)

/**
 * {@link ask} with GET.
 *
 * @category constructors
 * @since 0.1.0
 */
export const get = (access: Access, path: string): Effect.Effect<Answer, string> => ask(access, { method: "GET", path })

/**
 * {@link ask} with PATCH: changes the resource at a path.
 *
 * @category constructors
 * @since 0.1.0
 */
export const patch = (access: Access, path: string, change: unknown): Effect.Effect<Answer, string> =>
  ask(access, { method: "PATCH", path, body: change })

/**
 * Where the gateway is, and how many shards may identify at a time (`max_concurrency`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Whither {
  readonly url: string
  readonly concurrency: number
}

/**
 * Asks where the gateway is. Statuses of 400 to 499 other than 429 are final; anything else may be retried. It is also final
 * if no more sessions may be started: Discord resets the token of a bot that continues (1000 in 24 hours).
 *
 * @category constructors
 * @since 0.1.0
 */
export const gatewayBot = Effect.fnUntraced(function*(options: Access) {
  const url = `${options.restUrl.replace(/\/+$/, "")}/gateway/bot`
  const fail = (
    next: End.End["next"],
    detail: string,
    more: { readonly status?: number; readonly minDelayMs?: number } = {}
  ) =>
    Effect.fail(End.make(
      next,
      new VoiceError.GatewayUnreachable({
        // without user and password, since it is printed
        url: url.replace(/\/\/[^/]*@/, "//"),
        detail,
        ...(more.status === undefined ? {} : { status: more.status })
      }),
      more
    ))

  const { response, text } = yield* Effect.catch(
    request(options, { method: "GET", path: "/gateway/bot" }),
    (detail) => fail("resume", detail)
  )
  const { status } = response
  if (status !== 200) {
    const temporary = status === 429 || status < 400 || status >= 500
    return yield* fail(temporary ? "resume" : "stop", `GET /gateway/bot was answered with ${status}`, {
      status,
      minDelayMs: retryAfterMs(response)
    })
  }
  const decoded = decode(text)
  if (Result.isFailure(decoded)) {
    return yield* fail("resume", "the answer to GET /gateway/bot was not what Discord documents", { status })
  }
  const limit = decoded.success.session_start_limit
  if (limit !== undefined && limit.remaining <= 0) {
    const minutes = Math.ceil(limit.reset_after / 60_000)
    return yield* fail("stop", `no more sessions may be started today; the limit resets in ${minutes} minutes`)
  }
  const whither: Whither = { url: decoded.success.url, concurrency: Math.max(1, limit?.max_concurrency ?? 1) }
  return whither
})
