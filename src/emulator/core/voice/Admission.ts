/**
 * Admission to a voice server: checks Identify (op 0) and Resume (op 7) against what the main gateway has granted.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { Identify, Resume, VoiceVersion } from "../../../protocol/VoicePayload.ts"
import type { CoreContext, Grants, VoiceGrant } from "../CoreContext.ts"
import * as Dave from "../dave/Dave.ts"
import { demandsE2ee } from "../Profile.ts"
import type { Roster } from "./Roster.ts"
import type { Connection, Session } from "./Session.ts"

/**
 * A refusal: the close code with its reason, and the violation, if the client could have known that it was wrong.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly code: number
  readonly reason: string
  readonly violation: string | undefined
  /** What was wrong, and what it should have been; empty if there is no violation. */
  readonly detail: string
}

const refuse = (code: number, reason: string, violation?: string, detail = ""): Refusal => ({
  _tag: "Refusal",
  code,
  reason,
  violation,
  detail
})

/**
 * The requested version of the voice gateway, if the profile has it. Otherwise there is advice, because no close code exists
 * for this.
 *
 * @category combinators
 * @since 0.1.0
 */
export const version = (
  context: CoreContext,
  search: URLSearchParams,
  userId: UserId | undefined
): VoiceVersion | undefined => {
  const { defaultVersion, versions } = context.profile
  const text = search.get("v")
  const found = text === null && defaultVersion !== "refuse"
    ? defaultVersion
    : versions.find((version) => String(version) === text)
  if (found === undefined) {
    const asked = text === null ? "without a version (?v=8)" : "for a version that does not exist"
    const message = `the voice gateway was opened ${asked}; it supports versions ${versions.join(", ")}`
    context.judge("advice", "version-refused", message, userId)
  }
  return found
}

/** Describes what in an introducing message differs from what the main gateway has sent. */
const mismatches = (found: ReadonlyArray<readonly [wrong: boolean, what: string]>): string =>
  found.flatMap(([wrong, what]) => wrong ? [what] : []).join("; ")

const elsewhere = "this is not the endpoint of the last VOICE_SERVER_UPDATE"

const otherSession = "session_id is not the one in the bot's own VOICE_STATE_UPDATE"

const otherChannel = "channel_id is not the one in the bot's own VOICE_STATE_UPDATE"

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
  if (!grants.knowsServerId(d.server_id)) {
    const why = `server_id ${d.server_id} is not a guild: it must be the guild_id of VOICE_SERVER_UPDATE`
    return refuse(4011, "Server not found.", "unknown-server", why)
  }
  const grant = grants.byToken(d.token)
  if (grant === undefined) {
    return roster.knewToken(d.token) || grants.knewToken(d.token)
      ? refuse(4006, "Session is no longer valid.")
      : refuse(4004, "Authentication failed.", "bad-token", "token must be the one in VOICE_SERVER_UPDATE")
  }
  if (grant.guildId !== d.server_id) {
    const why = `token belongs to another guild than server_id ${d.server_id}`
    return refuse(4004, "Authentication failed.", "bad-token", why)
  }
  const wrong = mismatches([
    [grant.userId !== d.user_id, `user_id ${d.user_id} is not the bot's user id, ${grant.userId}`],
    [grant.sessionId !== d.session_id, otherSession],
    [grant.server !== connection.server, elsewhere],
    [d.channel_id !== undefined && d.channel_id !== grant.channelId, otherChannel]
  ])
  if (wrong !== "") return refuse(4006, "Session is no longer valid.", "session-mismatch", wrong)
  // The session still exists: it should be resumed, not begun again, unless a fault has kept Ready from the client.
  const former = roster.byToken(d.token)
  if (former !== undefined && !former.unannounced) {
    const why =
      "the session of this token still exists: resume it (op 7), or identify with the token of a new VOICE_SERVER_UPDATE"
    return refuse(4006, "Session is no longer valid.", "identify-for-resume", why)
  }
  if (demandsE2ee(context.profile, grant) && Dave.versionOf(context, grant.e2ee, d.max_dave_protocol_version) === 0) {
    const why =
      "Identify must announce max_dave_protocol_version 1, unless the channel admits clients without encryption"
    return refuse(4017, "E2EE/DAVE protocol required.", "e2ee-required", why)
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
  const wrong = mismatches([
    [session.guildId !== d.server_id, `server_id ${d.server_id} is not the guild of this token`],
    [session.credentials?.sessionId !== d.session_id, otherSession],
    [session.server !== connection.server, elsewhere],
    [d.channel_id !== undefined && d.channel_id !== session.channelId, otherChannel]
  ])
  if (wrong !== "") return refuse(4006, "Session is no longer valid.", "session-mismatch", wrong)
  return { _tag: "Resumable", session }
}
