/**
 * The WebSocket close codes of Discord's two gateways as data: what each code is called, what it means, what a user can do
 * about it and how a client reacts. The same number means different things on the two gateways (4006, 4009, 4014 and
 * others), so that there are two tables and two functions.
 *
 * Whoever needs another policy maps over the table; nothing here branches on a code elsewhere.
 *
 * @since 0.1.0
 */

/**
 * How a client reacts to a close code of the voice gateway.
 *
 * - `resume`: open the same endpoint again and send Resume (op 7); if that is refused, rejoin.
 * - `rejoin`: ask the main gateway for a new voice server (op 4) and identify anew; never resume.
 * - `rejoin-once`: the same, but a second time in a row is final: the fault is in what we send.
 * - `await-gateway`: neither resume nor rejoin; the main gateway's next word decides. An own voice state without a channel
 *   means that we were removed, a new voice server that the call goes on there.
 * - `stop`: nothing that a client does by itself can help.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceReaction = "resume" | "rejoin" | "rejoin-once" | "await-gateway" | "stop"

/**
 * How a client reacts to a close code of the main gateway.
 *
 * - `resume`: connect to the resume URL and send Resume (op 6); Invalid Session (op 9) says whether that was possible.
 * - `new-session`: connect and send Identify (op 2); all voice sessions of the old session are gone.
 * - `stop`: the next attempt would end the same way.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayReaction = "resume" | "new-session" | "stop"

/**
 * The name of a close code of the voice gateway. `ConnectionLost` stands for every code below 4000 (RFC 6455, 7.4),
 * `UnknownCloseCode` for every other code without an entry.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceCloseName =
  | "UnknownOpcode"
  | "PayloadRejected"
  | "NotAuthenticated"
  | "AuthenticationFailed"
  | "AlreadyAuthenticated"
  | "SessionInvalid"
  | "SessionTimedOut"
  | "ServerNotFound"
  | "UnknownProtocol"
  | "WebRtcCrashed"
  | "Disconnected"
  | "ServerCrashed"
  | "UnknownEncryptionMode"
  | "E2eeRequired"
  | "BadRequest"
  | "RateLimited"
  | "CallTerminated"
  | "ConnectionLost"
  | "UnknownCloseCode"

/**
 * The name of a close code of the main gateway, with the same two catch-alls as {@link VoiceCloseName}.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayCloseName =
  | "UnknownError"
  | "UnknownOpcode"
  | "DecodeError"
  | "NotAuthenticated"
  | "AuthenticationFailed"
  | "AlreadyAuthenticated"
  | "InvalidSequence"
  | "RateLimited"
  | "SessionTimedOut"
  | "InvalidShard"
  | "ShardingRequired"
  | "InvalidApiVersion"
  | "InvalidIntents"
  | "DisallowedIntents"
  | "ConnectionLost"
  | "UnknownCloseCode"

/**
 * One row of a table. `meaning` is a sentence without its full stop, so that a code can be put behind it; `remedy` is a
 * whole sentence that says what the user can do.
 *
 * @category models
 * @since 0.1.0
 */
export interface CloseCode<Name extends string, Reaction extends string> {
  readonly code: number
  readonly name: Name
  readonly meaning: string
  readonly remedy: string
  readonly reaction: Reaction
}

/**
 * One close code of the voice gateway.
 *
 * @category models
 * @since 0.1.0
 */
export type VoiceCloseCode = CloseCode<VoiceCloseName, VoiceReaction>

/**
 * One close code of the main gateway.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayCloseCode = CloseCode<GatewayCloseName, GatewayReaction>

/**
 * Every close code of the voice gateway, in ascending order (Discord docs, Opcodes and Status Codes, Voice Close Event
 * Codes; 4013 is not documented by Discord).
 *
 * @category constants
 * @since 0.1.0
 */
export const voiceTable: ReadonlyArray<VoiceCloseCode> = [
  {
    code: 4001,
    name: "UnknownOpcode",
    meaning: "The voice gateway does not know an opcode that was sent",
    remedy: "This is a fault of the client: use a gateway version that has the opcode, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4002,
    name: "PayloadRejected",
    meaning: "The voice gateway could not decode a payload that was sent",
    remedy: "This is a fault of the client: check the session id and the ids that were passed in, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4003,
    name: "NotAuthenticated",
    meaning: "Something was sent to the voice gateway before Identify",
    remedy: "This is a fault of the client: send Identify or Resume first, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4004,
    name: "AuthenticationFailed",
    meaning: "The voice gateway does not accept the voice token",
    remedy: "Take the token from the latest VOICE_SERVER_UPDATE of this guild: each one replaces the token before it.",
    reaction: "rejoin-once"
  },
  {
    code: 4005,
    name: "AlreadyAuthenticated",
    meaning: "Identify or Resume was sent twice on one voice connection",
    remedy: "This is a fault of the client: send it once for each connection, or report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4006,
    name: "SessionInvalid",
    meaning: "The voice session is no longer valid",
    remedy: "Join again for a new session; if it comes at once, check that the endpoint's port was kept.",
    reaction: "rejoin"
  },
  {
    code: 4009,
    name: "SessionTimedOut",
    meaning: "The voice session timed out because heartbeats were missing",
    remedy: "Join again for a new session; if it comes often, look for code that blocks the event loop.",
    reaction: "rejoin"
  },
  {
    code: 4011,
    name: "ServerNotFound",
    meaning: "The voice gateway does not know the server that Identify named",
    remedy: "Join again for a new voice server and check the guild id.",
    reaction: "rejoin"
  },
  {
    code: 4012,
    name: "UnknownProtocol",
    meaning: "The voice gateway does not know the transport protocol that was selected",
    remedy: "This is a fault of the client: select \"udp\", or report it.",
    reaction: "stop"
  },
  {
    code: 4013,
    name: "WebRtcCrashed",
    meaning: "The media server behind the voice gateway crashed",
    remedy: "This is a fault of Discord: resume, and join again if that fails.",
    reaction: "resume"
  },
  {
    code: 4014,
    name: "Disconnected",
    meaning: "This client was disconnected: it was kicked or moved, the channel was deleted, or the main session ended",
    remedy:
      "The main gateway tells whether the call goes on on another voice server, and VoiceSession waits for that; do not resume.",
    reaction: "await-gateway"
  },
  {
    code: 4015,
    name: "ServerCrashed",
    meaning: "The voice server crashed",
    remedy: "This is a fault of Discord: resume, and join again if that fails.",
    reaction: "resume"
  },
  {
    code: 4016,
    name: "UnknownEncryptionMode",
    meaning: "The voice gateway does not accept the encryption mode that was selected",
    remedy: "Select one of the modes that Ready offers; the xsalsa20_poly1305 modes ended on 18 November 2024.",
    reaction: "stop"
  },
  {
    code: 4017,
    name: "E2eeRequired",
    meaning: "The channel takes only clients with end-to-end encryption",
    remedy:
      "Provide Dave.layer and use voice gateway version 8 or later; only stage channels do without encryption (DAVE) since March 2026.",
    reaction: "stop"
  },
  {
    code: 4020,
    name: "BadRequest",
    meaning: "The voice gateway received a malformed request",
    remedy: "This is a fault of the client, often a heartbeat nonce that is no integer: report it.",
    reaction: "rejoin-once"
  },
  {
    code: 4021,
    name: "RateLimited",
    meaning: "The voice gateway disconnected this client for exceeding its rate limit",
    remedy: "Do not reconnect automatically; join less often and look for a loop of joins.",
    reaction: "stop"
  },
  {
    code: 4022,
    name: "CallTerminated",
    meaning: "The call ended for everyone: the channel was deleted or its voice server changed",
    remedy: "Wait for the main gateway, which names the new voice server if there is one; do not resume.",
    reaction: "await-gateway"
  }
]

/**
 * Every close code of the main gateway, in ascending order (Discord docs, Opcodes and Status Codes, Gateway Close Event
 * Codes).
 *
 * @category constants
 * @since 0.1.0
 */
export const gatewayTable: ReadonlyArray<GatewayCloseCode> = [
  {
    code: 4000,
    name: "UnknownError",
    meaning: "The gateway does not know what went wrong",
    remedy: "Resume.",
    reaction: "resume"
  },
  {
    code: 4001,
    name: "UnknownOpcode",
    meaning: "The gateway does not know an opcode that was sent, or its payload",
    remedy: "This is a fault of the client: resume and report it.",
    reaction: "resume"
  },
  {
    code: 4002,
    name: "DecodeError",
    meaning: "The gateway could not decode a payload that was sent, or it was longer than 4096 bytes",
    remedy: "This is a fault of the client: resume and report it.",
    reaction: "resume"
  },
  {
    code: 4003,
    name: "NotAuthenticated",
    meaning: "Something was sent to the gateway before Identify, or the session was invalidated",
    remedy: "Identify anew.",
    reaction: "new-session"
  },
  {
    code: 4004,
    name: "AuthenticationFailed",
    meaning: "The gateway does not accept the bot token",
    remedy: "Copy the token again from the developer portal; resetting it there makes the old one worthless.",
    reaction: "stop"
  },
  {
    code: 4005,
    name: "AlreadyAuthenticated",
    meaning: "Identify was sent twice on one gateway connection",
    remedy: "This is a fault of the client: resume and report it.",
    reaction: "resume"
  },
  {
    code: 4007,
    name: "InvalidSequence",
    meaning: "Resume named a sequence number that the gateway never sent",
    remedy: "Identify anew.",
    reaction: "new-session"
  },
  {
    code: 4008,
    name: "RateLimited",
    meaning: "More than 120 payloads were sent to the gateway within 60 seconds",
    remedy: "Send fewer payloads; wait before resuming.",
    reaction: "resume"
  },
  {
    code: 4009,
    name: "SessionTimedOut",
    meaning: "The gateway session timed out",
    remedy: "Identify anew.",
    reaction: "new-session"
  },
  {
    code: 4010,
    name: "InvalidShard",
    meaning: "Identify named a shard that does not exist",
    remedy: "Check the shard id and the shard count.",
    reaction: "stop"
  },
  {
    code: 4011,
    name: "ShardingRequired",
    meaning: "The bot is in too many guilds for one connection",
    remedy: "Use a gateway client that shards.",
    reaction: "stop"
  },
  {
    code: 4012,
    name: "InvalidApiVersion",
    meaning: "The gateway does not have the API version that was asked for",
    remedy: "This is a fault of the client: connect with v=10.",
    reaction: "stop"
  },
  {
    code: 4013,
    name: "InvalidIntents",
    meaning: "Identify named intents that do not exist",
    remedy: "Check the bits of the intents; voice needs 129.",
    reaction: "stop"
  },
  {
    code: 4014,
    name: "DisallowedIntents",
    meaning: "Identify named privileged intents that the bot may not use",
    remedy: "Enable the intents in the developer portal or leave them out; voice needs none of them.",
    reaction: "stop"
  }
]

const voiceByCode = new Map(voiceTable.map((entry) => [entry.code, entry]))

const gatewayByCode = new Map(gatewayTable.map((entry) => [entry.code, entry]))

/**
 * Looks up a close code of the voice gateway. Total: codes below 4000 (among them 1000, and 1006 for a lost connection)
 * are `ConnectionLost`, others without an entry `UnknownCloseCode`. Discord also sends 1000 when heartbeats are missing,
 * so that 1000 from the server resumes like any other loss.
 *
 * **Example** (What to do after a close)
 *
 * ```ts
 * import { CloseCode } from "effect-discord-voice/protocol"
 *
 * CloseCode.voice(4006).reaction // "rejoin"
 * CloseCode.voice(1006).reaction // "resume"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const voice = (code: number): VoiceCloseCode =>
  voiceByCode.get(code) ?? (code < 4000 ?
    {
      code,
      name: "ConnectionLost",
      meaning: "The connection to the voice gateway was lost",
      remedy: "Resume, and join again if that fails; if it comes often, check the network.",
      reaction: "resume"
    } :
    {
      code,
      name: "UnknownCloseCode",
      meaning: "The voice gateway closed the connection with a code that is not documented",
      remedy: "Join again once; if it comes back, look the code up in Discord's documentation.",
      reaction: "rejoin-once"
    })

/**
 * Looks up a close code of the main gateway. Total, like {@link voice}: codes below 4000 are `ConnectionLost`, others
 * without an entry `UnknownCloseCode`; both resume.
 *
 * @category constructors
 * @since 0.1.0
 */
export const gateway = (code: number): GatewayCloseCode =>
  gatewayByCode.get(code) ?? (code < 4000 ?
    {
      code,
      name: "ConnectionLost",
      meaning: "The connection to the gateway was lost",
      remedy: "Resume; if it comes often, check the network.",
      reaction: "resume"
    } :
    {
      code,
      name: "UnknownCloseCode",
      meaning: "The gateway closed the connection with a code that is not documented",
      remedy: "Resume; if it comes back, look the code up in Discord's documentation.",
      reaction: "resume"
    })
