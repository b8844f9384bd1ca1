/**
 * What somebody who administers guilds does: guilds and channels are made, users enter them, and are denied what is in them.
 *
 * @since 0.1.0
 */
import { Intents } from "../../protocol/GatewayPayload.ts"
import { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import * as DiscordObject from "./DiscordObject.ts"
import type { GatewayServer } from "./gateway/GatewayServer.ts"
import type { Profile } from "./Profile.ts"
import type { VoiceStates } from "./states/VoiceStates.ts"
import * as World from "./World.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Administration {
  /** Also shows it to the sessions of its members (GUILD_CREATE). An id that is taken gives the guild that has it. */
  readonly createGuild: (options: { readonly name: string; readonly id?: GuildId | undefined }) => GuildId
  /**
   * A voice channel without limit at 64 kbit/s and with the profile's `channelE2ee`, unless said otherwise; a stage has none, and in a
   * text channel there is no voice. `undefined` if there is no such guild.
   */
  readonly createChannel: (options: {
    readonly guildId: GuildId
    readonly name: string
    readonly id?: ChannelId | undefined
    readonly kind?: World.Channel["kind"] | undefined
    readonly e2ee?: "required" | "optional" | undefined
    readonly userLimit?: number | undefined
    readonly bitrate?: number | undefined
  }) => ChannelId | undefined
  /** A member of the given guilds, or of every guild (those of the future too). Any user can log in with its token. */
  readonly createUser: (options: {
    readonly name: string
    readonly id?: UserId | undefined
    readonly bot?: boolean | undefined
    readonly token?: string | undefined
    readonly guilds?: ReadonlyArray<GuildId> | undefined
    /** Whether it is a moderator of these guilds; not unless given. */
    readonly moderator?: boolean | undefined
    /** Whether it may ask for privileged intents; not unless given. */
    readonly privilegedIntents?: boolean | undefined
  }) => { readonly id: UserId; readonly token: string }
  /** Denies CONNECT, VIEW_CHANNEL or SPEAK; all false allows again. Whether there is such a channel. */
  readonly deny: (options: {
    readonly userId: UserId
    readonly channelId: ChannelId
    readonly connect?: boolean | undefined
    readonly view?: boolean | undefined
    readonly speak?: boolean | undefined
  }) => boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  profile: Profile,
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast" | "showGuild">,
  voiceStates: Pick<VoiceStates, "permitted">
): Administration => ({
  createGuild: ({ id, name }) => {
    // Ids from the counter are decimal, as the brand wants.
    const guild = World.addGuild(world, { id: id ?? GuildId.make(world.nextId()), name })
    gateway.showGuild(guild.id)
    return guild.id
  },
  createChannel: ({ bitrate = 64_000, e2ee, guildId, id, kind = "voice", name, userLimit = 0 }) => {
    const channel = World.addChannel(world, {
      id: id ?? ChannelId.make(world.nextId()),
      guildId,
      name,
      kind,
      e2ee: kind === "voice" ? e2ee ?? profile.channelE2ee : "never",
      userLimit,
      bitrate
    })
    if (channel === undefined) return undefined
    gateway.broadcast(guildId, Intents.Guilds, "CHANNEL_CREATE", DiscordObject.channel(channel))
    return channel.id
  },
  createUser: ({ bot = false, guilds, id, moderator = false, name, privilegedIntents = false, token }) => {
    const user = World.addUser(world, {
      id: id ?? UserId.make(world.nextId()),
      name,
      bot,
      token,
      guilds,
      moderator,
      privilegedIntents
    })
    return { id: user.id, token: user.token }
  },
  deny: ({ channelId, connect = false, speak = false, userId, view = false }) => {
    const channel = world.channels.get(channelId)
    if (channel === undefined) return false
    if (connect || view || speak) channel.denials.set(userId, { connect, view, speak })
    else channel.denials.delete(userId)
    gateway.broadcast(channel.guildId, Intents.Guilds, "CHANNEL_UPDATE", DiscordObject.channel(channel))
    voiceStates.permitted(channel, userId)
    return true
  }
})
