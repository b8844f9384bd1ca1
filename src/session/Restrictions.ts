/**
 * Restrictions by a moderator or by the channel itself: audio that a muted bot sends reaches nobody, and nothing else shows
 * it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { during } from "../driver/During.ts"
import type * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { GuildId } from "../protocol/Identifier.ts"

/**
 * The flags of the bot's voice state that the bot does not control (Discord docs, Voice Resource, Voice State Object).
 *
 * @category models
 * @since 0.1.0
 */
export interface Restrictions {
  /** A moderator has muted the bot: nobody hears what it sends. */
  readonly serverMute: boolean
  /** A moderator has deafened the bot: Discord sends it nothing. */
  readonly serverDeaf: boolean
  /** The bot is in the audience of a stage, or may not speak in the channel: nobody hears what it sends. */
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
    ...(suppress ? ["nobody hears the bot: it is in the audience of a stage, or may not speak in the channel"] : []),
    ...(serverMute ? ["nobody hears the bot: a moderator has muted it"] : []),
    ...(serverDeaf ? ["the bot hears nobody: a moderator has deafened it"] : [])
  ].join("; ")

/**
 * Where the restrictions are read from.
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
 * Calls `onChange` whenever the restrictions differ from before, starting from no restrictions, and logs a warning for those
 * that apply, until the scope closes.
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
    fork(Effect.logWarning(`In the voice channel of guild ${known.guildId}, ${describe(restrictions)}.`))
  }
  yield* during(() => known.watch(look))
  look()
})
