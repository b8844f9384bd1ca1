/**
 * The meaning of the errors of a WebSocket of the `ws` package, by their codes.
 *
 * @since 0.1.0
 */
import type { WebSocketOpenError } from "./TransportError.ts"

const codeOf = (error: Error): string => "code" in error && typeof error.code === "string" ? error.code : ""

/**
 * Why a WebSocket could not be opened, by the code of Node's error.
 *
 * @category getters
 * @since 0.1.0
 */
export const openKind = (error: Error): WebSocketOpenError["kind"] => {
  const code = codeOf(error)
  if (code === "ECONNREFUSED") return "Refused"
  if (code === "ETIMEDOUT") return "TimedOut"
  return /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO|HOSTNAME/.test(code) ? "Tls" : "Failed"
}

/**
 * The close code with which `ws` answers a message that violates the protocol (RFC 6455, 7.4.1). It does not read any further,
 * so its own "close" event knows only 1006. `undefined` for all other errors.
 *
 * @category getters
 * @since 0.1.0
 */
export const answeredWith = (error: Error): number | undefined => {
  const code = codeOf(error)
  if (!code.startsWith("WS_ERR_")) return undefined
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return 1009
  if (code === "WS_ERR_INVALID_UTF8") return 1007
  return code.startsWith("WS_ERR_TOO_MANY") ? 1008 : 1002
}
