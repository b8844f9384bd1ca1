/**
 * How loud users are in what is heard of all in one, as a program has set it. Plain values: whoever mixes makes a ramp of each
 * change.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { UserId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Level {
  /** 1 is as it was sent, 2 is 6 dB louder. */
  readonly gain: number
  /** Then nothing of the user is heard, whatever the gain is. */
  readonly muted: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Levels {
  /**
   * What is left out stays as it is. Fails with `Unsupported` for a gain that is no number from 0 to {@link maxGain}, and for more
   * than {@link maxUsers} users with a level of their own.
   */
  readonly set: (
    userId: UserId,
    change: { readonly gain?: number | undefined; readonly muted?: boolean | undefined }
  ) => Effect.Effect<Level, VoiceError.VoiceError>
  /** By what a user's samples are multiplied. */
  readonly gainOf: (userId: UserId) => number
  /** Those whose level is another one than the usual. */
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
 * How many users can have a level of their own.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxUsers = 10_000

/**
 * What everybody has of whom nothing is said.
 *
 * @category constants
 * @since 0.1.0
 */
export const usual: Level = { gain: 1, muted: false }

const unsupported = (feature: string, detail: string) =>
  VoiceError.fail(new VoiceError.Unsupported({ feature, detail }))

/**
 * Everybody at the usual level.
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
          return unsupported(`a gain of ${level.gain}`, `it has to be a number from 0 to ${maxGain}`)
        }
        if (level.gain === 1 && !level.muted) levels.delete(userId)
        else if (levels.has(userId) || levels.size < maxUsers) levels.set(userId, level)
        else return unsupported("another level", `${maxUsers} users have one of their own`)
        return Effect.succeed(level)
      }),
    gainOf: (userId) => {
      const { gain, muted } = levels.get(userId) ?? usual
      return muted ? 0 : gain
    },
    all: () => new Map(levels)
  }
}
