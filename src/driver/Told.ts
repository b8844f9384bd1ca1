/**
 * Distributes what the driver reports about a connection.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Clients from "./Clients.ts"
import { during } from "./During.ts"
import type * as Line from "./Line.ts"
import { Questions } from "./Questions.ts"

/**
 * Receives the events of a connection as they happen, possibly in the middle of the beat, so it must be fast. If it throws,
 * that is logged as an error the first time, and it still receives later events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer<Event = Line.Happening> {
  readonly onEvent: (event: Event) => void
  /** The last call, whether the connection was lost or closed here. */
  readonly onOver: (error: VoiceError.VoiceError) => void
}

/**
 * Distributes what the driver has reported.
 *
 * @category models
 * @since 0.1.0
 */
export class Told {
  readonly ended = Deferred.makeUnsafe<never, VoiceError.VoiceError>()
  readonly listeners = new Set<Observer<Line.Event>>()
  readonly clients: Clients.Clients
  readonly statistics = new Questions<Line.Statistics>()
  readonly codes = new Questions<string>()
  e2ee: Line.E2ee = { version: 0, transitioning: false }
  end: VoiceError.VoiceError | undefined
  /** Where exceptions of listeners are logged. */
  readonly #context: Context.Context<never>
  /** The listeners that have thrown. */
  #throwing: WeakSet<object> | undefined

  constructor(self: UserId, context: Context.Context<never>) {
    this.clients = Clients.make(self)
    this.#context = context
  }

  /** An exception in the beat, or at a socket, would end the process, and the other listeners would hear nothing. */
  threw(listener: object, thrown: unknown): void {
    this.#throwing ??= new WeakSet()
    if (this.#throwing.has(listener)) return
    this.#throwing.add(listener)
    Effect.runForkWith(this.#context)(Effect.logError(
      "A listener of a voice connection threw. It is still called, but its further exceptions are not logged.",
      Cause.die(thrown)
    ))
  }

  tellEnd(listener: Observer<Line.Event>, error: VoiceError.VoiceError): void {
    try {
      listener.onOver(error)
    } catch (thrown) {
      this.threw(listener, thrown)
    }
  }

  onEvent(event: Line.Event): void {
    if (this.end !== undefined) return
    if (event._tag !== "Packet") this.clients.onEvent(event)
    if (event._tag === "E2eeChanged") this.e2ee = event.e2ee
    for (const listener of this.listeners) {
      try {
        listener.onEvent(event)
      } catch (thrown) {
        this.threw(listener, thrown)
      }
    }
    switch (event._tag) {
      case "Statistics":
        return this.statistics.answer(event.request, Exit.succeed(event.value))
      case "VerificationCode": {
        const { code, failure, request } = event
        const failed = () => VoiceError.make(new VoiceError.E2eeFailed({ kind: "Verification", detail: failure }))
        return this.codes.answer(request, code === undefined ? Exit.fail(failed()) : Exit.succeed(code))
      }
      case "Ended":
        return this.over(event.error)
    }
  }

  over(error: VoiceError.VoiceError): void {
    if (this.end !== undefined) return
    this.end = error
    Deferred.doneUnsafe(this.ended, Exit.fail(error))
    for (const listener of this.listeners) this.tellEnd(listener, error)
    this.statistics.fail(error)
    this.codes.fail(error)
  }

  listen(listener: Observer<Line.Event>): Effect.Effect<void, never, Scope.Scope> {
    return during(() => {
      this.listeners.add(listener)
      return () => this.listeners.delete(listener)
    })
  }
}
