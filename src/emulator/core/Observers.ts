/**
 * Observers of what happens in the emulator.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Verdict } from "./CoreContext.ts"

/**
 * What was sent to a voice channel besides speech: a sound of a soundboard, or an emoji.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceEffect {
  readonly userId: UserId
  readonly guildId: GuildId
  readonly channelId: ChannelId
  /** `undefined` for an emoji alone. Default sounds belong to no guild. */
  readonly sound:
    | {
      readonly id: string
      readonly name: string
      /** From 0 to 1. */
      readonly volume: number
      readonly guildId: GuildId | undefined
    }
    | undefined
  /** The emoji of the sound, or the one that was sent: the character itself, or `name:id` for an emoji of a guild. */
  readonly emoji: string | undefined
}

/**
 * Something that happened:
 *
 * - `Verdict`: a violation or a piece of advice;
 * - `LoggedIn`, `LoggedOut`: a session of the main gateway has begun (READY) or has ended permanently;
 * - `Joined`, `Moved`, `Left`: a member entered voice, changed the channel or was moved, or left voice;
 * - `ChannelCreated`, `ChannelDeleted`: a channel was created or deleted by anyone;
 * - `EffectSent`: somebody has sent a sound of a soundboard, or an emoji, to a voice channel;
 * - `VoiceConnected`, `VoiceEnded`: a client has identified to a voice server, or its session there has ended. `code` is the
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
  /**
   * Calls `observer` from inside the core, in order, and returns a function that removes it. The observer must not call the
   * core.
   */
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
      // the same function may be registered twice
      const entry = (happening: Happening) => observer(happening)
      observers.add(entry)
      return () => void observers.delete(entry)
    }
  }
}
