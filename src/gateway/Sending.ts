/**
 * Voice state requests through another Discord library: in order within a guild, and again while the library cannot take
 * them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import type { VoiceStateRequest } from "../Gateway.ts"
import type { GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"

/**
 * Op 4 as it crosses the gateway. A plain object: libraries write it as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceStatePayload {
  readonly op: 4
  readonly d: VoiceStateRequest
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const payload = ({ channel_id, guild_id, self_deaf, self_mute }: VoiceStateRequest): VoiceStatePayload => ({
  op: 4,
  d: { guild_id, channel_id, self_mute, self_deaf }
})

/**
 * 100 ms, doubling up to 1 second, for 10 seconds: a join waits 15 seconds for its answers.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultRetry: Schedule.Schedule<unknown, VoiceError.VoiceError> = Schedule.min([
  Schedule.exponential("100 millis", 2),
  Schedule.spaced("1 second")
]).pipe(Schedule.upTo({ duration: "10 seconds" }), Schedule.setInputType<VoiceError.VoiceError>())

/**
 * Why something of another library failed, in short. What is no `Error` is not shown: it could hold anything.
 *
 * @category formatting
 * @since 0.1.0
 */
export const describe = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message || thrown.name : "something that is no Error"

/**
 * A sender. `attempt` says whether the library took the request; where it did not, it is made again by `retry`, and fails
 * with `GatewayFailed` when that ends. A request waits for those before it in the guild, so that none overtakes another, and
 * the next one waits for `onGivenUp` of one that failed or was interrupted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (retry: Schedule.Schedule<unknown, VoiceError.VoiceError> = defaultRetry) => {
  const locks = new Map<GuildId, { readonly semaphore: Semaphore.Semaphore; users: number }>()

  const inOrder = <A, E>(guildId: GuildId, effect: Effect.Effect<A, E>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const lock = locks.get(guildId) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
        locks.set(guildId, lock)
        lock.users++
        return lock
      }),
      ({ semaphore }) => semaphore.withPermit(effect),
      (lock) =>
        Effect.sync(() => {
          if (--lock.users === 0) locks.delete(guildId)
        })
    )

  return <E extends VoiceError.VoiceError>(
    guildId: GuildId,
    attempt: Effect.Effect<boolean, E>,
    onGivenUp: Effect.Effect<void> = Effect.void
  ) => {
    const notTaken = VoiceError.make(
      new VoiceError.GatewayFailed({
        detail:
          `the Discord library did not take our voice state of guild ${guildId}, however often it was asked; the ` +
          "shard of the guild is most likely not connected"
      })
    )
    let warned = false
    const warn = Effect.suspend(() => {
      if (warned) return Effect.void
      warned = true
      return Effect.logWarning(
        `The Discord library does not take our voice state of guild ${guildId} yet: trying again`
      )
    })
    return attempt.pipe(
      Effect.flatMap((taken): Effect.Effect<void, VoiceError.VoiceError> =>
        taken ? Effect.void : Effect.andThen(warn, Effect.fail(notTaken))
      ),
      Effect.retry({ schedule: retry, while: (error) => error === notTaken }),
      Effect.onError(() => onGivenUp),
      (effect) => inOrder(guildId, effect)
    )
  }
}
