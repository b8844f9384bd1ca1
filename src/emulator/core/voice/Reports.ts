/**
 * The voice server's handling of RTCP: reports are judged as they were sent, and sender reports are answered and forwarded as
 * they come out of the faults.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as RtcpPacket from "../../../protocol/RtcpPacket.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { Forwarding } from "./Forwarding.ts"
import type { VoiceHooks } from "./Hooks.ts"
import type { Session } from "./Session.ts"

/**
 * Both take an opened compound packet, whose bytes are used only during the call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reports {
  readonly judge: (session: Session, plain: Uint8Array) => void
  readonly answer: (session: Session, plain: Uint8Array) => void
}

/** The SSRC of the server itself, as the sender of receiver reports; members get others. */
const serverSsrc = 1

const noBytes = new Uint8Array(0)

/**
 * `accuse` records a violation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  hooks: VoiceHooks,
  forwarding: Forwarding,
  accuse: (session: Session, code: string, message: string) => void
): Reports => ({
  judge: (session, plain) => {
    const decoded = RtcpPacket.decode(plain)
    if (Result.isFailure(decoded)) return accuse(session, "malformed", decoded.failure.message)
    for (const packet of decoded.success) {
      if (packet._tag !== "SenderReport" && packet._tag !== "ReceiverReport") continue
      // the two after it are those of its video
      const step = packet.ssrc - session.ssrc
      if (step < 0 || step > 2) {
        accuse(session, "wrong-ssrc", `a report has SSRC ${packet.ssrc}, but Ready gave ${session.ssrc}`)
      } else if (step === 0 && packet._tag === "SenderReport") session.conduct?.report(packet)
    }
  },
  answer: (session, plain) => {
    const decoded = RtcpPacket.decode(plain)
    if (Result.isFailure(decoded)) return context.count("rtcp-dropped")
    for (const packet of decoded.success) {
      context.count(`rtcp:${packet._tag}`)
      if (packet._tag !== "SenderReport" || packet.ssrc !== session.ssrc) continue
      const report = session.reception.report(session.ssrc, Number((packet.ntpTimestamp >> 16n) & 0xffff_ffffn))
      const reports = report === undefined ? [] : [report]
      forwarding.control(
        session,
        RtcpPacket.encode([{ _tag: "ReceiverReport", ssrc: serverSsrc, reports, extension: noBytes }])
      )
      if (!context.profile.relaySenderReports) continue
      if (hooks.speaks !== undefined && !hooks.speaks(session.userId, session.guildId)) continue
      // its report blocks are about its own path from the server
      forwarding.controlOthers(session, RtcpPacket.encode([{ ...packet, reports: [], extension: noBytes }]))
    }
  }
})
