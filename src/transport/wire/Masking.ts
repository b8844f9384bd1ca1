/**
 * Masks a message: it keeps everything that explains a voice connection, and nothing that gives others access to it or reveals
 * people's names and messages.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { createHash } from "node:crypto"

/** The same secret gets the same name, and twelve bits of a hash reveal nothing about it. */
const named = (kind: string, secret: unknown): string => {
  const text = typeof secret === "string" ? secret : JSON.stringify(secret)
  return `<${kind} ${createHash("sha256").update(text).digest("hex").slice(0, 3)}>`
}

const secrets: ReadonlyMap<string, string> = new Map([
  ["token", "token"],
  ["session_id", "session"],
  ["media_session_id", "media session"],
  // in Select Protocol: the address of this machine (Ready, which contains the server's, calls it `ip`)
  ["address", "address"]
])

/** About people, and about things other than voice. */
const leftOut = new Set(["member", "activities", "guilds", "sdp"])

/** Discord's messages are about ten levels deep. Other messages could be deeper than the call stack allows. */
const mostDepth = 64

const masked = (value: unknown, key: string | undefined, depth = 0): unknown => {
  if (depth > mostDepth) return "<deeper>"
  const secret = key === undefined ? undefined : secrets.get(key)
  if (secret !== undefined && value !== null) return named(secret, value)
  // still a key according to its schema
  if (key === "secret_key") return Array.isArray(value) ? value.map(() => 0) : "<key>"
  if (Array.isArray(value)) return value.map((item) => masked(item, undefined, depth + 1))
  if (!Predicate.isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => !leftOut.has(name)).map((
      [name, item]
    ) => [name, masked(item, name, depth + 1)])
  )
}

const pick = (value: unknown, keys: ReadonlyArray<string>): unknown =>
  Predicate.isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)))
    : undefined

/** What is kept of the main gateway's Ready, which contains all guilds. */
const ready = (d: unknown): unknown => {
  const kept = pick(d, ["v", "session_id", "resume_gateway_url", "shard", "user"])
  return Predicate.isObject(kept) && "user" in kept ? { ...kept, user: pick(kept.user, ["id"]) } : kept
}

const voiceEvents = new Set(["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE", "RESUMED"])

/**
 * Heartbeat, Identify, voice state, Resume, Reconnect, Invalid Session, Hello, acknowledgement (Discord docs, Opcodes,
 * Gateway).
 */
const gatewayOps = new Set<unknown>([1, 2, 4, 6, 7, 9, 10, 11])

const ofGateway = (message: object): unknown => {
  const { d, op, t } = { d: undefined, op: undefined, t: undefined, ...message }
  if (op !== 0) return gatewayOps.has(op) ? message : pick(message, ["op"])
  if (typeof t === "string" && voiceEvents.has(t)) return message
  const kept = pick(message, ["op", "t", "s"])
  return t === "READY" && Predicate.isObject(kept) ? { ...kept, d: ready(d) } : kept
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * The JSON of a message as it may be kept, or `undefined` if it is not a JSON object: broken text could contain a secret
 * anywhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const messageOf = (gateway: "voice" | "main", text: string): unknown => {
  const message = parsed(text)
  if (!Predicate.isObject(message) || Array.isArray(message)) return undefined
  return masked(gateway === "voice" ? message : ofGateway(message), undefined)
}

/**
 * A URL without possible secrets: user, password, and all of the query except version and encoding.
 *
 * @category constructors
 * @since 0.1.0
 */
export const urlOf = (text: string): string => {
  if (!URL.canParse(text)) return "<no URL>"
  const url = new URL(text)
  url.username = ""
  url.password = ""
  url.hash = ""
  for (const name of new Set(url.searchParams.keys())) {
    if (name !== "v" && name !== "encoding" && name !== "compress") url.searchParams.delete(name)
  }
  return url.href
}
