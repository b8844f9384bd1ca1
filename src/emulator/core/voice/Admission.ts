/**
 * Who may in: the checks of Identify (op 0) and Resume (op 7) against what the main gateway has granted.
 *
 * @since 0.1.0
 */
import type { Identify, Resume } from "../../../protocol/VoicePayload.ts"
import type { CoreContext, Grants, VoiceGrant } from "../CoreContext.ts"
import * as Dave from "../dave/Dave.ts"
import { demandsE2ee } from "../Profile.ts"
import type { Roster } from "./Roster.ts"
import type { Connection, Session } from "./Session.ts"

/**
 * A refusal: the close code with its reason, and the violation, if the client did something that it could have known to
 * be wrong.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly code: number
  readonly reason: string
  readonly violation: string | undefined
}

const refuse = (code: number, reason: string, violation?: string): Refusal => ({
  _tag: "Refusal",
  code,
  reason,
  violation
})

/**
 * Checks Identify.
 *
 * @category guards
 * @since 0.1.0
 */
export const identify = (
  context: CoreContext,
  grants: Grants,
  roster: Roster,
  connection: Connection,
  d: Identify["d"]
): Refusal | { readonly _tag: "Admitted"; readonly grant: VoiceGrant } => {
  if (!grants.knowsServerId(d.server_id)) return refuse(4011, "Server not found.", "unknown-server")
  const grant = grants.byToken(d.token)
  if (grant === undefined) {
    return roster.knewToken(d.token) || grants.knewToken(d.token)
      ? refuse(4006, "Session is no longer valid.")
      : refuse(4004, "Authentication failed.", "bad-token")
  }
  if (grant.guildId !== d.server_id) return refuse(4004, "Authentication failed.", "bad-token")
  if (
    grant.userId !== d.user_id || grant.sessionId !== d.session_id || grant.server !== connection.server ||
    (d.channel_id !== undefined && d.channel_id !== grant.channelId)
  ) return refuse(4006, "Session is no longer valid.", "session-mismatch")
  // The session is still there: it is to be resumed, not begun again, unless a fault has kept Ready from the client.
  const former = roster.byToken(d.token)
  if (former !== undefined && !former.unannounced) {
    return refuse(4006, "Session is no longer valid.", "identify-for-resume")
  }
  if (demandsE2ee(context.profile, grant) && Dave.versionOf(context, grant.e2ee, d.max_dave_protocol_version) === 0) {
    return refuse(4017, "E2EE/DAVE protocol required.", "e2ee-required")
  }
  return { _tag: "Admitted", grant }
}

/**
 * Checks Resume and finds the session.
 *
 * @category guards
 * @since 0.1.0
 */
export const resume = (
  grants: Grants,
  roster: Roster,
  connection: Connection,
  d: Resume["d"]
): Refusal | { readonly _tag: "Resumable"; readonly session: Session } => {
  const session = roster.byToken(d.token)
  if (session === undefined || grants.byToken(d.token) === undefined) {
    return refuse(4006, "Session is no longer valid.")
  }
  if (
    session.guildId !== d.server_id || session.credentials?.sessionId !== d.session_id ||
    session.server !== connection.server || (d.channel_id !== undefined && d.channel_id !== session.channelId)
  ) return refuse(4006, "Session is no longer valid.", "session-mismatch")
  return { _tag: "Resumable", session }
}
