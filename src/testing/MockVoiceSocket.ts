/**
 * Voice gateway sockets whose other side is the test: it sees every message as a value, and answers with values. To test codecs
 * and malformed messages as well, use `VoiceSocket.layer` over `MockTransport.layerWebSocket`.
 *
 * **Example** (A voice gateway that refuses the session)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MockVoiceSocket } from "effect-discord-voice/testing"
 *
 * const test = Effect.gen(function*() {
 *   const gateways = yield* MockVoiceSocket.MockVoiceSocket
 *   // ... fork the program under test ...
 *   const peer = yield* gateways.accept
 *   yield* peer.push({ op: 8, d: { v: 8, heartbeat_interval: 13750 } })
 *   const identify = yield* peer.take
 *   yield* peer.close(4006, "session invalid")
 * }).pipe(Effect.provide(MockVoiceSocket.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as DaveFrame from "../protocol/DaveFrame.ts"
import type * as VoicePayload from "../protocol/VoicePayload.ts"
import * as VoiceError from "../VoiceError.ts"
import * as VoiceSocket from "../VoiceSocket.ts"

/**
 * The voice gateway's end of one socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly endpoint: string
  readonly version: VoicePayload.VoiceVersion
  /** Waits for the client's next message, JSON or binary, and returns it. `op` tells them apart. */
  readonly take: Effect.Effect<VoicePayload.ClientMessage | DaveFrame.ClientFrame>
  /** The number of messages that have not been taken yet. */
  readonly waiting: Effect.Effect<number>
  readonly push: (message: VoicePayload.ServerMessage) => Effect.Effect<void>
  readonly pushDave: (frame: DaveFrame.ServerFrame) => Effect.Effect<void>
  /** Delivers a message that breaks its schema, with its opcode if that could be read. `isKeyLost` is for an op 4 with a key. */
  readonly pushMalformed: (detail: string, op?: number, isKeyLost?: true) => Effect.Effect<void>
  /** Ends the connection with a close frame. */
  readonly close: (code: number, detail?: string) => Effect.Effect<void>
  /** Ends the connection without a close frame. */
  readonly terminate: Effect.Effect<void>
  /**
   * Waits for the end of the connection. The code is the client's if the client closed; 1006 if it terminated or its scope
   * ended.
   */
  readonly closed: Effect.Effect<{ readonly code: number; readonly detail: string }>
}

/**
 * Controls of {@link layer}.
 *
 * @category services
 * @since 0.1.0
 */
export class MockVoiceSocket extends Context.Service<MockVoiceSocket, {
  /** Waits for the next socket and returns it. */
  readonly accept: Effect.Effect<Peer>
  /** The number of sockets that have not been accepted yet. */
  readonly waiting: Effect.Effect<number>
  /** Makes the next attempt to open a socket fail like this. Can be called several times. */
  readonly refuse: (kind: VoiceError.SocketOpenFailed["kind"], status?: number) => Effect.Effect<void>
}>()("effect-discord-voice/testing/MockVoiceSocket") {}

const make = Effect.gen(function*() {
  const accepted = yield* Queue.unbounded<Peer>()
  const refusals: Array<{ readonly kind: VoiceError.SocketOpenFailed["kind"]; readonly status?: number }> = []

  const open = Effect.fnUntraced(function*(options: {
    readonly endpoint: string
    readonly version: VoicePayload.VoiceVersion
  }) {
    const { endpoint, version } = options
    const refusal = refusals.shift()
    if (refusal !== undefined) {
      return yield* VoiceError.fail(
        new VoiceError.SocketOpenFailed({ endpoint, detail: "refused by the test", ...refusal })
      )
    }
    const incoming = yield* Queue.unbounded<VoiceSocket.Incoming, VoiceError.VoiceError>()
    const sent = yield* Queue.unbounded<VoicePayload.ClientMessage | DaveFrame.ClientFrame>()
    const ended = yield* Deferred.make<{ readonly code: number; readonly detail: string }>()
    let error: VoiceError.VoiceError | undefined
    let lastSequence = -1

    const end = (code: number, detail: string) =>
      Effect.suspend(() => {
        if (error !== undefined) return Effect.void
        error = VoiceError.make(VoiceSocket.voiceCloseReason(code, detail))
        return Effect.andThen(Queue.fail(incoming, error), Deferred.succeed(ended, { code, detail }))
      }).pipe(Effect.asVoid)
    yield* Effect.addFinalizer(() => end(1006, ""))

    const deliver = (message: VoiceSocket.Incoming, sequence: number | undefined) =>
      Effect.suspend(() => {
        if (sequence !== undefined) lastSequence = sequence
        return Effect.asVoid(Queue.offer(incoming, message))
      })
    const send = (message: VoicePayload.ClientMessage | DaveFrame.ClientFrame) =>
      Effect.suspend(() => error === undefined ? Effect.asVoid(Queue.offer(sent, message)) : Effect.fail(error))

    yield* Queue.offer(accepted, {
      endpoint,
      version,
      take: Queue.take(sent),
      waiting: Queue.size(sent),
      push: (message) => deliver({ _tag: "Message", message }, message.seq),
      pushDave: (frame) => deliver({ _tag: "Dave", frame }, frame.seq),
      pushMalformed: (detail, op, isKeyLost) =>
        deliver({
          _tag: "Malformed",
          detail,
          ...(op === undefined ? {} : { op }),
          ...(isKeyLost === undefined ? {} : { isKeyLost })
        }, undefined),
      close: (code, detail = "") => end(code, detail),
      terminate: end(1006, ""),
      closed: Deferred.await(ended)
    })
    const connection: VoiceSocket.Connection = {
      version,
      endpoint,
      take: Queue.take(incoming),
      send,
      sendDave: send,
      lastSequence: () => lastSequence,
      close: end,
      terminate: end(1006, "")
    }
    return connection
  })

  return Context.make(VoiceSocket.VoiceSocket, { open }).pipe(
    Context.add(MockVoiceSocket, {
      accept: Queue.take(accepted),
      waiting: Queue.size(accepted),
      refuse: (kind, status) =>
        Effect.sync(() => void refusals.push(status === undefined ? { kind } : { kind, status }))
    })
  )
})

/**
 * Voice gateway sockets whose other side is the test.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<VoiceSocket.VoiceSocket | MockVoiceSocket> = Layer.effectContext(make)
