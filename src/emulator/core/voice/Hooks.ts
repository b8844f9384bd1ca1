/**
 * What the voice half tells the main half and asks of it.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../../protocol/Identifier.ts"
import type { VoiceGrant } from "../CoreContext.ts"
import type { DaveMemberFactory } from "../dave/Seat.ts"

/**
 * What the voice half tells the main half and asks of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceHooks {
  /** A client has identified. */
  readonly onJoined?: ((userId: UserId, guildId: GuildId) => void) | undefined
  /** A session of a client is over; `code` is the close code, 1006 if its connection was lost and not resumed. */
  readonly onLeft?: ((userId: UserId, code: number, guildId: GuildId) => void) | undefined
  /** Whether audio is forwarded to this user; a deafened one gets none. All are, without this hook. */
  readonly hears?: ((userId: UserId, guildId: GuildId) => boolean) | undefined
  /** Whether audio of this user is forwarded; that of a muted or suppressed one is not. All is, without this hook. */
  readonly speaks?: ((userId: UserId, guildId: GuildId) => boolean) | undefined
  /** What a channel says about end-to-end encryption, for scripted members. It is optional, without this hook. */
  readonly e2ee?: ((channelId: ChannelId) => VoiceGrant["e2ee"]) | undefined
  /** Makes the encrypting half of scripted members; without it they take no part in end-to-end encryption. */
  readonly daveMember?: DaveMemberFactory | undefined
}
