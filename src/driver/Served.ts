/**
 * A driver for `Thread.ts`, in a thread of its own (`driverWorker.ts`) or, if that is not possible, in the program's thread.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { EventEmitter } from "node:events"
import { threadId } from "node:worker_threads"
import * as AudioClock from "../AudioClock.ts"
import * as Dave from "../Dave.ts"
import * as Transport from "../Transport.ts"
import type { Helper } from "../transport/HelperThread.ts"
import { CurrentLog, type Datagrams, Log } from "../transport/wire/Log.ts"
import * as VoiceCrypto from "../VoiceCrypto.ts"
import * as VoiceSocket from "../VoiceSocket.ts"
import * as VoiceUdp from "../VoiceUdp.ts"
import type * as Engine from "./Engine.ts"
import * as MessagePortLine from "./MessagePortLine.ts"
import type { FromDriver, ThreadOptions, ToDriver } from "./messages.ts"

const daves = { thread: Dave.layerThread, driver: Dave.layer, disabled: Dave.layerDisabled }

const services = (
  { crypto = {}, datagram = {}, dave = "thread", webSocket = {} }: ThreadOptions
): Layer.Layer<Engine.Services> =>
  Layer.mergeAll(VoiceSocket.layer, VoiceUdp.layer, VoiceCrypto.layerWith(crypto), daves[dave]).pipe(
    Layer.provide([Transport.layerWebSocketWith(webSocket), Transport.layerDatagramWith(datagram)]),
    Layer.provideMerge(AudioClock.layer)
  )

/** Passes what is logged here to the program's loggers. */
const loggerTo = (post: (message: FromDriver) => void) =>
  Logger.make(({ cause, logLevel, message }) => {
    const parts = (Array.isArray(message) ? message : [message]).map(String)
    if (cause.reasons.length > 0) parts.push(Cause.pretty(cause))
    post({
      _tag: "Log",
      level: logLevel === "All" || logLevel === "None" ? "Info" : logLevel,
      text: parts.join(" ")
    })
  })

/** A wire log whose entries go to the program's wire log. */
const logTo = (
  post: (message: FromDriver) => void,
  { datagrams, originNanos }: { readonly datagrams: Datagrams; readonly originNanos: bigint }
): Log =>
  new Log({
    write: (entry) => post({ _tag: "Wire", entry }),
    // there is nowhere left to report it
    onFailed: () => undefined,
    datagrams,
    nowNanos: () => process.hrtime.bigint(),
    originNanos,
    prefix: threadId === 0 ? "" : `${threadId}.`
  })

/**
 * `post` receives the driver's messages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (post: (message: FromDriver) => void): Helper<ToDriver> => {
  const events = new EventEmitter()
  /** Messages that arrived while the services are being made. */
  let early: Array<unknown> | undefined = []
  let serving: Fiber.Fiber<never> | undefined

  const port: MessagePortLine.Port = {
    postMessage: (message) => post({ _tag: "Line", message }),
    on: (event, listener) => {
      events.on(event, listener)
      if (event !== "message" || early === undefined) return
      const messages = early
      early = undefined
      for (const message of messages) listener(message)
    },
    off: (event, listener) => events.off(event, listener)
  }

  const serve = ({ logLevel, options, wire }: Extract<ToDriver, { readonly _tag: "Begin" }>) => {
    serving = Effect.runFork(
      MessagePortLine.serve(port).pipe(
        Effect.provide(Layer.provideMerge(services(options), Logger.layer([loggerTo(post)]))),
        Effect.provideService(References.MinimumLogLevel, logLevel),
        Effect.provideService(CurrentLog, wire === undefined ? undefined : logTo(post, wire))
      )
    )
    serving.addObserver((exit) => {
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
      post({ _tag: "Died", detail: String(Cause.squash(exit.cause)) })
    })
  }

  return {
    receive: (message) => {
      if (message._tag === "Begin") serve(message)
      else if (early === undefined) events.emit("message", message.message)
      else early.push(message.message)
    },
    close: () => serving?.interruptUnsafe()
  }
}
