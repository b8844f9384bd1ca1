/**
 * One WebSocket of a voice connection, from Hello to its end: it reads, keeps the heartbeat and answers the gateway's, and
 * hands on what the connection has to know. A connection may need several, one after another.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as DaveFrame from "../protocol/DaveFrame.ts"
import type * as VoicePayload from "../protocol/VoicePayload.ts"
import * as VoiceError from "../VoiceError.ts"
import type * as VoiceSocket from "../VoiceSocket.ts"
import * as Heartbeat from "./Heartbeat.ts"

/**
 * What a link hands on. All but `onMessage` is plain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** Every message but heartbeats, their acknowledgements, Hello and Resumed. */
  readonly onMessage: (message: VoicePayload.ServerMessage) => Effect.Effect<unknown>
  /** Every binary message. */
  readonly onDave: (frame: DaveFrame.ServerFrame) => Effect.Effect<unknown>
  /** The sequence number of a message that was handled. */
  readonly onSequence: (sequence: number) => void
  /** The last sequence number handled, over all links; -1 if there is none. */
  readonly lastSequence: () => number
  readonly onHeartbeat: () => void
  readonly onRoundTrip: (milliseconds: number) => void
  /** `op` is absent where it could not be read. */
  readonly onMalformed: (detail: string, op: number | undefined) => Effect.Effect<void>
  readonly onUnknown: () => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Link {
  /** Waits for Hello (op 8). One that is malformed ends the link. */
  readonly hello: Effect.Effect<void>
  /** Waits for Resumed (op 9). */
  readonly resumed: Effect.Effect<void>
  /** Starts the heartbeat at Hello's interval, and of itself anew whenever Hello comes again. */
  readonly startHeartbeat: Effect.Effect<void>
  /** Sends, and waits until the message has left. */
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError.VoiceError>
  readonly sendDave: (frame: DaveFrame.ClientFrame) => Effect.Effect<void, VoiceError.VoiceError>
  readonly close: (code: number) => Effect.Effect<void>
  /** Fails with the reason when the socket or the heartbeat dies. */
  readonly ended: Deferred.Deferred<never, VoiceError.VoiceError>
}

/**
 * A message is malformed that nothing can go on without.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unusable = (name: string, detail: string): VoiceError.VoiceError =>
  VoiceError.make(
    new VoiceError.ProtocolViolated({ detail: `its ${name} cannot be used: ${detail.replace(/\.$/, "")}` })
  )

/** A server that asks for more than a beat a second is not obeyed. */
const leastHeartbeatMs = 1_000

/**
 * Takes over an open socket until the scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  socket: VoiceSocket.Connection,
  listener: Listener
): Effect.fn.Return<Link, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const ended = yield* Deferred.make<never, VoiceError.VoiceError>()
  const fail = (error: VoiceError.VoiceError) => Deferred.fail(ended, error)
  const hello = yield* Deferred.make<void>()
  const resumed = yield* Deferred.make<void>()
  const { lastSequence } = listener

  const heartbeat = yield* Heartbeat.make((t) => {
    listener.onHeartbeat()
    return socket.send({ op: 3, d: socket.version >= 8 ? { t, seq_ack: lastSequence() } : { t } })
  })
  let intervalMs: number | undefined
  let beating: Fiber.Fiber<unknown, unknown> | undefined
  let isBeating = false

  const startHeartbeat = Effect.suspend(() => {
    isBeating = true
    if (intervalMs === undefined) return Effect.void
    const former = beating
    return heartbeat.run(intervalMs).pipe(
      Effect.catch(fail),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.tap((fiber) =>
        Effect.sync(() => {
          beating = fiber
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
        intervalMs = Math.max(leastHeartbeatMs, message.d.heartbeat_interval)
        // in this order: whoever waits for Hello starts the first heartbeat itself
        return Effect.andThen(isBeating ? startHeartbeat : Effect.void, Deferred.succeed(hello, undefined))
      case 3:
        return Effect.ignore(socket.send({ op: 3, d: { t: message.d?.t ?? 0, seq_ack: lastSequence() } }))
      case 6: {
        const roundTripMs = heartbeat.acknowledge(message.d.t)
        if (roundTripMs >= 0) listener.onRoundTrip(roundTripMs)
        return Effect.void
      }
      case 9:
        return Deferred.succeed(resumed, undefined)
      default:
        return listener.onMessage(message)
    }
  }

  const handled = (sequence: number | undefined) =>
    Effect.sync(() => {
      if (sequence !== undefined) listener.onSequence(sequence)
    })

  const read = Effect.flatMap(socket.take, (incoming) => {
    switch (incoming._tag) {
      case "Malformed": {
        const { detail, op } = incoming
        const told = listener.onMalformed(detail, op)
        return op === 8 && !Deferred.isDoneUnsafe(hello) ? Effect.andThen(told, fail(unusable("Hello", detail))) : told
      }
      case "Dave":
        return Effect.andThen(listener.onDave(incoming.frame), handled(incoming.frame.seq))
      case "Message": {
        const { message } = incoming
        // only what was handled is acknowledged: a resume has the rest sent again
        if (message.op !== "unknown") return Effect.andThen(onMessage(message), handled(message.seq))
        listener.onUnknown()
        return handled(message.seq)
      }
    }
  })
  yield* Effect.forever(read).pipe(Effect.catch(fail), Effect.forkScoped({ startImmediately: true }))

  return {
    hello: Deferred.await(hello),
    resumed: Deferred.await(resumed),
    startHeartbeat,
    send: socket.send,
    sendDave: socket.sendDave,
    close: (code) => socket.close(code, ""),
    ended
  }
})
