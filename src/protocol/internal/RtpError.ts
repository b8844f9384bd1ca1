/**
 * Why bytes are not an RTP packet.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Bytes that are not an RTP packet.
 *
 * - `TooShort`: fewer bytes than the header needs.
 * - `BadVersion`: the version is not 2.
 * - `BadExtension`: an extension, or one of its elements, is longer than the bytes that are left.
 * - `BadPadding`: the last byte names no padding, or more than there is.
 *
 * The instances are shared: reading a bad packet costs no allocation, so their stack traces say nothing.
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
