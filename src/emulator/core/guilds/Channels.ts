/**
 * Creates, changes and deletes the channels of guilds, on behalf of anyone, with the events about that.
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { Messages } from "../messages/Messages.ts"
import * as ChannelObject from "../objects/ChannelObject.ts"
import type { Observers } from "../Observers.ts"
import type * as Permissions from "../Permissions.ts"
import type { VoiceStates } from "../states/VoiceStates.ts"
import * as World from "../World.ts"
import type { AuditLog } from "./AuditLog.ts"
import type { Threads } from "./Threads.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Channels {
  /** CHANNEL_CREATE. `undefined` if there is no such guild. */
  readonly create: (options: Parameters<typeof World.addChannel>[1]) => World.Channel | undefined
  /** CHANNEL_UPDATE; a member who may not speak there any more is not heard. */
  readonly change: (channel: World.Channel, f: () => void) => void
  /** Removes the overwrites of a deleted role. */
  readonly forgetRole: (guild: World.Guild, roleId: string) => void
  /** Sets the overwrite of a role or a member; `undefined` removes it. */
  readonly overwrite: (channel: World.Channel, id: string, overwrite: Permissions.Overwrite | undefined) => void
  /** VOICE_CHANNEL_STATUS_UPDATE. */
  readonly setStatus: (channel: World.Channel, status: string | undefined) => void
  /**
   * Voice states without channel and close code 4022 for everyone in it, CHANNEL_DELETE; channels in a category leave it.
   * THREAD_DELETE for a thread.
   */
  readonly remove: (channel: World.Channel) => void
  /** Tells that the permissions of a guild's roles, or of one member's, have changed. */
  readonly permitted: (guildId: GuildId, userId?: UserId) => void
}

const bitsOf = (overwrite: Permissions.Overwrite | undefined) =>
  overwrite && { allow: String(overwrite.allow), deny: String(overwrite.deny) }

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "broadcast">,
  voiceStates: Pick<VoiceStates, "permitted" | "remove">,
  messages: Pick<Messages, "forget">,
  threads: Pick<Threads, "forget" | "remove" | "sync">,
  audit: Pick<AuditLog, "write">,
  tell: Observers["tell"]
): Channels => {
  const say = (channel: World.Channel, event: string) =>
    gateway.broadcast(channel.guildId, Intents.Guilds, event, ChannelObject.channel(world, channel))

  const changed = (channel: World.Channel) => {
    say(channel, "CHANNEL_UPDATE")
    for (const { userId } of World.occupants(world, channel)) voiceStates.permitted(channel, userId)
    threads.sync(channel.guildId, channel)
  }

  /** Overwrites of roles and members have their own entries in the audit log. */
  const wereOverwritten = (channel: World.Channel, before: Permissions.Overwrites) => {
    const { guildId, id: targetId, overwrites } = channel
    for (const id of new Set([...before.keys(), ...overwrites.keys()])) {
      const [old, fresh] = [before.get(id), overwrites.get(id)]
      const isOfRole = (fresh ?? old)?.type === "role"
      const name = world.guilds.get(guildId)?.roles.get(id)?.name
      audit.write(guildId, {
        action: old === undefined
          ? "CHANNEL_OVERWRITE_CREATE"
          : fresh === undefined
          ? "CHANNEL_OVERWRITE_DELETE"
          : "CHANNEL_OVERWRITE_UPDATE",
        targetId,
        before: bitsOf(old),
        after: bitsOf(fresh),
        options: { id, type: isOfRole ? "0" : "1", ...(isOfRole && name !== undefined ? { role_name: name } : {}) }
      })
    }
  }

  const change: Channels["change"] = (channel, f) => {
    const [before, overwrites] = [ChannelObject.channel(world, channel), new Map(channel.overwrites)]
    f()
    changed(channel)
    const after = ChannelObject.channel(world, channel)
    audit.write(channel.guildId, { action: "CHANNEL_UPDATE", targetId: channel.id, before, after })
    wereOverwritten(channel, overwrites)
  }

  return {
    create: (options) => {
      const channel = World.addChannel(world, options)
      if (channel === undefined) return undefined
      tell({ _tag: "ChannelCreated", guildId: channel.guildId, channelId: channel.id, name: channel.name })
      say(channel, "CHANNEL_CREATE")
      const after = ChannelObject.channel(world, channel)
      audit.write(channel.guildId, { action: "CHANNEL_CREATE", targetId: channel.id, after })
      return channel
    },
    change,
    forgetRole: (guild, roleId) => {
      for (const channel of guild.channels.values()) if (channel.overwrites.delete(roleId)) changed(channel)
    },
    overwrite: (channel, id, overwrite) =>
      change(channel, () => {
        if (overwrite === undefined) channel.overwrites.delete(id)
        else channel.overwrites.set(id, overwrite)
      }),
    setStatus: (channel, status) => {
      channel.status = status
      const json = { id: channel.id, guild_id: channel.guildId, status: status ?? null }
      gateway.broadcast(channel.guildId, Intents.Guilds, "VOICE_CHANNEL_STATUS_UPDATE", json)
      audit.write(channel.guildId, {
        action: status === undefined ? "VOICE_CHANNEL_STATUS_DELETE" : "VOICE_CHANNEL_STATUS_CREATE",
        targetId: channel.id,
        options: { channel_id: channel.id, ...(status === undefined ? {} : { status }) }
      })
    },
    remove: (channel) => {
      if (World.isThread(channel)) return threads.remove(channel)
      const before = ChannelObject.channel(world, channel)
      for (const state of World.occupants(world, channel)) {
        voiceStates.remove(state, { code: 4022, reason: "Call terminated." })
      }
      World.removeChannel(world, channel)
      messages.forget(channel.id)
      tell({ _tag: "ChannelDeleted", guildId: channel.guildId, channelId: channel.id, name: channel.name })
      say(channel, "CHANNEL_DELETE")
      threads.forget(channel)
      for (const inner of world.channels.values()) {
        if (inner.parentId !== channel.id) continue
        inner.parentId = undefined
        changed(inner)
      }
      audit.write(channel.guildId, { action: "CHANNEL_DELETE", targetId: channel.id, before })
    },
    permitted: (guildId, userId) => {
      for (const state of world.voiceStates.get(guildId)?.values() ?? []) {
        const channel = world.channels.get(state.channelId)
        if (channel !== undefined && (userId ?? state.userId) === state.userId) {
          voiceStates.permitted(channel, state.userId)
        }
      }
      threads.sync(guildId)
    }
  }
}
