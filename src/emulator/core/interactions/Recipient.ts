/**
 * The session of a bot that gets an interaction.
 *
 * @since 0.1.0
 */
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import { type GatewaySession, sees } from "../gateway/GatewaySession.ts"
import * as Places from "../messages/Places.ts"
import type * as World from "../World.ts"

/**
 * Why nobody gets it. `isAway`: the bot's program has ended, or has not started.
 *
 * @category models
 * @since 0.1.0
 */
export interface Absence {
  readonly problem: string
  readonly isAway?: true
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, gateway: Pick<GatewayServer, "sessions" | "hasEnded">) => {
  /** Who is logged in instead, if somebody is: the bot may be known by another name. */
  const others = (): string => {
    const quoted = new Set(gateway.sessions().map(({ user }) => `"${user.name}"`))
    const [last, ...before] = Array.from(quoted).toReversed()
    if (last === undefined) return ""
    return before.length === 0 ? `, but ${last} is` : `, but ${before.toReversed().join(", ")} and ${last} are`
  }

  const absence = ({ id, name }: World.User): Absence => {
    if (gateway.sessions().some(({ user }) => user.id === id)) {
      return {
        problem:
          `"${name}" is logged in, but does not receive events from there: it is not a member, or uses another shard`
      }
    }
    const problem = gateway.hasEnded(id) ? `"${name}" is no longer logged in` : `"${name}" is not logged in${others()}`
    return { problem, isAway: true }
  }

  /** The session of a bot that gets the events of a place, whether the bot itself sees the channel or not. */
  return (bot: World.User, where: Places.Where): GatewaySession | Absence => {
    const { guild } = where
    const isTold = (session: GatewaySession) =>
      guild === undefined ? Places.hears(world, session, where) : sees(world, session, guild.id)
    return gateway.sessions().find((session) => session.user.id === bot.id && isTold(session)) ??
      absence(bot)
  }
}
