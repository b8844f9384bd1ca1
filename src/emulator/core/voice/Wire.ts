/**
 * The output of the voice gateway: encodes a message for the version of a connection, passes it through the faults and emits
 * it; closes connections.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as DaveFrame from "../../../protocol/DaveFrame.ts"
import { encodeServer, type VoiceVersion } from "../../../protocol/VoicePayload.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { Message } from "./Outbox.ts"
import { type Connection, taint } from "./Session.ts"

/**
 * What can be done to a connection. Nothing happens to a closed one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wire {
  readonly send: (connection: Connection, message: Message) => void
  readonly close: (connection: Connection, code: number, reason: string) => void
  readonly terminate: (connection: Connection) => void
}

/** The number of numbered messages whose time is remembered, so that a client that sends no heartbeats costs no memory. */
const keptNumbers = 1_000

const isBinary = (message: Message): message is DaveFrame.ServerFrame => {
  switch (message.op) {
    case 25:
    case 27:
    case 29:
    case 30:
      return true
    default:
      return false
  }
}

/** Returns `undefined` if the version has no such message. */
const encode = (version: VoiceVersion, message: Message): string | Uint8Array | undefined => {
  if (isBinary(message)) return Result.getOrUndefined(DaveFrame.encodeServer(message, version))
  return Result.getOrUndefined(encodeServer(version, message))
}

/**
 * Makes the way out of one core.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: CoreContext): Wire => {
  const release = (connection: Connection): boolean => {
    if (connection.closed) return false
    connection.closed = true
    connection.cancelDeadline?.()
    connection.cancelDeadline = undefined
    if (connection.session?.connection === connection) connection.session.connection = undefined
    return true
  }

  const asFloat = (text: string): string => text.replace(/("heartbeat_interval":\d+)(?![\d.])/, "$1.0")

  /** Records what heartbeats are judged by. */
  const note = (connection: Connection, message: Message): void => {
    // The answer to it comes in addition to the timer's beats.
    if (message.op === 3) connection.beatsMs = []
    if ("seq" in message && typeof message.seq === "number" && connection.version >= 8) {
      connection.numbered.push({ seq: message.seq, atMs: context.now() })
      if (connection.numbered.length > keptNumbers) connection.numbered.shift()
    }
  }

  return {
    send: (connection, message) => {
      if (connection.closed) return
      note(connection, message)
      const encoded = encode(connection.version, message)
      if (encoded === undefined) return context.count(`voice-unsendable:${message.op}`)
      const sent = typeof encoded === "string" && message.op === 8 && context.profile.floatHeartbeatInterval
        ? asFloat(encoded)
        : encoded
      let passed = 0
      context.through(
        "voice-out",
        {
          userId: connection.session?.userId ?? connection.claimant,
          op: message.op,
          frame: sent,
          connection: connection.id
        },
        (frame) => {
          passed++
          if (frame !== sent || passed > 1) taint(connection, "out", message.op)
          if (connection.closed) return
          context.emit(
            typeof frame === "string"
              ? { _tag: "Text", connection: connection.id, text: frame }
              : { _tag: "Binary", connection: connection.id, bytes: frame }
          )
        }
      )
      if (passed > 0) return
      taint(connection, "out", message.op)
      if (message.op === 2 && connection.session !== undefined) connection.session.unannounced = true
    },
    close: (connection, code, reason) => {
      if (release(connection)) context.emit({ _tag: "Close", connection: connection.id, code, reason })
    },
    terminate: (connection) => {
      if (release(connection)) context.emit({ _tag: "Terminate", connection: connection.id })
    }
  }
}
