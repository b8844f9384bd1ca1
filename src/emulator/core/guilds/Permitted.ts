/**
 * Sends events about a guild to those with the required permissions.
 *
 * @since 0.1.0
 */
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import { sees } from "../gateway/GatewaySession.ts"
import * as Permissions from "../Permissions.ts"
import type * as World from "../World.ts"

/**
 * Sends an event to the sessions that see a guild, have an intent, and have one of some permissions in the guild.
 *
 * @category combinators
 * @since 0.1.0
 */
export const tell = (
  { gateway, world }: {
    readonly world: World.World
    readonly gateway: Pick<GatewayServer, "sessions" | "dispatch">
  },
  guild: World.Guild,
  { intent, permissions }: { readonly intent: number; readonly permissions: ReadonlyArray<Permissions.Name> },
  t: string,
  d: unknown
): void => {
  if (!guild.available) return
  for (const session of gateway.sessions()) {
    const me = guild.members.get(session.user.id)
    if ((session.intents & intent) === 0 || me === undefined || !sees(world, session, guild.id)) continue
    const mine = Permissions.inGuild(guild, me)
    if (permissions.some((name) => Permissions.has(mine, name))) gateway.dispatch(session, t, d)
  }
}
