/**
 * The output of the command `emulator` while it runs, as one JSON object per line for a program, or as text for a person.
 *
 * @since 0.1.0
 */
import type * as Emulator from "../../emulator/Emulator.ts"

/**
 * A line. `event` is its kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

/**
 * The names of ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Names {
  /** The name of a user or a channel. An id without a name stays as it is. */
  readonly of: (id: string) => string
  /** Adds names, including those of what may be deleted later. */
  readonly learn: (of: {
    readonly channels: ReadonlyArray<{ readonly id: string; readonly name: string }>
    readonly users: ReadonlyArray<{ readonly id: string; readonly name: string }>
  }) => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const makeNames = (): Names => {
  const byId = new Map<string, string>()
  return {
    of: (id) => byId.get(id) ?? id,
    learn: ({ channels, users }) => {
      for (const { id, name } of [...users, ...channels]) byId.set(id, name)
    }
  }
}

/**
 * What happened, with names instead of ids, and with the time since `startMs`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const line = (happening: Emulator.Happening, names: Names, startMs: number): Line => {
  switch (happening._tag) {
    case "Verdict": {
      const { atMs, code, message, severity, userId } = happening.verdict
      return {
        event: severity,
        code,
        message,
        user: userId === undefined ? null : names.of(userId),
        atMs: atMs - startMs
      }
    }
    case "LoggedIn":
      return { event: "login", user: names.of(happening.userId) }
    case "LoggedOut":
      return { event: "logout", user: names.of(happening.userId) }
    case "Joined":
      return { event: "join", user: names.of(happening.userId), channel: names.of(happening.channelId) }
    case "Moved":
      return {
        event: "move",
        user: names.of(happening.userId),
        from: names.of(happening.from),
        channel: names.of(happening.channelId)
      }
    case "Left":
      return { event: "leave", user: names.of(happening.userId), channel: names.of(happening.channelId) }
    case "ChannelCreated":
      return { event: "channel-created", channel: happening.name, id: happening.channelId }
    case "ChannelDeleted":
      return { event: "channel-deleted", channel: happening.name, id: happening.channelId }
    case "EffectSent": {
      const { channelId, emoji, sound, userId } = happening
      return {
        event: "effect",
        user: names.of(userId),
        channel: names.of(channelId),
        sound: sound?.name ?? null,
        soundId: sound?.id ?? null,
        volume: sound?.volume ?? null,
        emoji: emoji ?? null
      }
    }
    case "VoiceConnected":
      return { event: "voice-connected", user: names.of(happening.userId) }
    case "VoiceEnded":
      return { event: "voice-ended", user: names.of(happening.userId), code: happening.code }
  }
}

/**
 * The same for a person.
 *
 * @category constructors
 * @since 0.1.0
 */
export const text = ({ event, ...fields }: Line): string =>
  [
    event,
    ...Object.entries(fields).flatMap(([name, value]) =>
      value === null || name === "atMs" ? [] : name === "message" ? [String(value)] : [`${name} ${String(value)}`]
    )
  ].join("  ")
