/**
 * A route of Discord's REST API: method, path, and what to do with a call.
 *
 * @since 0.1.0
 */
import * as Body from "../http/Body.ts"
import * as Form from "../http/Form.ts"
import { invalidJson, type RestResponse } from "../http/RestAnswer.ts"
import * as Sent from "../messages/Sent.ts"
import type * as DiscordObject from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Call {
  readonly user: World.User
  readonly ids: ReadonlyArray<string>
  readonly query: URLSearchParams
  readonly body: DiscordObject.Json
  /** The body of a route that takes an array. */
  readonly items: ReadonlyArray<unknown>
  /** The reason stated by the caller. */
  readonly reason: string | undefined
  /** The files of a route that takes a message. */
  readonly files: ReadonlyArray<Sent.SentFile>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Route {
  readonly method: string
  /** `:` stands for an id, which is passed on. */
  readonly path: string
  readonly parts: ReadonlyArray<string>
  /** A message may be sent as a form with files. */
  readonly takes: "object" | "array" | "message"
  readonly run: (call: Call) => RestResponse
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (method: string, path: string, run: Route["run"], takes: Route["takes"] = "object"): Route => ({
  method,
  path,
  parts: path.split("/").slice(1),
  takes,
  run
})

/**
 * The body of a request in the form that a route takes, or what is wrong with it.
 *
 * @category codecs
 * @since 0.1.0
 */
export const parseBody = (
  sent: string | Uint8Array | undefined,
  takes: Route["takes"]
): Pick<Call, "body" | "items" | "files"> | RestResponse => {
  const nothing = { body: {}, items: [], files: [] }
  if (sent === undefined || sent.length === 0) return nothing
  if (takes === "message") {
    const message = Sent.parse(sent)
    return "status" in message ? message : { ...nothing, ...message }
  }
  // there is no need to read to the end what cannot be JSON
  if (Form.isForm(sent)) return invalidJson
  const body = Body.parse(typeof sent === "string" ? sent : utf8.decode(sent))
  if (takes === "array") return Array.isArray(body) ? { ...nothing, items: body } : invalidJson
  return Body.isObject(body) ? { ...nothing, body } : invalidJson
}

const utf8 = new TextDecoder()

/**
 * The ids in a path; `undefined` for a path of another pattern.
 *
 * @category getters
 * @since 0.1.0
 */
export const match = (
  pattern: ReadonlyArray<string>,
  parts: ReadonlyArray<string>
): ReadonlyArray<string> | undefined => {
  if (pattern.length !== parts.length) return undefined
  const ids: Array<string> = []
  for (const [i, wanted] of pattern.entries()) {
    const part = parts[i]
    if (part === undefined) return undefined
    if (wanted === ":") ids.push(part)
    else if (wanted !== part) return undefined
  }
  return ids
}
