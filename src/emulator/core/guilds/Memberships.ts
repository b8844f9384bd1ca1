/**
 * Changes who is a member of which guild, and whether a guild is available: removal, invitation, outages (Discord docs, Gateway
 * Events, Guild Delete).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import { sees } from "../gateway/GatewaySession.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as Permissions from "../Permissions.ts"
import type { VoiceStates } from "../states/VoiceStates.ts"
import type { Timers } from "../Surroundings.ts"
import * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"
import type { Channels } from "./Channels.ts"

/**
 * The maximum length of a time-out: four weeks (Discord docs, Modify Guild Member).
 *
 * @category constants
 * @since 0.1.0
 */
export const longestTimeOutMs = 28 * 24 * 3_600_000

/**
 * Every method returns whether there was something to act on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memberships {
  /**
   * Removes a member from a guild, or from all of its guilds, as a moderator would: out of voice (close code 4014), and
   * GUILD_DELETE for the member. The others get a voice state without channel and GUILD_MEMBER_REMOVE.
   */
  readonly removeFromGuild: (userId: UserId, guildId?: GuildId) => boolean
  /** The same without an entry in the audit log: the member leaves by itself, or is banned. */
  readonly drop: (guild: World.Guild, userId: UserId) => void
  /**
   * Makes a user a member of a guild, or of all guilds that have not banned it: GUILD_CREATE for the user, GUILD_MEMBER_ADD for
   * the others.
   */
  readonly addToGuild: (userId: UserId, guildId?: GuildId) => boolean
  /**
   * Changes the nickname of a member, in one guild or in all of its guilds; `undefined` removes it. GUILD_MEMBER_UPDATE for
   * sessions with the intent for members, and always for the member itself (Discord docs, Gateway, List of Intents).
   */
  readonly setNick: (userId: UserId, nick: string | undefined, guildId?: GuildId) => boolean
  /** Replaces the roles of a member, by name or id, in one guild or in all guilds that have them: GUILD_MEMBER_UPDATE. */
  readonly setRoles: (userId: UserId, roles: ReadonlyArray<string>, guildId?: GuildId) => boolean
  /**
   * Gives a member a time-out of this many milliseconds, at most four weeks, or ends it: the member may only read, leaves voice
   * (close code 4014), and is not admitted before it is over. GUILD_MEMBER_UPDATE; no event reports its end (Discord docs,
   * Resources, Guild, Modify Guild Member, and Topics, Permissions, Permissions for Timed Out Members).
   */
  readonly timeOut: (userId: UserId, ms: number | undefined, guildId?: GuildId) => boolean
  /**
   * Begins or ends an outage of a guild: GUILD_DELETE with `unavailable`, and GUILD_CREATE when it is over. In between its
   * members get no events of it and op 4 is ignored; voice connections stay.
   */
  readonly setAvailable: (guildId: GuildId, available: boolean) => boolean
}

const timedOut = ({ timedOutUntilMs: ms }: World.Member): DiscordObject.Json => ({
  communication_disabled_until: ms === undefined ? null : new Date(ms).toISOString()
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "dispatch" | "broadcast" | "showGuild">,
  voiceStates: Pick<VoiceStates, "remove">,
  channels: Pick<Channels, "permitted">,
  audit: Pick<AuditLog, "write">,
  timers: Timers & { readonly now: () => number },
  /** Milliseconds of Unix time. */
  wall: () => number
): Memberships => {
  const guildsOf = (guildId: GuildId | undefined) =>
    Array.from(world.guilds.values()).filter(({ id }) => guildId === undefined || guildId === id)

  const roleOf = (guild: World.Guild, role: string) =>
    guild.roles.get(role) ?? Array.from(guild.roles.values()).find(({ name }) => name === role)

  const wasUpdated = (guild: World.Guild, targetId: UserId, before: DiscordObject.Json, after: DiscordObject.Json) =>
    audit.write(guild.id, { action: "MEMBER_UPDATE", targetId, before, after })

  /** Sends the change to sessions with the intent for members, and always to the member itself. */
  const changed = (guild: World.Guild, member: World.Member) => {
    const { userId } = member
    const json = { ...DiscordObject.member(world, member), guild_id: guild.id }
    gateway.broadcast(guild.id, Intents.GuildMembers, "GUILD_MEMBER_UPDATE", json, userId)
    if (!guild.available) return
    for (const session of gateway.sessions()) {
      if (session.user.id === userId && sees(world, session, guild.id)) {
        gateway.dispatch(session, "GUILD_MEMBER_UPDATE", json)
      }
    }
  }

  const remove = (guild: World.Guild, userId: UserId) => {
    const state = World.voiceState(world, guild.id, userId)
    // GUILD_DELETE is sufficient
    if (state !== undefined) voiceStates.remove(state, { code: 4014, reason: "Disconnected.", only: "close" })
    const told = gateway.sessions().filter((session) =>
      session.user.id === userId && sees(world, session, guild.id) && (session.intents & Intents.Guilds) !== 0
    )
    guild.members.delete(userId)
    for (const { thread } of World.threadsOf(world, guild.id)) thread.members.delete(userId)
    for (const session of told) gateway.dispatch(session, "GUILD_DELETE", { id: guild.id })
    const user = world.users.get(userId)
    if (user === undefined) return
    const json = { guild_id: guild.id, user: DiscordObject.user(user) }
    gateway.broadcast(guild.id, Intents.GuildMembers, "GUILD_MEMBER_REMOVE", json)
  }

  return {
    removeFromGuild: (userId, guildId) => {
      const found = guildsOf(guildId).filter(({ members }) => members.has(userId))
      for (const guild of found) {
        remove(guild, userId)
        audit.write(guild.id, { action: "MEMBER_KICK", targetId: userId })
      }
      return found.length > 0
    },
    drop: remove,
    addToGuild: (userId, guildId) => {
      const user = world.users.get(userId)
      if (user === undefined) return false
      const found = guildsOf(guildId).filter(({ bans, members }) => !members.has(userId) && !bans.has(userId))
      for (const guild of found) {
        const member = World.join(guild, user)
        const json = { ...DiscordObject.member(world, member), guild_id: guild.id }
        gateway.broadcast(guild.id, Intents.GuildMembers, "GUILD_MEMBER_ADD", json, userId)
        gateway.showGuild(guild.id, userId)
      }
      return found.length > 0
    },
    setNick: (userId, nick, guildId) => {
      let found = false
      for (const guild of guildsOf(guildId)) {
        const member = guild.members.get(userId)
        if (member === undefined) continue
        const before = { nick: member.nick }
        member.nick = nick
        found = true
        changed(guild, member)
        wasUpdated(guild, userId, before, { nick })
      }
      return found
    },
    setRoles: (userId, roles, guildId) => {
      let found = false
      for (const guild of guildsOf(guildId)) {
        const member = guild.members.get(userId)
        const ids = roles.flatMap((role) => roleOf(guild, role)?.id ?? [])
        if (member === undefined || ids.length < roles.length) continue
        found = true
        const before = new Set(member.roles)
        member.roles.clear()
        for (const id of ids) if (id !== guild.id) member.roles.add(id)
        changed(guild, member)
        channels.permitted(guild.id, userId)
        const without = (all: ReadonlySet<string>, others: ReadonlySet<string>) =>
          Array.from(all).filter((id) => !others.has(id)).map((id) => ({ id, name: guild.roles.get(id)?.name ?? "" }))
        const [added, gone] = [without(member.roles, before), without(before, member.roles)]
        const changes = [
          ...(added.length === 0 ? [] : [{ key: "$add", new_value: added }]),
          ...(gone.length === 0 ? [] : [{ key: "$remove", new_value: gone }])
        ]
        audit.write(guild.id, { action: "MEMBER_ROLE_UPDATE", targetId: userId, changes })
      }
      return found
    },
    timeOut: (userId, forMs, guildId) => {
      const ms = forMs === undefined ? undefined : Math.min(forMs, longestTimeOutMs)
      let found = false
      for (const guild of guildsOf(guildId)) {
        const member = guild.members.get(userId)
        if (member === undefined) continue
        found = true
        const untilMs = ms === undefined ? undefined : wall() + ms
        const before = timedOut(member)
        member.timedOutUntilMs = untilMs
        member.isTimedOut = ms !== undefined && ms > 0
        if (ms !== undefined && member.isTimedOut) {
          timers.at(timers.now() + ms, () => {
            // it may have been replaced by another one
            if (member.timedOutUntilMs === untilMs) member.isTimedOut = false
          })
        }
        changed(guild, member)
        wasUpdated(guild, userId, before, timedOut(member))
        const state = World.voiceState(world, guild.id, userId)
        const isSent = member.isTimedOut && !Permissions.has(Permissions.inGuild(guild, member), "CONNECT")
        if (state !== undefined && isSent) {
          voiceStates.remove(state, { code: 4014, reason: "Disconnected.", kicked: true })
          audit.write(guild.id, { action: "MEMBER_DISCONNECT" })
        }
      }
      return found
    },
    setAvailable: (guildId, available) => {
      const guild = world.guilds.get(guildId)
      if (guild === undefined || guild.available === available) return false
      if (!available) gateway.broadcast(guildId, Intents.Guilds, "GUILD_DELETE", { id: guildId, unavailable: true })
      guild.available = available
      if (available) gateway.showGuild(guildId)
      return true
    }
  }
}
