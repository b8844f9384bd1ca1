/**
 * The close codes of the main gateway.
 *
 * @since 0.1.0
 */
import type { CloseCode } from "./closeCode.ts"

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
 * The name of a close code of the main gateway. `ConnectionLost` stands for every code below 4000 (RFC 6455, 7.4),
 * `UnknownCloseCode` for every other code without an entry.
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
 * One close code of the main gateway.
 *
 * @category models
 * @since 0.1.0
 */
export type GatewayCloseCode = CloseCode<GatewayCloseName, GatewayReaction>

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
    meaning: "The gateway received an opcode or a payload that it does not know",
    remedy: "This is a bug in the client: resume and report it.",
    reaction: "resume"
  },
  {
    code: 4002,
    name: "DecodeError",
    meaning: "The gateway could not decode a payload, or the payload was longer than 4096 bytes",
    remedy: "This is a bug in the client: resume and report it.",
    reaction: "resume"
  },
  {
    code: 4003,
    name: "NotAuthenticated",
    meaning: "A payload was sent to the gateway before Identify, or the session was invalidated",
    remedy: "Identify again.",
    reaction: "new-session"
  },
  {
    code: 4004,
    name: "AuthenticationFailed",
    meaning: "The gateway does not accept the bot token",
    remedy: "Copy the token again from the developer portal; resetting it there invalidates the old one.",
    reaction: "stop"
  },
  {
    code: 4005,
    name: "AlreadyAuthenticated",
    meaning: "Identify was sent twice on one gateway connection",
    remedy: "This is a bug in the client: resume and report it.",
    reaction: "resume"
  },
  {
    code: 4007,
    name: "InvalidSequence",
    meaning: "Resume named a sequence number that the gateway never sent",
    remedy: "Identify again.",
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
    remedy: "Identify again.",
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
    remedy: "Use a gateway client that supports sharding.",
    reaction: "stop"
  },
  {
    code: 4012,
    name: "InvalidApiVersion",
    meaning: "The gateway does not support the requested API version",
    remedy: "This is a bug in the client: connect with v=10.",
    reaction: "stop"
  },
  {
    code: 4013,
    name: "InvalidIntents",
    meaning: "Identify named intents that do not exist",
    remedy: "Check the intent bits; voice needs 129.",
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

const gatewayByCode = new Map(gatewayTable.map((entry) => [entry.code, entry]))

/**
 * Looks up a close code of the main gateway. Total: codes below 4000 are `ConnectionLost`, others
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
      remedy: "Resume; if it happens often, check the network.",
      reaction: "resume"
    } :
    {
      code,
      name: "UnknownCloseCode",
      meaning: "The gateway closed the connection with an undocumented code",
      remedy: "Resume; if it happens again, look up the code in Discord's documentation.",
      reaction: "resume"
    })
