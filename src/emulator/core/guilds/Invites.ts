/**
 * Creates and deletes invites, with the events about that (Discord docs, Resources, Invite).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import * as Admission from "../Admission.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import { sees } from "../gateway/GatewaySession.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Random from "../Random.ts"
import type * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"

type Json = DiscordObject.Json

/**
 * The events go to sessions with the intent for invites whose user may manage the channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Invites {
  /** INVITE_CREATE. */
  readonly create: (
    channel: World.Channel,
    inviter: World.User,
    how: Pick<World.Invite, "maxAge" | "maxUses" | "isTemporary">
  ) => World.Invite
  /** INVITE_DELETE. */
  readonly remove: (invite: World.Invite) => void
}

const timesOf = ({ createdMs, maxAge }: World.Invite): Json => ({
  created_at: new Date(createdMs).toISOString(),
  expires_at: maxAge === 0 ? null : new Date(createdMs + maxAge * 1_000).toISOString()
})

const metadata = (invite: World.Invite): Json => ({
  uses: 0,
  max_uses: invite.maxUses,
  max_age: invite.maxAge,
  temporary: invite.isTemporary
})

/** An invite in the audit log, where its code is not an id. */
const told = (invite: World.Invite): Json => ({
  code: invite.code,
  channel_id: invite.channelId,
  inviter_id: invite.inviter.id,
  ...metadata(invite)
})

/**
 * An invite in Discord's format. `isWhole` includes how it was created.
 *
 * @category codecs
 * @since 0.1.0
 */
export const json = (world: World.World, invite: World.Invite, isWhole: boolean): Json => {
  const guild = world.guilds.get(invite.guildId)
  const channel = world.channels.get(invite.channelId)
  const { created_at: createdAt, expires_at: expiresAt } = timesOf(invite)
  return {
    type: 0,
    code: invite.code,
    guild_id: invite.guildId,
    guild: guild === undefined ? null : {
      id: guild.id,
      name: guild.name,
      icon: null,
      splash: null,
      banner: null,
      description: null,
      features: [],
      verification_level: 0,
      vanity_url_code: null,
      nsfw_level: 0,
      premium_subscription_count: 0
    },
    channel: channel === undefined
      ? null
      : { id: channel.id, name: channel.name, type: ChannelObject.typeOf(channel) },
    inviter: DiscordObject.user(invite.inviter),
    expires_at: expiresAt,
    ...(isWhole ? { ...metadata(invite), created_at: createdAt } : {})
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "dispatch">,
  audit: Pick<AuditLog, "write">,
  /** Milliseconds of Unix time. */
  wall: () => number
): Invites => {
  const tell = ({ channelId, code, guildId }: World.Invite, t: string, more: Json) => {
    const channel = world.channels.get(channelId)
    if (channel === undefined || world.guilds.get(guildId)?.available === false) return
    for (const session of gateway.sessions()) {
      if ((session.intents & Intents.GuildInvites) === 0 || !sees(world, session, guildId)) continue
      if (!Admission.may(world, channel, session.user.id, "MANAGE_CHANNELS")) continue
      gateway.dispatch(session, t, { channel_id: channelId, guild_id: guildId, code, ...more })
    }
  }

  return {
    create: ({ guildId, id: channelId }, inviter, how) => {
      const code = Random.hex(world.random, 4)
      const invite: World.Invite = { code, guildId, channelId, inviter, createdMs: wall(), ...how }
      world.invites.set(code, invite)
      tell(invite, "INVITE_CREATE", {
        inviter: DiscordObject.user(inviter),
        ...metadata(invite),
        ...timesOf(invite)
      })
      audit.write(invite.guildId, { action: "INVITE_CREATE", after: told(invite) })
      return invite
    },
    remove: (invite) => {
      world.invites.delete(invite.code)
      tell(invite, "INVITE_DELETE", {})
      audit.write(invite.guildId, { action: "INVITE_DELETE", before: told(invite) })
    }
  }
}
