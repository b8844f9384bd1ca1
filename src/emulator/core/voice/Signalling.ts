/**
 * The voice gateway (Discord docs, Voice Connections and Opcodes and Status Codes, Voice): connections, their messages and
 * their ends. Versions 1 to 9, as the profile allows.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as CloseCode from "../../../protocol/CloseCode.ts"
import * as DaveFrame from "../../../protocol/DaveFrame.ts"
import { type EncryptionMode, isEncryptionMode } from "../../../protocol/EncryptionMode.ts"
import type { UserId } from "../../../protocol/Identifier.ts"
import {
  type ClientMessage,
  decodeClient,
  type Identify,
  type Resume,
  type SelectProtocol,
  type SessionDescription
} from "../../../protocol/VoicePayload.ts"
import type { Address, ConnectionId, CoreContext, Grants, VoiceServerId } from "../CoreContext.ts"
import * as Dave from "../dave/Dave.ts"
import * as Admission from "./Admission.ts"
import * as Answers from "./Answers.ts"
import * as Envelope from "./Envelope.ts"
import * as Explain from "./Explain.ts"
import * as Heartbeats from "./Heartbeats.ts"
import type { VoiceHooks } from "./Hooks.ts"
import * as NonceMemory from "./NonceMemory.ts"
import type { Roster } from "./Roster.ts"
import * as Sealing from "./Sealing.ts"
import { type Connection, type Media, sameAddress, type Session, taint } from "./Session.ts"
import * as Video from "./Video.ts"
import type { Wire } from "./Wire.ts"

/**
 * The input of the voice gateways.
 *
 * @category models
 * @since 0.1.0
 */
export interface Signalling {
  readonly accept: (
    id: ConnectionId,
    server: VoiceServerId,
    search: URLSearchParams
  ) => void | { readonly reject: number }
  readonly receive: (id: ConnectionId, frame: string | Uint8Array) => void
  readonly disconnected: (id: ConnectionId, code: number) => void
  readonly owns: (id: ConnectionId) => boolean
  /** Tells that we have closed or cut the connection: the session can be resumed if clients resume after this code. */
  readonly ended: (id: ConnectionId, code: number) => void
  /** Sends a session description (op 4) with a new key. Returns whether there is a connection and a key to replace. */
  readonly rekey: (session: Session) => boolean
}

/** How long packets sealed with the previous key are still opened after a new session description, in milliseconds. */
const formerKeyMs = 5_000

/** The number of former keys that are kept, so that repeated requests for keys do not cost more and more. */
const formerKeys = 4

/** A key and a first counter from the seed. */
const makeMedia = (
  context: CoreContext,
  mode: EncryptionMode
): { readonly media: Media; readonly key: Uint8Array } => {
  const key = context.random.bytes(32)
  const box = Sealing.make(mode, key, {
    start: context.random.int(0x1_0000_0000),
    random: context.random.bytes
  })
  return { key, media: { box, nonces: NonceMemory.make(mode), key } }
}

/**
 * Makes the voice gateways of one core. `udpOf` is the address of a voice server, if there is such a server; `onSpeaking` is
 * called when the others have been told about a Speaking (op 5).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  grants: Grants,
  hooks: VoiceHooks,
  wire: Wire,
  roster: Roster,
  dave: Dave.Dave,
  udpOf: (server: VoiceServerId) => Address | undefined,
  onSpeaking: (session: Session) => void
): Signalling => {
  const { profile } = context
  const connections = new Map<ConnectionId, Connection>()

  /** Closes a connection because of a mistake of the client, and ends its session. */
  const expel = (connection: Connection, code: number, reason: string, violation: string | undefined, detail = "") => {
    const session = connection.session
    if (violation !== undefined) {
      if (connection.tampered) context.count(`tampered:${violation}`)
      else context.judge("violation", violation, Explain.verdict(code, reason, detail), session?.userId)
    }
    wire.close(connection, code, reason)
    if (session !== undefined) roster.end(session, code)
  }

  const onTimeout = (connection: Connection): void => {
    const code = profile.heartbeatTimeoutCode
    if (CloseCode.voice(code).reaction !== "resume") return expel(connection, code, "Session timed out.", undefined)
    const { session } = connection
    if (code === 1006) wire.terminate(connection)
    else wire.close(connection, code, "")
    if (session !== undefined) roster.lose(session)
  }

  const heartbeats = Heartbeats.make(context, onTimeout)

  const onIdentify = (connection: Connection, d: Identify["d"]): void => {
    const verdict = Admission.identify(context, grants, roster, connection, d)
    if (verdict._tag === "Refusal") {
      if (verdict.violation === undefined) context.count("voice-identify-refused")
      return expel(connection, verdict.code, verdict.reason, verdict.violation, verdict.detail)
    }
    const { grant } = verdict
    // One voice connection per guild: a session with another token has ended.
    for (const former of roster.ofUser(grant.userId)) {
      if (former.guildId !== grant.guildId) continue
      if (former.connection !== undefined) wire.close(former.connection, 4014, "Disconnected.")
      roster.end(former, 4014)
    }
    const udp = udpOf(connection.server)
    if (udp === undefined) return expel(connection, 4011, "Server not found.", undefined)
    const session = roster.add(
      grant,
      { connection, sessionId: grant.sessionId, token: grant.token },
      { version: Dave.versionOf(context, grant.e2ee, d.max_dave_protocol_version) }
    )
    wire.send(connection, Answers.readyOf(session.ssrc, udp, profile.modes))
    roster.introduce(session)
    hooks.onJoined?.(session.userId, session.guildId)
  }

  const onResume = (connection: Connection, d: Resume["d"]): void => {
    const verdict = Admission.resume(grants, roster, connection, d)
    if (verdict._tag === "Refusal") {
      context.count("voice-resume-refused")
      return expel(connection, verdict.code, verdict.reason, verdict.violation, verdict.detail)
    }
    const { session } = verdict
    const missed = connection.version >= 8 ? session.outbox.since(d.seq_ack ?? -1) : []
    if (missed === undefined) {
      context.count("voice-replay-overrun")
      if (session.connection !== undefined) wire.close(session.connection, 4006, "Session is no longer valid.")
      roster.end(session, 4006)
      return expel(connection, 4006, "Session is no longer valid.", undefined)
    }
    if (session.connection !== undefined) wire.close(session.connection, 4006, "Session is no longer valid.")
    session.cancelExpiry?.()
    session.cancelExpiry = undefined
    session.connection = connection
    session.version = connection.version
    connection.session = session
    for (const message of missed) wire.send(connection, message)
    wire.send(connection, { op: 9, d: null })
    context.count("voice-resumed")
    dave.resumed(session)
  }

  const onSelectProtocol = (connection: Connection, session: Session, d: SelectProtocol["d"]): void => {
    if (d.protocol !== "udp") {
      return expel(connection, 4012, "Unknown protocol.", "unknown-protocol", "protocol must be \"udp\"")
    }
    const { data } = d
    if (typeof data === "string") {
      return expel(
        connection,
        4002,
        "Failed to decode payload.",
        "malformed",
        "data of Select Protocol is not an object"
      )
    }
    const { mode } = data
    if (!isEncryptionMode(mode) || !profile.modes.includes(mode)) {
      const offer = `Ready offers ${profile.modes.join(", ")}, but Select Protocol names another mode`
      return expel(connection, 4016, "Unknown encryption mode.", "unknown-mode", offer)
    }
    const selected = { address: data.address, port: data.port }
    session.selected = selected
    session.pinned = false
    session.addressJudged = false
    if (sameAddress(session.discovered, selected)) session.target = selected
    session.payloadTypes = Video.typesOf(d.codecs)
    describe(connection, session, mode)
  }

  const describe = (connection: Connection, session: Session, mode: EncryptionMode): void => {
    if (session.media !== undefined) {
      const former = { media: session.media, untilMs: context.now() + formerKeyMs }
      session.formerMedia = [former, ...session.formerMedia].slice(0, formerKeys)
    }
    const { key, media } = makeMedia(context, mode)
    session.media = media
    session.describedMs ??= context.now()
    session.mediaSessionId = Buffer.from(context.random.bytes(16)).toString("hex")
    const description: SessionDescription = {
      op: 4,
      d: {
        mode,
        secret_key: Array.from(key),
        ...(profile.e2ee ? { dave_protocol_version: dave.prepare(session) } : {}),
        audio_codec: "opus",
        media_session_id: session.mediaSessionId
      }
    }
    wire.send(connection, description)
    dave.described(session, description)
  }

  const speakingWithoutSsrc = new WeakSet<Session>()

  const onBound = (connection: Connection, session: Session, message: ClientMessage): void => {
    switch (message.op) {
      case 0:
      case 7:
        return expel(connection, 4005, "Already authenticated.", "double-identify", Explain.again(message.op))
      case 1:
        return onSelectProtocol(connection, session, message.d)
      case 3:
        return
      case 5: {
        const { ssrc } = message.d
        if (ssrc === undefined) {
          if (!speakingWithoutSsrc.has(session)) {
            speakingWithoutSsrc.add(session)
            const why =
              "Speaking was sent without ssrc: Discord uses the one from Ready, but has not always done so in a stage"
            context.judge("advice", "speaking-without-ssrc", why, session.userId)
          }
        } else if (ssrc !== session.ssrc) {
          const why = `Speaking names SSRC ${ssrc}, but Ready gave ${session.ssrc}`
          return context.judge("violation", "wrong-ssrc", why, session.userId)
        }
        roster.setSpeaking(session, message.d.speaking)
        return onSpeaking(session)
      }
      case 12: {
        const { audio_ssrc, streams, video_ssrc } = message.d
        const foreign = Video.ssrcsOf(message.d).find((ssrc) => roster.bySsrc(session.server, ssrc) !== session)
        if (foreign !== undefined) {
          const why = `Video names SSRC ${foreign}, but Ready gave ${session.ssrc} and the two that follow`
          return context.judge("violation", "wrong-ssrc", why, session.userId)
        }
        return roster.setVideo(session, { audio_ssrc, video_ssrc, streams })
      }
      case 14:
        session.payloadTypes = Video.typesOf(message.d.codecs)
        return
      case 15:
        session.wants = message.d
        return
      case 16:
        return roster.tell(session, { op: 16, d: Answers.backendVersion })
      default:
        if ((message.op === 23 || message.op === 31) && dave.receive(session, message)) return
        return context.count(`voice-ignored:${message.op}`)
    }
  }

  const onMessage = (connection: Connection, message: ClientMessage): void => {
    if (message.op === 3) {
      heartbeats.arrived(connection, message.d.seq_ack)
      return wire.send(connection, { op: 6, d: { t: message.d.t } })
    }
    const { session } = connection
    if (session !== undefined) return onBound(connection, session, message)
    if (message.op === 0) return onIdentify(connection, message.d)
    if (message.op === 7) return onResume(connection, message.d)
    return expel(connection, 4003, "Not authenticated.", "wrong-order", Explain.tooEarly(message.op))
  }

  /** The user who was sent to this server and is not connected, if there is exactly one. */
  const expected = (server: VoiceServerId): UserId | undefined => {
    const waiting = grants.forServer(server).filter(({ token }) => roster.byToken(token)?.connection === undefined)
    return waiting.length === 1 ? waiting[0]?.userId : undefined
  }

  const onBinary = (connection: Connection, frame: Uint8Array): void => {
    const { session } = connection
    if (session === undefined) {
      return expel(connection, 4003, "Not authenticated.", "wrong-order", Explain.tooEarly(frame[0] ?? Number.NaN))
    }
    const decoded = DaveFrame.decodeClient(frame)
    if (Result.isSuccess(decoded) && dave.receive(session, decoded.success)) return
    const reason = session.daveVersion === 0
      ? "without end-to-end encryption"
      : "which clients do not send"
    const message = `a binary message was sent with opcode ${frame[0] ?? "missing"}, ${reason}`
    context.judge("advice", "unknown-binary", message, session.userId)
  }

  /** Discord accepts it: some clients speak like this and are heard. */
  const adviseBits = (connection: Connection, envelope: Envelope.Envelope): void => {
    const code = "boolean-speaking"
    if (!Envelope.isBooleanSpeaking(envelope) || connection.advised.has(code)) return
    connection.advised.add(code)
    context.judge(
      "advice",
      code,
      "Speaking is a boolean, but is a bit field since version 4",
      connection.session?.userId
    )
  }

  const onFrame = (connection: Connection, frame: string | Uint8Array): void => {
    if (connection.closed) return
    if (typeof frame !== "string") return onBinary(connection, frame)
    const decoded = decodeClient(connection.version, frame)
    if (Result.isFailure(decoded)) {
      const [code, reason] = decoded.failure.op === 3 ? [4020, "Bad request."] : [4002, "Failed to decode payload."]
      return expel(connection, code, reason, "malformed", Explain.malformed(decoded.failure))
    }
    if (decoded.success.op === "unknown") {
      return expel(connection, 4001, "Unknown opcode.", "unknown-opcode", Explain.unknown(decoded.success.code))
    }
    if (decoded.success.op === 5 && connection.version >= 4) adviseBits(connection, Envelope.read(frame))
    onMessage(connection, decoded.success)
  }

  /** Forgets a connection. Returns the session that still belongs to it, if any. */
  const release = (id: ConnectionId): Session | undefined => {
    const connection = connections.get(id)
    if (connection === undefined) return undefined
    connections.delete(id)
    connection.closed = true
    connection.cancelDeadline?.()
    connection.cancelDeadline = undefined
    const { session } = connection
    return session?.connection === connection && !session.ended ? session : undefined
  }

  return {
    accept: (id, server, search) => {
      const version = Admission.version(context, search, expected(server))
      if (version === undefined || udpOf(server) === undefined) return { reject: version === undefined ? 400 : 404 }
      const connection: Connection = {
        id,
        server,
        version,
        closed: false,
        tampered: false,
        claimant: expected(server),
        session: undefined,
        sentBeatMs: 0,
        beatMs: 0,
        cancelDeadline: undefined,
        beatsMs: [],
        numbered: [],
        dueSeq: undefined,
        advised: new Set()
      }
      connections.set(id, connection)
      wire.send(connection, { op: 8, d: { v: version, heartbeat_interval: profile.voiceHeartbeatIntervalMs } })
      heartbeats.start(connection)
    },
    receive: (id, frame) => {
      const connection = connections.get(id)
      if (connection === undefined || connection.closed) return
      const envelope = Envelope.read(frame)
      const { op } = envelope
      if (op === 3) heartbeats.sent(connection)
      const token = connection.session === undefined ? Envelope.tokenOf(envelope) : undefined
      const claimant = token === undefined ? undefined : grants.byToken(token)?.userId ?? roster.byToken(token)?.userId
      if (claimant !== undefined) connection.claimant = claimant
      let passed = 0
      context.through(
        "voice-in",
        { userId: connection.session?.userId ?? connection.claimant, op, frame, connection: id },
        (arrived) => {
          passed++
          if (arrived !== frame || passed > 1) taint(connection, "in", op)
          onFrame(connection, arrived)
        }
      )
      if (passed === 0) taint(connection, "in", op)
    },
    disconnected: (id, code) => {
      const session = release(id)
      if (session === undefined) return
      if (code === 1000 || code === 1001) {
        session.conduct?.over()
        return roster.end(session, code)
      }
      const known = CloseCode.voiceTable.find((entry) => entry.code === code)
      if (known === undefined || known.reaction === "resume") roster.lose(session)
      else roster.end(session, code)
    },
    owns: (id) => connections.has(id),
    ended: (id, code) => {
      const session = release(id)
      if (session === undefined) return
      if (CloseCode.voice(code).reaction === "resume") roster.lose(session)
      else roster.end(session, code)
    },
    rekey: (session) => {
      const { connection, media } = session
      if (connection === undefined || media === undefined) return false
      describe(connection, session, media.box.mode)
      return true
    }
  }
}
