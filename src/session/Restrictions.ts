/**
 * What a moderator, or the channel itself, keeps from us: who is muted there sends for nobody, and nothing else says so.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { during } from "../driver/During.ts"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { GuildId } from "../protocol/Identifier.ts"

/**
 * The flags of our voice state that are not ours (Discord docs, Voice Resource, Voice State Object).
 *
 * @category models
 * @since 0.1.0
 */
export interface Restrictions {
  /** A moderator has muted us: nobody hears what we send. */
  readonly serverMute: boolean
  /** A moderator has deafened us: Discord sends us nothing. */
  readonly serverDeaf: boolean
  /** We are in the audience of a stage, or may not speak in the channel: nobody hears what we send. */
  readonly suppress: boolean
}

/**
 * @category constants
 * @since 0.1.0
 */
export const none: Restrictions = { serverMute: false, serverDeaf: false, suppress: false }

/**
 * @category constructors
 * @since 0.1.0
 */
export const of = ({ deaf, mute, suppress }: GatewayPayload.VoiceState): Restrictions => ({
  serverMute: mute,
  serverDeaf: deaf,
  suppress
})

const isSame = (one: Restrictions, other: Restrictions): boolean =>
  one.serverMute === other.serverMute && one.serverDeaf === other.serverDeaf && one.suppress === other.suppress

const describe = ({ serverDeaf, serverMute, suppress }: Restrictions): string =>
  [
    ...(suppress ? ["nobody hears us: we are in the audience of a stage, or may not speak in the channel"] : []),
    ...(serverMute ? ["nobody hears us: a moderator has muted us"] : []),
    ...(serverDeaf ? ["we hear nobody: a moderator has deafened us"] : [])
  ].join("; ")

/**
 * Where restrictions are known.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watched {
  readonly guildId: GuildId
  readonly now: () => { readonly restrictions: Restrictions }
  readonly watch: (look: () => void) => () => void
}

/**
 * Calls `onChange` with each other restrictions than before, at first than none, and warns of those there are, until the
 * scope closes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const follow = Effect.fnUntraced(function*(
  known: Watched,
  onChange: (restrictions: Restrictions) => void
): Effect.fn.Return<void, never, Scope.Scope> {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  let last = none
  const look = (): void => {
    const { restrictions } = known.now()
    if (isSame(restrictions, last)) return
    last = restrictions
    onChange(restrictions)
    if (isSame(restrictions, none)) return
    fork(Effect.logWarning(`In the voice channel of guild ${known.guildId} ${describe(restrictions)}.`))
  }
  yield* during(() => known.watch(look))
  look()
})
