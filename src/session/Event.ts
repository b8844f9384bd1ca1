/**
 * What a session tells.
 *
 * @since 0.1.0
 */
import type * as Line from "../driver/Line.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type { Member } from "../receive/Member.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import type { Restrictions } from "./Restrictions.ts"

/**
 * What happens in a session: everything that happens on its connections, `Moved` when it is in another channel,
 * `Restricted` when a moderator, or the channel, keeps something else from us than before, and `MemberChanged` when somebody has
 * come, is another than before, or has left (`member` is absent then). That comes behind the event that it comes of; where the main
 * gateway tells first, it comes ahead of what the voice gateway tells of the same, and where we are moved, ahead of `Moved`.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | Line.Happening
  | { readonly _tag: "Moved"; readonly channelId: ChannelId }
  | { readonly _tag: "Restricted"; readonly restrictions: Restrictions }
  | { readonly _tag: "MemberChanged"; readonly userId: UserId; readonly member?: Member }

/**
 * Hears of it, as plain code.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer extends VoiceDriver.Observer<Event> {
  /** There is another connection than before. */
  readonly onConnection?: (() => void) | undefined
  /** We are deaf from now on, by ourselves or by a moderator, or not any more. */
  readonly onDeaf?: ((deaf: boolean) => void) | undefined
}
