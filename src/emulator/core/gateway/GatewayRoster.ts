/**
 * Who is logged in: the sessions of the main gateway, which outlive their connections, what is dispatched to them, and which
 * parts of the world they are shown.
 *
 * @since 0.1.0
 */
import { type Identify, Intents } from "../../../protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "../../../protocol/Identifier.ts"
import * as Admission from "../Admission.ts"
import type { CoreContext } from "../CoreContext.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as GuildObject from "../objects/GuildObject.ts"
import * as Random from "../Random.ts"
import type { Guild, User, World } from "../World.ts"
import type { GatewayConnection } from "./GatewayConnection.ts"
import { type GatewaySession, sees } from "./GatewaySession.ts"
import type { GatewayWire } from "./GatewayWire.ts"

/**
 * What the roster reports to its owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks {
  /** A client has identified, and READY and its guilds were sent. */
  readonly onSessionStarted: (session: GatewaySession) => void
  /** A session has ended permanently: closed with 1000 or 1001, not resumed in time, or invalidated. */
  readonly onSessionEnded: (session: GatewaySession) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface GatewayRoster {
  /** Makes a session for a connection, and sends READY and the guilds. */
  readonly begin: (connection: GatewayConnection, user: User, d: Identify) => void
  /** Moves a session to another connection, and sends what came after `seq`, then RESUMED. */
  readonly resume: (session: GatewaySession, connection: GatewayConnection, seq: number) => void
  /** Tells that the connection is gone: its session can be resumed for a while, unless it `ends`. */
  readonly lose: (connection: GatewayConnection, ends: boolean) => void
  readonly end: (session: GatewaySession) => void
  /** Sends Invalid Session (op 9). A session that is not resumable ends. Returns whether there was a session. */
  readonly invalidate: (userId: UserId, resumable: boolean) => boolean
  readonly byId: (id: string) => GatewaySession | undefined
  readonly all: () => ReadonlyArray<GatewaySession>
  /** Whether a session of the user has ended permanently. */
  readonly hasEnded: (userId: UserId) => boolean
  readonly visibleGuilds: (session: GatewaySession) => ReadonlyArray<Guild>
  readonly dispatch: (session: GatewaySession, t: string, d: unknown) => void
  /** Sends an event to every session that sees the guild and has the intent, except those of the user `except`. */
  readonly broadcast: (guildId: GuildId, intent: number, t: string, d: unknown, except?: UserId) => void
  /** Shows a guild to the sessions that see it, or to those of one user (GUILD_CREATE). */
  readonly showGuild: (guildId: GuildId, only?: UserId) => void
}

/** How long messages may be under way, in milliseconds. */
const underWayMs = 2_000

/**
 * Makes an empty roster. `url` is where sessions are resumed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  world: World,
  wire: GatewayWire,
  hooks: Hooks,
  url: () => string
): GatewayRoster => {
  const { profile } = context
  const sessions = new Map<string, GatewaySession>()
  const ended = new Set<UserId>()

  const dispatch: GatewayRoster["dispatch"] = (session, t, d) => {
    const s = ++session.seq
    const text = JSON.stringify({ t, s, op: 0, d })
    session.replay.push({ s, t, text })
    if (session.replay.length > profile.gatewayReplayLimit) session.replay.shift()
    const connection = wire.find(session.connection)
    if (connection !== undefined) wire.send(connection, t, text)
  }

  const end: GatewayRoster["end"] = (session) => {
    if (!sessions.delete(session.id)) return
    ended.add(session.user.id)
    session.cancelExpiry()
    const connection = wire.find(session.connection)
    if (connection !== undefined) connection.session = undefined
    session.connection = undefined
    hooks.onSessionEnded(session)
  }

  const park = (session: GatewaySession) => {
    session.connection = undefined
    session.cancelExpiry()
    session.cancelExpiry = context.timers.at(context.now() + profile.gatewayResumeWindowMs, () => {
      context.count("gateway-session-expired")
      end(session)
    })
  }

  const visibleGuilds: GatewayRoster["visibleGuilds"] = (session) =>
    Array.from(world.guilds.values()).filter((guild) => sees(world, session, guild.id))

  const guildCreate = (session: GatewaySession, guildId: GuildId) => {
    const guild = world.guilds.get(guildId)
    if (guild === undefined || (session.intents & Intents.Guilds) === 0) return
    // Discord docs, Gateway Events, Guild Create: a guild that is unavailable due to an outage is a Guild Delete
    if (!guild.available) return dispatch(session, "GUILD_DELETE", { id: guildId, unavailable: true })
    for (const channel of guild.channels.values()) {
      if (Admission.may(world, channel, session.user.id, "VIEW_CHANNEL")) session.shown.add(channel.id)
      // it was shown before the member left the guild
      else session.shown.delete(channel.id)
    }
    dispatch(
      session,
      "GUILD_CREATE",
      GuildObject.guildCreate(world, guild, session.user, {
        voiceStates: (session.intents & Intents.GuildVoiceStates) !== 0,
        members: (session.intents & Intents.GuildMembers) !== 0
      })
    )
  }

  const ready = (session: GatewaySession, version: number) => {
    const guilds = visibleGuilds(session)
    dispatch(session, "READY", DiscordObject.ready(world, guilds, session, url(), version))
    for (const guild of guilds) guildCreate(session, guild.id)
  }

  return {
    begin: (connection, user, { intents, shard }) => {
      const session: GatewaySession = {
        id: Random.hex(context.random, 16),
        user,
        intents,
        shard,
        seq: 0,
        replay: [],
        connection: connection.id,
        cancelExpiry: () => {},
        shown: new Set(),
        warnedOfIntents: false,
        tampered: connection.tampered
      }
      sessions.set(session.id, session)
      connection.session = session
      ready(session, connection.version)
      hooks.onSessionStarted(session)
    },
    resume: (session, connection, seq) => {
      const previous = wire.find(session.connection)
      session.cancelExpiry()
      session.connection = connection.id
      connection.session = session
      if (previous !== undefined) wire.close(previous, 4000, "The session was resumed elsewhere.")
      for (const missed of session.replay.slice()) {
        if (missed.s > seq) wire.send(connection, missed.t, missed.text)
      }
      dispatch(session, "RESUMED", {})
    },
    lose: (connection, ends) => {
      const { session } = connection
      if (session === undefined || session.connection !== connection.id) return
      if (ends) end(session)
      else park(session)
    },
    end,
    invalidate: (userId, resumable) => {
      const found = Array.from(sessions.values()).filter((session) => session.user.id === userId)
      for (const session of found) {
        const connection = wire.find(session.connection)
        if (connection !== undefined) {
          wire.control(connection, 9, resumable)
          // The connection may now identify or resume.
          connection.session = undefined
          connection.claimant = userId
          connection.underWayUntilMs = context.now() + underWayMs
        }
        if (!resumable) end(session)
        else if (connection !== undefined) park(session)
      }
      return found.length > 0
    },
    byId: (id) => sessions.get(id),
    all: () => Array.from(sessions.values()),
    hasEnded: (userId) => ended.has(userId),
    visibleGuilds,
    dispatch,
    broadcast: (guildId, intent, t, d, except) => {
      if (world.guilds.get(guildId)?.available === false) return
      for (const session of sessions.values()) {
        if (session.user.id !== except && (session.intents & intent) !== 0 && sees(world, session, guildId)) {
          dispatch(session, t, d)
        }
      }
    },
    showGuild: (guildId, only) => {
      for (const session of sessions.values()) {
        if ((only === undefined || session.user.id === only) && sees(world, session, guildId)) {
          guildCreate(session, guildId)
        }
      }
    }
  }
}
