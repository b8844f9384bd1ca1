/**
 * What is known of where Discord has us in a guild.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import type * as VoiceError from "../VoiceError.ts"
import type * as Restrictions from "./Restrictions.ts"

/**
 * What is known at the moment. Counters only grow: what is newer than a place is what counts more than the place does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Now {
  /** `null` when we are in no channel; `undefined` before Discord has said anything. */
  readonly channelId: ChannelId | null | undefined
  readonly sessionId: string | undefined
  /** Those of the last channel that we were in. */
  readonly restrictions: Restrictions.Restrictions
  /** How Discord has shown us last. */
  readonly shown: Flags | undefined
  /** Voice states of ours that have come. */
  readonly states: number
  /** What the last VOICE_SERVER_UPDATE said. */
  readonly server: { readonly endpoint: string | null; readonly token: string } | undefined
  readonly servers: number
  /** Main gateway sessions that have begun after the first. */
  readonly newSessions: number
  /** Times that something of what we have said may be lost: the main gateway has gone on with its session, or an outage was over. */
  readonly resumes: number
  /** Whether there is an outage of the guild: nothing is said of it, and what is asked is lost. */
  readonly isOut: boolean
  /** Outages that have begun. */
  readonly outages: number
  /** Outages that are over. */
  readonly returns: number
  /** When the last of these was, on the monotonic clock. */
  readonly returnedAtNanos: bigint
  /** Whether the main gateway is away at the moment. */
  readonly isAway: boolean
  /** Why the main gateway will say nothing any more. */
  readonly failure: VoiceError.VoiceError | undefined
  /** Times the gateway has given this guild up. */
  readonly detached: { readonly times: number; readonly error: VoiceError.VoiceError } | undefined
}

/**
 * A voice server's place for us, and how much was known when it was given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly info: VoiceDriver.ConnectionInfo
  readonly since: Now
}

/**
 * How we are shown in the channel.
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
  /** Calls `look` whenever something new is known, until the function that it returns is called. Plain code. */
  readonly watch: (look: () => void) => () => void
  /** Waits until `look` finds something in what is known. */
  readonly until: <A>(look: (now: Now) => A | undefined) => Effect.Effect<A>
  /** The place that what is known now amounts to, if we are in a channel and have a voice server. */
  readonly place: () => Place | undefined
  /** Says which channel we want and how we are shown there, and waits for nothing. */
  readonly tell: (channelId: ChannelId | null, flags: Flags) => Effect.Effect<void, VoiceError.VoiceError>
}
