/**
 * What of those who are heard could not be decoded. It is nobody else's trouble: it is counted, and told in the log, and what a listener
 * hears of others goes on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { UserId } from "../protocol/Identifier.ts"
import type { VoiceError } from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Undecodable {
  /** A packet of which nothing could be made. */
  readonly count: () => void
  /** What is made to hear somebody; `undefined` where that cannot be had, of which a warning tells the first time in a row. */
  readonly unless: <A, R>(
    userId: UserId,
    making: Effect.Effect<A, VoiceError, R>
  ) => Effect.Effect<A | undefined, never, R>
}

/**
 * `onPacket` hears of each packet of which nothing could be made.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (onPacket: () => void = () => {}): Undecodable => {
  const told = new Set<UserId>()
  return {
    count: onPacket,
    unless: (userId, making) =>
      making.pipe(
        Effect.tap(() => Effect.sync(() => told.delete(userId))),
        Effect.catch((error) => {
          if (told.has(userId)) return Effect.undefined
          told.add(userId)
          return Effect.as(Effect.logWarning(`What ${userId} says cannot be heard: ${error.message}`), undefined)
        })
      )
  }
}
