/**
 * Who may identify at the main gateway: token, shard, intents, and how often.
 *
 * @since 0.1.0
 */
import type { Identify } from "../../../protocol/GatewayPayload.ts"
import type { UserId } from "../../../protocol/Identifier.ts"
import type { User, World } from "../World.ts"
import { knownIntents, privilegedIntents } from "./GatewaySession.ts"

/**
 * Why an Identify closes its connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  readonly closeCode: 4004 | 4010 | 4013 | 4014
  readonly reason: string
  readonly verdict: string
  readonly message: string
}

/**
 * The user of a token, with or without the prefix `Bot`.
 *
 * @category guards
 * @since 0.1.0
 */
export const userOf = (world: World, token: string): User | undefined => world.tokens.get(token.replace(/^Bot /, ""))

/**
 * The user of an Identify, or why it is refused (Discord docs, Gateway Close Event Codes).
 *
 * @category guards
 * @since 0.1.0
 */
export const examine = (world: World, d: Identify): User | Refusal => {
  const user = userOf(world, d.token)
  if (user === undefined) {
    return {
      closeCode: 4004,
      reason: "Authentication failed.",
      verdict: "bad-token",
      message: "The token in Identify belongs to no user."
    }
  }
  const [shardId, shards] = d.shard ?? [0, 1]
  if (shardId >= shards) {
    return {
      closeCode: 4010,
      reason: "Invalid shard.",
      verdict: "invalid-shard",
      message: `Shard ${shardId} does not exist: Identify says that there are ${shards} shards.`
    }
  }
  if (d.intents > 0x7fff_ffff || (d.intents & ~knownIntents) !== 0) {
    return {
      closeCode: 4013,
      reason: "Invalid intent(s).",
      verdict: "invalid-intents",
      message: `Intents ${d.intents} have bits that do not exist.`
    }
  }
  if ((d.intents & privilegedIntents) !== 0 && !user.privilegedIntents) {
    return {
      closeCode: 4014,
      reason: "Disallowed intent(s).",
      verdict: "disallowed-intents",
      message: `Intents ${d.intents} include privileged ones that are not enabled for this bot.`
    }
  }
  return user
}

/**
 * The number of Identifies per bot in 24 hours (Discord docs, Gateway, Session Start Limit).
 *
 * @category constants
 * @since 0.1.0
 */
export const identifyLimit = 1000

const dayMs = 86_400_000

/**
 * How often each bot has identified.
 *
 * @category models
 * @since 0.1.0
 */
export interface Budget {
  /** `shard` is the id of the shard that identifies. */
  readonly spend: (userId: UserId, shard: number) => "granted" | "too-early" | "exhausted"
  readonly left: (userId: UserId) => { readonly remaining: number; readonly resetAfterMs: number }
}

/**
 * Makes a budget. `intervalMs` is the minimum time between two Identify of one bot, for shards whose ids are equal modulo
 * `concurrency` (Discord docs, Gateway, Sharding, Max Concurrency).
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeBudget = (now: () => number, intervalMs: number, concurrency: number): Budget => {
  const starts = new Map<
    UserId,
    { readonly windowStartMs: number; count: number; readonly lastMs: Map<number, number> }
  >()
  const startOf = (userId: UserId) => {
    let start = starts.get(userId)
    if (start === undefined || now() - start.windowStartMs >= dayMs) {
      start = { windowStartMs: now(), count: 0, lastMs: new Map() }
      starts.set(userId, start)
    }
    return start
  }
  return {
    spend: (userId, shard) => {
      const start = startOf(userId)
      if (start.count >= identifyLimit) return "exhausted"
      start.count++
      const line = shard % concurrency
      if (now() - (start.lastMs.get(line) ?? -Infinity) < intervalMs) return "too-early"
      start.lastMs.set(line, now())
      return "granted"
    },
    left: (userId) => {
      const start = startOf(userId)
      return {
        remaining: identifyLimit - start.count,
        resetAfterMs: Math.ceil(start.windowStartMs + dayMs - now())
      }
    }
  }
}
