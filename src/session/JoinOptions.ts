/**
 * The options of a session.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { EncoderOptions } from "../OpusEncoder.ts"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import type * as Receive from "../receive/Receive.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import type * as Policy from "./Policy.ts"

/**
 * The options of `VoiceSession.join`: where to go, and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinOptions extends VoiceDriver.ConnectOptions {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  /** Whether the bot is shown as muted. It sends nothing while it is. Default false. */
  readonly selfMute?: boolean | undefined
  /** Whether the bot is shown as deaf. It receives nothing while it is. Default false. */
  readonly selfDeaf?: boolean | undefined
  /**
   * How long to wait for the main gateway to become ready, and for both of its voice events. The limit applies to each of
   * these waits, also when the session rejoins or moves. Default 15 seconds.
   */
  readonly joinTimeout?: Duration.Input | undefined
  /** How to react to losses, and how often to try again. Parts that are left out are those of `VoiceSession.policy`. */
  readonly policy?: Partial<Policy.Policy> | undefined
  /**
   * What to do if Discord still has the bot in a channel of the guild, from an earlier process: "leave" before joining (the
   * default), or "adopt" the place. This works only with a gateway that knows the bot's initial voice state.
   */
  readonly ghost?: "leave" | "adopt" | undefined
  /**
   * How mixed audio is encoded, until `setEncoder` changes it. There are always 2 channels. Default: the defaults of libopus.
   */
  readonly encoder?: EncoderOptions | undefined
  /** Depths and capacities of the buffers for received audio. */
  readonly receive?: Receive.Options | undefined
}
