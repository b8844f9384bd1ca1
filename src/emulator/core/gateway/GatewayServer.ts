/**
 * The main gateway, versions 9 and 10 in JSON: takes connections and messages, and executes requests of the emulator's operator
 * (Discord docs, Gateway). The effect of Update Voice State (op 4) is decided elsewhere.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as GatewayPayload from "../../../protocol/GatewayPayload.ts"
import type { GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { ConnectionId, CoreContext } from "../CoreContext.ts"
import * as DiscordObject from "../objects/DiscordObject.ts"
import * as SoundObject from "../objects/SoundObject.ts"
import type { World } from "../World.ts"
import * as GatewayAdmission from "./GatewayAdmission.ts"
import * as GatewayConnection from "./GatewayConnection.ts"
import * as GatewayHeartbeats from "./GatewayHeartbeats.ts"
import * as GatewayLogin from "./GatewayLogin.ts"
import * as GatewayRoster from "./GatewayRoster.ts"
import type { GatewaySession } from "./GatewaySession.ts"
import * as GatewayWire from "./GatewayWire.ts"
import * as ZlibStream from "./ZlibStream.ts"
import * as ZstdStream from "./ZstdStream.ts"

/**
 * What the gateway reports to its owner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks extends GatewayRoster.Hooks {
  readonly onVoiceState: (session: GatewaySession, request: GatewayPayload.UpdateVoiceState) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface GatewayServer {
  /** Accepts a connection and sends Hello (op 10), or refuses it with an HTTP status. */
  readonly accept: (connection: ConnectionId, search: URLSearchParams) => void | { readonly reject: number }
  readonly receive: (connection: ConnectionId, frame: string | Uint8Array) => void
  readonly disconnected: (connection: ConnectionId, code: number) => void
  /** Tells that we have closed or cut the connection. 4004, 4007 and 4009 also end its session. */
  readonly ended: (connection: ConnectionId, code: number) => void
  readonly owns: (connection: ConnectionId) => boolean
  readonly setUrl: (url: string) => void
  readonly url: () => string
  readonly session: (id: string) => GatewaySession | undefined
  readonly sessions: () => ReadonlyArray<GatewaySession>
  /** Whether a session of the user has ended permanently. */
  readonly hasEnded: (userId: UserId) => boolean
  readonly dispatch: (session: GatewaySession, t: string, d: unknown) => void
  /** Sends an event to every session that sees the guild and has the intent, except those of the user `except`. */
  readonly broadcast: (guildId: GuildId, intent: number, t: string, d: unknown, except?: UserId) => void
  /** Shows a guild to the sessions that see it, or to those of one user (GUILD_CREATE). */
  readonly showGuild: (guildId: GuildId, only?: UserId) => void
  /** Sends a request on the user's connections: Heartbeat (1) or Reconnect (7). Returns whether there was a connection. */
  readonly request: (userId: UserId, op: 1 | 7) => boolean
  /** Sends Invalid Session (op 9). A session that is not resumable ends. Returns whether there was a session. */
  readonly invalidate: (userId: UserId, resumable: boolean) => boolean
  /** Closes the user's connections. The sessions can be resumed. Returns whether there was a connection. */
  readonly close: (userId: UserId, code: number, reason: string) => boolean
  /** Cuts the user's connections. The sessions can be resumed. Returns whether there was a connection. */
  readonly terminate: (userId: UserId) => boolean
  /** The number of Identifies that a bot has left in the current 24 hours, of {@link GatewayLogin.identifyLimit}. */
  readonly identifiesLeft: (userId: UserId) => { readonly remaining: number; readonly resetAfterMs: number }
}

/**
 * The versions that are available and not deprecated (Discord docs, Reference, API Versions). What is modeled here is the same
 * in both.
 *
 * @category constants
 * @since 0.1.0
 */
export const versions: ReadonlyArray<number> = [9, 10]

/** The version for a client that names none. Discord uses an older one, which is not modeled. */
const defaultVersion = 10

const compressors = new Map([["zlib-stream", ZlibStream.make], ["zstd-stream", ZstdStream.make]])

const hasGuildId = (d: unknown, guildId: GuildId) =>
  typeof d === "object" && d !== null && "guild_id" in d && d.guild_id === guildId

const hasGuildIds = (d: unknown, guildId: GuildId) =>
  typeof d === "object" && d !== null && "guild_ids" in d && Array.isArray(d.guild_ids) &&
  d.guild_ids.some((id) => String(id) === guildId)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, world: World, hooks: Hooks): GatewayServer => {
  let gatewayUrl = "wss://gateway.discord.gg"
  // Each knows the other: a session sends on its connection, and the end of a connection affects its session.
  const wire = GatewayWire.make(context, (connection, ends) => roster.lose(connection, ends))
  const roster: GatewayRoster.GatewayRoster = GatewayRoster.make(context, world, wire, hooks, () => gatewayUrl)
  const admission = GatewayAdmission.make(context, world, wire, roster)
  const heartbeats = GatewayHeartbeats.make(context, wire)

  /** The bot without a connection, if there is exactly one. */
  const expected = (): UserId | undefined => {
    const busy = new Set(wire.all().map((connection) => connection.session?.user.id))
    const waiting = Array.from(world.users.values()).filter(({ bot, id }) => bot && !busy.has(id))
    return waiting.length === 1 ? waiting[0]?.id : undefined
  }

  const unmodelled = (
    connection: GatewayConnection.GatewayConnection,
    session: GatewaySession,
    code: number,
    d: unknown
  ) => {
    switch (code) {
      // Update Presence has no effect on voice.
      case 3:
        return context.count(`gateway-ignored:op${code}`)
      // Request Guild Members: libraries wait for the answer.
      case 8: {
        const guild = roster.visibleGuilds(session).find((g) => hasGuildId(d, g.id))
        if (guild === undefined) return context.count("gateway-ignored:op8")
        return roster.dispatch(session, "GUILD_MEMBERS_CHUNK", DiscordObject.membersChunk(world, guild, d))
      }
      // Request Soundboard Sounds
      case 31: {
        const guilds = roster.visibleGuilds(session).filter(({ available, id }) => available && hasGuildIds(d, id))
        if (guilds.length === 0) return context.count("gateway-ignored:op31")
        for (const guild of guilds) {
          const sounds = { guild_id: guild.id, soundboard_sounds: SoundObject.all(guild) }
          roster.dispatch(session, "SOUNDBOARD_SOUNDS", sounds)
        }
        return
      }
      default:
        return wire.blame(connection, 4001, "Unknown opcode.", "unknown-opcode", `Clients do not send opcode ${code}.`)
    }
  }

  const claimantOf = (decoded: ReturnType<typeof GatewayPayload.decodeClient>): UserId | undefined => {
    if (Result.isFailure(decoded)) return undefined
    const message = decoded.success
    return message.op === 2 || message.op === 6 ? GatewayLogin.userOf(world, message.d.token)?.id : undefined
  }

  const handle = (
    connection: GatewayConnection.GatewayConnection,
    decoded: ReturnType<typeof GatewayPayload.decodeClient>
  ) => {
    if (Result.isFailure(decoded)) {
      const tooLarge = decoded.failure.kind === "TooLarge"
      return wire.blame(
        connection,
        4002,
        "Error while decoding payload.",
        tooLarge ? "payload-too-large" : "malformed",
        decoded.failure.message
      )
    }
    const message = decoded.success
    if (message.op === 1) return heartbeats.arrived(connection)
    if (message.op === 2) return admission.identify(connection, message.d)
    if (message.op === 6) return admission.resume(connection, message.d)
    const session = connection.session
    if (session === undefined) {
      // It was sent before the client knew that its session is invalid.
      if (context.now() < connection.underWayUntilMs) return context.count("gateway-under-way-to-invalid-session")
      return wire.blame(
        connection,
        4003,
        "Not authenticated.",
        "wrong-order",
        `Opcode ${message.op === "unknown" ? message.code : message.op} was sent before Identify.`
      )
    }
    return message.op === "unknown"
      ? unmodelled(connection, session, message.code, message.d)
      : hooks.onVoiceState(session, message.d)
  }

  const eachConnection = (
    userId: UserId,
    f: (connection: GatewayConnection.GatewayConnection) => void,
    owner: (connection: GatewayConnection.GatewayConnection) => UserId | undefined = GatewayConnection.userOf
  ) => {
    const found = wire.all().filter((connection) => owner(connection) === userId)
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
      const connection = GatewayConnection.make({
        id,
        version: version === null ? defaultVersion : Number(version),
        compress: compressor?.(),
        claimant: expected()
      }, context.now())
      wire.add(connection)
      if (version !== null && !versions.some((known) => String(known) === version)) {
        const message = `Only versions ${versions.join(" and ")} are supported.`
        return wire.blame(connection, 4012, "Invalid API version.", "unknown-version", message)
      }
      heartbeats.start(connection)
    },
    receive: (id, frame) => {
      const connection = wire.find(id)
      if (connection === undefined) return
      const text = GatewayWire.asText(frame)
      const decoded = GatewayPayload.decodeClient(text)
      const op = Result.isFailure(decoded)
        ? decoded.failure.op
        : decoded.success.op === "unknown"
        ? decoded.success.code
        : decoded.success.op
      // The limit counts what the client has sent, not what a fault makes of it.
      if (GatewayConnection.isOverLimit(connection, context.now())) {
        return wire.blame(
          connection,
          4008,
          "You are being rate limited.",
          "send-limit-exceeded",
          `More than ${GatewayConnection.sendLimit} messages in ${GatewayConnection.sendWindowMs} ms.`
        )
      }
      if (op === 1) heartbeats.sent(connection)
      if (connection.session === undefined) connection.claimant = claimantOf(decoded) ?? connection.claimant
      let passed = 0
      context.through(
        "gateway-in",
        { userId: GatewayConnection.userOf(connection), op, frame: text, connection: id },
        (frame) => {
          passed++
          if (frame !== text || passed > 1) GatewayConnection.taint(connection)
          if (wire.find(id) !== connection) return
          handle(connection, frame === text ? decoded : GatewayPayload.decodeClient(GatewayWire.asText(frame)))
        }
      )
      if (passed === 0) GatewayConnection.taint(connection)
    },
    disconnected: (id, code) => {
      const connection = wire.find(id)
      if (connection !== undefined) wire.disconnected(connection, code)
    },
    ended: (id, code) => {
      const connection = wire.find(id)
      if (connection !== undefined) wire.ended(connection, code)
    },
    owns: (id) => wire.find(id) !== undefined,
    setUrl: (url) => {
      gatewayUrl = url
    },
    url: () => gatewayUrl,
    session: (id) => roster.byId(id),
    sessions: roster.all,
    hasEnded: roster.hasEnded,
    dispatch: roster.dispatch,
    broadcast: roster.broadcast,
    showGuild: roster.showGuild,
    request: (userId, op) =>
      eachConnection(userId, (connection) => wire.control(connection, op, null), ({ session }) => session?.user.id),
    invalidate: roster.invalidate,
    close: (userId, code, reason) => eachConnection(userId, (connection) => wire.close(connection, code, reason)),
    terminate: (userId) => eachConnection(userId, wire.terminate),
    identifiesLeft: admission.identifiesLeft
  }
}
