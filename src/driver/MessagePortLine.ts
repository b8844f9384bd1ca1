/**
 * The driver line over a `MessagePort`: both ends encode what they send and decode what they receive by the schemas of
 * `Line`, so that nothing else can cross. Connections are told apart by a number that the session's side gives.
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
import { VoiceError } from "../VoiceError.ts"
import * as Engine from "./Engine.ts"
import * as Line from "./Line.ts"

/**
 * What is needed of a `MessagePort` or a `Worker` of node:worker_threads.
 *
 * @category models
 * @since 0.1.0
 */
export interface Port {
  readonly postMessage: (message: unknown) => void
  readonly on: (event: "message", listener: (message: unknown) => void) => unknown
  readonly off: (event: "message", listener: (message: unknown) => void) => unknown
}

const Downward = Schema.TaggedUnion({
  Connect: { id: Schema.Int, info: Line.ConnectionInfo, options: Line.ConnectOptions },
  Command: { id: Schema.Int, command: Line.Command },
  Close: { id: Schema.Int }
})

const Upward = Schema.TaggedUnion({
  Connected: { id: Schema.Int, established: Line.Established },
  Failed: { id: Schema.Int, error: VoiceError },
  Event: { id: Schema.Int, event: Line.Event },
  Closed: { id: Schema.Int }
})

const encodeDownward = Schema.encodeSync(Downward)
const decodeDownward = Schema.decodeUnknownOption(Downward)
const encodeUpward = Schema.encodeSync(Upward)
const decodeUpward = Schema.decodeUnknownOption(Upward)

/** How long to wait until the other end has closed a connection. */
const closeTimeoutMs = 2_000

interface Opening {
  readonly emit: (event: Line.Event) => void
  readonly opened: Deferred.Deferred<Line.Established, VoiceError>
  readonly closed: Deferred.Deferred<void>
}

/**
 * The session's end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeClient = Effect.fnUntraced(function*(port: Port) {
  const openings = new Map<number, Opening>()
  let lastId = 0

  const onMessage = (message: unknown): void => {
    const decoded = decodeUpward(message)
    if (Option.isNone(decoded)) return
    const opening = openings.get(decoded.value.id)
    if (opening === undefined) return
    switch (decoded.value._tag) {
      case "Connected":
        return void Deferred.doneUnsafe(opening.opened, Exit.succeed(decoded.value.established))
      case "Failed":
        return void Deferred.doneUnsafe(opening.opened, Exit.fail(decoded.value.error))
      case "Event":
        return opening.emit(decoded.value.event)
      case "Closed":
        return void Deferred.doneUnsafe(opening.closed, Exit.void)
    }
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => port.on("message", onMessage)),
    () => Effect.sync(() => port.off("message", onMessage))
  )
  const post = (message: typeof Downward.Type) => port.postMessage(encodeDownward(message))

  const open = Effect.fnUntraced(function*(
    info: Line.ConnectionInfo,
    options: Line.ConnectOptions,
    emit: (event: Line.Event) => void
  ): Effect.fn.Return<Engine.Engine, VoiceError, Scope.Scope> {
    const id = ++lastId
    const opening: Opening = {
      emit,
      opened: Deferred.makeUnsafe(),
      closed: Deferred.makeUnsafe()
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
    const established = yield* Deferred.await(opening.opened)
    return { established, command: (command) => post({ _tag: "Command", id, command }) }
  })
  return { open }
})

/**
 * The driver's end. Runs until interrupted and then closes every connection.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(
  function*(port: Port): Effect.fn.Return<never, never, Engine.Services | Scope.Scope> {
    const messages = yield* Queue.unbounded<unknown>()
    const onMessage = (message: unknown) => void Queue.offerUnsafe(messages, message)
    yield* Effect.acquireRelease(
      Effect.sync(() => port.on("message", onMessage)),
      () => Effect.sync(() => port.off("message", onMessage))
    )
    const post = (message: typeof Upward.Type) => port.postMessage(encodeUpward(message))
    const engines = new Map<number, Engine.Engine>()
    const fibers = new Map<number, Fiber.Fiber<void>>()

    const run = (id: number, info: Line.ConnectionInfo, options: Line.ConnectOptions) =>
      Effect.gen(function*() {
        const engine = yield* Engine.connect(info, options, (event) => post({ _tag: "Event", id, event }))
        engines.set(id, engine)
        post({ _tag: "Connected", id, established: engine.established })
        return yield* Effect.never
      }).pipe(
        Effect.scoped,
        Effect.catch((error) => Effect.sync(() => post({ _tag: "Failed", id, error }))),
        Effect.tapCause((cause) =>
          Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("a voice connection died", cause)
        ),
        Effect.ensuring(Effect.sync(() => {
          engines.delete(id)
          fibers.delete(id)
        })),
        Effect.asVoid
      )

    while (true) {
      const decoded = decodeDownward(yield* Queue.take(messages))
      if (Option.isNone(decoded)) {
        yield* Effect.logWarning("a message on the driver line could not be decoded")
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
          const fiber = fibers.get(id)
          yield* (fiber === undefined ? Effect.void : Fiber.interrupt(fiber)).pipe(
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
