/**
 * What is sent to a voice channel besides speech: sounds of soundboards and emoji, which each client plays and shows itself
 * (Discord docs, Resources, Soundboard, Send Soundboard Sound; Gateway Events, Voice Channel Effect Send).
 *
 * @since 0.1.0
 */
import { Intents } from "../../../protocol/GatewayPayload.ts"
import type { ChannelId, UserId } from "../../../protocol/Identifier.ts"
import { may } from "../Admission.ts"
import type { GatewayServer } from "../gateway/GatewayServer.ts"
import { sees } from "../gateway/GatewaySession.ts"
import * as Emoji from "../messages/Emoji.ts"
import * as SoundObject from "../objects/SoundObject.ts"
import type { Observers } from "../Observers.ts"
import * as World from "../World.ts"

/**
 * Why a user cannot send anything there. `silenced`: the user is deaf, or was muted or suppressed by a moderator; having muted
 * oneself does not count.
 *
 * @category models
 * @since 0.1.0
 */
export type Refusal = "wrong-kind" | "not-connected" | "silenced"

/**
 * The same for sounds.
 *
 * @category models
 * @since 0.1.0
 */
export type SoundRefusal = Refusal | "no-permission" | "unknown-sound" | "no-external-sounds"

/**
 * Who sends something, and where to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sender {
  readonly userId: UserId
  readonly channelId: ChannelId
}

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceEffects {
  /** Sends a sound of the guild or a default sound, or a sound of another guild of the sender's if that is given. */
  readonly sendSound: (
    from: Sender,
    wanted: { readonly soundId: string; readonly guildId?: string | undefined }
  ) => SoundRefusal | undefined
  /** Sends the character itself, or `name:id` for an emoji of a guild. Bots cannot send emoji. */
  readonly sendEmoji: (
    from: Sender,
    emoji: string,
    animation?: { readonly type?: number | undefined; readonly id?: number | undefined }
  ) => Refusal | "no-emoji" | undefined
}

/** The standard one, and the first of its kind (Voice Channel Effect Send, Animation Types). */
const [basic, firstAnimation] = [1, 0]

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  world: World.World,
  gateway: Pick<GatewayServer, "sessions" | "dispatch">,
  tell: Observers["tell"]
): VoiceEffects => {
  const refusalOf = (channel: World.Channel | undefined, userId: UserId): Refusal | undefined => {
    // for stages, neither the permissions nor the event are documented
    if (channel?.kind !== "voice") return "wrong-kind"
    const state = World.voiceState(world, channel.guildId, userId)
    if (state?.channelId !== channel.id) return "not-connected"
    const member = world.guilds.get(channel.guildId)?.members.get(userId)
    const isSilenced = state.selfDeaf || state.suppress || member?.deaf === true || member?.mute === true
    return isSilenced ? "silenced" : undefined
  }

  /** Sends to everyone in the channel, including the sender. */
  const send = (
    { guildId, id: channelId }: World.Channel,
    userId: UserId,
    sound: World.Sound | undefined,
    emoji: string | undefined,
    { id = firstAnimation, type = basic }: { readonly type?: number | undefined; readonly id?: number | undefined } = {}
  ) => {
    const json = {
      channel_id: channelId,
      guild_id: guildId,
      user_id: userId,
      emoji: emoji === undefined ? null : { animated: false, ...Emoji.json(emoji) },
      animation_type: emoji === undefined ? null : type,
      animation_id: id,
      ...(sound === undefined
        ? {}
        // it may be a string or a number; clients have observed numbers for the default sounds
        : { sound_id: sound.guildId === undefined ? Number(sound.id) : sound.id, sound_volume: sound.volume })
    }
    const isReachable = world.guilds.get(guildId)?.available === true
    for (const session of isReachable ? gateway.sessions() : []) {
      const isThere = World.voiceState(world, guildId, session.user.id)?.channelId === channelId
      if (!isThere || (session.intents & Intents.GuildVoiceStates) === 0 || !sees(world, session, guildId)) continue
      gateway.dispatch(session, "VOICE_CHANNEL_EFFECT_SEND", json)
    }
    const told = sound && { id: sound.id, name: sound.name, volume: sound.volume, guildId: sound.guildId }
    tell({ _tag: "EffectSent", userId, guildId, channelId, sound: told, emoji })
  }

  /** In the format of reactions. */
  const emojiOf = ({ emoji: { id, name }, guildId }: World.Sound): string | undefined => {
    if (id === null || guildId === undefined) return name ?? undefined
    const emoji = world.emojis.get(guildId)?.get(id)
    return emoji && `${emoji.isAnimated ? "a:" : ""}${emoji.name}:${emoji.id}`
  }

  const find = (userId: UserId, soundId: string, guildId: string): World.Sound | undefined => {
    const own = SoundObject.defaults.find(({ id }) => id === soundId)
    if (own !== undefined) return own
    const guild = Array.from(world.guilds.values()).find(({ id }) => id === guildId)
    return guild?.members.has(userId) === true ? guild.sounds.get(soundId) : undefined
  }

  return {
    sendSound: ({ channelId, userId }, { guildId, soundId }) => {
      const channel = world.channels.get(channelId)
      const refusal = refusalOf(channel, userId)
      if (channel === undefined || refusal === "wrong-kind") return "wrong-kind"
      // a user who may not speak is also suppressed
      const isPermitted = may(world, channel, userId, "SPEAK") && may(world, channel, userId, "USE_SOUNDBOARD")
      if (!isPermitted) return "no-permission"
      if (refusal !== undefined) return refusal
      const sound = find(userId, soundId, guildId ?? channel.guildId)
      if (sound === undefined) return "unknown-sound"
      const isExternal = sound.guildId !== undefined && sound.guildId !== channel.guildId
      if (isExternal && !may(world, channel, userId, "USE_EXTERNAL_SOUNDS")) return "no-external-sounds"
      send(channel, userId, sound, emojiOf(sound))
      return undefined
    },
    sendEmoji: ({ channelId, userId }, emoji, animation) => {
      const channel = world.channels.get(channelId)
      const refusal = refusalOf(channel, userId)
      if (channel === undefined || refusal !== undefined) return refusal ?? "wrong-kind"
      if (!Emoji.isEmoji(emoji)) return "no-emoji"
      send(channel, userId, undefined, emoji, animation)
      return undefined
    }
  }
}
