/**
 * The levels of users in a mix, as set by the program. These are plain values: the mixer fades between them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * The level of a user in a mix.
 *
 * @category models
 * @since 0.1.0
 */
export interface Level {
  /** The factor: 1 keeps the level as sent, 2 is 6 dB louder. */
  readonly gain: number
  /** Whether the user is left out, whatever the gain is. */
  readonly muted: boolean
}

/**
 * The levels of all users.
 *
 * @category models
 * @since 0.1.0
 */
export interface Levels {
  /**
   * Sets the level of a user. A property that is left out keeps its value. Fails with `Unsupported` if the gain is not a number
   * from 0 to {@link maxGain}, and if more than {@link maxUsers} users would have a level of their own.
   */
  readonly set: (
    userId: UserId,
    change: { readonly gain?: number | undefined; readonly muted?: boolean | undefined }
  ) => Effect.Effect<Level, VoiceError.VoiceError>
  /** The factor for a user's samples. */
  readonly gainOf: (userId: UserId) => number
  /** The users whose level differs from the default. */
  readonly all: () => ReadonlyMap<UserId, Level>
}

/**
 * The greatest gain: 20 dB.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxGain = 10

/**
 * The number of users that can have a level of their own.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxUsers = 10_000

/**
 * The level of every user for whom none was set.
 *
 * @category constants
 * @since 0.1.0
 */
export const usual: Level = { gain: 1, muted: false }

const unsupported = (feature: string, detail: string) =>
  VoiceError.fail(new VoiceError.Unsupported({ feature, detail }))

/**
 * Makes levels in which every user has the default.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Levels => {
  const levels = new Map<UserId, Level>()
  return {
    set: (userId, { gain, muted }) =>
      Effect.suspend(() => {
        const former = levels.get(userId) ?? usual
        const level = { gain: gain ?? former.gain, muted: muted ?? former.muted }
        if (!(level.gain >= 0 && level.gain <= maxGain)) {
          return unsupported(`a gain of ${level.gain}`, `it must be a number from 0 to ${maxGain}`)
        }
        if (level.gain === 1 && !level.muted) levels.delete(userId)
        else if (levels.has(userId) || levels.size < maxUsers) levels.set(userId, level)
        else return unsupported("a level for another user", `${maxUsers} users already have one`)
        return Effect.succeed(level)
      }),
    gainOf: (userId) => {
      const { gain, muted } = levels.get(userId) ?? usual
      return muted ? 0 : gain
    },
    all: () => new Map(levels)
  }
}
