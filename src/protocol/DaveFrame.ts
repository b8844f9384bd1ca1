/**
 * The binary messages of the voice gateway: opcodes 25 to 30, which carry MLS (RFC 9420) for end-to-end encryption (DAVE
 * whitepaper, Voice Gateway Opcodes). The envelope differs by direction:
 *
 * ```text
 * server to client   u16 seq | u8 op | payload        (big-endian)
 * client to server             u8 op | payload
 * ```
 *
 * MLS structures stay opaque bytes here. `seq` counts together with the `seq` of the JSON messages, from 0. Like that one it
 * exists from gateway version 8 on: below it both directions begin with `op` (seen by serenity-rs/serenity#3501).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { VoiceVersion } from "./VoicePayload.ts"

const Uint16 = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })))

/**
 * Opcode 26, client to server: our MLS KeyPackage.
 *
 * @category schemas
 * @since 0.1.0
 */
export const KeyPackage = Schema.Struct({ op: Schema.tag(26), keyPackage: Schema.Uint8Array })

/**
 * @category models
 * @since 0.1.0
 */
export type KeyPackage = typeof KeyPackage.Type

/**
 * Opcode 28, client to server: an MLS commit, followed by a Welcome if the commit adds members. Both are one sequence of bytes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CommitWelcome = Schema.Struct({ op: Schema.tag(28), payload: Schema.Uint8Array })

/**
 * @category models
 * @since 0.1.0
 */
export type CommitWelcome = typeof CommitWelcome.Type

/**
 * Opcode 25, server to client: key and credential of the voice gateway, which makes proposals from outside the group.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ExternalSender = Schema.Struct({ op: Schema.tag(25), seq: Uint16, externalSender: Schema.Uint8Array })

/**
 * @category models
 * @since 0.1.0
 */
export type ExternalSender = typeof ExternalSender.Type

/**
 * Opcode 27, server to client: proposals to add (`append`, a vector of MLSMessage) or to withdraw (`revoke`, a vector of
 * ProposalRef). `payload` starts after the byte that says which.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Proposals = Schema.Struct({
  op: Schema.tag(27),
  seq: Uint16,
  operation: Schema.Literals(["append", "revoke"]),
  payload: Schema.Uint8Array
})

/**
 * @category models
 * @since 0.1.0
 */
export type Proposals = typeof Proposals.Type

/**
 * Opcode 29, server to client: the winning commit, to be executed with the transition.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AnnounceCommitTransition = Schema.Struct({
  op: Schema.tag(29),
  seq: Uint16,
  transitionId: Uint16,
  commit: Schema.Uint8Array
})

/**
 * @category models
 * @since 0.1.0
 */
export type AnnounceCommitTransition = typeof AnnounceCommitTransition.Type

/**
 * Opcode 30, server to client: the Welcome for a member that the winning commit added.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Welcome = Schema.Struct({
  op: Schema.tag(30),
  seq: Uint16,
  transitionId: Uint16,
  welcome: Schema.Uint8Array
})

/**
 * @category models
 * @since 0.1.0
 */
export type Welcome = typeof Welcome.Type

/**
 * Every binary message of a client.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClientFrame = Schema.Union([KeyPackage, CommitWelcome]).pipe(Schema.toTaggedUnion("op"))

/**
 * @category models
 * @since 0.1.0
 */
export type ClientFrame = typeof ClientFrame.Type

/**
 * Every binary message of the voice gateway.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ServerFrame = Schema.Union([ExternalSender, Proposals, AnnounceCommitTransition, Welcome]).pipe(
  Schema.toTaggedUnion("op")
)

/**
 * @category models
 * @since 0.1.0
 */
export type ServerFrame = typeof ServerFrame.Type

/**
 * A binary message does not follow the layout.
 *
 * - `TooShort`: it ends before its fixed fields do.
 * - `UnknownOp`: the opcode is not a binary opcode of this direction.
 * - `UnknownOperation`: opcode 27 neither appends nor revokes.
 * - `OutOfRange`: when encoding, `seq` or the transition id is not an unsigned 16-bit integer.
 *
 * @category errors
 * @since 0.1.0
 */
export class FrameError extends Schema.TaggedError<FrameError>("effect-discord-voice/protocol/DaveFrame/FrameError")(
  "FrameError",
  {
    kind: Schema.Literals(["TooShort", "UnknownOp", "UnknownOperation", "OutOfRange"]),
    op: Schema.optionalKey(Schema.Int),
    detail: Schema.String
  }
) {
  override get message(): string {
    return `Binary voice-gateway message${
      this.op === undefined ? "" : ` (op ${this.op})`
    } is malformed: ${this.detail}.`
  }
}

const tooShort = (length: number, minimum: number, op?: number) =>
  Result.fail(
    new FrameError({
      kind: "TooShort",
      detail: `it has ${length} bytes, but needs at least ${minimum}`,
      ...(op === undefined ? {} : { op })
    })
  )

const unknownOp = (op: number, expected: string) =>
  Result.fail(new FrameError({ kind: "UnknownOp", op, detail: `the opcode is not ${expected}` }))

const outOfRange = (op: number, field: string) =>
  Result.fail(new FrameError({ kind: "OutOfRange", op, detail: `${field} is not an unsigned 16-bit integer` }))

// Plain views, even if the frame is a Node Buffer, whose own `subarray` would return Buffers.
const view = (bytes: Uint8Array, from: number) =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from)

const uint16 = (bytes: Uint8Array, at: number) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint16(at)

const isUint16 = (n: number) => Number.isInteger(n) && n >= 0 && n <= 0xffff

const write = (header: ReadonlyArray<number>, payload: Uint8Array) => {
  const bytes = new Uint8Array(header.length + payload.length)
  bytes.set(header)
  bytes.set(payload, header.length)
  return bytes
}

/**
 * Encodes a client's binary message into new bytes. It always succeeds, but returns a `Result` like its three siblings.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeClient = (frame: ClientFrame): Result.Result<Uint8Array, FrameError> =>
  Result.succeed(write([frame.op], frame.op === 26 ? frame.keyPackage : frame.payload))

/**
 * Decodes a client's binary message. The byte fields are views of `bytes`, not copies. Never throws; fails with `TooShort` or
 * `UnknownOp`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeClient = (bytes: Uint8Array): Result.Result<ClientFrame, FrameError> => {
  const op = bytes[0]
  if (op === undefined) return tooShort(0, 1)
  switch (op) {
    case 26:
      return Result.succeed({ op, keyPackage: view(bytes, 1) })
    case 28:
      return Result.succeed({ op, payload: view(bytes, 1) })
    default:
      return unknownOp(op, "26 or 28")
  }
}

const serverHeader = (frame: ServerFrame, version: VoiceVersion) =>
  version < 8 ? [frame.op] : [frame.seq >>> 8, frame.seq & 0xff, frame.op]

/**
 * Encodes a binary message of the voice gateway into new bytes, in the format of the version (default 8): below 8 there is no
 * `seq`. Fails with `OutOfRange` if `seq` or the transition id is not an unsigned 16-bit integer.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeServer = (
  frame: ServerFrame,
  version: VoiceVersion = 8
): Result.Result<Uint8Array, FrameError> => {
  if (!isUint16(frame.seq)) return outOfRange(frame.op, "seq")
  const header = serverHeader(frame, version)
  switch (frame.op) {
    case 25:
      return Result.succeed(write(header, frame.externalSender))
    case 27:
      return Result.succeed(write([...header, frame.operation === "append" ? 0 : 1], frame.payload))
    case 29:
    case 30: {
      if (!isUint16(frame.transitionId)) return outOfRange(frame.op, "the transition id")
      return Result.succeed(
        write(
          [...header, frame.transitionId >>> 8, frame.transitionId & 0xff],
          frame.op === 29 ? frame.commit : frame.welcome
        )
      )
    }
  }
}

/**
 * Decodes a binary message of the voice gateway in the format of versions 8 and later, with `seq`. The byte fields are views of
 * `bytes`, not copies. Never throws; fails with `TooShort`, `UnknownOp` or `UnknownOperation`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeServer = (bytes: Uint8Array): Result.Result<ServerFrame, FrameError> => {
  const op = bytes[2]
  if (op === undefined) return tooShort(bytes.length, 3)
  const seq = uint16(bytes, 0)
  switch (op) {
    case 25:
      return Result.succeed({ op, seq, externalSender: view(bytes, 3) })
    case 27: {
      const operation = bytes[3]
      if (operation === undefined) return tooShort(bytes.length, 4, op)
      if (operation > 1) {
        return Result.fail(
          new FrameError({ kind: "UnknownOperation", op, detail: `operation ${operation} is neither 0 nor 1` })
        )
      }
      return Result.succeed({ op, seq, operation: operation === 0 ? "append" : "revoke", payload: view(bytes, 4) })
    }
    case 29:
    case 30: {
      if (bytes.length < 5) return tooShort(bytes.length, 5, op)
      const transitionId = uint16(bytes, 3)
      return op === 29
        ? Result.succeed({ op, seq, transitionId, commit: view(bytes, 5) })
        : Result.succeed({ op, seq, transitionId, welcome: view(bytes, 5) })
    }
    default:
      return unknownOp(op, "25, 27, 29 or 30")
  }
}
