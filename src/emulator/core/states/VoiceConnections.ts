/**
 * The link between the voice states of members and their connections to voice servers: the main half closes connections, and
 * the voice half asks who is heard.
 *
 * @since 0.1.0
 */
import type { CoreContext } from "../CoreContext.ts"
import type { VoiceHalf, VoiceHooks } from "../voice/VoiceHalf.ts"
import * as World from "../World.ts"

/**
 * Closes the voice connections of a member. `voluntary`: the member left by itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Revocation = (code: number, reason: string, voluntary: boolean) => void

/**
 * @category models
 * @since 0.1.0
 */
export interface VoiceConnections {
  /**
   * Returns a function that closes the voice connections that a member has now, whatever their token. It is requested before
   * the events, because a client that has received these may have another connection, with a new token, by the time of the
   * close.
   */
  readonly revocation: (state: World.VoiceState) => Revocation
  /** The calls from the voice half. */
  readonly hooks: VoiceHooks
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  world: World.World,
  voice: Pick<VoiceHalf, "revocation">
): VoiceConnections => {
  const warnedOfSuppress = new WeakSet<World.VoiceState>()
  let revoking = false

  return {
    revocation: ({ guildId, userId }) => {
      const end = voice.revocation({ userId, guildId })
      return (code, reason, voluntary) => {
        revoking = true
        end({ code, reason, voluntary })
        revoking = false
      }
    },
    hooks: {
      onJoined: (userId, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        if (state !== undefined) state.disconnected = false
      },
      onLeft: (userId, _code, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        if (state !== undefined && !revoking) state.disconnected = true
      },
      hears: (userId, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        return state === undefined ||
          !(state.selfDeaf || world.guilds.get(guildId)?.members.get(userId)?.deaf === true)
      },
      speaks: (userId, guildId) => {
        const state = World.voiceState(world, guildId, userId)
        if (state === undefined) return true
        if (state.suppress && !warnedOfSuppress.has(state)) {
          warnedOfSuppress.add(state)
          context.judge(
            "advice",
            "suppressed-audio",
            "Audio was sent from the audience of a stage, or without the permission to speak: nobody hears it.",
            userId
          )
        }
        return !state.suppress && world.guilds.get(guildId)?.members.get(userId)?.mute !== true
      }
    }
  }
}
