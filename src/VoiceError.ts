/**
 * Everything that can go wrong, as one closed union. There is one public error, {@link VoiceError}; its `reason` says what
 * happened. Handle a reason with `Effect.catchReason("VoiceError", "Kicked", ...)`, several with `Effect.catchReasons`, or
 * move the reasons into the error channel with `Effect.unwrapReason("VoiceError")`.
 *
 * The `message` of every reason says what happened, what it means and what to do about it. No message contains a token or a
 * key.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Schema from "effect/Schema"
import * as Admission from "./reason/AdmissionReason.ts"
import * as Audio from "./reason/AudioReason.ts"
import * as Close from "./reason/CloseReason.ts"
import * as Connection from "./reason/ConnectionReason.ts"
import * as Gateway from "./reason/GatewayReason.ts"
import * as Request from "./reason/RequestReason.ts"

const key = "effect-discord-voice/VoiceError"

export { NotAdmitted, Obstacle } from "./reason/AdmissionReason.ts"

export { CodecUnavailable, EncodeFailed, RecordingFailed, SourceFailed } from "./reason/AudioReason.ts"

export {
  AlreadyAuthenticated,
  AuthenticationFailed,
  BadRequest,
  CallTerminated,
  ConnectionLost,
  Disconnected,
  E2eeRequired,
  NotAuthenticated,
  PayloadRejected,
  RateLimited,
  ServerCrashed,
  ServerNotFound,
  SessionInvalid,
  SessionTimedOut,
  UnknownCloseCode,
  UnknownEncryptionMode,
  UnknownOpcode,
  UnknownProtocol,
  WebRtcCrashed
} from "./reason/CloseReason.ts"

export {
  CryptoFailed,
  DiscoveryUnanswered,
  E2eeFailed,
  HeartbeatUnanswered,
  NoCommonMode,
  Phase,
  PhaseTimedOut,
  ProtocolViolated,
  SocketOpenFailed,
  UdpFailed,
  UdpLost
} from "./reason/ConnectionReason.ts"

export {
  CallEnded,
  GatewayClosed,
  GatewayDetached,
  GatewayFailed,
  GatewayUnreachable,
  JoinTimedOut,
  Kicked,
  RemovedFromGuild,
  RestFailed
} from "./reason/GatewayReason.ts"

export { AlreadyJoined, NotConnected, Unsupported } from "./reason/RequestReason.ts"

/**
 * The union of all reasons.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  Close.UnknownOpcode,
  Close.PayloadRejected,
  Close.NotAuthenticated,
  Close.AuthenticationFailed,
  Close.AlreadyAuthenticated,
  Close.SessionInvalid,
  Close.SessionTimedOut,
  Close.ServerNotFound,
  Close.UnknownProtocol,
  Close.WebRtcCrashed,
  Close.Disconnected,
  Close.ServerCrashed,
  Close.UnknownEncryptionMode,
  Close.E2eeRequired,
  Close.BadRequest,
  Close.RateLimited,
  Close.CallTerminated,
  Close.ConnectionLost,
  Close.UnknownCloseCode,
  Connection.PhaseTimedOut,
  Gateway.JoinTimedOut,
  Admission.NotAdmitted,
  Request.AlreadyJoined,
  Gateway.Kicked,
  Gateway.CallEnded,
  Request.NotConnected,
  Connection.SocketOpenFailed,
  Connection.HeartbeatUnanswered,
  Connection.ProtocolViolated,
  Connection.UdpFailed,
  Connection.UdpLost,
  Connection.DiscoveryUnanswered,
  Connection.NoCommonMode,
  Connection.CryptoFailed,
  Audio.CodecUnavailable,
  Audio.EncodeFailed,
  Audio.SourceFailed,
  Audio.RecordingFailed,
  Request.Unsupported,
  Connection.E2eeFailed,
  Gateway.GatewayClosed,
  Gateway.GatewayDetached,
  Gateway.RemovedFromGuild,
  Gateway.GatewayUnreachable,
  Gateway.GatewayFailed,
  Gateway.RestFailed
])

/**
 * @category models
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The public error of this library. `message` is that of the reason, and `name` includes the reason's name, such as
 * `effect-discord-voice/VoiceError/Kicked`. Printing the error shows both, the place where it was created, and the fields of
 * the reason.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 *
 * program.pipe(
 *   Effect.catchReasons("VoiceError", {
 *     Kicked: () => Effect.log("asked to leave"),
 *     JoinTimedOut: (reason) => Effect.logError(reason.message)
 *   })
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class VoiceError extends Schema.TaggedError<VoiceError>(key)("VoiceError", { reason: Reason }) {
  override get message(): string {
    return this.reason.message
  }

  override get name(): string {
    return this.reason.name
  }

  override toJSON(): unknown {
    return { _tag: this._tag, message: this.message, reason: this.reason }
  }

  // the arguments that Node passes: how many levels may still be printed, the options, and the function that prints
  override [NodeInspectSymbol](
    depth = 0,
    options?: object,
    inspect: (value: unknown, options?: object) => string = (value) => JSON.stringify(value)
  ): string {
    return depth < 0 ? `[${this}]` : `${this.stack ?? this} ${inspect(this.reason, options)}`
  }
}

/**
 * Wraps a reason in a {@link VoiceError}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (reason: Reason): VoiceError => new VoiceError({ reason })

/**
 * Fails with a {@link VoiceError} of this reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fail = (reason: Reason): Effect.Effect<never, VoiceError> => Effect.fail(make(reason))
