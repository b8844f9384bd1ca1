/**
 * The sounds of soundboards as Discord's JSON objects (Discord docs, Resources, Soundboard).
 *
 * @since 0.1.0
 */
import type { Guild, Sound } from "../World.ts"
import { type Json, user } from "./DiscordObject.ts"

/**
 * The default sounds: the one that Discord documents (Example Default Soundboard Sound). There are more, which are
 * undocumented.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: ReadonlyArray<Sound> = [
  {
    id: "1",
    guildId: undefined,
    name: "quack",
    volume: 1,
    emoji: { id: null, name: "\u{1F986}" },
    creator: undefined,
    file: undefined
  }
]

/**
 * Without the creator, who is not shown to everybody.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = ({ emoji, guildId, id, name, volume }: Sound): Json => ({
  name,
  sound_id: id,
  volume,
  emoji_id: emoji.id,
  emoji_name: emoji.name,
  ...(guildId === undefined ? {} : { guild_id: guildId }),
  available: true
})

/**
 * @category codecs
 * @since 0.1.0
 */
export const jsonWithUser = (sound: Sound): Json => ({
  ...json(sound),
  ...(sound.creator === undefined ? {} : { user: user(sound.creator) })
})

/**
 * The soundboard of a guild as sent by the gateway. Whether the users are included is undocumented.
 *
 * @category codecs
 * @since 0.1.0
 */
export const all = (guild: Guild): ReadonlyArray<Json> => Array.from(guild.sounds.values(), json)
