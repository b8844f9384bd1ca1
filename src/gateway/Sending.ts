/**
 * Voice state requests through another Discord library: in order within a guild, and repeated while the library cannot take
 * them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import type { GuildId } from "../protocol/Identifier.ts"
import { printable } from "../protocol/internal/printable.ts"
import * as VoiceError from "../VoiceError.ts"
import { shardOf } from "./Hub.ts"
import * as SendLimit from "./SendLimit.ts"
import type { VoiceStateRequest } from "./Service.ts"

/**
 * Op 4 as it is sent to the gateway: a plain object, which libraries write as JSON.
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
 * A short description of why another library failed. Thrown values that are not an `Error` are not shown, since they could
 * hold anything.
 *
 * @category formatting
 * @since 0.1.0
 */
export const describe = (thrown: unknown): string =>
  thrown instanceof Error ? printable(thrown.message || thrown.name) : "something other than an Error"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly retry?: Schedule.Schedule<unknown, VoiceError.VoiceError> | undefined
  /** The number of connections of the library; the requests of each guild go over one of them. Default 1. */
  readonly shards?: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Sending {
  /**
   * Sends a request. `attempt` says whether the library took it; if not, it is repeated according to `retry`, and fails with
   * `GatewayFailed` when that ends. A request waits for those before it in the guild, so that none overtakes another. If a
   * request failed or was interrupted, the next one waits for its `onGivenUp`, which is told whether the request was only
   * interrupted and thus withdrawn.
   */
  readonly send: <E extends VoiceError.VoiceError>(
    guildId: GuildId,
    attempt: Effect.Effect<boolean, E>,
    onGivenUp?: (isTakenBack: boolean) => Effect.Effect<void>
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** Whether requests are waiting because of Discord's limit of messages. */
  readonly isHeldBack: () => boolean
}

/**
 * Makes a sender that stays below Discord's limit of messages on each connection of the library.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Sending> {
  const { retry = defaultRetry } = options
  const shards = Math.max(1, Math.floor(options.shards ?? 1) || 1)
  const clock = yield* Clock.Clock
  const nowMs = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const hold = SendLimit.makeHold()
  const lines = new Map<number, { readonly limit: SendLimit.SendLimit; readonly turn: Semaphore.Semaphore }>()
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

  const lineOf = (guildId: GuildId) => {
    const shard = shardOf(guildId, shards)
    const line = lines.get(shard) ?? { limit: SendLimit.make(), turn: Semaphore.makeUnsafe(1) }
    lines.set(shard, line)
    return line
  }

  /** Waits until there is room for a message; callers wait in order. */
  const pass = (guildId: GuildId) =>
    Effect.suspend(() => {
      const { limit, turn } = lineOf(guildId)
      const room = Effect.gen(function*() {
        for (let waitMs = limit.waitMs(SendLimit.shared, nowMs()); waitMs > 0;) {
          yield* SendLimit.holdBack(hold, nowMs, waitMs)
          yield* Effect.sleep(waitMs)
          waitMs = limit.waitMs(SendLimit.shared, nowMs())
        }
        limit.record(nowMs())
      })
      return turn.withPermit(room)
    })

  const send: Sending["send"] = (guildId, attempt, onGivenUp = () => Effect.void) => {
    const notTaken = VoiceError.make(
      new VoiceError.GatewayFailed({
        detail:
          `the Discord library did not accept the bot's voice state for guild ${guildId} after several attempts; the ` +
          "shard of the guild is most likely not connected"
      })
    )
    let warned = false
    const warn = Effect.suspend(() => {
      if (warned) return Effect.void
      warned = true
      return Effect.logWarning(
        `The Discord library does not accept the bot's voice state for guild ${guildId} yet; trying again`
      )
    })
    return attempt.pipe(
      Effect.flatMap((taken): Effect.Effect<void, VoiceError.VoiceError> =>
        taken ? Effect.void : Effect.andThen(warn, Effect.fail(notTaken))
      ),
      Effect.retry({ schedule: retry, while: (error) => error === notTaken }),
      Effect.onError((cause) => onGivenUp(Cause.hasInterruptsOnly(cause))),
      (effect) => inOrder(guildId, Effect.andThen(pass(guildId), effect))
    )
  }

  return { send, isHeldBack: () => hold.isOn(nowMs()) }
})
