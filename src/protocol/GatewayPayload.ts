/**
 * The messages of Discord's main gateway, version 10 in JSON, as far as voice needs them: the connection itself (opcodes 1, 2,
 * 6, 7, 9, 10, 11), Update Voice State (4) and the dispatches (0) that say who is in which channel and where the voice server
 * is (Discord docs, Gateway and Gateway Events).
 *
 * In memory a message is discriminated by `op`, and a dispatch with a schema also by `t`. Every other dispatch is an
 * {@link OtherDispatch}, and every other opcode an {@link UnknownMessage}. The `op` of both is a string, so they cannot be
 * mistaken for messages with a schema. Where the wire has null or nothing (`s` and `t` outside dispatches, `d` of some
 * messages), the codecs add and remove it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { ChannelId, GuildId } from "./Identifier.ts"
import {
  GuildCreate,
  GuildDelete,
  GuildMemberUpdate,
  Ready,
  VoiceServerUpdate,
  VoiceState
} from "./internal/gatewayEvents.ts"
import {
  fail,
  fromSchema,
  integerIds,
  parse,
  type PayloadError,
  stringify,
  type Wire
} from "./internal/PayloadError.ts"

export { PayloadError } from "./internal/PayloadError.ts"

export {
  GuildChannel,
  GuildCreate,
  GuildDelete,
  GuildMemberUpdate,
  Ready,
  User,
  VoiceServerUpdate,
  VoiceState
} from "./internal/gatewayEvents.ts"

/**
 * The groups of events that Identify subscribes to, as bits (Discord docs, Gateway, List of Intents).
 *
 * @category constants
 * @since 0.1.0
 */
export const Intents = {
  Guilds: 1 << 0,
  GuildMembers: 1 << 1,
  GuildModeration: 1 << 2,
  GuildExpressions: 1 << 3,
  GuildIntegrations: 1 << 4,
  GuildWebhooks: 1 << 5,
  GuildInvites: 1 << 6,
  GuildVoiceStates: 1 << 7,
  GuildPresences: 1 << 8,
  GuildMessages: 1 << 9,
  GuildMessageReactions: 1 << 10,
  GuildMessageTyping: 1 << 11,
  DirectMessages: 1 << 12,
  DirectMessageReactions: 1 << 13,
  DirectMessageTyping: 1 << 14,
  MessageContent: 1 << 15,
  GuildScheduledEvents: 1 << 16,
  AutoModerationConfiguration: 1 << 20,
  AutoModerationExecution: 1 << 21,
  GuildMessagePolls: 1 << 24,
  DirectMessagePolls: 1 << 25
} as const

/**
 * The intents that voice needs: `Guilds` and `GuildVoiceStates`, 129. Without the latter, VOICE_STATE_UPDATE never arrives.
 *
 * @category constants
 * @since 0.1.0
 */
export const voiceIntents = Intents.Guilds | Intents.GuildVoiceStates

/**
 * The maximum size of a client's message, in bytes of UTF-8. A longer one closes the connection with 4002.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxPayloadBytes = 4096

/**
 * What Identify says about us. `token` is the plain bot token: this is the form that is sent.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Identify = Schema.Struct({
  token: Schema.String,
  properties: Schema.Struct({ os: Schema.String, browser: Schema.String, device: Schema.String }),
  intents: Schema.Natural,
  compress: Schema.optionalKey(Schema.Boolean),
  large_threshold: Schema.optionalKey(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 50, maximum: 250 })))),
  shard: Schema.optionalKey(Schema.Tuple([Schema.Natural, Schema.Natural])),
  presence: Schema.optionalKey(Schema.Unknown)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Identify = typeof Identify.Type

/**
 * The channel of a guild that we want to be in; `channel_id: null` leaves.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UpdateVoiceState = Schema.Struct({
  guild_id: GuildId,
  channel_id: Schema.NullOr(ChannelId),
  self_mute: Schema.Boolean,
  self_deaf: Schema.Boolean
})

/**
 * @category models
 * @since 0.1.0
 */
export type UpdateVoiceState = typeof UpdateVoiceState.Type

/**
 * What Resume says: the session and the last `s` received.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Resume = Schema.Struct({ token: Schema.String, session_id: Schema.String, seq: Schema.Natural })

/**
 * @category models
 * @since 0.1.0
 */
export type Resume = typeof Resume.Type

/**
 * The heartbeat interval in milliseconds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Hello = Schema.Struct({
  heartbeat_interval: Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))
})

/**
 * @category models
 * @since 0.1.0
 */
export type Hello = typeof Hello.Type

const message = <const Op extends number, D extends Schema.Constraint>(op: Op, d: D) =>
  Schema.Struct({ op: Schema.tag(op), d })

const dispatch = <const T extends string, D extends Schema.Constraint>(t: T, d: D) =>
  Schema.Struct({ op: Schema.tag(0), t: Schema.tag(t), s: Schema.Natural, d })

/**
 * Every message of a client: Heartbeat (1, with the last `s` or null), Identify (2), Update Voice State (4), Resume (6).
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientMessage = Schema.Union([
  message(1, Schema.NullOr(Schema.Natural)),
  message(2, Identify),
  message(4, UpdateVoiceState),
  message(6, Resume)
]).pipe(Schema.toTaggedUnion("op"))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientMessage = typeof ClientMessage.Type

/**
 * The dispatches (op 0) that have a schema, discriminated by `t`. `s` is the sequence number for Resume.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Dispatch = Schema.Union([
  dispatch("READY", Ready),
  dispatch("RESUMED", Schema.Struct({})),
  dispatch("GUILD_CREATE", GuildCreate),
  dispatch("GUILD_DELETE", GuildDelete),
  dispatch("GUILD_MEMBER_UPDATE", GuildMemberUpdate),
  dispatch("VOICE_STATE_UPDATE", VoiceState),
  dispatch("VOICE_SERVER_UPDATE", VoiceServerUpdate)
]).pipe(Schema.toTaggedUnion("t"))

/**
 * @category models
 * @since 0.1.0
 */
export type Dispatch = typeof Dispatch.Type

const dispatchNames: ReadonlySet<unknown> = new Set(Dispatch.discriminants)

const hasSchema = (t: unknown) => dispatchNames.has(t)

/**
 * A dispatch without a schema here. `t` differs from those of {@link Dispatch}.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OtherDispatch = Schema.Struct({
  op: Schema.tag("other"),
  t: Schema.String.pipe(
    Schema.check(
      Schema.makeFilter((t: string) => !hasSchema(t), { expected: "a dispatch without a schema of its own" })
    )
  ),
  s: Schema.Natural,
  d: Schema.Unknown
})

/**
 * @category models
 * @since 0.1.0
 */
export type OtherDispatch = typeof OtherDispatch.Type

const Control = Schema.Union([
  message(1, Schema.Null),
  message(7, Schema.Null),
  message(9, Schema.Boolean),
  message(10, Hello),
  message(11, Schema.Null)
]).pipe(Schema.toTaggedUnion("op"))

/**
 * Every message of the gateway: the dispatches, a request for a heartbeat (1), Reconnect (7), Invalid Session (9; true means
 * that the session can be resumed), Hello (10) and the acknowledgement of a heartbeat (11).
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerMessage = Schema.Union([Dispatch, OtherDispatch, Control])

/**
 * @category models
 * @since 0.1.0
 */
export type ServerMessage = typeof ServerMessage.Type

/**
 * A message whose opcode is not one of its direction here. It is received, never sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownMessage {
  readonly op: "unknown"
  readonly code: number
  readonly d: unknown
}

const clientOps: ReadonlySet<number> = new Set(ClientMessage.discriminants)
const serverOps: ReadonlySet<number> = new Set([0, ...Control.discriminants])

const readClient = Schema.decodeUnknownResult(ClientMessage)
const readServer = Schema.decodeUnknownResult(ServerMessage)
const writeClient = Schema.encodeUnknownResult(ClientMessage)
const writeServer = Schema.encodeUnknownResult(ServerMessage)

const encoder = new TextEncoder()

// A UTF-16 code unit takes one to three bytes, so most texts do not have to be counted.
const isTooLarge = (text: string) =>
  text.length > maxPayloadBytes ||
  (text.length * 3 > maxPayloadBytes && encoder.encode(text).length > maxPayloadBytes)

const tooLarge = (op?: number) => fail("TooLarge", `the text is longer than ${maxPayloadBytes} bytes`, op)

const opOf = (wire: Wire): Result.Result<number, PayloadError> => {
  const op = wire["op"]
  return typeof op === "number" && Number.isInteger(op) ? Result.succeed(op) : fail("Shape", "op: Expected an integer")
}

const liftServer = (op: number, wire: Wire): Wire => {
  switch (op) {
    case 0:
      return hasSchema(wire["t"])
        ? (wire["t"] === "RESUMED" ? { ...wire, d: {} } : wire)
        : { ...wire, op: "other" }
    case 9:
      return { op, d: wire["d"] === true }
    case 10:
      return wire
    default:
      return { op, d: null }
  }
}

const lowerServer = (wire: Wire): Wire => {
  const { op, d, s, t } = wire
  return { t: t ?? null, s: s ?? null, op: op === "other" ? 0 : op, d: d ?? null }
}

/**
 * Encodes a client's message. Fails with `Shape` if a field does not match its schema, with `TooLarge` beyond
 * {@link maxPayloadBytes}, and with `Json` if an opaque field cannot be written.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeClient = (message: ClientMessage): Result.Result<string, PayloadError> => {
  const encoded: Result.Result<Wire, Schema.SchemaError> = writeClient(message)
  return Result.isFailure(encoded)
    ? Result.fail(fromSchema(encoded.failure, message.op))
    : Result.flatMap(
      stringify(encoded.success, message.op),
      (text) => isTooLarge(text) ? tooLarge(message.op) : Result.succeed(text)
    )
}

/** Clients in Python write ids as integers, which Discord accepts (discord.py, `gateway.py`, `voice_state`). */
const reviveIds = integerIds(new Set(["guild_id", "channel_id", "user_ids"]))

/**
 * Decodes a client's message, in which ids may be integers. Never throws; fails with `TooLarge` beyond {@link maxPayloadBytes},
 * with `Json` if the text is not JSON and with `Shape` if a field is missing or malformed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeClient = (text: string): Result.Result<ClientMessage | UnknownMessage, PayloadError> => {
  if (isTooLarge(text)) return tooLarge()
  return Result.flatMap(
    parse(text, reviveIds),
    (wire) =>
      Result.flatMap(opOf(wire), (op): Result.Result<ClientMessage | UnknownMessage, PayloadError> =>
        clientOps.has(op)
          ? Result.mapError(readClient(wire), (error) => fromSchema(error, op))
          : Result.succeed({ op: "unknown", code: op, d: wire["d"] }))
  )
}

/**
 * Encodes a message of the gateway. Outside dispatches `s` and `t` are null, as Discord sends them. Fails with `Shape` if a
 * field does not match its schema, and with `Json` if an opaque field cannot be written.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeServer = (message: ServerMessage): Result.Result<string, PayloadError> => {
  const op = message.op === "other" ? 0 : message.op
  const encoded: Result.Result<Wire, Schema.SchemaError> = writeServer(message)
  return Result.isFailure(encoded)
    ? Result.fail(fromSchema(encoded.failure, op))
    : stringify(lowerServer(encoded.success), op)
}

/**
 * Decodes a message of the gateway. Never throws; fails with `Json` if the text is not JSON and with `Shape` if a field is
 * missing or malformed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeServer = (text: string): Result.Result<ServerMessage | UnknownMessage, PayloadError> =>
  Result.flatMap(
    parse(text),
    (wire) =>
      Result.flatMap(opOf(wire), (op): Result.Result<ServerMessage | UnknownMessage, PayloadError> =>
        serverOps.has(op)
          ? Result.mapError(readServer(liftServer(op, wire)), (error) => fromSchema(error, op))
          : Result.succeed({ op: "unknown", code: op, d: wire["d"] }))
  )
