/**
 * A session of the main gateway, which Identify began: what is kept for replay, and which guilds it sees.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId } from "../../../protocol/Identifier.ts"
import type { ConnectionId } from "../CoreContext.ts"
import type { User, World } from "../World.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface GatewaySession {
  readonly id: string
  readonly user: User
  readonly intents: number
  readonly shard: readonly [id: number, count: number] | undefined
  /** The `s` of the last dispatch. */
  seq: number
  /** The last dispatches, oldest first. */
  readonly replay: Array<{ readonly s: number; readonly t: string; readonly text: string }>
  /** `undefined` while the session waits to be resumed. */
  connection: ConnectionId | undefined
  cancelExpiry: () => void
  /** The channels whose threads it was shown. */
  readonly shown: Set<string>
  warnedOfIntents: boolean
  /** Whether a fault has withheld or changed a message, so that the client cannot be blamed any more. */
  tampered: boolean
}

/**
 * All existing intents, as bits. Others close with 4013.
 *
 * @category constants
 * @since 0.1.0
 */
export const knownIntents: number = Object.values(Intents).reduce<number>((all, bit) => all | bit, 0)

/**
 * The intents that have to be enabled for a bot, otherwise 4014 (Discord docs, Gateway, Privileged Intents).
 *
 * @category constants
 * @since 0.1.0
 */
export const privilegedIntents: number = Intents.GuildMembers | Intents.GuildPresences | Intents.MessageContent

/**
 * Whether a session gets the events of a guild: its user is a member, and the guild belongs to its shard (Discord docs,
 * Gateway, Sharding).
 *
 * @category guards
 * @since 0.1.0
 */
export const sees = (world: World, session: GatewaySession, guildId: GuildId): boolean => {
  if (world.guilds.get(guildId)?.members.has(session.user.id) !== true) return false
  if (session.shard === undefined) return true
  const [id, count] = session.shard
  return Number((BigInt(guildId) >> 22n) % BigInt(count)) === id
}
