/**
 * One WebSocket of a voice connection, from Hello to its end: it reads, sends heartbeats and answers the gateway's, and passes
 * on what the connection has to know. A connection may need several links, one after another.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as CloseCode from "../../protocol/CloseCode.ts"
import type * as DaveFrame from "../../protocol/DaveFrame.ts"
import type * as VoicePayload from "../../protocol/VoicePayload.ts"
import * as VoiceError from "../../VoiceError.ts"
import type * as VoiceSocket from "../../VoiceSocket.ts"
import * as Heartbeat from "./Heartbeat.ts"

/**
 * Receives what a link passes on. All functions but `onMessage` are plain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** Called for every message except heartbeats, their acknowledgements, Hello and Resumed. */
  readonly onMessage: (message: VoicePayload.ServerMessage) => Effect.Effect<unknown>
  /** Called for every binary message. */
  readonly onDave: (frame: DaveFrame.ServerFrame) => Effect.Effect<unknown>
  /** Called with the sequence number of a message that was handled. */
  readonly onSequence: (sequence: number) => void
  /** The last sequence number that was handled, over all links; -1 if there is none. */
  readonly lastSequence: () => number
  readonly onHeartbeat: () => void
  readonly onRoundTrip: (milliseconds: number) => void
  /** `op` is absent if it could not be read. `isKeyLost`: an op 4 that contained the mode and key with which to continue. */
  readonly onMalformed: (detail: string, op: number | undefined, isKeyLost: boolean) => Effect.Effect<void>
  readonly onUnknown: () => void
  /** Called when a link has ended; {@link Link.ended} has the reason. */
  readonly onEnded?: (() => void) | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Link {
  /** Waits for Hello (op 8). A malformed one ends the link. */
  readonly hello: Effect.Effect<void>
  /** Waits for Resumed (op 9). */
  readonly resumed: Effect.Effect<void>
  /** Starts the heartbeat at Hello's interval, and restarts it whenever Hello comes again. */
  readonly startHeartbeat: Effect.Effect<void>
  /** Sends a message, and waits until it has been sent. */
  readonly send: (message: VoicePayload.ClientMessage) => Effect.Effect<void, VoiceError.VoiceError>
  readonly sendDave: (frame: DaveFrame.ClientFrame) => Effect.Effect<void, VoiceError.VoiceError>
  readonly close: (code: number) => Effect.Effect<void>
  /** Fails with the reason when the socket or the heartbeat dies. */
  readonly ended: Deferred.Deferred<never, VoiceError.VoiceError>
}

/**
 * The error for a malformed message without which the connection cannot continue.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unusable = (name: string, detail: string): VoiceError.VoiceError =>
  VoiceError.make(
    new VoiceError.ProtocolViolated({ detail: `its ${name} cannot be used: ${detail.replace(/\.$/, "")}` })
  )

/**
 * Whether to answer the loss of a socket with Resume (op 7) (Discord docs, Voice Close Event Codes, and {@link CloseCode}).
 *
 * @category guards
 * @since 0.1.0
 */
export const isResumable = ({ reason }: VoiceError.VoiceError): boolean =>
  reason._tag === "HeartbeatUnanswered" ||
  ("code" in reason && reason._tag !== "GatewayClosed" && CloseCode.voice(reason.code).reaction === "resume")

/**
 * An exception in our code, or in that of a part, where a connection is kept: nothing else would report it. It is logged, and
 * the socket counts as lost.
 *
 * @category constructors
 * @since 0.1.0
 */
export const died = (cause: Cause.Cause<never>): Effect.Effect<VoiceError.VoiceError> =>
  Effect.as(
    Effect.logError("A socket of the voice gateway died", cause),
    VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail: "an internal error; see the log" }))
  )

const atOnce = { startImmediately: true } as const

/** The number of messages that may wait for the one before them. Beyond it, the other side has to wait. */
const mostWaiting = 100

class Open implements Link {
  readonly ended = Deferred.makeUnsafe<never, VoiceError.VoiceError>()
  readonly #hello = Deferred.makeUnsafe<void>()
  readonly #resumed = Deferred.makeUnsafe<void>()
  readonly #socket: VoiceSocket.Connection
  readonly #listener: Listener
  readonly #scope: Scope.Scope
  readonly #heartbeat: Heartbeat.Heartbeat
  #intervalMs: number | undefined
  #beating: Fiber.Fiber<unknown, unknown> | undefined
  #isBeating = false
  /** What has arrived while an earlier message is still being handled. */
  #waiting: Array<VoiceSocket.Incoming> | undefined
  #handling: Fiber.Fiber<unknown> | undefined

  constructor(socket: VoiceSocket.Connection, listener: Listener, scope: Scope.Scope, clock: Clock.Clock) {
    this.#socket = socket
    this.#listener = listener
    this.#scope = scope
    this.#heartbeat = Heartbeat.makeUnsafe(clock, (t) => {
      listener.onHeartbeat()
      return socket.send({ op: 3, d: socket.version >= 8 ? { t, seq_ack: listener.lastSequence() } : { t } })
    })
  }

  get hello(): Effect.Effect<void> {
    return Deferred.await(this.#hello)
  }

  get resumed(): Effect.Effect<void> {
    return Deferred.await(this.#resumed)
  }

  get startHeartbeat(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#isBeating = true
      if (this.#intervalMs === undefined) return Effect.void
      const former = this.#beating
      return this.#run(this.#heartbeat.run(this.#intervalMs)).pipe(
        Effect.tap((fiber) =>
          Effect.sync(() => {
            this.#beating = fiber
          })
        ),
        // Hello may come again; there is never more than one heartbeat
        Effect.andThen(former === undefined ? Effect.void : Fiber.interrupt(former)),
        Effect.asVoid
      )
    })
  }

  send(message: VoicePayload.ClientMessage): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#socket.send(message)
  }

  sendDave(frame: DaveFrame.ClientFrame): Effect.Effect<void, VoiceError.VoiceError> {
    return this.#socket.sendDave(frame)
  }

  close(code: number): Effect.Effect<void> {
    return this.#socket.close(code, "")
  }

  /** Reads incoming messages and passes them on, one after another. */
  get read(): Effect.Effect<void> {
    return Effect.asVoid(this.#run(
      Effect.forever(Effect.flatMap(this.#socket.take, (incoming) => this.#onIncoming(incoming))),
      (cause) => Effect.andThen(this.#settled(cause), this.#onFailure(cause))
    ))
  }

  /** Runs until the scope closes. A failure ends the link. */
  #run(
    effect: Effect.Effect<unknown, VoiceError.VoiceError>,
    onFailure: (cause: Cause.Cause<VoiceError.VoiceError>) => Effect.Effect<void> = (cause) => this.#onFailure(cause)
  ): Effect.Effect<Fiber.Fiber<unknown>> {
    // `Effect.catch` would keep three more functions
    return Effect.forkIn(Effect.catchCause(effect, onFailure), this.#scope, atOnce)
  }

  /**
   * After a resume, what was not handled is sent again, and what is half done would be done twice. Any other end is reported
   * immediately.
   */
  #settled(cause: Cause.Cause<VoiceError.VoiceError>): Effect.Effect<unknown> {
    const error = Cause.findError(cause)
    return Result.isSuccess(error) && isResumable(error.success) ? this.#idle : Effect.void
  }

  get #idle(): Effect.Effect<unknown> {
    return Effect.suspend(() => this.#handling === undefined ? Effect.void : Fiber.await(this.#handling))
  }

  #onFailure(cause: Cause.Cause<VoiceError.VoiceError>): Effect.Effect<void> {
    const error = Cause.findError(cause)
    if (Result.isSuccess(error)) return this.#end(error.success)
    return Cause.hasInterruptsOnly(error.failure)
      ? Effect.failCause(error.failure)
      : Effect.flatMap(died(error.failure), (lost) => this.#end(lost))
  }

  #end(error: VoiceError.VoiceError): Effect.Effect<void> {
    return Effect.sync(() => {
      if (Deferred.doneUnsafe(this.ended, Exit.fail(error))) this.#listener.onEnded?.()
    })
  }

  /** A group may take its time over a message; meanwhile it is still noticed that the socket lives, or has been closed. */
  #onIncoming(incoming: VoiceSocket.Incoming): Effect.Effect<unknown> {
    if (this.#waiting !== undefined) {
      const isAnswer = incoming._tag === "Message" && incoming.message.op === 6 && incoming.message.seq === undefined
      if (isAnswer) return this.#handle(incoming)
      return this.#waiting.push(incoming) < mostWaiting ? Effect.void : this.#idle
    }
    const waiting = this.#waiting = [incoming]
    return Effect.map(this.#run(this.#handleAll(waiting)), (fiber) => {
      if (this.#waiting === waiting) this.#handling = fiber
    })
  }

  #handleAll(waiting: Array<VoiceSocket.Incoming>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield* this.#handle(next)
      this.#waiting = this.#handling = undefined
    })
  }

  #handle(incoming: VoiceSocket.Incoming): Effect.Effect<unknown> {
    switch (incoming._tag) {
      case "Malformed": {
        const { detail, isKeyLost, op } = incoming
        const told = this.#listener.onMalformed(detail, op, isKeyLost === true)
        return op === 8 && !Deferred.isDoneUnsafe(this.#hello)
          ? Effect.andThen(told, this.#end(unusable("Hello", detail)))
          : told
      }
      case "Dave":
        return Effect.andThen(this.#listener.onDave(incoming.frame), this.#handled(incoming.frame.seq))
      case "Message": {
        const { message } = incoming
        // only what was handled is acknowledged: after a resume the rest is sent again
        if (message.op !== "unknown") return Effect.andThen(this.#onMessage(message), this.#handled(message.seq))
        this.#listener.onUnknown()
        return this.#handled(message.seq)
      }
    }
  }

  #onMessage(message: VoicePayload.ServerMessage): Effect.Effect<unknown> {
    switch (message.op) {
      case 8:
        this.#intervalMs = message.d.heartbeat_interval
        // in this order: whoever waits for Hello starts the first heartbeat itself
        return Effect.andThen(
          this.#isBeating ? this.startHeartbeat : Effect.void,
          Deferred.succeed(this.#hello, undefined)
        )
      case 3: {
        const t = message.d?.t ?? 0
        return Effect.ignore(this.#socket.send({ op: 3, d: { t, seq_ack: this.#listener.lastSequence() } }))
      }
      case 6: {
        const roundTripMs = this.#heartbeat.acknowledge(message.d.t)
        if (roundTripMs >= 0) this.#listener.onRoundTrip(roundTripMs)
        return Effect.void
      }
      case 9:
        return Deferred.succeed(this.#resumed, undefined)
      default:
        return this.#listener.onMessage(message)
    }
  }

  #handled(sequence: number | undefined): Effect.Effect<void> {
    return Effect.sync(() => {
      if (sequence !== undefined) this.#listener.onSequence(sequence)
    })
  }
}

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
  const link = new Open(socket, listener, yield* Effect.scope, yield* Clock.Clock)
  yield* link.read
  return link
})
