/**
 * This side of a driver in a thread of its own (`driverWorker.ts`). The thread is started with the first connection, and a new
 * one with the next connection after it has ended. If it cannot be started, the driver works in this thread, over the same
 * line.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { EventEmitter } from "node:events"
import { fromSchema } from "../protocol/internal/PayloadError.ts"
import * as HelperThread from "../transport/HelperThread.ts"
import { CurrentLog } from "../transport/wire/Log.ts"
import * as VoiceError from "../VoiceError.ts"
import type * as Engine from "./Engine.ts"
import type * as Line from "./Line.ts"
import * as MessagePortLine from "./MessagePortLine.ts"
import { type FromDriver, ThreadOptions, type ToDriver } from "./messages.ts"
import * as Served from "./Served.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Thread {
  /** Like that of `MessagePortLine.makeClient`. Fails with `Unsupported` if an option of the thread is invalid. */
  readonly open: (
    info: Line.ConnectionInfo,
    options: Line.ConnectOptions,
    emit: (event: Line.Event) => void
  ) => Effect.Effect<Engine.Engine, VoiceError.VoiceError, Scope.Scope>
}

const ended = "the driver's thread has ended"

const checkOptions = Schema.encodeUnknownResult(ThreadOptions)

/**
 * The URL of the thread's file.
 *
 * @category getters
 * @since 0.1.0
 * @internal
 */
export const file = (): URL => HelperThread.fileBeside(import.meta.url, "driverWorker")

/**
 * Makes a driver that ends with the scope, together with the remaining connections. `url` is the thread's file, by default the
 * one next to this file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: ThreadOptions, url?: URL): Effect.fn.Return<
  Thread,
  never,
  Scope.Scope
> {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const logLevel = yield* References.MinimumLogLevel
  const wire = yield* CurrentLog
  const checked = checkOptions(options)
  const events = new EventEmitter()
  let thread: HelperThread.HelperThread<ToDriver> | undefined
  let connections = 0
  let isClosed = false
  let isTold = false

  const client = yield* MessagePortLine.makeClient({
    postMessage: (message) => thread?.post({ _tag: "Line", message }),
    on: (event, listener) => events.on(event, listener),
    off: (event, listener) => events.off(event, listener)
  }, ended)

  const onEnd = (detail: string): void => {
    thread = undefined
    events.emit("error", new Error(detail))
  }

  /** All calls of the process are interrupted, and nothing else would say why. */
  const onLost = (detail: string): void => {
    fork(Effect.logWarning(`The driver's thread has ended: ${detail}. The next connection starts another one.`))
    onEnd(detail)
  }

  const onUnavailable = (detail: string): void => {
    if (isTold) return
    isTold = true
    fork(Effect.logWarning(
      `The driver's thread cannot be started: ${detail}. The driver runs in the program's own thread instead, where audio ` +
        "is interrupted when that thread is busy."
    ))
  }

  const start = (plain: ThreadOptions): void => {
    if (thread !== undefined || isClosed) return
    const next = HelperThread.start<ToDriver, FromDriver>({
      name: "effect-discord-voice driver",
      url: url ?? file(),
      here: Served.make,
      onMessage: (message) => {
        switch (message._tag) {
          case "Line":
            return void events.emit("message", message.message)
          case "Log":
            return void fork(Effect.logWithLevel(message.level)(message.text))
          case "Wire":
            return wire?.write(message.entry)
          case "Died":
            void next.close()
            return onLost(message.detail)
        }
      },
      onEnded: onLost,
      onUnavailable
    })
    thread = next
    client.renew()
    next.post({
      _tag: "Begin",
      options: plain,
      logLevel,
      wire: wire === undefined ? undefined : { datagrams: wire.datagrams, originNanos: wire.originNanos }
    })
  }

  /** A program waits for its connections, but does not stay alive for an idle thread. */
  const hold = (): void => thread?.hold(connections > 0)

  const need = (plain: ThreadOptions) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        connections++
        start(plain)
        hold()
      }),
      () =>
        Effect.sync(() => {
          connections--
          hold()
        })
    )

  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      isClosed = true
      const former = thread
      thread = undefined
      await former?.close()
      onEnd("its layer is closed")
    })
  )

  return {
    open: (info, connectOptions, emit) =>
      Effect.suspend(() => {
        if (Result.isSuccess(checked)) {
          return Effect.andThen(need(checked.success), client.open(info, connectOptions, emit))
        }
        const { detail } = fromSchema(checked.failure, undefined)
        return VoiceError.fail(new VoiceError.Unsupported({ feature: "An option of the driver's thread", detail }))
      })
  }
})
