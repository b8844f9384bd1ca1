/**
 * What a session is asked for.
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
 * Where to go and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinOptions extends VoiceDriver.ConnectOptions {
  readonly guildId: GuildId
  readonly channelId: ChannelId
  /** Shows us as muted; nothing is sent while it is so. Default false. */
  readonly selfMute?: boolean | undefined
  /** Shows us as deaf; nothing is received while it is so. Default false. */
  readonly selfDeaf?: boolean | undefined
  /** How long the main gateway may take to be ready and to send both voice events, each time. Default 15 seconds. */
  readonly joinTimeout?: Duration.Input | undefined
  /** What losses mean and how often to try again. Parts that are left out are those of `VoiceSession.policy`. */
  readonly policy?: Partial<Policy.Policy> | undefined
  /**
   * What to do where Discord still has us in a channel of the guild, from an earlier process: "leave" before joining (the
   * default), or "adopt" the place. Only a gateway that tells our initial voice state can know.
   */
  readonly ghost?: "leave" | "adopt" | undefined
  /** How to encode what is mixed, until `setEncoder` changes it. Its channels are always 2. Default: what libopus starts with. */
  readonly encoder?: EncoderOptions | undefined
  /** Depths and capacities of what is received. */
  readonly receive?: Receive.Options | undefined
}
