/**
 * The complete voice half of the emulator's core: voice gateways, media relay and scripted participants.
 *
 * @since 0.1.0
 */
import * as CloseCode from "../../../protocol/CloseCode.ts"
import type { Address, CoreContext, Grants, VoiceServerId } from "../CoreContext.ts"
import * as Dave from "../dave/Dave.ts"
import * as Disturbance from "./Disturbance.ts"
import type { VoiceHooks } from "./Hooks.ts"
import type { SessionView, VoiceHalf } from "./Model.ts"
import * as Participants from "./Participants.ts"
import * as Relay from "./Relay.ts"
import * as Roster from "./Roster.ts"
import type { Session } from "./Session.ts"
import * as Signalling from "./Signalling.ts"
import * as Wire from "./Wire.ts"

export type {
  AudioOptions,
  DaveView,
  EncryptionOptions,
  HeardFrame,
  HeardReport,
  ParticipantHandle,
  Participants,
  SessionView,
  SpokenFrame,
  VoiceHalf
} from "./Model.ts"

export type { VoiceHooks } from "./Hooks.ts"

const stateOf = (session: Session): SessionView["state"] => {
  if (session.credentials === undefined) return "scripted"
  if (session.connection === undefined) return "lost"
  return session.media === undefined ? "identified" : "ready"
}

const viewOf = (session: Session): SessionView => ({
  userId: session.userId,
  guildId: session.guildId,
  channelId: session.channelId,
  server: session.server,
  ssrc: session.ssrc,
  mode: session.media?.box.mode,
  version: session.version,
  state: stateOf(session),
  speaking: session.speaking ?? 0,
  address: session.target
})

/**
 * Makes the voice half of one core.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeVoiceHalf = (context: CoreContext, grants: Grants, hooks: VoiceHooks = {}): VoiceHalf => {
  const servers = new Map<VoiceServerId, Address>()
  const wire = Wire.make(context)
  // Each informs the other: the roster about who is there, encryption about what they have to be told.
  const dave: Dave.Dave = Dave.make(context, (session, message) => roster.tell(session, message))
  const roster: Roster.Roster = Roster.make(context, wire, hooks, dave)

  const expel = (session: Session, code: number, reason: string): void => {
    if (session.connection !== undefined) wire.close(session.connection, code, reason)
    roster.end(session, code)
  }

  const relay = Relay.make(context, hooks, roster, dave, expel)
  const signalling = Signalling.make(
    context,
    grants,
    hooks,
    wire,
    roster,
    dave,
    (server) => servers.get(server),
    relay.release
  )

  return {
    addServer: (id, udp) => {
      servers.set(id, udp)
    },
    accept: signalling.accept,
    receive: signalling.receive,
    disconnected: signalling.disconnected,
    datagram: (server, from, bytes) => {
      if (servers.has(server)) relay.datagram(server, from, bytes)
    },
    owns: signalling.owns,
    revocation: ({ guildId, userId }) => {
      const sessions = roster.ofUser(userId, guildId)
      return ({ code, reason, voluntary }) => {
        for (const session of sessions) {
          if (session.ended) continue
          // A client that has lost its connection leaves immediately, and the closing silence may be under way.
          if (voluntary === true && session.connection !== undefined) session.conduct?.over()
          expel(session, code, reason)
        }
      }
    },
    closeUser: (userId, code, reason, guildId) => {
      const resumable = CloseCode.voice(code).reaction === "resume"
      let found = false
      for (const session of roster.ofUser(userId, guildId)) {
        const { connection } = session
        if (connection === undefined) continue
        found = true
        if (!resumable) expel(session, code, reason)
        else {
          wire.close(connection, code, reason)
          roster.lose(session)
        }
      }
      return found
    },
    terminateUser: (userId, guildId) => {
      let found = false
      for (const session of roster.ofUser(userId, guildId)) {
        const { connection } = session
        if (connection === undefined) continue
        found = true
        wire.terminate(connection)
        roster.lose(session)
      }
      return found
    },
    ended: signalling.ended,
    disturbance: Disturbance.make(context, wire, roster, signalling),
    participants: Participants.make(context, hooks, roster, relay, dave),
    sessions: () => roster.all().map(viewOf),
    groups: dave.views
  }
}
