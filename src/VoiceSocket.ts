/**
 * One WebSocket to a voice gateway. Every message is checked against its schema in both directions, and every end is typed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as DaveFrame from "./protocol/DaveFrame.ts"
import { printable } from "./protocol/internal/printable.ts"
import * as VoicePayload from "./protocol/VoicePayload.ts"
import * as Transport from "./Transport.ts"
import { CurrentLog } from "./transport/wire/Log.ts"
import * as Wire from "./transport/wire/Wire.ts"
import { voiceCloseReason } from "./voiceClose.ts"
import * as VoiceError from "./VoiceError.ts"

export { voiceCloseReason } from "./voiceClose.ts"

/**
 * An incoming message, in order of arrival. A message with an unknown opcode is a `Message`, also if it is binary.
 * `Malformed` is a message that does not match its schema; `op` is its opcode, if that could be read. It does not end the
 * connection, unless nothing can continue without it. `isKeyLost`: the message should have given the mode and key to continue
 * with (op 4).
 *
 * @category models
 * @since 0.1.0
 */
export type Incoming =
  | { readonly _tag: "Message"; readonly message: VoicePayload.ServerMessage | VoicePayload.UnknownMessage }
  | { readonly _tag: "Dave"; readonly frame: DaveFrame.ServerFrame }
  | { readonly _tag: "Malformed"; readonly op?: number; readonly detail: string; readonly isKeyLost?: true }

/**
 * An open connection to a voice gateway. If it is still open when its scope closes, it is terminated.
 *
 * A gateway that sends faster than {@link Connection.take} is called is slowed down, not disconnected: a limited number of
 * messages wait in the transport, the rest in the network. A message of more than 1 MiB ends the connection (1009).
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly version: VoicePayload.VoiceVersion
  readonly endpoint: string
  /** Waits for the next message. After the last one, fails with the reason of the close code, or `ConnectionLost`. */
  readonly take: Effect.Effect<Incoming, VoiceError.VoiceError>
  /**
   * Sends a message. Fails with `Unsupported` for a message that this version does not have. Like `sendDave`, fails with the
   * reason of the close code or `ConnectionLost` once the connection has ended.
   */
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError.VoiceError>
  readonly sendDave: (frame: DaveFrame.ClientFrame) => Effect.Effect<void, VoiceError.VoiceError>
  /** The `seq` of the last message taken that has one, text or binary; -1 before the first. */
  readonly lastSequence: () => number
  readonly close: (code: number, reason: string) => Effect.Effect<void>
  readonly terminate: Effect.Effect<void>
}

/**
 * The service that connects to voice gateways.
 *
 * @category services
 * @since 0.1.0
 */
export class VoiceSocket extends Context.Service<VoiceSocket, {
  /**
   * Opens `wss://<endpoint>/?v=<version>`. The endpoint's port is kept; an endpoint that starts with `ws://` or `wss://`
   * keeps its scheme. `openTimeout` limits how long opening may take, 10 seconds by default. Fails with `SocketOpenFailed`.
   */
  readonly open: (options: {
    readonly endpoint: string
    readonly version: VoicePayload.VoiceVersion
    readonly openTimeout?: Duration.Input | undefined
  }) => Effect.Effect<Connection, VoiceError.VoiceError, Scope.Scope>
}>()("effect-discord-voice/VoiceSocket") {}

const maxPayloadBytes = 1024 * 1024

const gatewayUrl = (endpoint: string, version: VoicePayload.VoiceVersion): string => {
  const base = /^wss?:\/\//.test(endpoint) ? endpoint : `wss://${endpoint}`
  return `${base.replace(/\/+$/, "")}/?v=${version}`
}

const malformed = (
  { isKeyLost, message, op }: { readonly message: string; readonly op?: number; readonly isKeyLost?: true }
): Incoming => ({
  _tag: "Malformed",
  detail: message,
  ...(op === undefined ? {} : { op }),
  ...(isKeyLost === undefined ? {} : { isKeyLost })
})

const decode = (version: VoicePayload.VoiceVersion, frame: Transport.Frame): Incoming => {
  if (typeof frame === "string") {
    const decoded = VoicePayload.decodeServer(version, frame)
    return Result.isSuccess(decoded)
      ? { _tag: "Message", message: decoded.success }
      : malformed(decoded.failure)
  }
  const decoded = DaveFrame.decodeServer(frame)
  if (Result.isSuccess(decoded)) return { _tag: "Dave", frame: decoded.success }
  const { kind, op } = decoded.failure
  const [high = 0, low = 0] = frame
  return kind === "UnknownOp" && op !== undefined
    ? { _tag: "Message", message: { op: "unknown", code: op, d: undefined, seq: (high << 8) | low } }
    : malformed(decoded.failure)
}

const sequenceOf = (incoming: Incoming): number | undefined => {
  switch (incoming._tag) {
    case "Message":
      return incoming.message.seq
    case "Dave":
      return incoming.frame.seq
    case "Malformed":
      return undefined
  }
}

const closedError = (closed: Transport.WebSocketClosed) => VoiceError.make(voiceCloseReason(closed.code, closed.reason))

const failClosed = (closed: Transport.WebSocketClosed) => Effect.fail(closedError(closed))

/** A message that no gateway of this version would take: the caller's mistake, detected before it is sent. */
const unsendable = (version: VoicePayload.VoiceVersion, op: number, error: { readonly message: string }) =>
  VoiceError.make(
    new VoiceError.Unsupported({
      feature: `Sending this op ${op} to voice gateway version ${version}`,
      detail: error.message
    })
  )

const make = Effect.gen(function*() {
  const transport = yield* Transport.WebSocketTransport
  const log = yield* CurrentLog

  const open = Effect.fnUntraced(function*(options: {
    readonly endpoint: string
    readonly version: VoicePayload.VoiceVersion
    readonly openTimeout?: Duration.Input | undefined
  }) {
    const { endpoint, openTimeout, version } = options
    const url = gatewayUrl(endpoint, version)
    const socket = yield* Wire.webSocket("voice", transport, url, { maxPayloadBytes, openTimeout }, log).pipe(
      Effect.mapError(({ detail, kind, status }) =>
        VoiceError.make(
          new VoiceError.SocketOpenFailed({
            endpoint: printable(endpoint),
            kind,
            detail: printable(detail),
            ...(status === undefined ? {} : { status })
          })
        )
      )
    )
    let lastSequence = -1
    const take = Effect.matchEffect(socket.take, {
      onSuccess: (frame) => {
        const message = decode(version, frame)
        const sequence = sequenceOf(message)
        if (sequence !== undefined) lastSequence = sequence
        return Effect.succeed(message)
      },
      onFailure: failClosed
    })

    const send = (op: number, frame: Result.Result<Transport.Frame, { readonly message: string }>) =>
      Result.isFailure(frame)
        ? Effect.fail(unsendable(version, op, frame.failure))
        : Effect.mapError(socket.send(frame.success), closedError)

    const connection: Connection = {
      version,
      endpoint,
      take,
      send: (message) => Effect.suspend(() => send(message.op, VoicePayload.encodeClient(version, message))),
      sendDave: (frame) => Effect.suspend(() => send(frame.op, DaveFrame.encodeClient(frame))),
      lastSequence: () => lastSequence,
      close: socket.close,
      terminate: socket.terminate
    }
    return connection
  })

  return VoiceSocket.of({ open })
})

/**
 * Voice-gateway sockets over any {@link Transport.WebSocketTransport}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceSocket, never, Transport.WebSocketTransport> = Layer.effect(VoiceSocket, make)
