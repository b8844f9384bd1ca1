/**
 * Who is told of what happens in the emulator, as it happens.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Verdict } from "./CoreContext.ts"

/**
 * Something that happened:
 *
 * - `Verdict`: a violation or an advice;
 * - `LoggedIn`, `LoggedOut`: a session of the main gateway began (READY), or is over for good;
 * - `Joined`, `Moved`, `Left`: a member entered voice, went or was taken to another channel, or is in voice no more;
 * - `ChannelCreated`, `ChannelDeleted`: a channel is there or gone, by whomever;
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
