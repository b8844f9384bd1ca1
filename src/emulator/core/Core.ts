/**
 * Discord without sockets: main gateway, REST, voice gateways and media relay as one synchronous state machine. A shell passes
 * in connections, messages, datagrams and the time, and receives outputs. The same seed and the same inputs give the same
 * outputs.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { ChannelId, UserId } from "../../protocol/Identifier.ts"
import * as Actions from "./Actions.ts"
import type * as Admission from "./Admission.ts"
import type { Address, ConnectionId, CoreContext, Fault, Output, Verdict, VoiceServerId } from "./CoreContext.ts"
import * as Member from "./dave/Member.ts"
import * as Faults from "./faults/Faults.ts"
import * as GatewayServer from "./gateway/GatewayServer.ts"
import * as Administration from "./guilds/Administration.ts"
import * as AuditLog from "./guilds/AuditLog.ts"
import * as Bans from "./guilds/Bans.ts"
import * as Channels from "./guilds/Channels.ts"
import * as Invites from "./guilds/Invites.ts"
import * as Memberships from "./guilds/Memberships.ts"
import * as Roles from "./guilds/Roles.ts"
import * as ScheduledEvents from "./guilds/ScheduledEvents.ts"
import * as Soundboards from "./guilds/Soundboards.ts"
import * as Stages from "./guilds/Stages.ts"
import * as Threads from "./guilds/Threads.ts"
import * as VoiceEffects from "./guilds/VoiceEffects.ts"
import * as Webhooks from "./guilds/Webhooks.ts"
import * as Commands from "./interactions/Commands.ts"
import * as Interactions from "./interactions/Interactions.ts"
import * as Attachments from "./messages/Attachments.ts"
import type { Message } from "./messages/Message.ts"
import * as Messages from "./messages/Messages.ts"
import * as Nat from "./Nat.ts"
import * as Observers from "./Observers.ts"
import { demandsE2ee, type Profile } from "./Profile.ts"
import * as Random from "./Random.ts"
import * as Refusals from "./rest/Refusals.ts"
import * as Rest from "./rest/Rest.ts"
import type { Participant } from "./Scripted.ts"
import * as Snapshot from "./Snapshot.ts"
import * as Snowflakes from "./Snowflakes.ts"
import * as VoiceStates from "./states/VoiceStates.ts"
import * as Timers from "./Timers.ts"
import * as Verdicts from "./Verdicts.ts"
import { type EncryptionOptions, makeVoiceHalf, type VoiceHalf } from "./voice/VoiceHalf.ts"

import * as Writers from "./messages/Writers.ts"
import * as World from "./World.ts"

export type { Happening, VoiceEffect } from "./Observers.ts"

export type { Participant } from "./Scripted.ts"

export type { RestRequest, RestResponse } from "./rest/Rest.ts"

export type { Snapshot } from "./Snapshot.ts"

/**
 * The options of a core.
 *
 * @category models
 * @since 0.1.0
 */
export interface CoreOptions {
  readonly profile: Profile
  readonly seed: number
  /** The start of the core's clock, in milliseconds of any monotonic clock. */
  readonly nowMs: number
  /**
   * The wall clock at that moment, in milliseconds of Unix time: the ids of messages and interactions contain the time.
   * Default: they are derived from the seed, like all other ids.
   */
  readonly wallMs?: number | undefined
  /** Receives the outputs, in order. Must not call the core back synchronously. */
  readonly emit: (output: Output) => void
  /** How long the process has stood still so far in total, in milliseconds: nothing in it could send then. Default: never. */
  readonly standstillMs?: (() => number) | undefined
  /**
   * The current time, also while `advance` lags behind because the shell catches up after a standstill. Default: it never does.
   */
  readonly clockMs?: (() => number) | undefined
  /** A replacement for the emulator's voice half, for tests of the main half alone. */
  readonly voiceHalf?: typeof makeVoiceHalf | undefined
}

/**
 * What a WebSocket connection was opened to.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionKind =
  | { readonly _tag: "Gateway"; readonly search: URLSearchParams }
  | { readonly _tag: "Voice"; readonly server: VoiceServerId; readonly search: URLSearchParams }

/**
 * Why a scripted participant cannot enter a channel.
 *
 * @category models
 * @since 0.1.0
 */
export type JoinRefusal = Admission.Refusal | "unknown-user" | "unknown-channel" | "e2ee-required" | "logged-in"

/**
 * The core from its shell's point of view. Frames, datagrams and requests may contain anything: nothing here throws because of
 * them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Core
  extends
    Actions.Actions,
    Administration.Administration,
    Memberships.Memberships,
    Roles.Roles,
    Pick<Soundboards.Soundboards, "createSound" | "soundsOf">,
    VoiceEffects.VoiceEffects,
    Pick<Interactions.Interactions, "type" | "choose" | "suggest" | "pressIn" | "obstacle">
{
  /** `endpoint` is used unchanged in VOICE_SERVER_UPDATE, `udp` in Ready. The first server is the default one. */
  readonly createVoiceServer: (options: {
    readonly region: string
    readonly endpoint: string
    readonly udp: Address
  }) => VoiceServerId
  /** Sets the URL in `/gateway`, `/gateway/bot` and READY's `resume_gateway_url`. */
  readonly setGatewayUrl: (url: string) => void

  /** Records in the audit logs that this user has done what happens in `f`. Otherwise, it is the owner of the guild. */
  readonly as: <A>(userId: UserId, f: () => A) => A
  readonly subscribe: ScheduledEvents.ScheduledEvents["subscribe"]

  readonly write: Writers.Writers["write"]
  readonly react: Writers.Writers["react"]
  readonly messagesOf: Messages.Messages["of"]
  readonly watchMessages: Messages.Messages["watch"]
  /** The direct messages between two users, which are opened if necessary; `undefined` unless both users exist. */
  readonly direct: (from: UserId, to: UserId) => ChannelId | undefined
  readonly hasChannel: (channelId: ChannelId) => boolean

  /** Accepts a connection, or refuses the upgrade with an HTTP status. Ids are never reused. */
  readonly accept: (connection: ConnectionId, kind: ConnectionKind) => void | { readonly reject: number }
  readonly receive: (connection: ConnectionId, frame: string | Uint8Array) => void
  /** Tells that the peer is gone; 1006 without a close frame. Does nothing for connections that the core itself has closed. */
  readonly disconnected: (connection: ConnectionId, code: number) => void
  /** The bytes may be changed in place, but only during the call. */
  readonly datagram: (server: VoiceServerId, from: Address, bytes: Uint8Array) => void
  readonly rest: (request: Rest.RestRequest) => Rest.RestResponse
  readonly lastRefusal: Refusals.Refusals["last"]

  /** Advances the clock, running everything that is due in order of due time. Call it before passing in what has just arrived. */
  readonly advance: (nowMs: number) => void
  readonly nextDueMs: () => number | undefined

  /** Scripted members, which need no socket. */
  readonly participants: {
    readonly join: (where: {
      readonly userId: UserId
      readonly channelId: ChannelId
    }, encryption?: EncryptionOptions) => Result.Result<Participant, JoinRefusal>
    /** The participants in a channel, in the order in which they came. */
    readonly inChannel: (channelId: ChannelId) => ReadonlyArray<Participant>
  }

  /** In the order in which they occurred. */
  readonly verdicts: () => ReadonlyArray<Verdict>
  readonly counters: () => ReadonlyMap<string, number>
  /**
   * Calls `observer` for everything that happens from now on, and returns a function that removes it. The observer must not
   * call the core.
   */
  readonly observe: Observers.Observers["observe"]
  /** Returns a function that removes the fault. */
  readonly addFault: (fault: Fault) => () => void
  readonly snapshot: () => Snapshot.Snapshot
}

/**
 * Makes a core with an empty world.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: CoreOptions): Core => {
  const timers = Timers.make(options.nowMs)
  const observers = Observers.make()
  const verdicts = Verdicts.make(timers.now, (verdict) => observers.tell({ _tag: "Verdict", verdict }))
  const random = Random.make(options.seed)
  const nat = Nat.make()
  const open = new Set<ConnectionId>()

  const emit = (output: Output) => {
    if (output._tag !== "Datagram") {
      if (!open.has(output.connection)) return verdicts.count("output-after-close")
      if (output._tag === "Close" || output._tag === "Terminate") open.delete(output.connection)
    }
    if (output._tag !== "Datagram") return options.emit(output)
    const to = nat.outbound(output.to)
    if (to === undefined) verdicts.count("datagram-to-former-mapping")
    else options.emit(to === output.to ? output : { ...output, to })
  }

  const faults = Faults.make({
    random: Random.make(options.seed ^ 0x5f_a0175),
    timers,
    now: timers.now,
    emit,
    count: verdicts.count,
    // A fault may end a connection while its owner is working: the owner learns of it when that is done.
    onEnded: (connection, code) => {
      timers.at(timers.now(), () => {
        if (gateway.owns(connection)) gateway.ended(connection, code)
        else if (voice.owns(connection)) voice.ended(connection, code)
      })
    }
  })

  const context: CoreContext = {
    profile: options.profile,
    random,
    timers,
    now: timers.now,
    standstillMs: options.standstillMs,
    clockMs: options.clockMs,
    emit,
    judge: verdicts.judge,
    count: verdicts.count,
    through: faults.through
  }

  const world = World.make(random)

  const gateway = GatewayServer.make(context, world, {
    onVoiceState: (session, request) => voiceStates.request(session, request),
    onSessionStarted: ({ user }) => observers.tell({ _tag: "LoggedIn", userId: user.id }),
    onSessionEnded: (session) => {
      voiceStates.sessionEnded(session)
      observers.tell({ _tag: "LoggedOut", userId: session.user.id })
    }
  })
  // The two halves know each other: the voice half asks for grants, the main half revokes them.
  const voice: VoiceHalf = (options.voiceHalf ?? makeVoiceHalf)(
    context,
    {
      byToken: (token) => voiceStates.grants.byToken(token),
      knewToken: (token) => voiceStates.grants.knewToken(token),
      forServer: (server) => voiceStates.grants.forServer(server),
      knowsServerId: (serverId) => voiceStates.grants.knowsServerId(serverId)
    },
    {
      onJoined: (userId, guildId) => {
        voiceStates.hooks.onJoined?.(userId, guildId)
        observers.tell({ _tag: "VoiceConnected", userId, guildId })
      },
      onLeft: (userId, code, guildId) => {
        voiceStates.hooks.onLeft?.(userId, code, guildId)
        observers.tell({ _tag: "VoiceEnded", userId, guildId, code })
      },
      hears: (userId, guildId) => voiceStates.hooks.hears?.(userId, guildId) ?? true,
      speaks: (userId, guildId) => voiceStates.hooks.speaks?.(userId, guildId) ?? true,
      e2ee: (channelId) => world.channels.get(channelId)?.e2ee ?? "optional",
      daveMember: Member.make
    }
  )
  const { observe, tell } = observers
  const voiceStates: VoiceStates.VoiceStates = VoiceStates.make({ context, world, gateway, voice, tell })
  const { nowMs: startMs, wallMs = 0 } = options
  const wall = () => wallMs + timers.now() - startMs
  const nextId = Snowflakes.make(wall, world.nextId)
  const audit = AuditLog.make({ world, gateway, profile: options.profile, now: timers.now, wall })
  const attachments = Attachments.make(nextId, () => new URL(gateway.url().replace(/^ws/, "http")).origin)
  const written = (message: Message) => threads.written(message)
  const messages = Messages.make(world, gateway, attachments, nextId, timers.now, written)
  const inTime = { nextId, timers, wall }
  const threads: Threads.Threads = Threads.make({ world, gateway, messages, audit, tell, ...inTime })
  const channels = Channels.make(world, gateway, voiceStates, messages, threads, audit, tell)
  const stages = Stages.make(world, gateway, audit)
  const { profile } = options
  const events = ScheduledEvents.make({ world, gateway, audit, stages, profile, observe, ...inTime })
  const roles = Roles.make(world, gateway, channels, audit)
  const soundboards = Soundboards.make(world, gateway, audit)
  const voiceEffects = VoiceEffects.make(world, gateway, tell)
  const actions = Actions.make({ context, world, gateway, voice, voiceStates, channels, audit, nat })
  const commands = Commands.make(world.nextId)
  const interactions = Interactions.make(context, world, gateway, commands, messages, nextId)
  const memberships = Memberships.make(world, gateway, voiceStates, channels, audit, timers, wall)
  const refusals = Refusals.make(context)
  const rest = Rest.make({
    context,
    world,
    gateway,
    voiceStates,
    voiceEffects,
    actions,
    channels,
    roles,
    soundboards,
    stages,
    events,
    threads,
    bans: Bans.make(world, gateway, memberships, audit),
    invites: Invites.make(world, gateway, audit, wall),
    webhooks: Webhooks.make(world, gateway, audit),
    audit,
    memberships,
    faults,
    commands,
    interactions,
    messages,
    attachments,
    refusals,
    wall
  })

  const lost = (connection: ConnectionId, code: number) => {
    if (gateway.owns(connection)) gateway.disconnected(connection, code)
    else if (voice.owns(connection)) voice.disconnected(connection, code)
  }

  return {
    as: (userId, f) => audit.as({ userId }, f),
    subscribe: events.subscribe,
    ...actions,
    ...Administration.make(options.profile, world, gateway, channels),
    ...roles,
    ...memberships,
    ...voiceEffects,
    createSound: soundboards.createSound,
    soundsOf: soundboards.soundsOf,
    type: interactions.type,
    choose: interactions.choose,
    suggest: interactions.suggest,
    pressIn: interactions.pressIn,
    obstacle: interactions.obstacle,
    ...Writers.make(world, messages),
    messagesOf: messages.of,
    watchMessages: messages.watch,
    direct: (fromId, toId) => {
      const [from, to] = [world.users.get(fromId), world.users.get(toId)]
      return from === undefined || to === undefined ? undefined : World.openDirect(world, from, to).id
    },
    hasChannel: (channelId) => world.channels.has(channelId) || world.directs.has(channelId),
    createVoiceServer: (server) => {
      const id = world.servers.size + 1
      world.servers.set(id, { ...server, id })
      voice.addServer(id, server.udp)
      return id
    },
    setGatewayUrl: gateway.setUrl,

    accept: (connection, kind) => {
      open.add(connection)
      const result = kind._tag === "Gateway"
        ? gateway.accept(connection, kind.search)
        : voice.accept(connection, kind.server, kind.search)
      if (result !== undefined) open.delete(connection)
      return result
    },
    receive: (connection, frame) => {
      if (!open.has(connection)) verdicts.count("frame-after-close")
      else if (gateway.owns(connection)) gateway.receive(connection, frame)
      else voice.receive(connection, frame)
    },
    disconnected: (connection, code) => {
      open.delete(connection)
      lost(connection, code)
    },
    datagram: (server, from, bytes) => voice.datagram(server, nat.inbound(from), bytes),
    rest,
    lastRefusal: refusals.last,

    advance: timers.advance,
    nextDueMs: timers.nextDueMs,

    participants: {
      join: ({ channelId, userId }, encryption = {}) => {
        const channel = world.channels.get(channelId)
        if (channel === undefined) return Result.fail("unknown-channel")
        if (!world.users.has(userId)) return Result.fail("unknown-user")
        if (gateway.sessions().some(({ user }) => user.id === userId)) return Result.fail("logged-in")
        if (encryption.e2ee === false && demandsE2ee(options.profile, channel)) return Result.fail("e2ee-required")
        const placed = voiceStates.place(channel, userId, encryption)
        return typeof placed === "string" ? Result.fail(placed) : Result.succeed(placed)
      },
      inChannel: voiceStates.scriptedIn
    },

    verdicts: verdicts.list,
    counters: verdicts.counters,
    observe: observers.observe,
    addFault: faults.add,
    snapshot: () => Snapshot.take(timers.now(), world, gateway, voice)
  }
}
