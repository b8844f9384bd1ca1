/**
 * The sounds of soundboards and the emoji that a scripted participant sends to its channel, and those that others send there.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { GuildId, UserId } from "../../protocol/Identifier.ts"
import type * as Core from "../core/Core.ts"
import type { Driver } from "./Driver.ts"
import { EffectFailed, type EmulatorError, make as makeError } from "./EmulatorError.ts"
import * as Tally from "./Tally.ts"

/**
 * The guild of a sound.
 *
 * @category models
 * @since 0.1.0
 */
export interface SoundOptions {
  /** Its name or id. Default: the guild that the participant is in. */
  readonly guild?: string | undefined
}

/**
 * The animation of an emoji.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmojiOptions {
  /** 0 for the premium animation, 1 for the basic one. Default 1. */
  readonly animationType?: number | undefined
  /** Default 0. */
  readonly animationId?: number | undefined
}

/**
 * Sends sounds and emoji, and keeps those of others.
 *
 * @category models
 * @since 0.1.0
 */
export interface Effects {
  /**
   * Sends a sound to its channel, by name or id: a sound of the guild, or a default sound such as "quack". It causes no audio,
   * but a VOICE_CHANNEL_EFFECT_SEND to everyone in the channel. Fails with `EffectFailed` where Discord would refuse it (the
   * participant is deaf, or was muted or suppressed; a permission is missing; there is no such sound), and with `UnknownName`
   * for a guild.
   */
  readonly sendSound: (sound: string, options?: SoundOptions) => Effect.Effect<void, EmulatorError>
  /**
   * Sends an emoji to its channel: the character itself, or `name:id` for an emoji of a guild. Fails with `EffectFailed` like
   * `sendSound`.
   */
  readonly sendEmoji: (emoji: string, options?: EmojiOptions) => Effect.Effect<void, EmulatorError>
  /** The sounds and emoji that others have sent so far to the channels that the participant was in at the time, in order. */
  readonly effects: Effect.Effect<ReadonlyArray<Core.VoiceEffect>>
  /** Waits until there are `count` of them since the join, and returns them. Otherwise like `awaitFrames`. */
  readonly awaitEffects: (count: number) => Effect.Effect<ReadonlyArray<Core.VoiceEffect>, EmulatorError>
}

type Refusal = NonNullable<ReturnType<Core.Core["sendSound"]> | ReturnType<Core.Core["sendEmoji"]>>

const refusals: { readonly [refusal in Refusal]: string } = {
  "wrong-kind": "the user is in a stage, and only voice channels have effects",
  "no-permission": "the user lacks one of the permissions SPEAK and USE_SOUNDBOARD",
  "no-external-sounds": "the user lacks the permission for sounds of other guilds, USE_EXTERNAL_SOUNDS",
  "unknown-sound": "the sound does not exist, or the user is not a member of its guild",
  silenced: "the user is deaf, or a moderator has muted, deafened or suppressed the user",
  "not-connected": "the user has left or was removed",
  "no-emoji": "that is not an emoji"
}

/**
 * `gone` fails when the participant has left or was removed. After the scope closes, nothing more is remembered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  driver: Driver,
  who: { readonly user: string; readonly userId: UserId; readonly guildId: GuildId },
  participant: Pick<Core.Participant, "channelId">,
  gone: Effect.Effect<never, EmulatorError>,
  findGuild: (guild: string) => Effect.Effect<{ readonly id: GuildId }, EmulatorError>
): Effect.fn.Return<Effects, never, Scope.Scope> {
  const { user, userId } = who
  const effects: Array<Core.VoiceEffect> = []
  const tally = Tally.make(driver)
  yield* Effect.acquireRelease(
    driver.call((core) =>
      core.observe((happening) => {
        if (happening._tag !== "EffectSent" || happening.userId === userId) return
        if (happening.channelId !== participant.channelId) return
        const { _tag: _, ...effect } = happening
        effects.push(effect)
        tally.add()
      })
    ),
    (stop) =>
      Effect.sync(() => {
        tally.end(() => `"${user}" has left, and no longer receives effects.`)
        stop()
      })
  )

  const send = Effect.fnUntraced(
    function*(
      effect: string,
      sent: (core: Core.Core, from: Parameters<Core.Core["sendSound"]>[0]) => string | undefined
    ) {
      const detail = yield* driver.call((core) => {
        const { channelId } = participant
        return channelId === undefined ? refusals["not-connected"] : sent(core, { userId, channelId })
      })
      if (detail !== undefined) return yield* makeError(new EffectFailed({ user, effect, detail }))
    }
  )

  const told = (refusal: Refusal | undefined) => refusal && refusals[refusal]

  return {
    sendSound: Effect.fnUntraced(function*(sound: string, { guild }: SoundOptions = {}) {
      const guildId = guild === undefined ? who.guildId : (yield* findGuild(guild)).id
      yield* send(`the sound "${sound}"`, (core, from) => {
        const all = core.soundsOf(guildId)
        const found = all.find(({ id }) => id === sound) ?? all.find(({ name }) => name === sound)
        if (found !== undefined) return told(core.sendSound(from, { soundId: found.id, guildId }))
        return `no sound has that name. Known sounds: ${all.map(({ name }) => name).join(", ")}`
      })
    }),
    sendEmoji: (emoji, { animationId, animationType } = {}) =>
      send(
        `the emoji "${emoji}"`,
        (core, from) => told(core.sendEmoji(from, emoji, { type: animationType, id: animationId }))
      ),
    effects: Effect.sync(() => effects.slice()),
    awaitEffects: (count) => Effect.map(Effect.raceFirst(tally.reach(count), gone), () => effects.slice(0, count))
  }
})
