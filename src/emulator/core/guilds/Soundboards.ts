/**
 * The soundboards of guilds: sounds are made, changed and deleted there, and what is said of it (Discord docs, Resources, Soundboard).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as SoundObject from "../objects/SoundObject.ts"
import type * as World from "../World.ts"

/**
 * So many sounds has a guild at most where nobody has paid for more. Discord documents that there is a limit, and clients have seen this.
 *
 * @category constants
 * @since 0.1.0
 */
export const most = 8

/**
 * All changes are told to those with the intent for expressions.
 *
 * @category models
 * @since 0.1.0
 */
export interface Soundboards {
  readonly create: (guild: World.Guild, looks: Omit<World.Sound, "id" | "guildId">) => World.Sound
  readonly change: (
    guild: World.Guild,
    sound: World.Sound,
    looks: Partial<Pick<World.Sound, "name" | "volume" | "emoji">>
  ) => void
  readonly remove: (guild: World.Guild, sound: World.Sound) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (world: World.World, gateway: Pick<GatewayServer, "broadcast">): Soundboards => {
  const say = (guild: World.Guild, event: string, body: unknown) =>
    gateway.broadcast(guild.id, Intents.GuildExpressions, event, body)

  return {
    create: (guild, looks) => {
      const sound: World.Sound = { ...looks, id: world.nextId(), guildId: guild.id }
      guild.sounds.set(sound.id, sound)
      // nobody documents whether the user is told there; clients have seen it
      say(guild, "GUILD_SOUNDBOARD_SOUND_CREATE", SoundObject.jsonWithUser(sound))
      return sound
    },
    change: (guild, sound, looks) => {
      Object.assign(sound, looks)
      say(guild, "GUILD_SOUNDBOARD_SOUND_UPDATE", SoundObject.jsonWithUser(sound))
    },
    remove: (guild, sound) => {
      guild.sounds.delete(sound.id)
      say(guild, "GUILD_SOUNDBOARD_SOUND_DELETE", { guild_id: guild.id, sound_id: sound.id })
    }
  }
}
