/**
 * Judges how a client listens: whether it has sent Speaking (op 5) once, and whether it keeps the path open on which audio
 * comes to it. Discord tolerates or seems to tolerate the lack of either, so both are advice.
 *
 * @since 0.1.0
 */
import type { Address, CoreContext, VoiceServerId } from "../CoreContext.ts"
import type { Roster } from "./Roster.ts"
import { sameAddress, type Session } from "./Session.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Listening {
  /** Tells that a member has sent a media packet. */
  readonly sent: (session: Session) => void
  /** Tells that another datagram has arrived from an address, whatever it is. */
  readonly beacon: (server: VoiceServerId, from: Address) => void
  /** Whether audio, which is about to be sent to a member, may go there. */
  readonly admits: (listener: Session) => boolean
  /** The same without judging. */
  readonly wouldAdmit: (listener: Session) => boolean
}

/** How long after the first session description Speaking (op 5) may be under way, in milliseconds. */
const introductionMs = 5_000

/**
 * How long a client may send no datagram while audio comes to it, in milliseconds. Routers forget a mapping after 30 seconds to
 * two minutes without outgoing packets (RFC 4787, 4.3); libraries send keepalives every 5 to 42 seconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const silentMs = 60_000

/** The number of heartbeat intervals after which a client that sends nothing at all may have died. */
const lifeSign = 1.25

/**
 * Makes the judge of all listeners of one core.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, roster: Roster): Listening => {
  const { profile } = context
  const lifeMs = lifeSign * profile.voiceHeartbeatIntervalMs

  const advise = (session: Session, code: string, message: string): void => {
    if (session.judgedMs.has(code)) return
    session.judgedMs.set(code, context.now())
    if (session.tampered || session.connection?.tampered === true) context.count(`tampered:${code}`)
    else context.judge("advice", code, message, session.userId)
  }

  const judgeIntroduction = (session: Session): void => {
    const since = session.describedMs
    // One that loses its connection before counts as tampered with: Speaking may be lost with it.
    if (since === undefined || context.now() - since < introductionMs) return
    advise(
      session,
      "listening-before-speaking",
      "audio is sent to a client that has never sent Speaking (op 5): Discord asks clients to send it before they receive audio"
    )
  }

  const judgeKeepalive = (session: Session): void => {
    const { connection } = session
    const since = session.sentMs ?? session.describedMs
    if (since === undefined || connection === undefined || session.pinned) return
    const now = context.now()
    if (now - since < silentMs || now - connection.sentBeatMs > lifeMs) return
    advise(
      session,
      "keepalive-missing",
      `audio is sent to a client that has sent no datagram for ${
        Math.round((now - since) / 1000)
      } s: a router would no longer know where to send it`
    )
  }

  /** Scripted members have no connection, and do not have to send Speaking. */
  const wouldAdmit = ({ credentials, speaking }: Session): boolean =>
    credentials === undefined || speaking !== undefined || profile.audioToUnannounced === "forward"

  return {
    wouldAdmit,
    sent: (session) => {
      session.sentMs = context.now()
    },
    beacon: (server, from) => {
      for (const session of roster.all()) {
        if (session.server !== server) continue
        if (sameAddress(session.target, from) || sameAddress(session.discovered, from)) session.sentMs = context.now()
      }
    },
    admits: (listener) => {
      if (listener.credentials === undefined) return true
      judgeKeepalive(listener)
      if (listener.speaking !== undefined) return true
      judgeIntroduction(listener)
      if (wouldAdmit(listener)) return true
      context.count("rtp-withheld")
      return false
    }
  }
}
