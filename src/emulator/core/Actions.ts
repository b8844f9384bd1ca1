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
 * Every method that returns a boolean says whether there was something to act on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Actions {
  /** A moderator moves a member that is in voice, past limits and permissions, to where there is voice. */
  readonly moveUser: (userId: UserId, channelId: ChannelId) => boolean
  /**
   * A moderator disconnects a user from voice, in one guild or wherever it is: null state and close 4014, or `only` one of
   * them.
   */
  readonly kick: (userId: UserId, guildId?: GuildId, only?: Half) => boolean
  /** CHANNEL_DELETE, null states, and close 4022 for everyone in it. */
  readonly deleteChannel: (channelId: ChannelId) => boolean
  /**
   * Moves a channel (or all occupied channels of a guild) to another voice server: the given one, or the next in the
   * order of creation; with a single server that one again, with new tokens. Voice connections are closed with `code`
   * (4022 unless given).
   */
  readonly moveServer: (target: ChannelId | GuildId, options?: {
    readonly server?: VoiceServerId | undefined
    /** Sends VOICE_SERVER_UPDATE with `endpoint: null` first and the new server after `delayMs` (1000 unless given). */
    readonly nullEndpointFirst?: boolean | undefined
    readonly delayMs?: number | undefined
    readonly code?: number | undefined
    /** Only the close of the voice connections, or only the event, which leaves them open. */
    readonly only?: Half | undefined
  }) => boolean
  /** Takes the voice server away: `endpoint: null`, and none is found until the channel is moved to a server. */
  readonly parkChannel: (channelId: ChannelId) => boolean
  /** Finds the next voice server for a channel that waits for one. Whether it did. */
  readonly unparkChannel: (channelId: ChannelId) => boolean
  /** Lets nobody in any more but moderators, or lets members in again. */
  readonly fillChannel: (channelId: ChannelId, full: boolean) => boolean
  /** Forgets the user's main gateway sessions: Invalid Session (op 9, false), and voice is closed with 4014. */
  readonly dropGatewaySession: (userId: UserId) => boolean
  /** Invalid Session (op 9, true): the session waits to be resumed. */
  readonly suspendGatewaySession: (userId: UserId) => boolean
  /** Reconnect (op 7): the client is to close and to resume. */
  readonly reconnectGateway: (userId: UserId) => boolean
  /** Asks for a heartbeat at once (op 1). */
  readonly requestHeartbeat: (userId: UserId) => boolean
  /** Closes the main gateway connections; after 4004, 4007 and 4009 the session is gone too. */
  readonly closeGateway: (userId: UserId, code: number, reason: string) => boolean
  /** Cuts the main gateway connections without a close frame. */
  readonly terminateGateway: (userId: UserId) => boolean
  /** Closes the user's voice connections, in one guild or in all. */
  readonly closeVoice: (userId: UserId, code: number, reason: string, guildId?: GuildId) => boolean
  /** Cuts the user's voice connections without a close frame, in one guild or in all. */
  readonly terminateVoice: (userId: UserId, guildId?: GuildId) => boolean
  /** Asks for a heartbeat on the voice gateway at once (op 3). */
  readonly requestVoiceHeartbeat: (userId: UserId) => boolean
  /** Sends another session description (op 4) with a new key. */
  readonly rekeyVoice: (userId: UserId) => boolean
  /** From now on a Resume of the user's voice session is answered with 4006, as if too much had been missed. */
  readonly overrunReplay: (userId: UserId) => boolean
  /** Cuts the user's voice connections, and ends the sessions as if the time to resume were over. */
  readonly expireVoice: (userId: UserId) => boolean
  /** Which number the first numbered message has in the voice sessions that the user begins from now on. */
  readonly startSequence: (userId: UserId, first: number) => void
  /**
   * Lets the user's datagrams come from another address from now on; what goes to the former one is lost. Media goes there
   * until Select Protocol (op 1) names another one.
   */
  readonly changeNat: (userId: UserId) => boolean
  /** Sends media to where the user is seen now. */
  readonly healNat: (userId: UserId) => void
  /** Mutes or deafens a member for the whole guild, in one guild or wherever it is in voice. */
  readonly muteUser: (
    userId: UserId,
    flags: { readonly mute?: boolean | undefined; readonly deaf?: boolean | undefined },
    guildId?: GuildId
  ) => boolean
  /** In a stage, of one guild or of all: puts a member into the audience (true) or among the speakers (false). */
  readonly suppressUser: (userId: UserId, suppress: boolean, guildId?: GuildId) => boolean
  /** Gives or takes what a moderator may do, in one guild or in all of the user's. */
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

  /** A channel in which there is voice. */
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
