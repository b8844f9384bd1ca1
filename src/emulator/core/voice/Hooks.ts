/**
 * The calls from the voice half to the main half.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { VoiceGrant } from "../CoreContext.ts"
import type { DaveMemberFactory } from "../dave/Seat.ts"

/**
 * The calls from the voice half to the main half.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceHooks {
  /** A client has identified. */
  readonly onJoined?: ((userId: UserId, guildId: GuildId) => void) | undefined
  /** A session of a client has ended. `code` is the close code, 1006 if its connection was lost and not resumed. */
  readonly onLeft?: ((userId: UserId, code: number, guildId: GuildId) => void) | undefined
  /** Whether audio is forwarded to this user, which it is not to a deafened one. Without this hook, to all users. */
  readonly hears?: ((userId: UserId, guildId: GuildId) => boolean) | undefined
  /** Whether audio of this user is forwarded, which it is not of a muted or suppressed one. Without this hook, of all users. */
  readonly speaks?: ((userId: UserId, guildId: GuildId) => boolean) | undefined
  /** The end-to-end encryption of a channel, for scripted members. Without this hook, it is optional. */
  readonly e2ee?: ((channelId: ChannelId) => VoiceGrant["e2ee"]) | undefined
  /** Makes the end-to-end encryption of scripted members. Without it, they take no part in it. */
  readonly daveMember?: DaveMemberFactory | undefined
}
