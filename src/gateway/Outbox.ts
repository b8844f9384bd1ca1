/**
 * Messages that wait to be sent, across connections: the next connection sends what the former could not.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as VoiceError from "../VoiceError.ts"

/**
 * A message, and who waits for it to be sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outgoing {
  readonly text: string
  readonly sent: Deferred.Deferred<void, VoiceError.VoiceError>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Outbox {
  /** Waits until the message has been sent; interruption withdraws it. Fails with `GatewayFailed` if too many wait. */
  readonly send: (text: string) => Effect.Effect<void, VoiceError.VoiceError>
  /** Waits for the first message, and leaves it in the outbox. */
  readonly first: Effect.Effect<Outgoing>
  /** Removes a message that was sent. */
  readonly done: (outgoing: Outgoing) => Effect.Effect<void>
  /** The number of waiting messages. */
  readonly size: () => number
  /** Fails all waiting messages. */
  readonly fail: (error: VoiceError.VoiceError) => Effect.Effect<void>
}

/**
 * Makes an outbox for at most `capacity` messages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (capacity: number): Outbox => {
  const waiting: Array<Outgoing> = []
  const filled = Latch.makeUnsafe()

  const remove = (outgoing: Outgoing) => {
    const index = waiting.indexOf(outgoing)
    if (index >= 0) waiting.splice(index, 1)
    if (waiting.length === 0) filled.closeUnsafe()
  }

  return {
    send: (text) =>
      Effect.suspend(() => {
        if (waiting.length >= capacity) {
          return VoiceError.fail(
            new VoiceError.GatewayFailed({ detail: `${capacity} messages are already waiting for the connection` })
          )
        }
        const outgoing: Outgoing = { text, sent: Deferred.makeUnsafe() }
        waiting.push(outgoing)
        filled.openUnsafe()
        return Effect.onInterrupt(Deferred.await(outgoing.sent), () => Effect.sync(() => remove(outgoing)))
      }),
    first: Effect.gen(function*() {
      while (true) {
        yield* filled.await
        const outgoing = waiting[0]
        if (outgoing !== undefined) return outgoing
      }
    }),
    done: (outgoing) =>
      Effect.suspend(() => {
        remove(outgoing)
        return Effect.asVoid(Deferred.succeed(outgoing.sent, undefined))
      }),
    size: () => waiting.length,
    fail: (error) =>
      Effect.suspend(() => {
        filled.closeUnsafe()
        return Effect.forEach(waiting.splice(0), (outgoing) => Deferred.fail(outgoing.sent, error), { discard: true })
      })
  }
}
