/**
 * The messages between the thread of the beat and the thread that keeps the groups.
 *
 * @since 0.1.0
 */
import type { ChannelId, UserId } from "../protocol/Identifier.ts"

/**
 * A request to a group. Each is answered.
 *
 * @category models
 * @since 0.1.0
 */
export type Ask =
  | { readonly _tag: "create"; readonly version: number }
  | { readonly _tag: "external-sender"; readonly bytes: Uint8Array }
  | {
    readonly _tag: "proposals"
    readonly operation: "append" | "revoke"
    readonly bytes: Uint8Array
    readonly recognised: ReadonlyArray<UserId>
  }
  | { readonly _tag: "commit"; readonly bytes: Uint8Array }
  | { readonly _tag: "welcome"; readonly bytes: Uint8Array }
  | { readonly _tag: "verification-code"; readonly userId: UserId }

/**
 * A received frame to be decrypted. `id` counts the frames of a group.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sealed {
  readonly id: number
  readonly userId: UserId
  readonly frame: Uint8Array
}

/**
 * @category models
 * @since 0.1.0
 */
export type ToGroups =
  | { readonly _tag: "Open"; readonly group: number; readonly userId: UserId; readonly channelId: ChannelId }
  | { readonly _tag: "Ask"; readonly group: number; readonly request: number; readonly ask: Ask }
  | {
    readonly _tag: "Protect"
    readonly group: number
    readonly lane: number
    readonly ring: SharedArrayBuffer
    readonly ahead: SharedArrayBuffer
  }
  | { readonly _tag: "Unprotect"; readonly group: number; readonly lane: number }
  | { readonly _tag: "Decrypt"; readonly group: number; readonly frames: ReadonlyArray<Sealed> }
  | { readonly _tag: "Close"; readonly group: number }

/**
 * @category models
 * @since 0.1.0
 */
export interface MembershipState {
  readonly epoch: number
  readonly privacyCode: string
  readonly members: ReadonlyArray<UserId>
}

/**
 * @category models
 * @since 0.1.0
 */
export type FromGroups =
  /** Whether the engine could be loaded. */
  | { readonly _tag: "Opened"; readonly group: number; readonly failure: string | undefined }
  | {
    readonly _tag: "Answer"
    readonly group: number
    readonly request: number
    readonly result: { readonly value: Uint8Array | string | undefined } | { readonly failure: string }
    readonly membership: MembershipState | undefined
  }
  | {
    readonly _tag: "Decrypted"
    readonly group: number
    readonly frames: ReadonlyArray<{ readonly id: number; readonly frame: Uint8Array | "NotMember" | "Undecryptable" }>
  }
