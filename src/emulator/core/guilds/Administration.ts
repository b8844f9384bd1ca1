/**
 * The actions of an administrator: creating guilds and channels, adding users to them, and denying permissions.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import { ChannelId, GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type { Profile } from "../Profile.ts"
import * as World from "../World.ts"
import type { Channels } from "./Channels.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Administration {
  /**
   * Creates a guild and shows it to the sessions of its members (GUILD_CREATE). For an id that is already used, returns the
   * existing guild.
   */
  readonly createGuild: (options: { readonly name: string; readonly id?: GuildId | undefined }) => GuildId
  /** The owner of a guild; `undefined` if there is no such guild. */
  readonly ownerOf: (guildId: GuildId) => World.User | undefined
  /**
   * Creates a channel: by default a voice channel without limit at 64 kbit/s and with the profile's `channelE2ee`. A stage has
   * no end-to-end encryption, and a text channel no voice. `undefined` if there is no such guild.
   */
  readonly createChannel: (options: {
    readonly guildId: GuildId
    readonly name: string
    readonly id?: ChannelId | undefined
    readonly kind?: World.ChannelKind | undefined
    readonly e2ee?: "required" | "optional" | undefined
    readonly userLimit?: number | undefined
    readonly bitrate?: number | undefined
    readonly parentId?: ChannelId | undefined
  }) => ChannelId | undefined
  /** Creates a member of the given guilds, or of every guild (including future ones). Any user can log in with its token. */
  readonly createUser: (options: {
    readonly name: string
    readonly id?: UserId | undefined
    readonly bot?: boolean | undefined
    readonly token?: string | undefined
    readonly guilds?: ReadonlyArray<GuildId> | undefined
    /** Whether it is a moderator of these guilds. Default false. */
    readonly moderator?: boolean | undefined
    /** Whether it may request privileged intents. Default false. */
    readonly privilegedIntents?: boolean | undefined
  }) => { readonly id: UserId; readonly token: string }
  /**
   * Denies CONNECT, VIEW_CHANNEL, SPEAK or SEND_MESSAGES; if all are false, allows them again. Returns whether there is such a
   * channel. A thread does not count: it has the permissions of its channel.
   */
  readonly deny: (options: {
    readonly userId: UserId
    readonly channelId: ChannelId
    readonly connect?: boolean | undefined
    readonly view?: boolean | undefined
    readonly speak?: boolean | undefined
    readonly send?: boolean | undefined
  }) => boolean
}

const deniable = Permissions.of("CONNECT", "VIEW_CHANNEL", "SPEAK", "SEND_MESSAGES")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  profile: Profile,
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast" | "showGuild">,
  channels: Pick<Channels, "create" | "overwrite">
): Administration => ({
  createGuild: ({ id, name }) => {
    // Ids from the counter are decimal, as the brand requires.
    const guild = World.addGuild(world, { id: id ?? GuildId.make(world.nextId()), name })
    gateway.showGuild(guild.id)
    return guild.id
  },
  ownerOf: (guildId) => {
    const guild = world.guilds.get(guildId)
    return guild && world.users.get(guild.ownerId)
  },
  createChannel: ({ bitrate = 64_000, e2ee, guildId, id, kind = "voice", name, parentId, userLimit = 0 }) => {
    const channel = channels.create({
      id: id ?? ChannelId.make(world.nextId()),
      guildId,
      name,
      kind,
      e2ee: kind === "voice" ? e2ee ?? profile.channelE2ee : "never",
      userLimit,
      bitrate,
      parentId
    })
    return channel?.id
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
    for (const guild of world.guilds.values()) {
      const member = guild.members.get(user.id)
      if (member === undefined) continue
      const json = { ...DiscordObject.member(world, member), guild_id: guild.id }
      gateway.broadcast(guild.id, Intents.GuildMembers, "GUILD_MEMBER_ADD", json, user.id)
    }
    return { id: user.id, token: user.token }
  },
  deny: ({ channelId, connect = false, send = false, speak = false, userId, view = false }) => {
    const channel = world.channels.get(channelId)
    if (channel === undefined || World.isThread(channel)) return false
    const denied = Permissions.of(
      ...(connect ? ["CONNECT"] as const : []),
      ...(view ? ["VIEW_CHANNEL"] as const : []),
      ...(speak ? ["SPEAK"] as const : []),
      ...(send ? ["SEND_MESSAGES"] as const : [])
    )
    const before = channel.overwrites.get(userId)
    const allow = (before?.allow ?? 0n) & ~denied
    const deny = ((before?.deny ?? 0n) & ~deniable) | denied
    const isAnything = (allow | deny) !== 0n
    channels.overwrite(channel, userId, isAnything ? { type: "member", allow, deny } : undefined)
    return true
  }
})
