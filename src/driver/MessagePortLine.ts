/**
 * The driver line over a `MessagePort`: both ends encode and decode messages with the schemas of `Line`, so that nothing else
 * can cross. The session's side numbers the connections.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as VoiceError from "../VoiceError.ts"
import * as Engine from "./Engine.ts"
import { HandedOver } from "./HandedOver.ts"
import * as Line from "./Line.ts"

/**
 * The part of a `MessagePort` or a `Worker` of node:worker_threads that is needed. If a port has events for the end of the
 * other side, as those two have, connections end with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Port {
  readonly postMessage: (message: unknown) => void
  readonly on: (event: PortEvent, listener: (message: unknown) => void) => unknown
  readonly off: (event: PortEvent, listener: (message: unknown) => void) => unknown
}

/**
 * `close` is the end of a `MessagePort`, `exit` the end of a `Worker`, and `error` what ends one: without a listener, Node
 * would throw it in this thread.
 *
 * @category models
 * @since 0.1.0
 */
export type PortEvent = "message" | "close" | "exit" | "error"

const Downward = Schema.TaggedUnion({
  Connect: { id: Schema.Int, info: Line.ConnectionInfo, options: Line.ConnectOptions },
  Command: { id: Schema.Int, command: Line.Command },
  Close: { id: Schema.Int }
})

const Upward = Schema.TaggedUnion({
  Connected: { id: Schema.Int, established: Line.Established },
  Failed: { id: Schema.Int, error: VoiceError.VoiceError },
  Event: { id: Schema.Int, event: Line.Event },
  Closed: { id: Schema.Int },
  /** The driver's end listens. */
  Serving: {},
  /** It does not listen any more: nothing that is sent will be answered. */
  Stopped: {}
})

const encodeDownward = Schema.encodeSync(Downward)
const decodeDownward = Schema.decodeUnknownOption(Downward)
const encodeUpward = Schema.encodeSync(Upward)
const decodeUpward = Schema.decodeUnknownOption(Upward)

/** How long to wait until the other end has closed a connection. */
const closeTimeoutMs = 2_000

const lost = (detail: string) => VoiceError.make(new VoiceError.ConnectionLost({ code: 1006, detail }))

const unreachable = (endpoint: string, detail: string) =>
  VoiceError.make(new VoiceError.SocketOpenFailed({ endpoint, kind: "Failed", detail }))

const driverStopped = "the driver at the other end of the port has stopped"

/**
 * How long the other end may take to connect or to fail. Longer than all phases of the handshake together, because it is meant
 * for an end that does not serve at all.
 */
const openTimeout = (options: Line.ConnectOptions): Duration.Duration =>
  Duration.millis(6 * (options.phaseTimeoutMs ?? Engine.defaultPhaseTimeoutMs))

const listen = (port: Port, event: PortEvent, listener: (message: unknown) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => port.on(event, listener)),
    () => Effect.sync(() => port.off(event, listener))
  )

/** A view is cloned with its whole buffer, but only the payload of a packet should cross. */
const detach = (event: Line.Event): Line.Event =>
  event._tag === "Packet"
    ? { ...event, packet: { ...event.packet, payload: new Uint8Array(event.packet.payload) } }
    : event

interface Opening {
  readonly endpoint: string
  readonly emit: (event: Line.Event) => void
  readonly opened: Deferred.Deferred<Line.Established, VoiceError.VoiceError>
  readonly closed: Deferred.Deferred<void>
  readonly rings: HandedOver
}

/**
 * Makes the session's end. `stoppedDetail` describes what has happened if the other end has stopped. After that nothing can be
 * opened until it serves again, or `renew` announces another one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeClient = Effect.fnUntraced(function*(port: Port, stoppedDetail: string = driverStopped) {
  const openings = new Map<number, Opening>()
  let lastId = 0

  let stopped = false
  const onStop = (detail = stoppedDetail): void => {
    stopped = true
    // the listener may immediately open another one, at the next driver
    for (const { closed, emit, endpoint, opened } of Array.from(openings.values())) {
      Deferred.doneUnsafe(opened, Exit.fail(unreachable(endpoint, detail)))
      Deferred.doneUnsafe(closed, Exit.void)
      emit({ _tag: "Ended", error: lost(detail) })
    }
  }

  const onMessage = (message: unknown): void => {
    const decoded = decodeUpward(message)
    if (Option.isNone(decoded)) return
    if (decoded.value._tag === "Stopped") return onStop()
    if (decoded.value._tag === "Serving") {
      stopped = false
      return
    }
    const opening = openings.get(decoded.value.id)
    if (opening === undefined) return
    switch (decoded.value._tag) {
      case "Connected":
        return void Deferred.doneUnsafe(opening.opened, Exit.succeed(decoded.value.established))
      case "Failed":
        return void Deferred.doneUnsafe(opening.opened, Exit.fail(decoded.value.error))
      case "Event":
        opening.rings.onEvent(decoded.value.event)
        return opening.emit(decoded.value.event)
      case "Closed":
        return void Deferred.doneUnsafe(opening.closed, Exit.void)
    }
  }
  yield* listen(port, "message", onMessage)
  yield* listen(port, "close", () => onStop())
  /**
   * Called when its thread has ended: it takes no more frames, and closes nothing. The other end of a closing port still does.
   */
  const onDeath = (detail?: string): void => {
    // before anybody attaches them elsewhere
    for (const { rings } of openings.values()) rings.release()
    onStop(detail)
  }
  yield* listen(port, "exit", () => onDeath())
  yield* listen(port, "error", (error) => {
    onDeath(`${stoppedDetail}: ${error instanceof Error ? error.message : String(error)}`)
  })
  const post = (message: typeof Downward.Type) => port.postMessage(encodeDownward(message))

  const open = Effect.fnUntraced(function*(
    info: Line.ConnectionInfo,
    options: Line.ConnectOptions,
    emit: (event: Line.Event) => void
  ): Effect.fn.Return<Engine.Engine, VoiceError.VoiceError, Scope.Scope> {
    if (stopped) return yield* unreachable(info.endpoint, stoppedDetail)
    const id = ++lastId
    const opening: Opening = {
      endpoint: info.endpoint,
      emit,
      opened: Deferred.makeUnsafe(),
      closed: Deferred.makeUnsafe(),
      rings: new HandedOver()
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        openings.set(id, opening)
        post({ _tag: "Connect", id, info, options })
      }),
      () =>
        Effect.sync(() => post({ _tag: "Close", id })).pipe(
          Effect.andThen(Deferred.await(opening.closed)),
          Effect.timeoutOption(Duration.millis(closeTimeoutMs)),
          Effect.andThen(Effect.sync(() => openings.delete(id)))
        )
    )
    const duration = openTimeout(options)
    const established = yield* Effect.timeoutOrElse(Deferred.await(opening.opened), {
      duration,
      orElse: () =>
        Effect.fail(unreachable(
          info.endpoint,
          `the other end of the driver's port did not answer within ${
            Duration.toSeconds(duration)
          } s; does it run VoiceDriver.serve?`
        ))
    })
    return {
      established,
      command: (command) => {
        if (!stopped) opening.rings.onCommand(command)
        post({ _tag: "Command", id, command })
      }
    }
  })
  return {
    open,
    renew: (): void => {
      stopped = false
    }
  }
})

/**
 * Runs the driver's end until it is interrupted, and then closes every connection.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(
  function*(port: Port): Effect.fn.Return<never, never, Engine.Services | Scope.Scope> {
    const messages = yield* Queue.unbounded<unknown>()
    yield* listen(port, "message", (message) => void Queue.offerUnsafe(messages, message))
    const post = (message: typeof Upward.Type) => port.postMessage(encodeUpward(message))
    yield* Effect.acquireRelease(
      Effect.sync(() => post({ _tag: "Serving" })),
      () => Effect.sync(() => post({ _tag: "Stopped" }))
    )
    const engines = new Map<number, Engine.Engine>()
    const fibers = new Map<number, Fiber.Fiber<void>>()
    const leaving = new Set<number>()

    // a fiber that waits as long as its connection lasts keeps only the scope and its end
    const run = (id: number, info: Line.ConnectionInfo, options: Line.ConnectOptions) =>
      Effect.flatMap(
        Engine.connect(info, options, (event) => post({ _tag: "Event", id, event: detach(event) })),
        (engine) => {
          engines.set(id, engine)
          post({ _tag: "Connected", id, established: engine.established })
          return Effect.never
        }
      ).pipe(
        Effect.scoped,
        Effect.catch((error) => Effect.sync(() => post({ _tag: "Failed", id, error }))),
        Effect.onExit((exit) =>
          Effect.gen(function*() {
            const isConnected = engines.delete(id)
            fibers.delete(id)
            if (leaving.delete(id) || Exit.isSuccess(exit)) return
            if (!Cause.hasInterruptsOnly(exit.cause)) yield* Effect.logError("A voice connection died", exit.cause)
            if (isConnected) post({ _tag: "Event", id, event: { _tag: "Ended", error: lost(driverStopped) } })
            else post({ _tag: "Failed", id, error: unreachable(info.endpoint, driverStopped) })
          })
        )
      )

    const close = (id: number) =>
      Effect.suspend(() => {
        leaving.add(id)
        const fiber = fibers.get(id)
        return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
      }).pipe(Effect.ensuring(Effect.sync(() => leaving.delete(id))))

    // nobody is left who could close them
    yield* listen(port, "close", () => {
      for (const fiber of fibers.values()) fiber.interruptUnsafe()
    })

    while (true) {
      const decoded = decodeDownward(yield* Queue.take(messages))
      if (Option.isNone(decoded)) {
        yield* Effect.logWarning("A message on the driver line could not be decoded")
        continue
      }
      const message = decoded.value
      switch (message._tag) {
        case "Connect": {
          const fiber = yield* Effect.forkScoped(run(message.id, message.info, message.options))
          fibers.set(message.id, fiber)
          break
        }
        case "Command": {
          engines.get(message.id)?.command(message.command)
          break
        }
        case "Close": {
          const { id } = message
          yield* close(id).pipe(
            Effect.andThen(Effect.sync(() => post({ _tag: "Closed", id }))),
            Effect.forkScoped
          )
          break
        }
      }
    }
  },
  Effect.scoped
)
