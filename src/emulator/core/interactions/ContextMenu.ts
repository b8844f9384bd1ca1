/**
 * Commands in the context menu of a user or of a message (Discord docs, Application Commands, User Commands and Message
 * Commands).
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type * as Message from "../messages/Message.ts"
import type { Json } from "../objects/DiscordObject.ts"
import type * as World from "../World.ts"
import * as Resolved from "./Resolved.ts"

/**
 * Discord docs, Application Command Types.
 *
 * @category getters
 * @since 0.1.0
 */
export const typeOf = (on: Message.On): 2 | 3 => "user" in on ? 2 : 3

/**
 * The target of an interaction, or why there is none. `find` returns the message with an id as the bot may read it: the bot can
 * read the target of a command whatever its intents.
 *
 * @category constructors
 * @since 0.1.0
 */
export const target = (
  world: World.World,
  guild: World.Guild | undefined,
  userId: UserId,
  on: Message.On,
  find: (id: string) => Json | undefined
): { readonly id: string; readonly resolved: Json | undefined } | { readonly problem: string } => {
  if ("message" in on) {
    const message = find(on.message)
    if (message === undefined) return { problem: `no message in the channel has the id ${on.message}` }
    return { id: on.message, resolved: { messages: { [on.message]: message } } }
  }
  const resolved = Resolved.make(world, guild, userId)
  const problem = resolved.add("user", on.user)
  return problem === undefined ? { id: on.user, resolved: resolved.json() } : { problem }
}
