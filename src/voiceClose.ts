/**
 * Converts close codes of the voice gateway to reasons of the public error.
 *
 * @since 0.1.0
 */
import * as CloseCode from "./protocol/CloseCode.ts"
import { printable } from "./protocol/internal/printable.ts"
import * as VoiceError from "./VoiceError.ts"

type Close = { readonly code: number; readonly detail: string }

/** One constructor for each name in the table: a new name there does not compile until it has a reason here. */
const reasons: { readonly [Name in CloseCode.VoiceCloseName]: (close: Close) => VoiceError.Reason } = {
  UnknownOpcode: (close) => new VoiceError.UnknownOpcode(close),
  PayloadRejected: (close) => new VoiceError.PayloadRejected(close),
  NotAuthenticated: (close) => new VoiceError.NotAuthenticated(close),
  AuthenticationFailed: (close) => new VoiceError.AuthenticationFailed(close),
  AlreadyAuthenticated: (close) => new VoiceError.AlreadyAuthenticated(close),
  SessionInvalid: (close) => new VoiceError.SessionInvalid(close),
  SessionTimedOut: (close) => new VoiceError.SessionTimedOut(close),
  ServerNotFound: (close) => new VoiceError.ServerNotFound(close),
  UnknownProtocol: (close) => new VoiceError.UnknownProtocol(close),
  WebRtcCrashed: (close) => new VoiceError.WebRtcCrashed(close),
  Disconnected: (close) => new VoiceError.Disconnected(close),
  ServerCrashed: (close) => new VoiceError.ServerCrashed(close),
  UnknownEncryptionMode: (close) => new VoiceError.UnknownEncryptionMode(close),
  E2eeRequired: (close) => new VoiceError.E2eeRequired(close),
  BadRequest: (close) => new VoiceError.BadRequest(close),
  RateLimited: (close) => new VoiceError.RateLimited(close),
  CallTerminated: (close) => new VoiceError.CallTerminated(close),
  ConnectionLost: (close) => new VoiceError.ConnectionLost(close),
  UnknownCloseCode: (close) => new VoiceError.UnknownCloseCode(close)
}

/**
 * The reason for a close code of the voice gateway. `detail` is the text of the close frame, of which the reason keeps the
 * first 200 characters, with control characters escaped. Defined for every code: codes below 4000 give `ConnectionLost`,
 * undocumented ones `UnknownCloseCode`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const voiceCloseReason = (code: number, detail: string): VoiceError.Reason =>
  reasons[CloseCode.voice(code).name]({ code, detail: printable(detail) })
