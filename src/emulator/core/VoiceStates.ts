/**
 * Who is in which channel, and what the main gateway says about it: Update Voice State (op 4) with its silent refusals,
 * the two events that answer it, moves, removals, and the voice servers of channels with the tokens for them.
 *
 * @since 0.1.0
 */
import { Intents, type UpdateVoiceState } from "../../protocol/GatewayPayload.ts"
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { CoreContext, Grants, VoiceGrant, VoiceServerId } from "./CoreContext.ts"
import * as DiscordObject from "./DiscordObject.ts"
import type { GatewayServer } from "./GatewayServer.ts"
import type { GatewaySession } from "./GatewaySession.ts"
import { sees } from "./GatewaySession.ts"
import type { Observers } from "./Observers.ts"
import * as Random from "./Random.ts"
import * as Returns from "./Returns.ts"
import * as Scripted from "./Scripted.ts"
import type { EncryptionOptions, VoiceHalf, VoiceHooks } from "./voice/VoiceHalf.ts"
import * as World from "./World.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly context: CoreContext
  readonly world: World.World
  readonly gateway: Pick<GatewayServer, "session" | "dispatch" | "broadcast">
  readonly voice: Pick<VoiceHalf, "revocation" | "participants">
  /** Is told who joins, moves and leaves. */
  readonly tell: Observers["tell"]
}

/**
 * One half of what a removal or a move of the server shows to a client: the close of the voice connection, or the events of
 * the main gateway.
 *
 * @category models
 * @since 0.1.0
 */
export type Half = "close" | "event"

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceStates {
  /** Update Voice State (op 4). */
  readonly request: (session: GatewaySession, request: UpdateVoiceState) => void
  readonly sessionEnded: (session: GatewaySession) => void
  /** A scripted participant enters a channel, by the same rules as everyone. */
  readonly place: (
    channel: World.Channel,
    userId: UserId,
    encryption: EncryptionOptions
  ) => Scripted.Participant | World.Refusal
  /** The scripted participants of a channel, in the order in which they came. */
  readonly scriptedIn: (channelId: ChannelId) => ReadonlyArray<Scripted.Participant>
  /** Into another channel of the guild, past limits and permissions. */
  readonly move: (state: World.VoiceState, channel: World.Channel) => void
  /**
   * Out of voice; `code` closes the voice connection. `voluntary`: the member left by itself. `only` the close: the member
   * is not told by the main gateway; `only` the event: its voice connection stays open.
   */
  readonly remove: (
    state: World.VoiceState,
    close: {
      readonly code: number
      readonly reason: string
      readonly voluntary?: boolean
      readonly only?: Half | undefined
      /** A moderator has done it. */
      readonly kicked?: boolean
    }
  ) => void
  /** Tells the guild that something about a member's state has changed. */
  readonly changed: (state: World.VoiceState) => void
  /**
   * Everyone of a channel to another voice server: closes the voice connections and sends VOICE_SERVER_UPDATE, at once or
   * first with `endpoint: null` and after `delayMs` with the new one (never, if it is infinite). `only` one half of it as
   * with `remove`.
   */
  readonly moveServer: (channel: World.Channel, options: {
    readonly server: VoiceServerId
    readonly nullEndpointFirst: boolean
    readonly delayMs: number
    readonly code: number
    readonly only?: Half | undefined
  }) => void
  /** Whether a voice server is being found for a channel. */
  readonly isSearching: (channelId: ChannelId) => boolean
  readonly grants: Grants
  readonly hooks: VoiceHooks
}

/** How a voice server for a channel is found. */
interface Search {
  readonly cancel: () => void
  /** It ends when somebody names a server, and not before. */
  readonly isEndless: boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): VoiceStates => {
  const { context, gateway, voice, world } = options
  const { profile, random } = context
  const tokens = new Map<string, VoiceGrant>()
  const formerTokens = new Set<string>()
  const scripted = new Map<World.VoiceState, Scripted.Scripted>()
  // Channels whose voice server is being found.
  const pending = new Map<ChannelId, Search>()
  const returns = Returns.make(context)
  const warnedOfSuppress = new WeakSet<World.VoiceState>()
  const lastDueMs = { state: 0, server: 0 }
  let revoking = false

  // Events of one kind never overtake each other, whatever the order of the two kinds.
  const later = (kind: "state" | "server", afterMs: number, action: () => void) => {
    const due = Math.max(context.now() + profile.voiceEventDelayMs + afterMs, lastDueMs[kind])
    if (due <= context.now()) return action()
    lastDueMs[kind] = due
    context.timers.at(due, action)
  }

  /**
   * What closes the voice connections that a member has now, of whatever token. It is asked for before the events, because a
   * client that has heard these may have another one, with a new token, by the time of the close.
   */
  const revocation = ({ guildId, userId }: World.VoiceState) => {
    const end = voice.revocation({ userId, guildId })
    return (code: number, reason: string, voluntary: boolean) => {
      revoking = true
      end({ code, reason, voluntary })
      revoking = false
    }
  }

  const around = (close: () => void, events: () => void) => {
    const order = profile.voiceCloseOrder
    if (order === "close-first" || (order === "random" && random.int(2) === 0)) {
      close()
      return events()
    }
    events()
    const due = Math.max(lastDueMs.state, lastDueMs.server)
    if (due <= context.now()) close()
    else context.timers.at(due, close)
  }

  const broadcast = (guildId: GuildId, json: DiscordObject.Json, except?: UserId) =>
    later("state", 0, () => gateway.broadcast(guildId, Intents.GuildVoiceStates, "VOICE_STATE_UPDATE", json, except))

  const changed = (state: World.VoiceState) => broadcast(state.guildId, DiscordObject.voiceState(world, state))

  const withdraw = (state: World.VoiceState) => {
    if (state.grant !== undefined) {
      tokens.delete(state.grant.token)
      formerTokens.add(state.grant.token)
    }
    state.grant = undefined
    state.disconnected = false
  }

  const sendServer = (state: World.VoiceState, token: string, endpoint: string | null) => {
    const owner = state.owner
    if (owner === undefined) return
    const session = gateway.session(owner)
    if (session === undefined) return
    gateway.dispatch(session, "VOICE_SERVER_UPDATE", { token, guild_id: state.guildId, endpoint })
  }

  const issue = (state: World.VoiceState, channel: World.Channel, server: World.VoiceServer) => {
    const grant: VoiceGrant = {
      guildId: state.guildId,
      channelId: channel.id,
      userId: state.userId,
      sessionId: state.sessionId,
      token: Random.hex(random, 8),
      server: server.id,
      e2ee: channel.e2ee
    }
    withdraw(state)
    state.grant = grant
    tokens.set(grant.token, grant)
    return grant
  }

  const allocated = (channel: World.Channel, server: World.VoiceServer, tell = true) => {
    channel.server = server.id
    for (const state of World.occupants(world, channel)) {
      const member = scripted.get(state)
      if (member !== undefined) member.attach(channel.id, server.id)
      else {
        const { token } = issue(state, channel, server)
        if (tell) later("server", 0, () => sendServer(state, token, server.endpoint))
        // Whoever was closed and told nothing can ask.
        else state.disconnected = true
      }
    }
  }

  const callOff = (channel: World.Channel) => {
    pending.get(channel.id)?.cancel()
    pending.delete(channel.id)
  }

  const search = (
    channel: World.Channel,
    delayMs: number,
    server: () => World.VoiceServer | undefined,
    tell = true
  ) => {
    callOff(channel)
    if (delayMs === Number.POSITIVE_INFINITY) {
      pending.set(channel.id, { cancel: () => {}, isEndless: true })
      return
    }
    const cancel = context.timers.at(context.now() + delayMs, () => {
      pending.delete(channel.id)
      const found = server()
      if (found !== undefined) allocated(channel, found, tell)
    })
    pending.set(channel.id, { cancel, isEndless: false })
  }

  const serverOf = (channel: World.Channel): World.VoiceServer | undefined => {
    if (pending.has(channel.id)) return undefined
    const server = World.serverFor(world, channel)
    if (server === undefined) {
      context.count("channel-without-voice-server")
      return undefined
    }
    if (channel.server === undefined && profile.allocationMs > 0) {
      search(channel, profile.allocationMs, () => server)
      return undefined
    }
    channel.server = server.id
    return server
  }

  // What a member gets on the way into a channel, apart from its voice state.
  const assign = (state: World.VoiceState, channel: World.Channel): () => void => {
    const server = serverOf(channel)
    const member = scripted.get(state)
    if (member !== undefined) {
      if (server === undefined) member.detach()
      else member.attach(channel.id, server.id)
      return () => {}
    }
    const token = server === undefined ? Random.hex(random, 8) : issue(state, channel, server).token
    const endpoint = server?.endpoint ?? null
    return () => sendServer(state, token, endpoint)
  }

  const announce = (state: World.VoiceState, channel: World.Channel) => {
    const send = assign(state, channel)
    const order = profile.voiceEventOrder
    const gap = profile.voiceEventGapMs
    if (order === "server-first" || (order === "random" && random.int(2) === 1)) {
      later("server", 0, send)
      const json = DiscordObject.voiceState(world, state)
      later("state", gap, () => gateway.broadcast(state.guildId, Intents.GuildVoiceStates, "VOICE_STATE_UPDATE", json))
    } else {
      changed(state)
      later("server", gap, send)
    }
  }

  const suppressed = (channel: World.Channel, userId: UserId) =>
    channel.kind === "stage" && profile.stageAudience &&
    world.guilds.get(channel.guildId)?.members.get(userId)?.moderator !== true

  const emptied = (channel: World.Channel) => {
    if (World.occupants(world, channel).length > 0) return
    channel.server = undefined
    // where no server can be had, none can be had for those who come back either
    if (pending.get(channel.id)?.isEndless !== true) callOff(channel)
  }

  const statesOf = (guildId: GuildId) => {
    let states = world.voiceStates.get(guildId)
    if (states === undefined) world.voiceStates.set(guildId, states = new Map())
    return states
  }

  const leaveChannel = (state: World.VoiceState) => {
    statesOf(state.guildId).delete(state.userId)
    const channel = world.channels.get(state.channelId)
    if (channel !== undefined) emptied(channel)
  }

  const tellLeft = ({ channelId, guildId, userId }: World.VoiceState) =>
    options.tell({ _tag: "Left", userId, guildId, channelId })

  const remove: VoiceStates["remove"] = (state, { code, kicked = false, only, reason, voluntary = false }) => {
    // A close alone does not say that somebody is to stay out.
    if (kicked && only !== "close") returns.removed(state)
    const json = DiscordObject.voiceState(world, state, true)
    const member = scripted.get(state)
    const revoke = revocation(state)
    withdraw(state)
    scripted.delete(state)
    leaveChannel(state)
    tellLeft(state)
    around(
      () => {
        if (member !== undefined) member.detach()
        else if (only !== "event") revoke(code, reason, voluntary)
      },
      () => broadcast(state.guildId, json, only === "close" ? state.userId : undefined)
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
      // The id of the main gateway session, which libraries use without looking (discord/discord-api-docs#1724).
      sessionId: owner ?? Random.hex(random, 16),
      selfMute: flags.self_mute,
      selfDeaf: flags.self_deaf,
      suppress: owner !== undefined && suppressed(channel, userId),
      requestToSpeak: undefined,
      owner,
      grant: undefined,
      disconnected: false
    }
    statesOf(channel.guildId).set(userId, state)
    options.tell({ _tag: "Joined", userId, guildId: channel.guildId, channelId: channel.id })
    return state
  }

  // One user has one voice state in a guild: another session of the same user takes its place.
  const replace = (current: World.VoiceState) => {
    const member = scripted.get(current)
    withdraw(current)
    scripted.delete(current)
    leaveChannel(current)
    tellLeft(current)
    if (member === undefined) revocation(current)(4014, "Disconnected.", false)
    else member.detach()
  }

  const move: VoiceStates["move"] = (state, channel) => {
    if (channel.id === state.channelId) return
    const left = world.channels.get(state.channelId)
    const revoke = revocation(state)
    withdraw(state)
    // Set anew, so that the member is the last one in its new channel.
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
    state.suppress = state.owner !== undefined && suppressed(channel, state.userId)
    if (left !== undefined) emptied(left)
    around(
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
        `Update Voice State on a session with intents ${session.intents}: without GUILD_VOICE_STATES (128) its VOICE_STATE_UPDATE never comes.`,
        userId
      )
    }
    if (!sees(world, session, o.guild_id)) return context.count("voice-state-ignored:unknown-guild")
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
      return changed(own)
    }
    const refusal = World.refusal(world, channel, userId)
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
    const refusal = World.refusal(world, channel, userId)
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
        if (to === undefined || to.guildId !== state.guildId || !present()) return false
        move(state, to)
        return true
      },
      leave: () => {
        if (present()) remove(state, { code: 1000, reason: "Left.", voluntary: true })
      }
    })
    scripted.set(state, member)
    announce(state, channel)
    return member.participant
  }

  const moveServer: VoiceStates["moveServer"] = (channel, { code, delayMs, nullEndpointFirst, only, server }) => {
    const target = world.servers.get(server)
    if (target === undefined) return
    const states = World.occupants(world, channel)
    callOff(channel)
    if (states.length === 0) {
      channel.server = nullEndpointFirst ? undefined : server
      if (nullEndpointFirst) search(channel, delayMs, () => target)
      return
    }
    const clients = states.filter((state) => !scripted.has(state))
    const revocations = clients.map(revocation)
    for (const state of clients) withdraw(state)
    around(
      () => {
        if (only === "event") return
        for (const revoke of revocations) revoke(code, "Call terminated.", false)
      },
      () => {
        if (!nullEndpointFirst) return allocated(channel, target, only !== "close")
        channel.server = undefined
        for (const state of states) {
          const member = scripted.get(state)
          if (member !== undefined) member.detach()
          else {
            const token = Random.hex(random, 8)
            if (only !== "close") later("server", 0, () => sendServer(state, token, null))
          }
        }
        search(channel, delayMs, () => target, only !== "close")
      }
    )
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
    changed,
    moveServer,
    isSearching: (channelId) => pending.has(channelId),
    grants: {
      byToken: (token) => tokens.get(token),
      knewToken: (token) => formerTokens.has(token),
      forServer: (server) => Array.from(tokens.values()).filter((grant) => grant.server === server),
      // A map with branded keys still takes any text to look for.
      knowsServerId: (serverId) => world.guilds.has(serverId as GuildId)
    },
    hooks: {
      onJoined: (userId, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        if (state !== undefined) state.disconnected = false
      },
      onLeft: (userId, _code, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        if (state !== undefined && !revoking) state.disconnected = true
      },
      hears: (userId, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        return state === undefined ||
          !(state.selfDeaf || world.guilds.get(guildId)?.members.get(userId)?.deaf === true)
      },
      speaks: (userId, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        if (state === undefined) return true
        if (state.suppress && !warnedOfSuppress.has(state)) {
          warnedOfSuppress.add(state)
          context.judge(
            "advice",
            "suppressed-audio",
            "Audio came from the audience of a stage, which nobody hears: become a speaker first.",
            userId
          )
        }
        return !state.suppress && world.guilds.get(guildId)?.members.get(userId)?.mute !== true
      }
    }
  }
}
