/**
 * Who is told of what happens in the emulator, as it happens.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Verdict } from "./CoreContext.ts"

/**
 * What somebody has sent to a voice channel besides speech: a sound of a soundboard, or an emoji.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceEffect {
  readonly userId: UserId
  readonly guildId: GuildId
  readonly channelId: ChannelId
  /** `undefined` of an emoji alone. Those that everybody has are of no guild. */
  readonly sound:
    | {
      readonly id: string
      readonly name: string
      /** From 0 to 1. */
      readonly volume: number
      readonly guildId: GuildId | undefined
    }
    | undefined
  /** That of the sound, or the one that was sent: itself, or `name:id` for one of a guild. */
  readonly emoji: string | undefined
}

/**
 * Something that happened:
 *
 * - `Verdict`: a violation or an advice;
 * - `LoggedIn`, `LoggedOut`: a session of the main gateway began (READY), or is over for good;
 * - `Joined`, `Moved`, `Left`: a member entered voice, went or was taken to another channel, or is in voice no more;
 * - `ChannelCreated`, `ChannelDeleted`: a channel is there or gone, by whomever;
 * - `EffectSent`: somebody has sent a sound of a soundboard, or an emoji, to a voice channel;
 * - `VoiceConnected`, `VoiceEnded`: a client has identified to a voice server, or its session there is over; `code` is the
 *   close code, 1006 if the connection was lost and not resumed.
 *
 * @category models
 * @since 0.1.0
 */
export type Happening =
  | { readonly _tag: "Verdict"; readonly verdict: Verdict }
  | { readonly _tag: "LoggedIn"; readonly userId: UserId }
  | { readonly _tag: "LoggedOut"; readonly userId: UserId }
  | { readonly _tag: "Joined"; readonly userId: UserId; readonly guildId: GuildId; readonly channelId: ChannelId }
  | {
    readonly _tag: "Moved"
    readonly userId: UserId
    readonly guildId: GuildId
    readonly from: ChannelId
    readonly channelId: ChannelId
  }
  | { readonly _tag: "Left"; readonly userId: UserId; readonly guildId: GuildId; readonly channelId: ChannelId }
  | {
    readonly _tag: "ChannelCreated" | "ChannelDeleted"
    readonly guildId: GuildId
    readonly channelId: ChannelId
    readonly name: string
  }
  | VoiceEffect & { readonly _tag: "EffectSent" }
  | { readonly _tag: "VoiceConnected"; readonly userId: UserId; readonly guildId: GuildId }
  | { readonly _tag: "VoiceEnded"; readonly userId: UserId; readonly guildId: GuildId; readonly code: number }

/**
 * @category models
 * @since 0.1.0
 */
export interface Observers {
  readonly tell: (happening: Happening) => void
  /** Calls `observer` from within the core, in order; the result takes it out again. It must not call the core back. */
  readonly observe: (observer: (happening: Happening) => void) => () => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Observers => {
  const observers = new Set<(happening: Happening) => void>()
  return {
    tell: (happening) => {
      for (const observer of observers) observer(happening)
    },
    observe: (observer) => {
      // the same function may observe twice
      const entry = (happening: Happening) => observer(happening)
      observers.add(entry)
      return () => void observers.delete(entry)
    }
  }
}
