/**
 * What in a message is unknown to this package: opcodes, fields, values.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as DaveFrame from "../../protocol/DaveFrame.ts"
import * as GatewayPayload from "../../protocol/GatewayPayload.ts"
import * as VoicePayload from "../../protocol/VoicePayload.ts"

/**
 * The paths of what is in `value` and not in `known`. Items that are missing from a list are reported by the schema that left
 * them out.
 */
const unknownPaths = (value: unknown, known: unknown, path: string): ReadonlyArray<string> => {
  if (Array.isArray(value)) {
    if (!Array.isArray(known) || known.length !== value.length) return [`${path} (as a list of ${value.length})`]
    return value.flatMap((item, i) => unknownPaths(item, known[i], `${path}[]`))
  }
  if (!Predicate.isObject(value)) return []
  if (!Predicate.isObject(known)) return [path]
  const fields = new Map(Object.entries(known))
  return Object.entries(value).flatMap(([key, item]) => {
    const inner = path === "" ? key : `${path}.${key}`
    return fields.has(key) ? unknownPaths(item, fields.get(key), inner) : [inner]
  })
}

const parsed = (text: string): unknown => JSON.parse(text)

/**
 * The findings in a message of a voice server.
 *
 * @category getters
 * @since 0.1.0
 */
export const ofVoice = (version: VoicePayload.VoiceVersion, message: unknown): ReadonlyArray<string> => {
  const decoded = VoicePayload.decodeServer(version, JSON.stringify(message))
  if (Result.isFailure(decoded)) return [`not as its schema: ${decoded.failure.message}`]
  const known = decoded.success
  if (known.op === "unknown") return [`an unknown opcode: ${known.code}`]
  const encoded = VoicePayload.encodeServer(version, known)
  if (Result.isFailure(encoded)) return []
  const paths = new Set(unknownPaths(message, parsed(encoded.success), ""))
  // a number that the gateway assigns from version 8 on, and also to clients of older versions
  paths.delete("seq")
  return Array.from(paths, (path) => `an unknown field of op ${known.op}: ${path}`)
}

/**
 * The findings in a message of the main gateway. There are none for Ready, of which the log contains too little.
 *
 * @category getters
 * @since 0.1.0
 */
export const ofMain = (message: unknown): ReadonlyArray<string> => {
  if (Predicate.isObject(message) && "op" in message && message.op === 0 && !("d" in message)) return []
  if (Predicate.isObject(message) && "t" in message && message.t === "READY") return []
  const decoded = GatewayPayload.decodeServer(JSON.stringify(message))
  if (Result.isFailure(decoded)) return [`not as its schema: ${decoded.failure.message}`]
  return decoded.success.op === "unknown" ? [`an unknown opcode: ${decoded.success.code}`] : []
}

/**
 * The findings in a binary message of a voice server, as far as the log has it.
 *
 * @category getters
 * @since 0.1.0
 */
export const ofBinary = (bytes: Uint8Array): ReadonlyArray<string> => {
  const decoded = DaveFrame.decodeServer(bytes)
  if (Result.isSuccess(decoded)) return []
  const { kind, message, op } = decoded.failure
  return [
    kind === "UnknownOp"
      ? `an unknown binary opcode: ${op}`
      : `a binary message that cannot be read: ${message}`
  ]
}
