/**
 * How an attempt to be connected to the main gateway ended, and what follows from it.
 *
 * @since 0.1.0
 */
import * as CloseCode from "../protocol/CloseCode.ts"
import { printable } from "../protocol/internal/printable.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * The end of a connection. `next` says how to continue: resume the session if there is one, begin a new one, or stop. `error`
 * is what the program receives if it stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface End {
  readonly next: CloseCode.GatewayReaction
  readonly error: VoiceError.VoiceError
  /** The minimum of the backoff, in milliseconds. */
  readonly minDelayMs: number
  /** Whether Discord asked to reconnect: there is then no backoff, if the connection was up for 10 seconds. */
  readonly immediately: boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  next: End["next"],
  reason: VoiceError.Reason,
  options: { readonly minDelayMs?: number; readonly immediately?: boolean } = {}
): End => ({
  next,
  error: VoiceError.make(reason),
  minDelayMs: options.minDelayMs ?? 0,
  immediately: options.immediately ?? false
})

/**
 * The reason for a close code: one of Discord's, or 1006 for an end without a close frame.
 *
 * @category constructors
 * @since 0.1.0
 */
export const closedReason = (code: number, detail: string): VoiceError.Reason => {
  const { name, remedy } = CloseCode.gateway(code)
  return new VoiceError.GatewayClosed({ code, name, remedy, detail: printable(detail) })
}

/**
 * The end for a close code of the gateway, by the table of close codes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromClose = (code: number, detail: string): End =>
  make(CloseCode.gateway(code).reaction, closedReason(code, detail))
