/**
 * The errors of sockets that cannot be opened, or end. `Transport` exports them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { printable } from "../protocol/internal/printable.ts"

/**
 * A WebSocket could not be opened. `status` is the HTTP status of a refused upgrade.
 *
 * @category errors
 * @since 0.1.0
 */
export class WebSocketOpenError extends Schema.TaggedError<WebSocketOpenError>(
  "effect-discord-voice/Transport/WebSocketOpenError"
)("WebSocketOpenError", {
  url: Schema.String,
  kind: Schema.Literals(["InvalidUrl", "Refused", "TimedOut", "Rejected", "Tls", "Failed"]),
  status: Schema.optionalKey(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    const status = this.status === undefined ? "" : ` with HTTP ${this.status}`
    return `WebSocket to ${this.url} could not be opened (${this.kind}${status}): ${printable(this.detail)}`
  }
}

/**
 * An open WebSocket has ended. Code 1006 means that there was no close frame (RFC 6455, 7.1.5).
 *
 * @category errors
 * @since 0.1.0
 */
export class WebSocketClosed extends Schema.TaggedError<WebSocketClosed>(
  "effect-discord-voice/Transport/WebSocketClosed"
)("WebSocketClosed", {
  code: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `WebSocket closed: ${this.code}${this.reason === "" ? "" : ` ${printable(this.reason)}`}`
  }
}

/**
 * A datagram socket could not be opened.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatagramError extends Schema.TaggedError<DatagramError>("effect-discord-voice/Transport/DatagramError")(
  "DatagramError",
  { address: Schema.String, port: Schema.Int, detail: Schema.String }
) {
  override get message() {
    return `UDP socket to ${this.address}:${this.port} could not be opened: ${this.detail}`
  }
}
