/**
 * Every JSON message of the voice gateway, in both directions and for versions 1 to 9 (Discord docs, Voice Connections; DAVE
 * whitepaper). Messages are discriminated by `op` and keep the wire's field names in `d`.
 *
 * The versions encode some messages differently: a flat Hello below 3, a boolean Speaking below 4, heartbeats without an object
 * below 8, a channel id in version 9. In memory there is one form, that of version 8; the codecs convert. Unknown opcodes and
 * fields are tolerated on receipt and never sent. Opcodes 25 to 30 are binary: `DaveFrame`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fail, fromSchema, isWire, parse, type PayloadError, stringify, type Wire } from "./internal/PayloadError.ts"
import { ClientMessage, ClientMessageV9 } from "./internal/voiceClient.ts"
import * as Dialect from "./internal/voiceDialect.ts"
import { ServerMessage } from "./internal/voiceServer.ts"

export { PayloadError } from "./internal/PayloadError.ts"

export {
  ClientBackendVersion,
  ClientHeartbeat,
  ClientMediaSinkWants,
  ClientMessage,
  ClientSessionUpdate,
  ClientSignal,
  ClientSpeaking,
  ClientVideo,
  DaveInvalidCommitWelcome,
  DaveTransitionReady,
  Identify,
  NoRoute,
  Resume,
  SelectProtocol,
  UdpProtocolData
} from "./internal/voiceClient.ts"

export { ChannelOptionsUpdate, ServerMessage, ServerSignal, SpeedTest } from "./internal/voiceServer.ts"

export { DaveExecuteTransition, DavePrepareEpoch, DavePrepareTransition } from "./internal/voiceServerDave.ts"

export {
  HeartbeatAck,
  Hello,
  Ready,
  Resumed,
  SecretKey,
  ServerBackendVersion,
  ServerHeartbeat,
  ServerSessionUpdate,
  SessionDescription,
  UdpSession,
  WebRtcSession
} from "./internal/voiceServerSession.ts"

export {
  ClientDisconnect,
  ClientFlags,
  ClientPlatform,
  ClientsConnect,
  ServerMediaSinkWants,
  ServerSpeaking,
  ServerVideo
} from "./internal/voiceServerUsers.ts"

export { ClientFlag, Codec, Nonce, SinkWants, SpeakingFlag, VideoStream } from "./internal/voiceShared.ts"

/**
 * A version of the voice gateway. Discord serves 4 to 8 and, undocumented, 9. It has refused versions below 4 since 18 November
 * 2024.
 *
 * @category schemas
 * @since 0.1.0
 */
export const VoiceVersion = Schema.Literals([1, 2, 3, 4, 5, 6, 7, 8, 9])

/**
 * @category models
 * @since 0.1.0
 */
export type VoiceVersion = typeof VoiceVersion.Type

/**
 * The version that Discord recommends, and the first that supports end-to-end encryption.
 *
 * @category constants
 * @since 0.1.0
 */
export const recommendedVersion = 8 satisfies VoiceVersion

/**
 * A message whose opcode is not one of its direction. It is received, never sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnknownMessage {
  readonly op: "unknown"
  readonly code: number
  readonly d: unknown
  readonly seq?: number
}

const opOf = (wire: Wire): number | undefined => {
  const op = wire["op"]
  return typeof op === "number" && Number.isInteger(op) ? op : undefined
}

const unknownMessage = (code: number, wire: Wire): UnknownMessage => {
  const seq = wire["seq"]
  const d = wire["d"]
  return typeof seq === "number" && Number.isSafeInteger(seq) && seq >= 0
    ? { op: "unknown", code, d, seq }
    : { op: "unknown", code, d }
}

/**
 * Whether a Session Description that does not match its schema makes its key unusable: it has a key, or its mode is not a
 * string.
 */
const losesKey = ({ d }: Wire): boolean =>
  isWire(d) && (d["secret_key"] !== undefined || (d["mode"] !== undefined && typeof d["mode"] !== "string"))

const reader = <Message>(
  opcodes: ReadonlyArray<number>,
  decode: (wire: Wire) => Result.Result<Message, Schema.SchemaError>,
  isKeyLost: (op: number, wire: Wire) => boolean = () => false
) => {
  const known = new Set(opcodes)
  return (wire: Wire): Result.Result<Message | UnknownMessage, PayloadError> => {
    const op = opOf(wire)
    if (op === undefined) return fail("Shape", "op: Expected an integer")
    if (!known.has(op)) return Result.succeed(unknownMessage(op, wire))
    return Result.mapError(decode(wire), (error) => fromSchema(error, op, isKeyLost(op, wire)))
  }
}

const readClient = reader(ClientMessage.discriminants, Schema.decodeUnknownResult(ClientMessage))
const readClientV9 = reader(ClientMessageV9.discriminants, Schema.decodeUnknownResult(ClientMessageV9))
const readServer = reader(
  ServerMessage.discriminants,
  Schema.decodeUnknownResult(ServerMessage),
  (op, wire) => op === 4 && losesKey(wire)
)

const writeClient = Schema.encodeUnknownResult(ClientMessage)
const writeClientV9 = Schema.encodeUnknownResult(ClientMessageV9)
const writeServer = Schema.encodeUnknownResult(ServerMessage)

/**
 * Encodes a client's message in the format of a version. What the version does not have is left out: `seq_ack` below 8,
 * `channel_id` below 9. Fails with `Shape` if a field does not match its schema or, in version 9, if `channel_id` is missing
 * from Identify or Resume; fails with `Json` if an opaque field cannot be written.
 *
 * **Example** (The same heartbeat, old and new)
 *
 * ```ts
 * import { VoicePayload } from "effect-discord-voice/protocol"
 *
 * VoicePayload.encodeClient(8, { op: 3, d: { t: 7, seq_ack: 0 } }) // {"op":3,"d":{"t":7,"seq_ack":0}}
 * VoicePayload.encodeClient(4, { op: 3, d: { t: 7, seq_ack: 0 } }) // {"op":3,"d":7}
 * ```
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeClient = (version: VoiceVersion, message: ClientMessage): Result.Result<string, PayloadError> => {
  const encoded: Result.Result<Wire, Schema.SchemaError> = version === 9 ? writeClientV9(message) : writeClient(message)
  return Result.isFailure(encoded)
    ? Result.fail(fromSchema(encoded.failure, message.op))
    : stringify(Dialect.lowerClient(version, encoded.success), message.op)
}

/**
 * Decodes a client's message. Never throws; fails with `Json` if the text is not JSON and with `Shape` if a field that the
 * version requires is missing or malformed.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeClient = (
  version: VoiceVersion,
  text: string
): Result.Result<ClientMessage | UnknownMessage, PayloadError> =>
  Result.flatMap(parse(text), (wire) => {
    const lifted = Dialect.liftClient(version, wire)
    return version === 9 ? readClientV9(lifted) : readClient(lifted)
  })

/**
 * Encodes a message of the voice gateway in the format of a version, without `seq` below 8. Fails with `Shape` if a field does
 * not match its schema, or for a heartbeat request in version 1, which has none; fails with `Json` if an opaque field cannot be
 * written.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeServer = (version: VoiceVersion, message: ServerMessage): Result.Result<string, PayloadError> => {
  const encoded: Result.Result<Wire, Schema.SchemaError> = writeServer(message)
  if (Result.isFailure(encoded)) return Result.fail(fromSchema(encoded.failure, message.op))
  const lowered = Dialect.lowerServer(version, encoded.success)
  return lowered === undefined
    ? fail("Shape", `version ${version} has no such message`, message.op)
    : stringify(lowered, message.op)
}

/**
 * Decodes a message of the voice gateway. Never throws; fails with `Json` if the text is not JSON and with `Shape` if a field
 * is missing or malformed. A single malformed message is no reason to end a connection.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeServer = (
  version: VoiceVersion,
  text: string
): Result.Result<ServerMessage | UnknownMessage, PayloadError> =>
  Result.flatMap(parse(text), (wire) => readServer(Dialect.liftServer(version, wire)))
