/**
 * Discord's REST API with the token of the gateway: a bot without another Discord library uses it to register its commands
 * and to answer them.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { printable } from "../protocol/internal/printable.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Asking from "./Rest.ts"

/**
 * Options of a request that changes something.
 *
 * @category models
 * @since 0.1.0
 */
export interface RestOptions {
  /** The reason for the audit log of the guild (Discord docs, Audit Log). */
  readonly reason?: string | undefined
}

/**
 * Sends a request to the REST API. `path` follows the version, such as `/channels/1/messages`. An id from elsewhere cannot
 * lead outside of the API, but a `/` or `?` in it leads to another place within it. `body` is written as JSON, or is a
 * `FormData`, as for files. Returns the JSON of the answer, which is not checked, or `undefined` if there is none.
 *
 * Fails with `RestFailed` for every status other than success, after 10 seconds without an answer, and if the request cannot
 * be sent. Only a request that Discord has put off (429) is repeated: after the time that Discord says, if that is a minute
 * at most, and up to five times. If Discord puts off everything that a bot asks, other requests wait as well. Fails with
 * `GatewayFailed` if the layer does not know where the API is.
 */
type Change = (path: string, body?: unknown, options?: RestOptions) => Effect.Effect<unknown, VoiceError.VoiceError>

/**
 * Discord's REST API, as the bot of a `Gateway.layer`. See {@link Dispatches} for what the bot receives.
 *
 * @category services
 * @since 0.1.0
 */
export class Rest extends Context.Service<Rest, {
  readonly get: (path: string) => Effect.Effect<unknown, VoiceError.VoiceError>
  readonly post: Change
  readonly put: Change
  readonly patch: Change
  readonly delete: (path: string, options?: RestOptions) => Effect.Effect<unknown, VoiceError.VoiceError>
}>()("effect-discord-voice/Gateway/Rest") {}

const mostTries = 5
const longestWaitMs = 60_000
/** The wait after a 429 that does not say when to try again. */
const leastWaitMs = 1_000

/** Removes the tokens that paths of interactions and webhooks contain. */
const withoutToken = (path: string): string =>
  printable(path.replace(/^(\/(?:interactions|webhooks)\/[^/?]+)\/[^/?]+/, "$1/<token>"))

/** Whether a path stays within the API, whatever it contains. */
const isWithin = (restUrl: string, path: string): boolean => {
  const base = restUrl.replace(/\/+$/, "")
  if (!path.startsWith("/") || !URL.canParse(`${base}${path}`)) return false
  return new URL(`${base}${path}`).href.startsWith(`${new URL(base).href.replace(/\/+$/, "")}/`)
}

const said = (body: unknown): { readonly detail: string; readonly errorCode?: number } => {
  const detail = Predicate.hasProperty(body, "message") && typeof body.message === "string" ? body.message : undefined
  // what is wrong with which field
  const errors = Predicate.hasProperty(body, "errors") ? ` ${JSON.stringify(body.errors)}` : ""
  const isCoded = Predicate.hasProperty(body, "code") && typeof body.code === "number" && Number.isInteger(body.code)
  return {
    detail: printable(detail === undefined ? "Discord refused the request" : `${detail}${errors}`),
    ...(isCoded ? { errorCode: Number(body.code) } : {})
  }
}

const isOfAll = (body: unknown): boolean => Predicate.hasProperty(body, "global") && body.global === true

/** In a body, the time has fractions of a second (Discord docs, Rate Limits, Exceeding A Rate Limit). */
const waitMsOf = ({ body, retryAfterMs }: Asking.Answer): number => {
  const seconds = Predicate.hasProperty(body, "retry_after") ? Number(body.retry_after) : NaN
  const ms = seconds > 0 ? seconds * 1_000 : retryAfterMs
  return ms > 0 ? Math.ceil(ms) : leastWaitMs
}

/**
 * Makes the service. `access` is `undefined` if the address of the API is not known.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (access: Asking.Access | undefined, clock: Clock.Clock): Rest["Service"] => {
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let quietUntilMs = -Infinity

  const ask = Effect.fnUntraced(function*(asked: Asking.Request) {
    const { method, path } = asked
    const fail = (detail: string, numbers: { readonly status?: number; readonly errorCode?: number } = {}) =>
      VoiceError.fail(new VoiceError.RestFailed({ method, path: withoutToken(path), detail, ...numbers }))

    if (access === undefined) {
      return yield* VoiceError.fail(
        new VoiceError.GatewayFailed({
          detail: "the address of its REST API is unknown: pass the option restUrl to its layer"
        })
      )
    }
    if (!isWithin(access.restUrl, path)) {
      const hint = path.startsWith("/") ? "" : ": it must begin with / and omit the API version, as in /users/@me"
      return yield* fail(`the path is outside the API${hint}`)
    }
    for (let tries = 1;; tries++) {
      // another answer may have extended the wait in the meantime
      for (let quietMs = quietUntilMs - now(); quietMs > 0; quietMs = quietUntilMs - now()) yield* Effect.sleep(quietMs)
      const answer = yield* Effect.catch(Asking.ask(access, asked), (detail) => fail(detail))
      const { body, status } = answer
      if (status >= 200 && status < 300) return body
      if (status !== 429) return yield* fail(said(body).detail, { status, ...said(body) })
      const waitMs = waitMsOf(answer)
      if (isOfAll(body)) quietUntilMs = Math.max(quietUntilMs, now() + Math.min(waitMs, longestWaitMs))
      if (waitMs > longestWaitMs || tries === mostTries) {
        return yield* fail(`Discord asks to try again in ${waitMs / 1_000} s`, { status })
      }
      yield* Effect.sleep(waitMs)
    }
  })

  const change = (method: Asking.Request["method"]): Change => (path, body, { reason } = {}) =>
    ask({ method, path, body, reason })

  return {
    get: (path) => ask({ method: "GET", path }),
    post: change("POST"),
    put: change("PUT"),
    patch: change("PATCH"),
    delete: (path, { reason } = {}) => ask({ method: "DELETE", path, reason })
  }
}
