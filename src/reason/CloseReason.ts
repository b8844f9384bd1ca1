/**
 * The reasons that are close codes of the voice gateway, one for each entry of its table. The table has their texts; a reason
 * only names the entry.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as CloseCode from "../protocol/CloseCode.ts"

const key = "effect-discord-voice/VoiceError"

/** The close code and the text that came with it. */
const closeFields = { code: Schema.Int, detail: Schema.String }

const closeMessage = (error: { readonly code: number; readonly detail: string }): string => {
  const entry = CloseCode.voice(error.code)
  return `${entry.meaning} ${said(error)}. ${entry.remedy}`
}

/**
 * The close code in parentheses, with the text that came with it.
 *
 * @internal
 */
export const said = (error: { readonly code: number; readonly detail: string }): string =>
  `(close code ${error.code}${error.detail === "" ? "" : `: ${error.detail}`})`

/**
 * Voice close code 4001: we sent an opcode that the voice gateway does not know.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownOpcode
  extends Schema.TaggedError<UnknownOpcode>(`${key}/UnknownOpcode`)("UnknownOpcode", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4002: the voice gateway could not decode a payload of ours.
 *
 * @category reasons
 * @since 0.1.0
 */
export class PayloadRejected
  extends Schema.TaggedError<PayloadRejected>(`${key}/PayloadRejected`)("PayloadRejected", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4003: something was sent before Identify.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotAuthenticated
  extends Schema.TaggedError<NotAuthenticated>(`${key}/NotAuthenticated`)("NotAuthenticated", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4004: the voice token is not accepted.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AuthenticationFailed
  extends Schema.TaggedError<AuthenticationFailed>(`${key}/AuthenticationFailed`)("AuthenticationFailed", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4005: Identify or Resume was sent twice on one connection.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AlreadyAuthenticated
  extends Schema.TaggedError<AlreadyAuthenticated>(`${key}/AlreadyAuthenticated`)("AlreadyAuthenticated", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4006: the voice session is gone.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SessionInvalid
  extends Schema.TaggedError<SessionInvalid>(`${key}/SessionInvalid`)("SessionInvalid", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4009: the voice gateway has not received a heartbeat for too long.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SessionTimedOut
  extends Schema.TaggedError<SessionTimedOut>(`${key}/SessionTimedOut`)("SessionTimedOut", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4011: the voice server that we identified for does not exist.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerNotFound
  extends Schema.TaggedError<ServerNotFound>(`${key}/ServerNotFound`)("ServerNotFound", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4012: the voice gateway does not know the transport protocol.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownProtocol
  extends Schema.TaggedError<UnknownProtocol>(`${key}/UnknownProtocol`)("UnknownProtocol", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4013: the media worker of the voice server crashed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class WebRtcCrashed
  extends Schema.TaggedError<WebRtcCrashed>(`${key}/WebRtcCrashed`)("WebRtcCrashed", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4014: we were disconnected: kicked, moved, or the main gateway session was dropped.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Disconnected extends Schema.TaggedError<Disconnected>(`${key}/Disconnected`)("Disconnected", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4015: the voice server crashed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerCrashed
  extends Schema.TaggedError<ServerCrashed>(`${key}/ServerCrashed`)("ServerCrashed", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4016: the voice gateway does not know the transport encryption mode.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownEncryptionMode extends Schema.TaggedError<UnknownEncryptionMode>(`${key}/UnknownEncryptionMode`)(
  "UnknownEncryptionMode",
  closeFields
) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4017: the channel requires end-to-end encryption (DAVE).
 *
 * @category reasons
 * @since 0.1.0
 */
export class E2eeRequired extends Schema.TaggedError<E2eeRequired>(`${key}/E2eeRequired`)("E2eeRequired", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4020: a message was malformed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class BadRequest extends Schema.TaggedError<BadRequest>(`${key}/BadRequest`)("BadRequest", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4021: too many connections or requests.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>(`${key}/RateLimited`)("RateLimited", closeFields) {
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * Voice close code 4022: the call has ended for everyone: the channel was deleted, or moved to another voice server.
 *
 * @category reasons
 * @since 0.1.0
 */
export class CallTerminated
  extends Schema.TaggedError<CallTerminated>(`${key}/CallTerminated`)("CallTerminated", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * The voice WebSocket ended with a code below the range of Discord's own codes (1000, 1001, 1005, 1006 ...).
 *
 * @category reasons
 * @since 0.1.0
 */
export class ConnectionLost
  extends Schema.TaggedError<ConnectionLost>(`${key}/ConnectionLost`)("ConnectionLost", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}

/**
 * A close code that is not in the table.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownCloseCode
  extends Schema.TaggedError<UnknownCloseCode>(`${key}/UnknownCloseCode`)("UnknownCloseCode", closeFields)
{
  override get message(): string {
    return closeMessage(this)
  }
}
