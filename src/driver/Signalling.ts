/**
 * The voice gateway's half of a connection: reads what it says, keeps the heartbeat, and tells the rest of the driver what
 * matters. It knows nothing of media, so that a socket can be replaced beneath a connection whose audio goes on.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as VoicePayload from "../protocol/VoicePayload.ts"
import type { VoiceError } from "../VoiceError.ts"
import type * as VoiceSocket from "../VoiceSocket.ts"
import * as Heartbeat from "./Heartbeat.ts"
import type * as Line from "./Line.ts"
import type * as SsrcMap from "./SsrcMap.ts"

type Data<Op extends VoicePayload.ServerMessage["op"]> = Extract<VoicePayload.ServerMessage, { op: Op }>["d"]

/**
 * What Ready (op 2) says.
 *
 * @category models
 * @since 0.1.0
 */
export type Ready = Data<2>

/**
 * What a Session Description (op 4) says.
 *
 * @category models
 * @since 0.1.0
 */
export type Description = Data<4>

/**
 * @category models
 * @since 0.1.0
 */
export interface Signalling {
  /** Waits for the first Hello (op 8). */
  readonly hello: Effect.Effect<void>
  /** Waits for Ready (op 2). */
  readonly ready: Effect.Effect<Ready>
  /** Every Session Description (op 4) in order; a later one brings a new key. */
  readonly descriptions: Queue.Dequeue<Description>
  /** Starts the heartbeat at Hello's interval: after Identify, and of itself whenever Hello comes again. */
  readonly startHeartbeat: Effect.Effect<void>
  /** Sends, and waits until the message has left. */
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError>
  /** Sends from plain code, in order. */
  readonly post: (message: VoicePayload.ClientMessage) => void
  readonly statistics: () => {
    readonly heartbeatsSent: number
    readonly roundTripMs: number | undefined
    readonly malformedMessages: number
    readonly unknownOpcodes: number
  }
}

/** A server that asks for more than a beat a second is not obeyed. */
const leastHeartbeatMs = 1_000

/** How long to wait for the other side's close frame when we leave. */
const closeTimeoutMs = 1_000

/**
 * Takes over an open socket until the scope closes, and then closes it with 1000. `ended` fails with the reason when the
 * socket or the heartbeat dies.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly socket: VoiceSocket.Connection
  readonly ended: Deferred.Deferred<never, VoiceError>
  readonly users: SsrcMap.SsrcMap
  readonly emit: (event: Line.Event) => void
}): Effect.fn.Return<Signalling, never, Scope.Scope> {
  const { emit, ended, socket, users } = options
  const scope = yield* Effect.scope
  const fail = (error: VoiceError) => Deferred.fail(ended, error)

  const heartbeat = yield* Heartbeat.make((t) =>
    socket.send({ op: 3, d: socket.version >= 8 ? { t, seq_ack: socket.lastSequence() } : { t } })
  )
  const hello = yield* Deferred.make<void>()
  const ready = yield* Deferred.make<Ready>()
  const descriptions = yield* Queue.unbounded<Description>()
  const outgoing = yield* Queue.unbounded<VoicePayload.ClientMessage>()
  let heartbeatIntervalMs: number | undefined
  let heartbeatFiber: Fiber.Fiber<unknown, unknown> | undefined
  let isBeating = false
  let malformedMessages = 0
  let unknownOpcodes = 0

  const startHeartbeat = Effect.suspend(() => {
    isBeating = true
    if (heartbeatIntervalMs === undefined) return Effect.void
    const former = heartbeatFiber
    return heartbeat.run(heartbeatIntervalMs).pipe(
      Effect.catch(fail),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.tap((fiber) =>
        Effect.sync(() => {
          heartbeatFiber = fiber
        })
      ),
      // Hello may come again; there is never more than one heartbeat
      Effect.andThen(former === undefined ? Effect.void : Fiber.interrupt(former)),
      Effect.asVoid
    )
  })

  const onMessage = (message: VoicePayload.ServerMessage): Effect.Effect<unknown> => {
    switch (message.op) {
      case 8:
        heartbeatIntervalMs = Math.max(leastHeartbeatMs, message.d.heartbeat_interval)
        // in this order: whoever waits for Hello starts the first heartbeat itself
        return Effect.andThen(isBeating ? startHeartbeat : Effect.void, Deferred.succeed(hello, undefined))
      case 2:
        return Deferred.succeed(ready, message.d)
      case 4:
        return Queue.offer(descriptions, message.d)
      case 3:
        return Effect.ignore(socket.send({ op: 3, d: { t: message.d?.t ?? 0, seq_ack: socket.lastSequence() } }))
      case 6: {
        const roundTripMs = heartbeat.acknowledge(message.d.t)
        if (roundTripMs >= 0) emit({ _tag: "Heartbeat", roundTripMs })
        return Effect.void
      }
      case 5: {
        const { speaking: flags, ssrc, user_id: userId } = message.d
        users.assign(ssrc, userId)
        emit({ _tag: "Speaking", userId, ssrc, flags })
        return Effect.void
      }
      case 11:
        emit({ _tag: "UsersConnected", userIds: message.d.user_ids })
        return Effect.void
      case 12:
        if (message.d.audio_ssrc !== 0) users.assign(message.d.audio_ssrc, message.d.user_id)
        return Effect.void
      case 13:
        users.forget(message.d.user_id)
        emit({ _tag: "UserDisconnected", userId: message.d.user_id })
        return Effect.void
      default:
        return Effect.void
    }
  }

  const read = Effect.flatMap(Queue.take(socket.incoming), (incoming) => {
    switch (incoming._tag) {
      case "Malformed":
        malformedMessages++
        return Effect.logDebug(`malformed message from the voice gateway: ${incoming.detail}`)
      case "Dave":
        return Effect.void
      case "Message":
        if (incoming.message.op !== "unknown") return onMessage(incoming.message)
        unknownOpcodes++
        return Effect.void
    }
  })
  yield* Effect.forever(read).pipe(Effect.catch(fail), Effect.forkScoped({ startImmediately: true }))
  yield* Effect.flatMap(Queue.take(outgoing), socket.send).pipe(
    Effect.forever,
    Effect.catch(fail),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.addFinalizer(() =>
    socket.close(1000, "").pipe(
      Effect.andThen(Deferred.await(ended)),
      Effect.timeoutOption(Duration.millis(closeTimeoutMs)),
      Effect.ignore
    )
  )

  return {
    hello: Deferred.await(hello),
    ready: Deferred.await(ready),
    descriptions,
    startHeartbeat,
    send: socket.send,
    post: (message) => void Queue.offerUnsafe(outgoing, message),
    statistics: () => ({
      heartbeatsSent: heartbeat.sent(),
      roundTripMs: heartbeat.roundTripMs(),
      malformedMessages,
      unknownOpcodes
    })
  }
})
