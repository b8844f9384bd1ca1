/**
 * The interface of a scripted member's end-to-end encryption.
 *
 * @since 0.1.0
 */
import type * as Result from "effect/Result"
import type { ClientFrame, ServerFrame } from "../../../protocol/DaveFrame.ts"
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import type { ClientMessage, ServerMessage } from "../../../protocol/VoicePayload.ts"
import type { Surroundings } from "../Surroundings.ts"
import type { Misbehaviour } from "./Misbehaviour.ts"

/**
 * The group from the point of view of one of its members.
 *
 * @category models
 * @since 0.1.0
 */
export interface Membership {
  /** The version of the DAVE protocol in use: above 0. */
  readonly version: number
  readonly epoch: number
  /** 30 digits, the same for all members in the same epoch of the same group. */
  readonly privacyCode: string
  /** In ascending order, including the member itself. */
  readonly members: ReadonlyArray<UserId>
}

/**
 * Why a frame could not be decrypted:
 *
 * - `no-group`: it is encrypted, and the receiver is in no group;
 * - `unencrypted`: it is not encrypted although encryption is required;
 * - `not-a-member`: it is encrypted, and the sender is not in the receiver's group;
 * - `no-key`: no key of the sender opens it: a different epoch, changed bytes, or the same frame again.
 *
 * @category models
 * @since 0.1.0
 */
export type Undecryptable = "no-group" | "unencrypted" | "not-a-member" | "no-key"

/**
 * The end-to-end encryption of a scripted member, for one stay in one channel. Synchronous; it never throws.
 *
 * @category models
 * @since 0.1.0
 */
export interface DaveMember {
  /**
   * Takes ops 4 (of which `dave_protocol_version` matters), 11, 13, 21, 22 and 24 as JSON messages, and 25, 27, 29 and 30 as
   * binary ones. It answers through `send`, also during this call: an answer is handled after the call.
   */
  readonly receive: (message: ServerMessage | ServerFrame) => void
  /** What to send for an Opus packet: the packet itself if nothing has to be encrypted; `undefined` if it cannot be sent. */
  readonly encrypt: (frame: Uint8Array) => Uint8Array | undefined
  /** The Opus packet in a frame from another member, and whether it was encrypted. */
  readonly open: (
    userId: UserId,
    payload: Uint8Array
  ) => Result.Result<{ readonly frame: Uint8Array; readonly encrypted: boolean }, Undecryptable>
  /** `undefined` while the member is in no group, or if the channel is not encrypted. */
  readonly membership: () => Membership | undefined
  /** The 45 digits that both sides see, whichever of the two is asked; `undefined` if the other is not in the group. */
  readonly verificationCode: (userId: UserId) => Promise<string | undefined>
  /** Replaces the former misbehavior. A member that had fallen behind or was not admitted now asks to be added again. */
  readonly misbehave: (how: Misbehaviour) => void
  /** Ends the encryption. Later input is ignored. */
  readonly close: () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface DaveMemberOptions {
  readonly context: Surroundings
  readonly userId: UserId
  readonly channelId: ChannelId
  readonly misbehaviour: Misbehaviour
  /** Takes ops 23 and 31, and 26 and 28. */
  readonly send: (message: ClientMessage | ClientFrame) => void
}

/**
 * Makes the end-to-end encryption for one stay in one channel.
 *
 * @category models
 * @since 0.1.0
 */
export type DaveMemberFactory = (options: DaveMemberOptions) => DaveMember
