/**
 * The questions that a driver has not answered yet.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as VoiceError from "../VoiceError.ts"

/**
 * Questions of one kind, distinguished by numbers.
 *
 * @category models
 * @since 0.1.0
 */
export class Questions<A> {
  #asked: Map<number, Deferred.Deferred<A, VoiceError.VoiceError>> | undefined

  ask(request: number): Effect.Effect<A, VoiceError.VoiceError> {
    const deferred = Deferred.makeUnsafe<A, VoiceError.VoiceError>()
    this.#asked ??= new Map()
    this.#asked.set(request, deferred)
    return Deferred.await(deferred)
  }

  answer(request: number, answer: Exit.Exit<A, VoiceError.VoiceError>): void {
    const deferred = this.#asked?.get(request)
    this.#asked?.delete(request)
    if (deferred !== undefined) Deferred.doneUnsafe(deferred, answer)
  }

  fail(error: VoiceError.VoiceError): void {
    const asked = this.#asked
    this.#asked = undefined
    asked?.forEach((deferred) => Deferred.doneUnsafe(deferred, Exit.fail(error)))
  }
}
