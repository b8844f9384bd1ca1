/**
 * Where a scripted member's end-to-end encryption plugs in.
 *
 * @since 0.1.0
 */
import type { ClientFrame, ServerFrame } from "../../../protocol/DaveFrame.ts"
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import type { ClientMessage, ServerMessage } from "../../../protocol/VoicePayload.ts"

/**
 * The E2EE half of a scripted member: takes what the voice gateway sends and answers. Synchronous; nothing of it throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface DaveMember {
  /**
   * Takes ops 4 (whose `dave_protocol_version` counts), 11, 13, 21, 22 and 24 as JSON messages, and 25, 27, 29 and 30 as
   * binary ones. Answers through `send`, also from within: an answer is handled when this call is over.
   */
  readonly receive: (message: ServerMessage | ServerFrame) => void
  /** What is sent for a frame: the frame itself while nothing is to be encrypted; `undefined` if nothing can be sent. */
  readonly encrypt: (frame: Uint8Array) => Uint8Array | undefined
  /** The frame of another member, also if it was sent in the clear and may be; `undefined` if it cannot be opened. */
  readonly decrypt: (userId: UserId, payload: Uint8Array) => Uint8Array | undefined
  readonly close: () => void
}

/**
 * Makes the E2EE half of one stay in one channel.
 *
 * @category models
 * @since 0.1.0
 */
export type DaveMemberFactory = (options: {
  readonly userId: UserId
  readonly channelId: ChannelId
  readonly maxVersion: number
  /** Takes ops 23 and 31, and 26 and 28. */
  readonly send: (message: ClientMessage | ClientFrame) => void
}) => DaveMember
