/**
 * The error of the RTP decoder.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Bytes that are not an RTP packet.
 *
 * - `TooShort`: fewer bytes than the header needs.
 * - `BadVersion`: the version is not 2.
 * - `BadExtension`: an extension, or one of its elements, is longer than the remaining bytes.
 * - `BadPadding`: the last byte says that there is no padding, or more than there can be.
 *
 * The instances are shared, so that rejecting a packet allocates nothing. Their stack traces are meaningless.
 *
 * @category errors
 * @since 0.1.0
 */
export class RtpError extends Schema.TaggedError<RtpError>("effect-discord-voice/protocol/RtpError")("RtpError", {
  kind: Schema.Literals(["TooShort", "BadVersion", "BadExtension", "BadPadding"])
}) {
  override get message() {
    return `Not an RTP packet: ${this.kind}`
  }
}

export const tooShort = new RtpError({ kind: "TooShort" })
export const badVersion = new RtpError({ kind: "BadVersion" })
export const badExtension = new RtpError({ kind: "BadExtension" })
export const badPadding = new RtpError({ kind: "BadPadding" })
