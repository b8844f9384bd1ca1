/**
 * The output of the main gateway: passes messages through the faults, compresses them for clients that have requested it, and
 * closes connections, with a verdict if the client is to blame.
 *
 * @since 0.1.0
 */
import type { ConnectionId, CoreContext, Verdict } from "../CoreContext.ts"
import { type GatewayConnection, taint, userOf } from "./GatewayConnection.ts"
import * as ZlibStream from "./ZlibStream.ts"

/**
 * The open connections, and what can be done to them.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatewayWire {
  readonly add: (connection: GatewayConnection) => void
  readonly find: (id: ConnectionId | undefined) => GatewayConnection | undefined
  readonly all: () => ReadonlyArray<GatewayConnection>
  /** `op` identifies the message for faults: an opcode, or the name of a dispatch. */
  readonly send: (connection: GatewayConnection, op: number | string, text: string) => void
  readonly control: (connection: GatewayConnection, op: 1 | 7 | 9 | 10 | 11, d: unknown) => void
  /** Records a verdict, unless the client cannot be blamed any more. */
  readonly judge: (
    connection: GatewayConnection,
    severity: Verdict["severity"],
    code: string,
    message: string
  ) => void
  readonly close: (connection: GatewayConnection, code: number, reason: string) => void
  /** Closes the connection for a violation. */
  readonly blame: (
    connection: GatewayConnection,
    code: number,
    reason: string,
    verdict: string,
    message: string
  ) => void
  readonly terminate: (connection: GatewayConnection) => void
  /** Tells that the peer is gone. 1000 and 1001 also end its session. */
  readonly disconnected: (connection: GatewayConnection, code: number) => void
  /** Tells that we have closed or cut the connection. 4004, 4007 and 4009 also end its session. */
  readonly ended: (connection: GatewayConnection, code: number) => void
}

/**
 * The number of characters from which on a message is compressed for a client that requested payload compression. Discord
 * compresses some messages, and does not say which.
 *
 * @category constants
 * @since 0.1.0
 */
export const compressedFrom = 1024

const utf8 = new TextDecoder()

/**
 * The text of a client's frame, which may also be binary.
 *
 * @category formatting
 * @since 0.1.0
 */
export const asText = (frame: string | Uint8Array): string => typeof frame === "string" ? frame : utf8.decode(frame)

// After 4004, 4007 and 4009 there is nothing to resume (Discord docs, Gateway Close Event Codes).
const endsSession = (code: number) => code === 4004 || code === 4007 || code === 4009

/**
 * Makes the output of one core. `onGone` runs when a connection is gone; `ends` tells whether its session ends with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  onGone: (connection: GatewayConnection, ends: boolean) => void
): GatewayWire => {
  const connections = new Map<ConnectionId, GatewayConnection>()

  const send: GatewayWire["send"] = (connection, op, text) => {
    let passed = 0
    context.through(
      "gateway-out",
      { userId: userOf(connection), op, frame: text, connection: connection.id },
      (frame) => {
        passed++
        if (frame !== text || passed > 1) taint(connection)
        if (connections.get(connection.id) !== connection) return
        const compressed = connection.compress !== undefined
          ? connection.compress(asText(frame))
          : connection.compressPayloads && typeof frame === "string" && frame.length >= compressedFrom
          ? ZlibStream.whole(frame)
          : undefined
        if (compressed !== undefined && connection.compress === undefined) context.count("gateway-payload-compressed")
        context.emit(
          compressed !== undefined
            ? { _tag: "Binary", connection: connection.id, bytes: compressed }
            : typeof frame === "string"
            ? { _tag: "Text", connection: connection.id, text: frame }
            : { _tag: "Binary", connection: connection.id, bytes: frame }
        )
      }
    )
    if (passed === 0) taint(connection)
  }

  const judge: GatewayWire["judge"] = (connection, severity, code, message) => {
    if (connection.tampered) context.count(`tampered:${code}`)
    else context.judge(severity, code, message, connection.session?.user.id)
  }

  const detach = (connection: GatewayConnection, ends: boolean) => {
    connections.delete(connection.id)
    connection.cancelSupervision()
    onGone(connection, ends)
  }

  const close: GatewayWire["close"] = (connection, code, reason) => {
    context.emit({ _tag: "Close", connection: connection.id, code, reason })
    detach(connection, endsSession(code))
  }

  return {
    add: (connection) => void connections.set(connection.id, connection),
    find: (id) => id === undefined ? undefined : connections.get(id),
    all: () => Array.from(connections.values()),
    send,
    control: (connection, op, d) => send(connection, op, JSON.stringify({ t: null, s: null, op, d })),
    judge,
    close,
    blame: (connection, code, reason, verdict, message) => {
      judge(connection, "violation", verdict, message)
      close(connection, code, reason)
    },
    terminate: (connection) => {
      context.emit({ _tag: "Terminate", connection: connection.id })
      detach(connection, false)
    },
    disconnected: (connection, code) => detach(connection, code === 1000 || code === 1001),
    ended: (connection, code) => detach(connection, endsSession(code))
  }
}
