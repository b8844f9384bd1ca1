/**
 * Handles audio that could not be decoded. It affects nobody else: it is counted and logged, and a listener continues to hear
 * other users.
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
  /** Counts a packet that could not be decoded. */
  readonly count: () => void
  /** Runs what is needed to hear a user. Returns `undefined` if it fails, and logs a warning the first time in a row. */
  readonly unless: <A, R>(
    userId: UserId,
    making: Effect.Effect<A, VoiceError, R>
  ) => Effect.Effect<A | undefined, never, R>
}

/**
 * `onPacket` is called for each packet that could not be decoded.
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
          return Effect.as(
            Effect.logWarning(`The audio of user ${userId} cannot be decoded: ${error.message}`),
            undefined
          )
        })
      )
  }
}
