/**
 * What moderators, servers and networks do to a client, as short methods for tests and displays.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import * as Admission from "./Admission.ts"
import type { CoreContext, VoiceServerId } from "./CoreContext.ts"
import type { GatewayServer } from "./gateway/GatewayServer.ts"
import type { AuditLog } from "./guilds/AuditLog.ts"
import type { Channels } from "./guilds/Channels.ts"
import type { Nat } from "./Nat.ts"
import type { Half } from "./states/VoiceEvents.ts"
import type { VoiceStates } from "./states/VoiceStates.ts"
import type { VoiceHalf } from "./voice/VoiceHalf.ts"
import * as World from "./World.ts"

/**
 * Every method that returns a boolean tells whether there was something to act on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Actions {
  /** Moves a member in voice to another voice channel or stage as a moderator would, regardless of limits and permissions. */
  readonly moveUser: (userId: UserId, channelId: ChannelId) => boolean
  /**
   * Disconnects a user from voice as a moderator would, in one guild or wherever it is: a voice state without channel and close
   * code 4014, or `only` one of them.
   */
  readonly kick: (userId: UserId, guildId?: GuildId, only?: Half) => boolean
  /** CHANNEL_DELETE, voice states without channel, and close code 4022 for everyone in it. */
  readonly deleteChannel: (channelId: ChannelId) => boolean
  /**
   * Moves a channel (or all occupied channels of a guild) to another voice server: the given one, or the next in the order of
   * creation. If there is a single server, it is used again, with new tokens. Voice connections are closed with `code` (default
   * 4022).
   */
  readonly moveServer: (target: ChannelId | GuildId, options?: {
    readonly server?: VoiceServerId | undefined
    /** Sends VOICE_SERVER_UPDATE with `endpoint: null` first and the new server after `delayMs` (default 1000). */
    readonly nullEndpointFirst?: boolean | undefined
    readonly delayMs?: number | undefined
    readonly code?: number | undefined
    /** Only closes the voice connections, or only sends the event, which leaves them open. */
    readonly only?: Half | undefined
  }) => boolean
  /** Takes the voice server away: `endpoint: null`, and none is found until the channel is moved to a server. */
  readonly parkChannel: (channelId: ChannelId) => boolean
  /** Finds the next voice server for a channel that waits for one. Returns whether it did. */
  readonly unparkChannel: (channelId: ChannelId) => boolean
  /** Admits nobody any more except moderators, or admits members again. */
  readonly fillChannel: (channelId: ChannelId, full: boolean) => boolean
  /** Drops the user's main gateway sessions: Invalid Session (op 9, false), and voice is closed with 4014. */
  readonly dropGatewaySession: (userId: UserId) => boolean
  /** Sends Invalid Session (op 9, true): the session waits to be resumed. */
  readonly suspendGatewaySession: (userId: UserId) => boolean
  /** Sends Reconnect (op 7): the client should close and resume. */
  readonly reconnectGateway: (userId: UserId) => boolean
  /** Asks for an immediate heartbeat (op 1). */
  readonly requestHeartbeat: (userId: UserId) => boolean
  /** Closes the main gateway connections. 4004, 4007 and 4009 also end the session. */
  readonly closeGateway: (userId: UserId, code: number, reason: string) => boolean
  /** Cuts the main gateway connections without a close frame. */
  readonly terminateGateway: (userId: UserId) => boolean
  /** Closes the user's voice connections, in one guild or in all. */
  readonly closeVoice: (userId: UserId, code: number, reason: string, guildId?: GuildId) => boolean
  /** Cuts the user's voice connections without a close frame, in one guild or in all. */
  readonly terminateVoice: (userId: UserId, guildId?: GuildId) => boolean
  /** Asks for an immediate heartbeat on the voice gateway (op 3). */
  readonly requestVoiceHeartbeat: (userId: UserId) => boolean
  /** Sends another session description (op 4) with a new key. */
  readonly rekeyVoice: (userId: UserId) => boolean
  /** Answers every later Resume of the user's voice session with 4006, as if too much had been missed. */
  readonly overrunReplay: (userId: UserId) => boolean
  /** Cuts the user's voice connections, and ends the sessions as if the time to resume were over. */
  readonly expireVoice: (userId: UserId) => boolean
  /** Sets the number of the first numbered message in the voice sessions that the user begins from now on. */
  readonly startSequence: (userId: UserId, first: number) => void
  /**
   * Changes the source address of the user's datagrams; what is sent to the former one is lost. Media goes there until Select
   * Protocol (op 1) names another one.
   */
  readonly changeNat: (userId: UserId) => boolean
  /** Sends media to where the user is seen now. */
  readonly healNat: (userId: UserId) => void
  /** Mutes or deafens a member in the whole guild, in one guild or wherever it is in voice. */
  readonly muteUser: (
    userId: UserId,
    flags: { readonly mute?: boolean | undefined; readonly deaf?: boolean | undefined },
    guildId?: GuildId
  ) => boolean
  /** On stages of one guild or of all: moves a member to the audience (true) or to the speakers (false). */
  readonly suppressUser: (userId: UserId, suppress: boolean, guildId?: GuildId) => boolean
  /** Grants or revokes a moderator's permissions, in one guild or in all of the user's. */
  readonly setModerator: (userId: UserId, moderator: boolean, guildId?: GuildId) => boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly context: CoreContext
  readonly world: World.World
  readonly gateway: GatewayServer
  readonly voice: VoiceHalf
  readonly voiceStates: VoiceStates
  readonly channels: Pick<Channels, "remove" | "permitted">
  readonly audit: Pick<AuditLog, "write">
  readonly nat: Nat
}): Actions => {
  const { audit, channels, gateway, nat, voice, voiceStates, world } = options

  const statesOf = (userId: UserId, guildId: GuildId | undefined) =>
    World.voiceStatesOf(world, userId).filter((state) => guildId === undefined || state.guildId === guildId)

  const nextServer = (channel: World.Channel): VoiceServerId | undefined => {
    const ids = Array.from(world.servers.keys())
    const current = World.serverFor(world, channel)
    if (current === undefined) return undefined
    return ids[(ids.indexOf(current.id) + 1) % ids.length]
  }

  /** A channel that has voice. */
  const voiceChannel = (channelId: ChannelId): World.Channel | undefined => {
    const channel = world.channels.get(channelId)
    return channel !== undefined && Admission.hasVoice(channel) ? channel : undefined
  }

  const channelsOf = (target: ChannelId | GuildId): Array<World.Channel> => {
    for (const channel of world.channels.values()) {
      if (channel.id === target) return Admission.hasVoice(channel) ? [channel] : []
    }
    const found: Array<World.Channel> = []
    for (const channel of world.channels.values()) {
      if (channel.guildId === target && World.occupants(world, channel).length > 0) found.push(channel)
    }
    return found
  }

  return {
    moveUser: (userId, channelId) => {
      const channel = voiceChannel(channelId)
      const state = channel === undefined ? undefined : World.voiceState(world, channel.guildId, userId)
      if (channel === undefined || state === undefined) return false
      voiceStates.move(state, channel)
      audit.write(channel.guildId, { action: "MEMBER_MOVE", options: { channel_id: channel.id } })
      return true
    },
    kick: (userId, guildId, only) => {
      const states = statesOf(userId, guildId)
      for (const state of states) {
        voiceStates.remove(state, { code: 4014, reason: "Disconnected.", only, kicked: true })
        audit.write(state.guildId, { action: "MEMBER_DISCONNECT" })
      }
      return states.length > 0
    },
    deleteChannel: (channelId) => {
      const channel = world.channels.get(channelId)
      if (channel === undefined) return false
      channels.remove(channel)
      return true
    },
    moveServer: (target, { code = 4022, delayMs = 1000, nullEndpointFirst = false, only, server } = {}) => {
      let moved = false
      for (const channel of channelsOf(target)) {
        const to = server ?? nextServer(channel)
        if (to === undefined || !world.servers.has(to)) continue
        voiceStates.moveServer(channel, { server: to, nullEndpointFirst, delayMs, code, only })
        moved = true
      }
      return moved
    },
    parkChannel: (channelId) => {
      const channel = voiceChannel(channelId)
      const server = channel && World.serverFor(world, channel)
      if (channel === undefined || server === undefined) return false
      voiceStates.moveServer(channel, {
        server: server.id,
        nullEndpointFirst: true,
        delayMs: Number.POSITIVE_INFINITY,
        code: 4022
      })
      return true
    },
    unparkChannel: (channelId) => {
      const channel = world.channels.get(channelId)
      const server = channel && nextServer(channel)
      if (channel === undefined || server === undefined || !voiceStates.isSearching(channelId)) return false
      voiceStates.moveServer(channel, { server, nullEndpointFirst: false, delayMs: 0, code: 4022 })
      return true
    },
    fillChannel: (channelId, full) => {
      const channel = voiceChannel(channelId)
      if (channel === undefined) return false
      channel.full = full
      return true
    },
    dropGatewaySession: (userId) => gateway.invalidate(userId, false),
    suspendGatewaySession: (userId) => gateway.invalidate(userId, true),
    reconnectGateway: (userId) => gateway.request(userId, 7),
    requestHeartbeat: (userId) => gateway.request(userId, 1),
    closeGateway: gateway.close,
    terminateGateway: gateway.terminate,
    closeVoice: voice.closeUser,
    terminateVoice: voice.terminateUser,
    requestVoiceHeartbeat: voice.disturbance.requestHeartbeat,
    rekeyVoice: voice.disturbance.rekey,
    overrunReplay: voice.disturbance.overrunReplay,
    expireVoice: voice.disturbance.expire,
    startSequence: voice.disturbance.startSequence,
    changeNat: (userId) => {
      const addresses = voice.disturbance.pin(userId)
      for (const address of addresses) nat.change(address)
      return addresses.length > 0
    },
    healNat: (userId) => voice.disturbance.unpin(userId, nat.latest),
    muteUser: (userId, flags, guildId) => {
      const states = statesOf(userId, guildId)
      for (const state of states) {
        const member = world.guilds.get(state.guildId)?.members.get(userId)
        if (member === undefined) continue
        const before = { mute: member.mute, deaf: member.deaf }
        member.mute = flags.mute ?? member.mute
        member.deaf = flags.deaf ?? member.deaf
        voiceStates.changed(state)
        const after = { mute: member.mute, deaf: member.deaf }
        audit.write(state.guildId, { action: "MEMBER_UPDATE", targetId: userId, before, after })
      }
      return states.length > 0
    },
    suppressUser: (userId, suppress, guildId) => {
      let found = false
      for (const state of statesOf(userId, guildId)) {
        if (world.channels.get(state.channelId)?.kind !== "stage") continue
        state.suppress = suppress
        state.requestToSpeak = undefined
        voiceStates.changed(state)
        found = true
      }
      return found
    },
    setModerator: (userId, moderator, guildId) => {
      let found = false
      for (const guild of world.guilds.values()) {
        const member = guildId === undefined || guild.id === guildId ? guild.members.get(userId) : undefined
        if (member === undefined) continue
        if (moderator) member.roles.add(World.moderatorRole(guild.id))
        else member.roles.delete(World.moderatorRole(guild.id))
        channels.permitted(guild.id, userId)
        found = true
      }
      return found
    }
  }
}
