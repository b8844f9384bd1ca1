/**
 * Who is in which channel: Update Voice State (op 4) with its silent refusals, scripted participants, moves and removals.
 *
 * @since 0.1.0
 */
import { Intents, type UpdateVoiceState } from "../../../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../../../protocol/Identifier.ts"
import * as Admission from "../Admission.ts"
import type { CoreContext, Grants } from "../CoreContext.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import type { GatewaySession } from "../gateway/GatewaySession.ts"
import { sees } from "../gateway/GatewaySession.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import type { Observers } from "../Observers.ts"
import { demandsE2ee } from "../Profile.ts"
import * as Random from "../Random.ts"
import * as Scripted from "../Scripted.ts"
import type { EncryptionOptions, VoiceHalf, VoiceHooks } from "../voice/VoiceHalf.ts"
import * as World from "../World.ts"
import * as Returns from "./Returns.ts"
import * as VoiceConnections from "./VoiceConnections.ts"
import * as VoiceEvents from "./VoiceEvents.ts"
import * as VoiceGrants from "./VoiceGrants.ts"
import * as VoiceServers from "./VoiceServers.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly context: CoreContext
  readonly world: World.World
  readonly gateway: Pick<GatewayServer, "session" | "dispatch" | "broadcast">
  readonly voice: Pick<VoiceHalf, "revocation" | "participants">
  /** Called when members join, move and leave. */
  readonly tell: Observers["tell"]
}

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceStates {
  /** Handles Update Voice State (op 4). */
  readonly request: (session: GatewaySession, request: UpdateVoiceState) => void
  readonly sessionEnded: (session: GatewaySession) => void
  /** Lets a scripted participant enter a channel, by the same rules as everyone. */
  readonly place: (
    channel: World.Channel,
    userId: UserId,
    encryption: EncryptionOptions
  ) => Scripted.Participant | Admission.Refusal
  /** The scripted participants in a channel, in the order in which they came. */
  readonly scriptedIn: (channelId: ChannelId) => ReadonlyArray<Scripted.Participant>
  /** Moves a member to another channel of the guild, regardless of limits and permissions. */
  readonly move: (state: World.VoiceState, channel: World.Channel) => void
  /**
   * Removes a member from voice; `code` closes the voice connection. `voluntary`: the member left by itself. With `only` the
   * close, the main gateway does not tell the member; with `only` the event, its voice connection stays open.
   */
  readonly remove: (
    state: World.VoiceState,
    close: {
      readonly code: number
      readonly reason: string
      readonly voluntary?: boolean
      readonly only?: VoiceEvents.Half | undefined
      /** Whether a moderator has done it. */
      readonly kicked?: boolean
    }
  ) => void
  /** Tells that a member's permissions in a channel have changed: without the permission to speak it is not heard any more. */
  readonly permitted: (channel: World.Channel, userId: UserId) => void
  /** Tells the guild that something about a member's state has changed. */
  readonly changed: (state: World.VoiceState) => void
  /** Moves everyone in a channel to another voice server. */
  readonly moveServer: VoiceServers.VoiceServers["move"]
  /** Whether a voice server is being found for a channel. */
  readonly isSearching: (channelId: ChannelId) => boolean
  readonly grants: Grants
  readonly hooks: VoiceHooks
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): VoiceStates => {
  const { context, gateway, voice, world } = options
  const { profile, random } = context
  const scripted = new Map<World.VoiceState, Scripted.Scripted>()
  const returns = Returns.make(context)
  const events = VoiceEvents.make(context, world, gateway)
  const grants = VoiceGrants.make(world, random)
  const connections = VoiceConnections.make(context, world, voice)
  const servers = VoiceServers.make({
    context,
    world,
    events,
    grants,
    connections,
    scripted: (state) => scripted.get(state)
  })

  const announce = (state: World.VoiceState, channel: World.Channel) => {
    const member = scripted.get(state)
    if (member === undefined) return events.entered(state, servers.assign(state, channel))
    // A client of its own would only then go to the voice server, so that others hear of it there second.
    const release = member.hold()
    events.entered(state, undefined)
    servers.assign(state, channel)
    events.afterStates(release)
  }

  const suppressed = (channel: World.Channel, userId: UserId, isScripted: boolean) =>
    channel.kind === "stage"
      ? !isScripted && profile.stageAudience &&
        !Admission.may(world, channel, userId, "MUTE_MEMBERS")
      : !Admission.may(world, channel, userId, "SPEAK")

  const statesOf = (guildId: GuildId) => {
    let states = world.voiceStates.get(guildId)
    if (states === undefined) world.voiceStates.set(guildId, states = new Map())
    return states
  }

  /** An empty voice channel has no status. */
  const vacated = (channel: World.Channel) => {
    servers.vacated(channel)
    if (channel.status === undefined || World.occupants(world, channel).length > 0) return
    channel.status = undefined
    const json = { id: channel.id, guild_id: channel.guildId, status: null }
    gateway.broadcast(channel.guildId, Intents.Guilds, "VOICE_CHANNEL_STATUS_UPDATE", json)
  }

  const leaveChannel = (state: World.VoiceState) => {
    statesOf(state.guildId).delete(state.userId)
    const channel = world.channels.get(state.channelId)
    if (channel !== undefined) vacated(channel)
  }

  const tellLeft = ({ channelId, guildId, userId }: World.VoiceState) =>
    options.tell({ _tag: "Left", userId, guildId, channelId })

  const remove: VoiceStates["remove"] = (state, { code, kicked = false, only, reason, voluntary = false }) => {
    // A close alone does not tell a client to stay out.
    if (kicked && only !== "close") returns.removed(state)
    const json = DiscordObject.voiceState(world, state, true)
    const member = scripted.get(state)
    const revoke = connections.revocation(state)
    grants.withdraw(state)
    scripted.delete(state)
    leaveChannel(state)
    tellLeft(state)
    events.around(
      () => {
        if (member !== undefined) member.end()
        else if (only !== "event") revoke(code, reason, voluntary)
      },
      () => events.state(state, json, only === "close" ? state.userId : undefined)
    )
  }

  const enter = (
    channel: World.Channel,
    userId: UserId,
    owner: string | undefined,
    flags: { readonly self_mute: boolean; readonly self_deaf: boolean }
  ): World.VoiceState => {
    const state: World.VoiceState = {
      guildId: channel.guildId,
      userId,
      channelId: channel.id,
      // The id of the main gateway session, which libraries use without checking (discord/discord-api-docs#1724).
      sessionId: owner ?? Random.hex(random, 16),
      selfMute: flags.self_mute,
      selfDeaf: flags.self_deaf,
      selfVideo: false,
      selfStream: false,
      suppress: suppressed(channel, userId, owner === undefined),
      requestToSpeak: undefined,
      owner,
      grant: undefined,
      disconnected: false
    }
    statesOf(channel.guildId).set(userId, state)
    options.tell({ _tag: "Joined", userId, guildId: channel.guildId, channelId: channel.id })
    return state
  }

  // A user has one voice state per guild: another session of the same user replaces it.
  const replace = (current: World.VoiceState) => {
    const member = scripted.get(current)
    grants.withdraw(current)
    scripted.delete(current)
    leaveChannel(current)
    tellLeft(current)
    if (member === undefined) connections.revocation(current)(4014, "Disconnected.", false)
    else member.end()
  }

  const leave = (state: World.VoiceState) => remove(state, { code: 1000, reason: "Left.", voluntary: true })

  const move: VoiceStates["move"] = (state, channel) => {
    if (channel.id === state.channelId) return
    // A client of its own would be closed with 4017 there, and give up.
    if (scripted.get(state)?.encrypts === false && demandsE2ee(profile, channel)) return leave(state)
    const left = world.channels.get(state.channelId)
    const revoke = connections.revocation(state)
    grants.withdraw(state)
    // Inserted again, so that the member is the last one in its new channel.
    const states = statesOf(state.guildId)
    states.delete(state.userId)
    states.set(state.userId, state)
    options.tell({
      _tag: "Moved",
      userId: state.userId,
      guildId: state.guildId,
      from: state.channelId,
      channelId: channel.id
    })
    state.channelId = channel.id
    state.requestToSpeak = undefined
    state.suppress = suppressed(channel, state.userId, state.owner === undefined)
    if (left !== undefined) vacated(left)
    events.around(
      () => {
        if (!scripted.has(state)) revoke(profile.moveCloseCode, "Disconnected.", false)
      },
      () => announce(state, channel)
    )
  }

  const request: VoiceStates["request"] = (session, o) => {
    const userId = session.user.id
    if ((session.intents & Intents.GuildVoiceStates) === 0 && !session.warnedOfIntents) {
      session.warnedOfIntents = true
      context.judge(
        "advice",
        "missing-intents",
        `Update Voice State was sent on a session with intents ${session.intents}: without GUILD_VOICE_STATES (128), its VOICE_STATE_UPDATE never arrives.`,
        userId
      )
    }
    if (!sees(world, session, o.guild_id)) return context.count("voice-state-ignored:unknown-guild")
    if (world.guilds.get(o.guild_id)?.available === false) return context.count("voice-state-ignored:outage")
    const current = World.voiceState(world, o.guild_id, userId)
    if (o.channel_id === null) {
      if (current === undefined) return context.count("voice-state-ignored:not-in-voice")
      return remove(current, { code: 4014, reason: "Disconnected.", voluntary: true })
    }
    const channel = world.channels.get(o.channel_id)
    if (channel === undefined || channel.guildId !== o.guild_id) {
      return context.count("voice-state-ignored:unknown-channel")
    }
    const own = current !== undefined && current.owner === session.id ? current : undefined
    if (own !== undefined && own.channelId === channel.id) {
      own.selfMute = o.self_mute
      own.selfDeaf = o.self_deaf
      if (own.disconnected && profile.rejoinSameChannel === "when-disconnected") return announce(own, channel)
      return events.state(own)
    }
    const refusal = Admission.refusal(world, channel, userId)
    if (refusal !== undefined) return context.count(`voice-state-ignored:${refusal}`)
    if (own !== undefined) {
      own.selfMute = o.self_mute
      own.selfDeaf = o.self_deaf
      return move(own, channel)
    }
    if (current !== undefined) replace(current)
    else returns.entered({ userId, guildId: channel.guildId }, session.tampered)
    announce(enter(channel, userId, session.id, o), channel)
  }

  const place: VoiceStates["place"] = (channel, userId, encryption) => {
    const refusal = Admission.refusal(world, channel, userId)
    if (refusal !== undefined) return refusal
    const current = World.voiceState(world, channel.guildId, userId)
    if (current !== undefined) replace(current)
    const state = enter(channel, userId, undefined, { self_mute: false, self_deaf: false })
    const present = () => World.voiceState(world, state.guildId, state.userId) === state
    const member = Scripted.make({
      userId,
      guildId: channel.guildId,
      participants: voice.participants,
      encryption,
      count: context.count,
      where: () => present() ? state.channelId : undefined,
      move: (channelId) => {
        const to = world.channels.get(channelId)
        if (to === undefined || !Admission.hasVoice(to) || to.guildId !== state.guildId || !present()) return false
        move(state, to)
        return true
      },
      setSelf: ({ deaf, mute, streaming, video }) => {
        if (!present()) return
        state.selfMute = mute ?? state.selfMute
        state.selfDeaf = deaf ?? state.selfDeaf
        state.selfVideo = video ?? state.selfVideo
        state.selfStream = streaming ?? state.selfStream
        events.state(state)
      },
      leave: () => {
        if (present()) leave(state)
      }
    })
    scripted.set(state, member)
    announce(state, channel)
    return member.participant
  }

  return {
    request,
    sessionEnded: (session) => {
      for (const state of World.voiceStatesOf(world, session.user.id)) {
        if (state.owner === session.id) remove(state, { code: 4014, reason: "Disconnected." })
      }
    },
    place,
    scriptedIn: (channelId) =>
      Array.from(scripted).flatMap(([state, { participant }]) => state.channelId === channelId ? [participant] : []),
    move,
    remove,
    permitted: (channel, userId) => {
      const state = World.voiceState(world, channel.guildId, userId)
      if (state?.channelId !== channel.id || channel.kind === "stage") return
      const suppress = suppressed(channel, userId, state.owner === undefined)
      if (suppress === state.suppress) return
      state.suppress = suppress
      events.state(state)
    },
    changed: (state) => events.state(state),
    moveServer: servers.move,
    isSearching: servers.isSearching,
    grants: grants.grants,
    hooks: connections.hooks
  }
}
