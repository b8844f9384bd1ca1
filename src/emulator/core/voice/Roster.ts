/**
 * Who is where: the sessions of all voice servers, their channels, and what members are told about each other.
 *
 * @since 0.1.0
 */
import { type ChannelId, type GuildId, Ssrc, type UserId } from "../../../protocol/Identifier.ts"
import type { ServerMessage, ServerVideo } from "../../../protocol/VoicePayload.ts"
import type { Address, CoreContext, VoiceServerId } from "../CoreContext.ts"
import type { Dave } from "../dave/Dave.ts"
import type { DaveMember } from "../dave/Seat.ts"
import * as Conduct from "./Conduct.ts"
import type { VoiceHooks } from "./Hooks.ts"
import * as Outbox from "./Outbox.ts"
import * as Reception from "./Reception.ts"
import { type Connection, type Room, sameAddress, type Session } from "./Session.ts"
import * as Shown from "./Shown.ts"
import * as Video from "./Video.ts"
import type { Wire } from "./Wire.ts"

/**
 * The place of a member.
 *
 * @category models
 * @since 0.1.0
 */
export interface Where {
  readonly userId: UserId
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly server: VoiceServerId
}

/**
 * All sessions, indexed by everything that they are looked up by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Roster {
  /** Adds a session with its own SSRC. A client's session has a connection, a scripted participant's does not. */
  readonly add: (
    where: Where,
    client?: { readonly connection: Connection; readonly sessionId: string; readonly token: string },
    dave?: { readonly version: number; readonly member?: DaveMember | undefined }
  ) => Session
  /**
   * Sends a numbered message, or keeps it for replay while the connection is lost. The end-to-end encryption of a scripted
   * participant gets what concerns it.
   */
  readonly tell: (session: Session, message: Outbox.Message) => void
  /** Announces the others to a new member, and the new member to the others. */
  readonly introduce: (session: Session) => void
  readonly setSpeaking: (session: Session, flags: number) => void
  readonly setVideo: (session: Session, video: Omit<ServerVideo["d"], "user_id">) => void
  readonly setClient: (session: Session, client: Shown.Client) => void
  /** Tells that the connection is gone: the session can be resumed for a while, and its media continues. */
  readonly lose: (session: Session) => void
  /** Ends the session: the others get Client Disconnect (op 13). */
  readonly end: (session: Session, code: number) => void
  readonly all: () => ReadonlyArray<Session>
  readonly ofUser: (userId: UserId, guildId?: GuildId) => ReadonlyArray<Session>
  readonly byToken: (token: string) => Session | undefined
  /** Whether a session with this token has existed. */
  readonly knewToken: (token: string) => boolean
  /** The session that owns an SSRC, its own or one of the two that follow, which belong to its video. */
  readonly bySsrc: (server: VoiceServerId, ssrc: number) => Session | undefined
  /** The user who has an audio SSRC, or had it last. */
  readonly ownerOf: (ssrc: number) => UserId | undefined
  /** Whether it belonged to somebody else before. */
  readonly isReused: (ssrc: number) => boolean
  readonly byAddress: (server: VoiceServerId, address: Address) => Session | undefined
  /** Sets the number of the first message in the sessions that a user begins from now on; by default 0. */
  readonly setFirstSequence: (userId: UserId, first: number) => void
}

/** The number of SSRCs that wait for reuse. */
const freedKept = 1_000

/**
 * Makes an empty roster.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, wire: Wire, hooks: VoiceHooks, dave: Dave): Roster => {
  const sessions = new Set<Session>()
  const rooms = new Map<string, Room>()
  const tokens = new Map<string, Session>()
  const formerTokens = new Set<string>()
  const ssrcs = new Map<number, Session>()
  const owners = new Map<number, UserId>()
  const firstSequences = new Map<UserId, number>()
  /** The SSRCs of sessions that have ended, oldest first. */
  let freed: ReadonlyArray<{ readonly server: VoiceServerId; readonly ssrc: Ssrc }> = []
  const reused = new Set<number>()

  const reuseSsrc = (userId: UserId, server: VoiceServerId): Ssrc | undefined => {
    const found = freed.find((one) => one.server === server && owners.get(one.ssrc) !== userId)
    if (found === undefined) return undefined
    freed = freed.filter((one) => one !== found)
    owners.set(found.ssrc, userId)
    reused.add(found.ssrc)
    context.count("ssrc-reused")
    return found.ssrc
  }

  const allocateSsrc = (userId: UserId, server: VoiceServerId): Ssrc => {
    const former = reuseSsrc(userId, server)
    if (former !== undefined) return former
    while (true) {
      const ssrc = 2 + context.random.int(context.profile.largestSsrc - 5)
      // Two more belong to the video, and a 70-byte discovery that starts with the SSRC must not look like a ping.
      const taken = [-2, -1, 0, 1, 2].some((step) => owners.has(ssrc + step))
      if (taken || ssrc >>> 16 === 0x1337) continue
      owners.set(ssrc, userId)
      return Ssrc.make(ssrc)
    }
  }

  const roomOf = (where: Where): Room => {
    const key = `${where.server}/${where.guildId}/${where.channelId}`
    let room = rooms.get(key)
    if (room === undefined) rooms.set(key, room = { key, members: [] })
    return room
  }

  const tell: Roster["tell"] = (session, message) => {
    if (session.credentials === undefined && session.member === undefined) return
    const numbered = session.outbox.push(message)
    if (session.connection !== undefined) wire.send(session.connection, numbered)
    else if (session.member !== undefined) dave.post(session, numbered)
  }

  const tellOthers = (session: Session, message: ServerMessage): void => {
    for (const member of session.room.members) {
      if (member !== session) tell(member, message)
    }
  }

  /** Announces a member's video and, if it is sent, the current codec. */
  const tellVideo = (to: Session, { d, isSent }: { readonly d: ServerVideo["d"]; readonly isSent: boolean }): void => {
    tell(to, { op: 12, d })
    if (!isSent || d.video_ssrc === 0) return
    const { mediaSessionId } = to
    tell(to, {
      op: 14,
      d: {
        audio_codec: "opus",
        video_codec: Video.codec,
        ...(mediaSessionId === undefined ? {} : { media_session_id: mediaSessionId })
      }
    })
  }

  const isVideoSent = (session: Session): boolean =>
    session.credentials !== undefined || context.profile.guestVideo === "sent"

  const describe = (to: Session, about: Session): void => {
    const { client: { flags, platform }, userId } = about
    tell(to, { op: 18, d: { user_id: userId, flags } })
    tell(to, { op: 20, d: { user_id: userId, platform } })
  }

  const speakingOf = (session: Session, speaking: number): ServerMessage => ({
    op: 5,
    d: { user_id: session.userId, ssrc: session.ssrc, speaking }
  })

  const deliverer = (server: VoiceServerId, self: () => Session) => (frame: string | Uint8Array): void => {
    const session = self()
    if (typeof frame === "string" || session.ended) return
    if (session.hear !== undefined) session.hear(frame)
    else if (session.target !== undefined) {
      context.emit({ _tag: "Datagram", server, to: session.target, bytes: frame })
    }
  }

  const end: Roster["end"] = (session, code) => {
    if (session.ended) return
    session.ended = true
    session.cancelExpiry?.()
    session.conduct?.stop()
    session.connection = undefined
    sessions.delete(session)
    if (session.credentials !== undefined) tokens.delete(session.credentials.token)
    for (let step = 0; step < 3; step++) ssrcs.delete(session.ssrc + step)
    if (context.profile.ssrcReuse === "after-leaving") {
      freed = [...freed, { server: session.server, ssrc: session.ssrc }].slice(-freedKept)
    }
    session.room.members = session.room.members.filter((member) => member !== session)
    if (session.room.members.length === 0) rooms.delete(session.room.key)
    dave.together(() => {
      tellOthers(session, { op: 13, d: { user_id: session.userId } })
      dave.leave(session)
    })
    if (session.credentials !== undefined) hooks.onLeft?.(session.userId, code, session.guildId)
  }

  const introduce = (session: Session): void => {
    const others = session.room.members.filter((member) => member !== session)
    const listed = context.profile.clientsConnectIncludesSelf ? session.room.members : others
    if (listed.length > 0) tell(session, { op: 11, d: { user_ids: listed.map((member) => member.userId) } })
    for (const other of others) {
      describe(session, other)
      if (other.video !== undefined) tellVideo(session, { d: other.video, isSent: isVideoSent(other) })
      if (other.speaking !== undefined) tell(session, speakingOf(other, other.speaking))
      tell(other, { op: 11, d: { user_ids: [session.userId] } })
      describe(other, session)
      if (session.video !== undefined) tellVideo(other, { d: session.video, isSent: isVideoSent(session) })
    }
  }

  return {
    add: (where, client, encryption) => {
      const session: Session = {
        userId: where.userId,
        guildId: where.guildId,
        channelId: where.channelId,
        server: where.server,
        ssrc: allocateSsrc(where.userId, where.server),
        room: roomOf(where),
        credentials: client && { sessionId: client.sessionId, token: client.token },
        outbox: Outbox.make(context.profile.replayLimit, firstSequences.get(where.userId)),
        connection: client?.connection,
        version: client?.connection.version,
        ended: false,
        tampered: false,
        unannounced: false,
        pinned: false,
        cancelExpiry: undefined,
        speaking: undefined,
        maySend: false,
        early: [],
        video: undefined,
        payloadTypes: Video.usualTypes,
        wants: undefined,
        mediaSessionId: undefined,
        client: Shown.usual,
        media: undefined,
        formerMedia: [],
        discovered: undefined,
        selected: undefined,
        target: undefined,
        conduct: client && Conduct.make(context, where.userId, {
          isConnected: () => session.connection !== undefined,
          isTampered: () => session.tampered
        }),
        reception: Reception.make(),
        hear: undefined,
        padding: undefined,
        deliver: deliverer(where.server, () => session),
        daveVersion: encryption?.version ?? 0,
        member: encryption?.member,
        daveTampered: false,
        discoveryTampered: false,
        addressJudged: false,
        describedMs: undefined,
        sentMs: undefined,
        judgedMs: new Map()
      }
      sessions.add(session)
      for (let step = 0; step < 3; step++) ssrcs.set(session.ssrc + step, session)
      if (client !== undefined) {
        client.connection.session = session
        tokens.set(client.token, session)
        formerTokens.add(client.token)
      }
      session.room.members = [...session.room.members, session]
      return session
    },
    tell,
    introduce: (session) => {
      dave.together(() => introduce(session))
      dave.enter(session)
    },
    setSpeaking: (session, flags) => {
      const before = session.speaking
      session.speaking = flags
      if (flags !== 0) session.maySend = true
      if (before !== flags) tellOthers(session, speakingOf(session, flags))
    },
    setVideo: (session, video) => {
      const shown = { d: { ...video, user_id: session.userId }, isSent: isVideoSent(session) }
      session.video = shown.d
      for (const member of session.room.members) if (member !== session) tellVideo(member, shown)
    },
    setClient: (session, client) => {
      session.client = client
      for (const member of session.room.members) if (member !== session) describe(member, session)
    },
    lose: (session) => {
      session.connection = undefined
      // Speaking (op 5) may have been under way, while audio continues
      if (!session.maySend) session.tampered = true
      session.cancelExpiry?.()
      session.cancelExpiry = context.timers.at(context.now() + context.profile.resumeWindowMs, () => {
        context.count("voice-session-expired")
        end(session, 1006)
      })
      dave.lost(session)
    },
    end,
    all: () => Array.from(sessions),
    ofUser: (userId, guildId) =>
      Array.from(sessions).filter((session) =>
        session.userId === userId && (guildId === undefined || session.guildId === guildId)
      ),
    byToken: (token) => tokens.get(token),
    knewToken: (token) => formerTokens.has(token),
    bySsrc: (server, ssrc) => {
      const session = ssrcs.get(ssrc)
      return session?.server === server ? session : undefined
    },
    ownerOf: (ssrc) => owners.get(ssrc),
    isReused: (ssrc) => reused.has(ssrc),
    byAddress: (server, address) => {
      for (const session of sessions) {
        if (
          session.server === server &&
          (sameAddress(session.target, address) || sameAddress(session.discovered, address))
        ) return session
      }
      return undefined
    },
    setFirstSequence: (userId, first) => {
      firstSequences.set(userId, first)
    }
  }
}
