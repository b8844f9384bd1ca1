/**
 * The events of a session.
 *
 * @since 0.1.0
 */
import type * as Line from "../driver/Line.ts"
import type { ChannelId, UserId } from "../protocol/Identifier.ts"
import type { Member } from "../receive/Member.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import type { Restrictions } from "./Restrictions.ts"

/**
 * An event of a session: everything that happens on its connections, and
 *
 * - `Moved`: the session is in another channel.
 * - `Restricted`: a moderator or the channel restricts the bot in another way than before.
 * - `MemberChanged`: a member has joined, changed or left (`member` is then absent).
 *
 * `MemberChanged` follows the event that caused it. If the main gateway reports a change first, `MemberChanged` comes before
 * the voice gateway's events about the same change; when the bot is moved, it comes before `Moved`.
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
 * Receives the events of a session, in plain code.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer extends VoiceDriver.Observer<Event> {
  /** Called when there is a new connection. */
  readonly onConnection?: (() => void) | undefined
  /** Called when the bot becomes deaf, by its own choice or a moderator's, and when it no longer is. */
  readonly onDeaf?: ((deaf: boolean) => void) | undefined
}
