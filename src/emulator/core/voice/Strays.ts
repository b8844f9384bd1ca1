/**
 * Datagrams that get no answer: what is wrong with them, reported once for the only session that they can belong to.
 *
 * @since 0.1.0
 */
import type { Address, CoreContext, VoiceServerId } from "../CoreContext.ts"
import type { Roster } from "./Roster.ts"
import type { Session } from "./Session.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Strays {
  /** An unanswered request for IP discovery, or what was meant as one. */
  readonly discovery: (server: VoiceServerId, bytes: Uint8Array) => void
  /** A datagram of an unknown kind. */
  readonly unknown: (server: VoiceServerId, from: Address, bytes: Uint8Array) => void
}

const form =
  "An IP discovery request is 74 bytes: type 1 (2 bytes), length 70 (2 bytes) and the SSRC of Ready (4 bytes), all big-endian, " +
  "then zeros"

const problemOf = (bytes: Uint8Array, ssrc: number): string => {
  if (bytes.length !== 74) return `this datagram is ${bytes.length} bytes`
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const type = view.getUint16(0)
  if (type === 0x0100) return "type and length are little-endian"
  if (type !== 1) return `type is ${type}`
  if (view.getUint16(2) !== 70) return `length is ${view.getUint16(2)}, but must not count itself and the type`
  if (view.getUint32(4, true) === ssrc) return "the SSRC is little-endian"
  return `the SSRC is ${view.getUint32(4)}, but Ready gave ${ssrc}`
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext, roster: Roster): Strays => {
  const told = new WeakMap<Session, Set<string>>()

  const advise = (session: Session, code: string, message: string): void => {
    const codes = told.get(session) ?? new Set()
    told.set(session, codes)
    if (codes.has(code)) return
    codes.add(code)
    if (session.tampered || session.discoveryTampered) context.count(`tampered:${code}`)
    else context.judge("advice", code, message, session.userId)
  }

  /** The session on a server that has not found its address yet, if there is exactly one. */
  const seeker = (server: VoiceServerId): Session | undefined => {
    const seeking = roster.all().filter((session) =>
      session.server === server && session.connection !== undefined && session.discovered === undefined
    )
    return seeking.length === 1 ? seeking[0] : undefined
  }

  const discovery: Strays["discovery"] = (server, bytes) => {
    const session = seeker(server)
    if (session === undefined) return
    advise(session, "discovery-unanswered", `IP discovery is not answered: ${problemOf(bytes, session.ssrc)}. ${form}`)
  }

  return {
    discovery,
    unknown: (server, from, bytes) => {
      if (bytes.length === 74) discovery(server, bytes)
      const session = roster.byAddress(server, from)
      if (session === undefined) return
      const what =
        "neither RTP (first byte 0x80 without padding, extension and CSRCs), RTCP, IP discovery, a ping nor a keepalive"
      advise(session, "unknown-datagram", `a datagram of ${bytes.length} bytes is ${what}`)
    }
  }
}
