/**
 * Where a scripted member's end-to-end encryption plugs in.
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
 * The group as one of its members knows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Membership {
  /** Of the DAVE protocol, which is in use: above 0. */
  readonly version: number
  readonly epoch: number
  /** 30 digits, the same for all who are in the same epoch of the same group. */
  readonly privacyCode: string
  /** In ascending order, itself included. */
  readonly members: ReadonlyArray<UserId>
}

/**
 * Why a frame could not be decrypted:
 *
 * - `no-group`: it is encrypted, and the receiver is in no group;
 * - `unencrypted`: it is in the clear where encryption is due;
 * - `not-a-member`: it is encrypted, and the sender is not in the receiver's group;
 * - `no-key`: no key of the sender opens it: another epoch, other bytes, or the same frame again.
 *
 * @category models
 * @since 0.1.0
 */
export type Undecryptable = "no-group" | "unencrypted" | "not-a-member" | "no-key"

/**
 * The end-to-end encrypting half of a scripted member, for one stay in one channel. Synchronous; it never throws.
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
  /** What is sent for an Opus packet: the packet itself where nothing is to be encrypted; `undefined` if nothing can be. */
  readonly encrypt: (frame: Uint8Array) => Uint8Array | undefined
  /** The Opus packet in what another member has sent, and whether it came encrypted. */
  readonly open: (
    userId: UserId,
    payload: Uint8Array
  ) => Result.Result<{ readonly frame: Uint8Array; readonly encrypted: boolean }, Undecryptable>
  /** `undefined` while it is in no group, or the channel is not encrypted. */
  readonly membership: () => Membership | undefined
  /** 45 digits that both sides see, whoever of the two is asked; `undefined` if the other is not in the group. */
  readonly verificationCode: (userId: UserId) => Promise<string | undefined>
  /** Takes the place of what it did wrong before. Whoever kept behind or was not let in now asks to be taken in anew. */
  readonly misbehave: (how: Misbehaviour) => void
  /** Ends it. What comes afterwards is ignored. */
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
 * Makes the end-to-end encrypting half of one stay in one channel.
 *
 * @category models
 * @since 0.1.0
 */
export type DaveMemberFactory = (options: DaveMemberOptions) => DaveMember
