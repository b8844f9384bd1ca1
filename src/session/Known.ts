/**
 * What is known of where Discord has the bot in a guild.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import type * as Restrictions from "./Restrictions.ts"

/**
 * What is known at the moment. The counters only grow: something is newer than a place if its counter is higher now than it
 * was when the place was given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Now {
  /** `null` if the bot is in no channel; `undefined` before Discord has said anything. */
  readonly channelId: ChannelId | null | undefined
  readonly sessionId: string | undefined
  /** The restrictions in the last channel that the bot was in. */
  readonly restrictions: Restrictions.Restrictions
  /** How Discord last showed the bot. */
  readonly shown: Flags | undefined
  /** The number of the bot's voice states that have arrived. */
  readonly states: number
  /** The contents of the last VOICE_SERVER_UPDATE. */
  readonly server: { readonly endpoint: string | null; readonly token: string } | undefined
  readonly servers: number
  /** The number of main gateway sessions that have begun after the first. */
  readonly newSessions: number
  /** How often something that was sent may have been lost: the main gateway has resumed its session, or an outage was over. */
  readonly resumes: number
  /** Whether the guild has an outage: nothing is reported about it, and requests are lost. */
  readonly isOut: boolean
  /** The number of outages that have begun. */
  readonly outages: number
  /** The number of outages that are over. */
  readonly returns: number
  /** When the last of these ended, on the monotonic clock. */
  readonly returnedAtNanos: bigint
  /** Whether the main gateway is unavailable at the moment. */
  readonly isAway: boolean
  /** Why the main gateway will report nothing more. */
  readonly failure: VoiceError.VoiceError | undefined
  /** How often the gateway has given up this guild, and the last reason. */
  readonly detached: { readonly times: number; readonly error: VoiceError.VoiceError } | undefined
}

/**
 * A place at a voice server, and how much was known when it was given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly info: VoiceDriver.ConnectionInfo
  readonly since: Now
}

/**
 * How the bot is shown in the channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly mute: boolean
  readonly deaf: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Known {
  readonly guildId: GuildId
  readonly now: () => Now
  /** Calls `look` whenever something new is known, until the returned function is called. Plain code. */
  readonly watch: (look: () => void) => () => void
  /** Waits until `look` finds something in what is known. */
  readonly until: <A>(look: (now: Now) => A | undefined) => Effect.Effect<A>
  /** The current place, if the bot is in a channel and has a voice server. */
  readonly place: () => Place | undefined
  /** Says which channel the bot wants and how it is shown there, and does not wait for an answer. */
  readonly tell: (channelId: ChannelId | null, flags: Flags) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Says how the bot is shown, in the channel that `movingTo` names, or else where Discord has the bot. If Discord moves the bot
   * while that still waits to be sent, it is withdrawn and said of the new place, so that it does not undo the move; so it is if
   * the move fails that it named the target of (see `look`). If Discord removes the bot, nothing is said.
   */
  readonly announce: (
    movingTo: () => ChannelId | undefined,
    flags: () => Flags
  ) => Effect.Effect<void, VoiceError.VoiceError>
}
