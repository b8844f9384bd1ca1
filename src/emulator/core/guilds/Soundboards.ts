/**
 * The soundboards of guilds: sounds are created, changed and deleted, with the events about that (Discord docs, Resources,
 * Soundboard).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as Emoji from "../messages/Emoji.ts"
import * as SoundObject from "../objects/SoundObject.ts"
import type * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"
import * as SoundFile from "./SoundFile.ts"

/**
 * The maximum number of sounds in a guild without boosts. Discord documents that there is a limit, and clients have observed
 * this one.
 *
 * @category constants
 * @since 0.1.0
 */
export const most = 8

/**
 * A sound that an administrator adds on behalf of the guild's owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface MadeSound {
  readonly name: string
  /** MP3 or Ogg, within the limits for everybody. Without it there is no file to serve. */
  readonly data?: Uint8Array | undefined
  /** From 0 to 1. Default 1. */
  readonly volume?: number | undefined
  /** The character itself, or `name:id` for an emoji of the guild. Default: none. */
  readonly emoji?: string | undefined
}

/**
 * All changes are sent to sessions with the intent for expressions.
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
  /** Creates a sound, or returns what is wrong with it. `undefined` if there is no such guild. */
  readonly createSound: (guildId: GuildId, made: MadeSound) => World.Sound | { readonly problem: string } | undefined
  /** The sounds of a guild, then the default sounds. */
  readonly soundsOf: (guildId: GuildId) => ReadonlyArray<World.Sound>
}

const problems: { readonly [problem in SoundFile.Problem]: string } = {
  "too-large": `the file may have at most ${SoundFile.most.bytes} bytes`,
  "wrong-type": "the file is neither MP3 nor Ogg",
  "no-duration": "the file has no known duration",
  "too-long": `the sound may last at most ${SoundFile.most.seconds} seconds`
}

/** The length of a name, in characters (Create Guild Soundboard Sound). */
const [shortest, longest] = [2, 32]

const problemOf = ({ emoji, name, volume = 1 }: MadeSound): string | undefined => {
  const length = Array.from(name).length
  if (length < shortest || length > longest) return `the name must have ${shortest} to ${longest} characters`
  if (!(volume >= 0 && volume <= 1)) return "the volume must be between 0 and 1"
  return emoji === undefined || Emoji.isEmoji(emoji) ? undefined : `"${emoji}" is not an emoji`
}

const emojiIn = (emoji: string | undefined): World.Sound["emoji"] => {
  const id = emoji === undefined ? undefined : Emoji.idOf(emoji)
  return id === undefined ? { id: null, name: emoji ?? null } : { id, name: null }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  audit: Pick<AuditLog, "write">
): Soundboards => {
  const say = (guild: World.Guild, event: string, body: unknown) =>
    gateway.broadcast(guild.id, Intents.GuildExpressions, event, body)

  const create: Soundboards["create"] = (guild, looks) => {
    const sound: World.Sound = { ...looks, id: world.nextId(), guildId: guild.id }
    guild.sounds.set(sound.id, sound)
    // whether the user is included is undocumented; clients have observed it
    say(guild, "GUILD_SOUNDBOARD_SOUND_CREATE", SoundObject.jsonWithUser(sound))
    audit.write(guild.id, { action: "SOUNDBOARD_SOUND_CREATE", targetId: sound.id, after: SoundObject.json(sound) })
    return sound
  }

  return {
    create,
    change: (guild, sound, looks) => {
      const before = SoundObject.json(sound)
      Object.assign(sound, looks)
      say(guild, "GUILD_SOUNDBOARD_SOUND_UPDATE", SoundObject.jsonWithUser(sound))
      const after = SoundObject.json(sound)
      audit.write(guild.id, { action: "SOUNDBOARD_SOUND_UPDATE", targetId: sound.id, before, after })
    },
    remove: (guild, sound) => {
      guild.sounds.delete(sound.id)
      say(guild, "GUILD_SOUNDBOARD_SOUND_DELETE", { guild_id: guild.id, sound_id: sound.id })
      audit.write(guild.id, { action: "SOUNDBOARD_SOUND_DELETE", targetId: sound.id, before: SoundObject.json(sound) })
    },
    createSound: (guildId, made) => {
      const guild = world.guilds.get(guildId)
      if (guild === undefined) return undefined
      const { data, emoji, name, volume = 1 } = made
      const problem = problemOf(made)
      if (problem !== undefined) return { problem }
      if (guild.sounds.size >= most) return { problem: `a guild can have at most ${most} sounds` }
      const file = data === undefined ? undefined : SoundFile.read(data)
      if (typeof file === "string") return { problem: problems[file] }
      return create(guild, { name, volume, emoji: emojiIn(emoji), creator: world.users.get(guild.ownerId), file })
    },
    soundsOf: (guildId) => [...world.guilds.get(guildId)?.sounds.values() ?? [], ...SoundObject.defaults]
  }
}
