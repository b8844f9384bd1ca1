/**
 * The main gateway, versions 9 and 10 in JSON: connections with heartbeats, Identify and Resume, and sessions that outlive
 * their connection and replay what was missed (Discord docs, Gateway). What Update Voice State (op 4) does is decided elsewhere.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as GatewayPayload from "../../protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "../../protocol/Identifier.ts"
import type { ConnectionId, CoreContext, Verdict } from "./CoreContext.ts"
import * as DiscordObject from "./DiscordObject.ts"
import * as GatewayLogin from "./GatewayLogin.ts"
import { type GatewaySession, sees } from "./GatewaySession.ts"
import * as Random from "./Random.ts"
import type { World } from "./World.ts"
import * as ZlibStream from "./ZlibStream.ts"
import * as ZstdStream from "./ZstdStream.ts"

/**
 * What the gateway tells its owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks {
  readonly onVoiceState: (session: GatewaySession, request: GatewayPayload.UpdateVoiceState) => void
  /** A client has identified, and READY and its guilds were sent. */
  readonly onSessionStarted: (session: GatewaySession) => void
  /** A session is gone for good: closed with 1000 or 1001, not resumed in time, or invalidated. */
  readonly onSessionEnded: (session: GatewaySession) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface GatewayServer {
  /** Takes a connection and sends Hello (op 10), or refuses it with an HTTP status. */
  readonly accept: (connection: ConnectionId, search: URLSearchParams) => void | { readonly reject: number }
  readonly receive: (connection: ConnectionId, frame: string | Uint8Array) => void
  readonly disconnected: (connection: ConnectionId, code: number) => void
  /** We have closed or cut the connection; after 4004, 4007 and 4009 its session is gone too. */
  readonly ended: (connection: ConnectionId, code: number) => void
  readonly owns: (connection: ConnectionId) => boolean
  readonly setUrl: (url: string) => void
  readonly url: () => string
  readonly session: (id: string) => GatewaySession | undefined
  readonly sessions: () => ReadonlyArray<GatewaySession>
  readonly dispatch: (session: GatewaySession, t: string, d: unknown) => void
  /** To every session that sees the guild and has the intent, but to none of the user `except`. */
  readonly broadcast: (guildId: GuildId, intent: number, t: string, d: unknown, except?: UserId) => void
  /** Shows a guild to the sessions that see it (GUILD_CREATE). */
  readonly showGuild: (guildId: GuildId) => void
  /** Asks the user's connections for something: Heartbeat (1) or Reconnect (7). Whether there was a connection. */
  readonly request: (userId: UserId, op: 1 | 7) => boolean
  /** Sends Invalid Session (op 9); a session that is not resumable ends. Whether there was a session. */
  readonly invalidate: (userId: UserId, resumable: boolean) => boolean
  /** Closes the user's connections; the sessions can be resumed. Whether there was a connection. */
  readonly close: (userId: UserId, code: number, reason: string) => boolean
  /** Cuts the user's connections; the sessions can be resumed. Whether there was a connection. */
  readonly terminate: (userId: UserId) => boolean
  /** Identifies left to a bot in the running 24 hours, of {@link GatewayLogin.identifyLimit}. */
  readonly identifiesLeft: (userId: UserId) => { readonly remaining: number; readonly resetAfterMs: number }
}

/**
 * Messages that a connection may send within {@link sendWindowMs}; more close it with 4008 (Discord docs, Gateway, Rate
 * Limiting).
 *
 * @category constants
 * @since 0.1.0
 */
export const sendLimit = 120

/**
 * In milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const sendWindowMs = 60_000

/**
 * The versions that are available and not deprecated (Discord docs, Reference, API Versions). What is modelled here is the
 * same in both.
 *
 * @category constants
 * @since 0.1.0
 */
export const versions: ReadonlyArray<number> = [9, 10]

/** What is spoken with a client that names no version. Discord speaks an older one, which is not modelled. */
const defaultVersion = 10

const compressors = new Map([["zlib-stream", ZlibStream.make], ["zstd-stream", ZstdStream.make]])

/**
 * Characters from which on a message is compressed for a client that asked for payload compression. Discord compresses
 * some messages, and does not say which.
 *
 * @category constants
 * @since 0.1.0
 */
export const compressedFrom = 1024

/** How long messages may be under way, in milliseconds. */
const underWayMs = 2_000

interface Connection {
  readonly id: ConnectionId
  /** Of the API, as its URL says. */
  readonly version: number
  readonly compress: ((text: string) => Uint8Array) | undefined
  /** Whether Identify has asked for payload compression. */
  compressPayloads: boolean
  session: GatewaySession | undefined
  /** Whether a fault has kept back or changed a message, so that the client cannot be blamed any more. */
  tampered: boolean
  /** Whose connection it is, by its first message, or by who is expected, until it has a session. */
  claimant: UserId | undefined
  windowStartMs: number
  sent: number
  /** Until when messages may come that were sent before the client heard of Invalid Session (op 9). */
  underWayUntilMs: number
  /** When the last heartbeat came, or Hello went, before the faults. */
  sentBeatMs: number
  cancelSupervision: () => void
}

const utf8 = new TextDecoder()

const hasGuildId = (d: unknown, guildId: GuildId) =>
  typeof d === "object" && d !== null && "guild_id" in d && d.guild_id === guildId

const asText = (frame: string | Uint8Array) => typeof frame === "string" ? frame : utf8.decode(frame)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, world: World, hooks: Hooks): GatewayServer => {
  const { profile } = context
  const connections = new Map<ConnectionId, Connection>()
  const sessions = new Map<string, GatewaySession>()
  const budget = GatewayLogin.makeBudget(context.now, profile.identifyIntervalMs)
  let gatewayUrl = "wss://gateway.discord.gg"

  const userOf = (connection: Connection) => connection.session?.user.id ?? connection.claimant

  const taint = (connection: Connection) => {
    connection.tampered = true
    if (connection.session !== undefined) connection.session.tampered = true
  }

  const judge = (connection: Connection, severity: Verdict["severity"], code: string, message: string) => {
    if (connection.tampered) context.count(`tampered:${code}`)
    else context.judge(severity, code, message, connection.session?.user.id)
  }

  /** The only bot without a connection, if it is only one. */
  const expected = (): UserId | undefined => {
    const busy = new Set(Array.from(connections.values(), (connection) => connection.session?.user.id))
    const waiting = Array.from(world.users.values()).filter(({ bot, id }) => bot && !busy.has(id))
    return waiting.length === 1 ? waiting[0]?.id : undefined
  }

  const transmit = (connection: Connection, op: number | string, text: string) => {
    let passed = 0
    context.through(
      "gateway-out",
      { userId: userOf(connection), op, frame: text, connection: connection.id },
      (frame) => {
        passed++
        if (frame !== text || passed > 1) taint(connection)
        if (connections.get(connection.id) !== connection) return
        const compressed = connection.compress !== undefined
          ? connection.compress(asText(frame))
          : connection.compressPayloads && typeof frame === "string" && frame.length >= compressedFrom
          ? ZlibStream.whole(frame)
          : undefined
        if (compressed !== undefined && connection.compress === undefined) context.count("gateway-payload-compressed")
        context.emit(
          compressed !== undefined
            ? { _tag: "Binary", connection: connection.id, bytes: compressed }
            : typeof frame === "string"
            ? { _tag: "Text", connection: connection.id, text: frame }
            : { _tag: "Binary", connection: connection.id, bytes: frame }
        )
      }
    )
    if (passed === 0) taint(connection)
  }

  const control = (connection: Connection, op: 1 | 7 | 9 | 10 | 11, d: unknown) =>
    transmit(connection, op, JSON.stringify({ t: null, s: null, op, d }))

  const dispatch: GatewayServer["dispatch"] = (session, t, d) => {
    const s = ++session.seq
    const text = JSON.stringify({ t, s, op: 0, d })
    session.replay.push({ s, t, text })
    if (session.replay.length > profile.gatewayReplayLimit) session.replay.shift()
    const connection = session.connection === undefined ? undefined : connections.get(session.connection)
    if (connection !== undefined) transmit(connection, t, text)
  }

  const end = (session: GatewaySession) => {
    if (!sessions.delete(session.id)) return
    session.cancelExpiry()
    const connection = session.connection === undefined ? undefined : connections.get(session.connection)
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

  const detach = (connection: Connection, ends: boolean) => {
    connections.delete(connection.id)
    connection.cancelSupervision()
    const session = connection.session
    if (session === undefined || session.connection !== connection.id) return
    if (ends) end(session)
    else park(session)
  }

  // After 4004, 4007 and 4009 there is nothing to resume (Discord docs, Gateway Close Event Codes).
  const endsSession = (code: number) => code === 4004 || code === 4007 || code === 4009

  const close = (connection: Connection, code: number, reason: string) => {
    context.emit({ _tag: "Close", connection: connection.id, code, reason })
    detach(connection, endsSession(code))
  }

  const blame = (connection: Connection, code: number, reason: string, verdict: string, message: string) => {
    judge(connection, "violation", verdict, message)
    close(connection, code, reason)
  }

  const supervise = (connection: Connection) => {
    connection.cancelSupervision()
    connection.cancelSupervision = context.timers.at(
      context.now() + profile.gatewayHeartbeatIntervalMs * profile.gatewayHeartbeatTolerance,
      () =>
        blame(
          connection,
          4009,
          "Session timed out.",
          "heartbeat-missing",
          `The main gateway got no heartbeat for ${profile.gatewayHeartbeatTolerance} intervals.`
        )
    )
  }

  const beat = (connection: Connection) => {
    supervise(connection)
    control(connection, 11, null)
  }

  const beatSent = (connection: Connection) => {
    const since = context.now() - connection.sentBeatMs
    connection.sentBeatMs = context.now()
    if (since <= profile.gatewayHeartbeatIntervalMs * 1.25) return
    judge(
      connection,
      "advice",
      "late-heartbeat",
      `A main gateway heartbeat came ${
        Math.round(since)
      } ms after the one before; the interval is ${profile.gatewayHeartbeatIntervalMs} ms.`
    )
  }

  const visibleGuilds = (session: GatewaySession) =>
    Array.from(world.guilds.values()).filter((guild) => sees(world, session, guild.id))

  const guildCreate = (session: GatewaySession, guildId: GuildId) => {
    const guild = world.guilds.get(guildId)
    if (guild === undefined || (session.intents & GatewayPayload.Intents.Guilds) === 0) return
    dispatch(
      session,
      "GUILD_CREATE",
      DiscordObject.guildCreate(world, guild, session.user, {
        voiceStates: (session.intents & GatewayPayload.Intents.GuildVoiceStates) !== 0,
        members: (session.intents & GatewayPayload.Intents.GuildMembers) !== 0
      })
    )
  }

  const ready = (session: GatewaySession, version: number) => {
    const guilds = visibleGuilds(session)
    dispatch(session, "READY", DiscordObject.ready(world, guilds, session, gatewayUrl, version))
    for (const guild of guilds) guildCreate(session, guild.id)
  }

  const identify = (connection: Connection, d: GatewayPayload.Identify) => {
    if (connection.session !== undefined) {
      return blame(connection, 4005, "Already authenticated.", "double-identify", "Identify was sent twice.")
    }
    const user = GatewayLogin.examine(world, d)
    if ("closeCode" in user) return blame(connection, user.closeCode, user.reason, user.verdict, user.message)
    switch (budget.spend(user.id)) {
      case "exhausted":
        return blame(
          connection,
          4004,
          "Authentication failed.",
          "identify-limit",
          `More than ${GatewayLogin.identifyLimit} Identify in 24 hours: Discord resets the token of such a bot.`
        )
      case "too-early":
        context.judge(
          "violation",
          "identify-limit",
          `Identify came less than ${profile.identifyIntervalMs} ms after the one before.`,
          user.id
        )
        return control(connection, 9, false)
      case "granted":
        break
    }
    const session: GatewaySession = {
      id: Random.hex(context.random, 16),
      user,
      intents: d.intents,
      shard: d.shard,
      seq: 0,
      replay: [],
      connection: connection.id,
      cancelExpiry: () => {},
      warnedOfIntents: false,
      tampered: connection.tampered
    }
    sessions.set(session.id, session)
    connection.session = session
    // With transport compression this is ignored: the two cannot be had together.
    connection.compressPayloads = d.compress === true
    ready(session, connection.version)
    hooks.onSessionStarted(session)
  }

  const resume = (connection: Connection, d: GatewayPayload.Resume) => {
    if (connection.session !== undefined) {
      return blame(connection, 4005, "Already authenticated.", "double-identify", "Resume was sent on a live session.")
    }
    const user = GatewayLogin.userOf(world, d.token)
    if (user === undefined) {
      return blame(connection, 4004, "Authentication failed.", "bad-token", "Resume has a token that nobody owns.")
    }
    const session = sessions.get(d.session_id)
    if (session === undefined || session.user.id !== user.id) {
      context.count("gateway-resume-refused")
      return control(connection, 9, false)
    }
    if (d.seq > session.seq) {
      connection.session = session
      session.connection = connection.id
      if (session.tampered) taint(connection)
      judge(connection, "violation", "invalid-seq", `Resume names ${d.seq}, the last was ${session.seq}.`)
      return close(connection, 4007, "Invalid seq.")
    }
    const oldest = session.replay[0]?.s ?? session.seq + 1
    if (d.seq < oldest - 1) {
      context.count("gateway-replay-overrun")
      control(connection, 9, false)
      return end(session)
    }
    const previous = session.connection === undefined ? undefined : connections.get(session.connection)
    session.cancelExpiry()
    session.connection = connection.id
    connection.session = session
    if (previous !== undefined) close(previous, 4000, "The session was resumed elsewhere.")
    for (const missed of session.replay.slice()) {
      if (missed.s > d.seq) transmit(connection, missed.t, missed.text)
    }
    dispatch(session, "RESUMED", {})
  }

  const unmodelled = (connection: Connection, session: GatewaySession, code: number, d: unknown) => {
    switch (code) {
      // Update Presence and Request Soundboard Sounds have no effect on voice.
      case 3:
      case 31:
        return context.count(`gateway-ignored:op${code}`)
      // Request Guild Members: libraries wait for the answer.
      case 8: {
        const guild = visibleGuilds(session).find((g) => hasGuildId(d, g.id))
        if (guild === undefined) return context.count("gateway-ignored:op8")
        return dispatch(session, "GUILD_MEMBERS_CHUNK", DiscordObject.membersChunk(world, guild, d))
      }
      default:
        return blame(connection, 4001, "Unknown opcode.", "unknown-opcode", `No client sends opcode ${code}.`)
    }
  }

  const overLimit = (connection: Connection) => {
    const now = context.now()
    if (now - connection.windowStartMs >= sendWindowMs) {
      connection.windowStartMs = now
      connection.sent = 0
    }
    return ++connection.sent > sendLimit
  }

  const claimantOf = (decoded: ReturnType<typeof GatewayPayload.decodeClient>): UserId | undefined => {
    if (Result.isFailure(decoded)) return undefined
    const message = decoded.success
    return message.op === 2 || message.op === 6 ? GatewayLogin.userOf(world, message.d.token)?.id : undefined
  }

  const handle = (connection: Connection, decoded: ReturnType<typeof GatewayPayload.decodeClient>) => {
    if (Result.isFailure(decoded)) {
      const tooLarge = decoded.failure.kind === "TooLarge"
      return blame(
        connection,
        4002,
        "Error while decoding payload.",
        tooLarge ? "payload-too-large" : "malformed",
        decoded.failure.message
      )
    }
    const message = decoded.success
    if (message.op === 1) return beat(connection)
    if (message.op === 2) return identify(connection, message.d)
    if (message.op === 6) return resume(connection, message.d)
    const session = connection.session
    if (session === undefined) {
      // It was sent before the client heard that its session is invalid.
      if (context.now() < connection.underWayUntilMs) return context.count("gateway-under-way-to-invalid-session")
      return blame(
        connection,
        4003,
        "Not authenticated.",
        "wrong-order",
        `Opcode ${message.op === "unknown" ? message.code : message.op} came before Identify.`
      )
    }
    return message.op === "unknown"
      ? unmodelled(connection, session, message.code, message.d)
      : hooks.onVoiceState(session, message.d)
  }

  const sessionsOf = (userId: UserId) => Array.from(sessions.values()).filter((session) => session.user.id === userId)

  const eachConnection = (
    userId: UserId,
    f: (connection: Connection) => void,
    owner: (connection: Connection) => UserId | undefined = userOf
  ) => {
    const found = Array.from(connections.values()).filter((connection) => owner(connection) === userId)
    for (const connection of found) f(connection)
    return found.length > 0
  }

  return {
    accept: (id, search) => {
      const compress = search.get("compress")
      const compressor = compress === null ? undefined : compressors.get(compress)
      if ((search.get("encoding") ?? "json") !== "json" || (compress !== null && compressor === undefined)) {
        context.count("gateway-encoding-refused")
        return { reject: 400 }
      }
      const version = search.get("v")
      const connection: Connection = {
        id,
        version: version === null ? defaultVersion : Number(version),
        compress: compressor?.(),
        compressPayloads: false,
        session: undefined,
        tampered: false,
        claimant: expected(),
        windowStartMs: context.now(),
        sent: 0,
        underWayUntilMs: 0,
        sentBeatMs: context.now(),
        cancelSupervision: () => {}
      }
      connections.set(id, connection)
      if (version !== null && !versions.some((known) => String(known) === version)) {
        const message = `Only versions ${versions.join(" and ")} are spoken here.`
        return blame(connection, 4012, "Invalid API version.", "unknown-version", message)
      }
      supervise(connection)
      control(connection, 10, { heartbeat_interval: profile.gatewayHeartbeatIntervalMs })
    },
    receive: (id, frame) => {
      const connection = connections.get(id)
      if (connection === undefined) return
      const text = asText(frame)
      const decoded = GatewayPayload.decodeClient(text)
      const op = Result.isFailure(decoded)
        ? decoded.failure.op
        : decoded.success.op === "unknown"
        ? decoded.success.code
        : decoded.success.op
      // What the client has sent counts, not what a fault makes of it.
      if (overLimit(connection)) {
        return blame(
          connection,
          4008,
          "You are being rate limited.",
          "send-limit-exceeded",
          `More than ${sendLimit} messages in ${sendWindowMs} ms.`
        )
      }
      if (op === 1) beatSent(connection)
      if (connection.session === undefined) connection.claimant = claimantOf(decoded) ?? connection.claimant
      let passed = 0
      context.through("gateway-in", { userId: userOf(connection), op, frame: text, connection: id }, (frame) => {
        passed++
        if (frame !== text || passed > 1) taint(connection)
        if (connections.get(id) !== connection) return
        handle(connection, frame === text ? decoded : GatewayPayload.decodeClient(asText(frame)))
      })
      if (passed === 0) taint(connection)
    },
    disconnected: (id, code) => {
      const connection = connections.get(id)
      if (connection !== undefined) detach(connection, code === 1000 || code === 1001)
    },
    ended: (id, code) => {
      const connection = connections.get(id)
      if (connection !== undefined) detach(connection, endsSession(code))
    },
    owns: (id) => connections.has(id),
    setUrl: (url) => {
      gatewayUrl = url
    },
    url: () => gatewayUrl,
    session: (id) => sessions.get(id),
    sessions: () => Array.from(sessions.values()),
    dispatch,
    broadcast: (guildId, intent, t, d, except) => {
      for (const session of sessions.values()) {
        if (session.user.id !== except && (session.intents & intent) !== 0 && sees(world, session, guildId)) {
          dispatch(session, t, d)
        }
      }
    },
    showGuild: (guildId) => {
      for (const session of sessions.values()) if (sees(world, session, guildId)) guildCreate(session, guildId)
    },
    request: (userId, op) =>
      eachConnection(userId, (connection) => control(connection, op, null), ({ session }) => session?.user.id),
    invalidate: (userId, resumable) => {
      const found = sessionsOf(userId)
      for (const session of found) {
        const connection = session.connection === undefined ? undefined : connections.get(session.connection)
        if (connection !== undefined) {
          control(connection, 9, resumable)
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
    close: (userId, code, reason) => eachConnection(userId, (connection) => close(connection, code, reason)),
    terminate: (userId) =>
      eachConnection(userId, (connection) => {
        context.emit({ _tag: "Terminate", connection: connection.id })
        detach(connection, false)
      }),
    identifiesLeft: budget.left
  }
}
