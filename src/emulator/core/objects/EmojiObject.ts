/**
 * Emoji of guilds and applications as Discord's JSON objects (Discord docs, Resources, Emoji).
 *
 * @since 0.1.0
 */
import type { Emoji, World } from "../World.ts"
import { type Json, user } from "./DiscordObject.ts"

/**
 * @category codecs
 * @since 0.1.0
 */
export const json = ({ creator, id, isAnimated, name }: Emoji): Json => ({
  id,
  name,
  roles: [],
  user: user(creator),
  require_colons: true,
  managed: false,
  animated: isAnimated,
  available: true
})

/**
 * The emoji of a guild or of an application.
 *
 * @category codecs
 * @since 0.1.0
 */
export const all = (world: World, owner: string): ReadonlyArray<Json> =>
  Array.from(world.emojis.get(owner)?.values() ?? [], json)
