/**
 * Refused requests. If a bot swallows the error, a test sees only that its message never comes.
 *
 * @since 0.1.0
 */
import type { CoreContext } from "../CoreContext.ts"
import * as Body from "../http/Body.ts"
import type { RestResponse } from "../http/RestAnswer.ts"
import type * as World from "../World.ts"

/**
 * The last refused request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  /** Method and path without ids and tokens, the user, and the answer. */
  readonly detail: string
  /** How long ago it was, in milliseconds. */
  readonly agoMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Refusals {
  /** Remembers an error answer, and counts it as `rest-refused:` with Discord's code, or the status if there is none. */
  readonly add: (
    request: { readonly method: string; readonly path: string },
    user: World.User | undefined,
    response: RestResponse
  ) => void
  readonly last: () => Refusal | undefined
}

/** The number of body errors that are reported, and the number of characters of a path. */
const [mostTold, longestPath] = [3, 200]

const wordsOf = (errors: unknown, path: string): ReadonlyArray<string> => {
  if (!Body.isObject(errors)) return []
  return Object.entries(errors).flatMap(([key, inner]) =>
    key === "_errors"
      ? Body.objectsOf(inner).map(({ message }) => `${path}: ${String(message)}`)
      : wordsOf(inner, path === "" ? key : `${path}.${key}`)
  )
}

const plain = (path: string): string =>
  path.slice(0, longestPath).split("/").map((part) => /^(\d{15,}|[\w-]{32,})$/.test(part) ? ":" : part).join("/")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: Pick<CoreContext, "count" | "now">): Refusals => {
  let last: { readonly detail: string; readonly atMs: number } | undefined
  return {
    add: ({ method, path }, user, { body, status }) => {
      if (status < 400) return
      const { code, errors, message }: { readonly [key: string]: unknown } = Body.isObject(body) ? body : {}
      context.count(`rest-refused:${String(code || status)}`)
      const words = wordsOf(errors, "").slice(0, mostTold)
      const answer = [status, ...(code ? [code] : []), ...(message === undefined ? [] : [message])].join(" ")
      const of = user === undefined ? "" : ` of "${user.name}"`
      const why = words.length === 0 ? "" : ` (${words.join(" ")})`
      last = { detail: `${method} ${plain(path)}${of}: ${answer}${why}`, atMs: context.now() }
    },
    last: () => last && { detail: last.detail, agoMs: context.now() - last.atMs }
  }
}
