/**
 * What the parts of the emulator's core share: time, randomness, output, verdicts and fault points. The core is a synchronous
 * state machine: the shell around it passes in connections, messages, datagrams and the time, and receives outputs.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Profile } from "./Profile.ts"
import type { Random, Surroundings } from "./Surroundings.ts"

export type { Random, Timers } from "./Surroundings.ts"

/**
 * A WebSocket connection, identified by a number that the shell chose when it accepted it.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionId = number

/**
 * A voice server: one voice gateway with one UDP address.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceServerId = number

/**
 * A UDP address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly address: string
  readonly port: number
}

/**
 * What the core wants done, in order. The bytes of a `Datagram` are valid only during the call: a shell that keeps them has to
 * copy them.
 *
 * @category models
 * @since 0.1.0
 */
export type Output =
  | { readonly _tag: "Text"; readonly connection: ConnectionId; readonly text: string }
  | { readonly _tag: "Binary"; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  | { readonly _tag: "Close"; readonly connection: ConnectionId; readonly code: number; readonly reason: string }
  | { readonly _tag: "Terminate"; readonly connection: ConnectionId }
  | { readonly _tag: "Datagram"; readonly server: VoiceServerId; readonly to: Address; readonly bytes: Uint8Array }

/**
 * Something that a client did. A `violation` is what Discord would answer by closing or dropping; `advice` is about what it
 * tolerates but a careful client would avoid.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verdict {
  readonly severity: "violation" | "advice"
  /** A stable name in kebab-case, such as `nonce-repeated`. */
  readonly code: string
  readonly message: string
  readonly userId: UserId | undefined
  /** Milliseconds of Effect's monotonic clock (`Clock.monotonicTimeNanos`). */
  readonly atMs: number
}

/**
 * A place where faults can act.
 *
 * @category models
 * @since 0.1.0
 */
export type FaultPoint =
  | "gateway-in"
  | "gateway-out"
  | "voice-in"
  | "voice-out"
  | "datagram-in"
  | "datagram-out"
  | "rest"

/**
 * What passes a fault point: the user concerned, if known; the opcode of a message (or the dispatch name, or the kind of a
 * datagram); the bytes or the text; and a running number of its kind at that point.
 *
 * A connection reveals its user with Identify or Resume. Before that it is attributed to the one user who is expected: on a
 * voice gateway the only one who was sent there and is not connected, on the main gateway the only bot without a connection. If
 * there are several such users, it belongs to nobody.
 *
 * @category models
 * @since 0.1.0
 */
export interface FaultSubject {
  readonly point: FaultPoint
  readonly userId: UserId | undefined
  readonly op: number | string | undefined
  readonly frame: string | Uint8Array
  readonly index: number
}

/**
 * What a fault does to its subject.
 *
 * - `Delay` is in milliseconds, and preserves the order of messages of one kind on one WebSocket.
 * - `Duplicate` counts the additional copies.
 * - `Replace` sends something else.
 * - `Hold` keeps it back until `behind` later ones of its kind have passed, or for `ms` milliseconds.
 * - `Close` and `Terminate` end the WebSocket it came from or goes to, by default before the subject passes (which it then does
 *   not).
 * - `Refuse` answers a REST request with a status without executing it; anything else passes.
 *
 * @category models
 * @since 0.1.0
 */
export type FaultAction =
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Delay"; readonly ms: number }
  | { readonly _tag: "Duplicate"; readonly copies: number }
  | { readonly _tag: "Replace"; readonly frame: string | Uint8Array }
  | { readonly _tag: "Hold"; readonly behind: number; readonly ms: number }
  | {
    readonly _tag: "Close"
    readonly code: number
    readonly reason: string
    readonly at?: "before" | "after" | undefined
  }
  | { readonly _tag: "Terminate"; readonly at?: "before" | "after" | undefined }
  | { readonly _tag: "Refuse"; readonly status: number; readonly retryAfterMs: number }

/**
 * Decides about a subject; `undefined` lets it pass.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = (subject: FaultSubject, random: Random) => FaultAction | undefined

/**
 * A voice session that the main gateway has issued: its token belongs to the session id, the user, the channel and one voice
 * server. A grant that was replaced or withdrawn is not found any more.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceGrant {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  readonly userId: UserId
  readonly sessionId: string
  readonly token: string
  readonly server: VoiceServerId
  /** Whether the channel requires end-to-end encryption, allows it, or (a stage) never has it. */
  readonly e2ee: "required" | "optional" | "never"
}

/**
 * What the voice half of the core asks of the main half.
 *
 * @category models
 * @since 0.1.0
 */
export interface Grants {
  /** The grant with this token, if it is still valid. */
  readonly byToken: (token: string) => VoiceGrant | undefined
  /** Whether a grant with this token has existed, valid or not. */
  readonly knewToken: (token: string) => boolean
  /** Whether a guild (or call) with this id exists. */
  readonly knowsServerId: (serverId: string) => boolean
  /** The valid grants for a voice server. */
  readonly forServer: (server: VoiceServerId) => ReadonlyArray<VoiceGrant>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface CoreContext extends Surroundings {
  readonly profile: Profile
  /** How long the process has stood still so far in total, in milliseconds. Default: never. */
  readonly standstillMs?: (() => number) | undefined
  /** The current time. `now` lags behind it while the input of a standstill of the process is processed. Default: `now`. */
  readonly clockMs?: (() => number) | undefined
  readonly emit: (output: Output) => void
  readonly judge: (
    severity: Verdict["severity"],
    code: string,
    message: string,
    userId: UserId | undefined
  ) => void
  /**
   * Puts a subject through the faults of its point and calls `pass` for each result: not at all, later, several times or with
   * another frame. A `Close` or `Terminate` is emitted for `connection`.
   */
  readonly through: (
    point: FaultPoint,
    subject: {
      readonly userId: UserId | undefined
      readonly op: number | string | undefined
      readonly frame: string | Uint8Array
      readonly connection: ConnectionId | undefined
    },
    pass: (frame: string | Uint8Array) => void
  ) => void
}
