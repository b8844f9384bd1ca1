/**
 * Leaves a guild when its outage is over. Nobody hears a request during an outage, so the bot would stay in the channel of a
 * session that has ended.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Gateway from "../Gateway.ts"
import type { GuildId } from "../protocol/Identifier.ts"
import * as Claim from "./Claim.ts"
import * as GuildEvents from "./GuildEvents.ts"

/** The guilds that are to be left. */
const pending = new WeakMap<Gateway.Gateway["Service"], Set<GuildId>>()

/**
 * Waits for the end of the outage, and then says that the bot leaves, unless another session has begun in the guild by then.
 * Never fails. Run it outside of the session's scope.
 *
 * @category combinators
 * @since 0.1.0
 */
export const afterOutage = (gateway: Gateway.Gateway["Service"], guildId: GuildId): Effect.Effect<void> =>
  Effect.suspend(() => {
    const guilds = pending.get(gateway) ?? new Set<GuildId>()
    pending.set(gateway, guilds)
    if (guilds.has(guildId)) return Effect.void
    guilds.add(guildId)
    const wait = Effect.gen(function*() {
      /** Whether the bot may still be there. */
      const over = Deferred.makeUnsafe<boolean>()
      const end = (mayBeThere: boolean): void => {
        Deferred.doneUnsafe(over, Effect.succeed(mayBeThere))
      }
      yield* GuildEvents.listen(gateway, guildId, {
        onEvent: (event) => {
          if (event._tag === "Availability" && event.isAvailable) end(true)
          if (event._tag === "Detached") end(false)
        },
        onLifecycle: (lifecycle) => {
          if (lifecycle === "NewSession") end(false)
        },
        onEnd: () => end(false)
      })
      return yield* Deferred.await(over)
    })
    return Effect.scoped(wait).pipe(
      Effect.ensuring(Effect.sync(() => guilds.delete(guildId))),
      Effect.flatMap((mayBeThere) =>
        mayBeThere && !Claim.isClaimed(gateway, guildId)
          ? gateway.updateVoiceState({ guild_id: guildId, channel_id: null, self_mute: false, self_deaf: false })
          : Effect.void
      ),
      Effect.catch((error) =>
        Effect.logDebug(`Could not tell Discord that the bot left during an outage: ${error.message}`)
      )
    )
  })
