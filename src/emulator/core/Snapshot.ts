/**
 * The world of a core at one moment: guilds, channels, users, and who is connected to what.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Address, VoiceGrant, VoiceServerId } from "./CoreContext.ts"
import type { GatewayServer } from "./gateway/GatewayServer.ts"
import type { DaveView, SessionView, VoiceHalf } from "./voice/VoiceHalf.ts"
import type { Channel, World } from "./World.ts"

/**
 * The world at one moment, as plain data for displays.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot {
  /** Milliseconds of Effect's monotonic clock (`Clock.monotonicTimeNanos`), as in verdicts and heard frames. */
  readonly nowMs: number
  readonly guilds: ReadonlyArray<{ readonly id: GuildId; readonly name: string }>
  readonly channels: ReadonlyArray<{
    readonly id: ChannelId
    readonly guildId: GuildId
    readonly name: string
    readonly kind: Channel["kind"]
    readonly e2ee: VoiceGrant["e2ee"]
    readonly userLimit: number
    readonly server: VoiceServerId | undefined
  }>
  /** The sounds of guilds. */
  readonly sounds: ReadonlyArray<{
    readonly id: string
    readonly guildId: GuildId
    readonly name: string
    readonly volume: number
  }>
  readonly users: ReadonlyArray<{ readonly id: UserId; readonly name: string; readonly bot: boolean }>
  readonly voiceServers: ReadonlyArray<{
    readonly id: VoiceServerId
    readonly region: string
    readonly endpoint: string
    readonly udp: Address
  }>
  readonly gatewaySessions: ReadonlyArray<{
    readonly userId: UserId
    readonly intents: number
    readonly connected: boolean
    readonly seq: number
  }>
  readonly voiceStates: ReadonlyArray<{
    readonly guildId: GuildId
    readonly channelId: ChannelId
    readonly userId: UserId
    readonly scripted: boolean
    readonly selfMute: boolean
    readonly selfDeaf: boolean
    readonly mute: boolean
    readonly deaf: boolean
    readonly suppress: boolean
  }>
  readonly voiceSessions: ReadonlyArray<SessionView>
  /** The channels with members on a voice server, each with the state of its end-to-end encryption. */
  readonly daveGroups: ReadonlyArray<DaveView>
}

/**
 * Makes a copy that later changes do not affect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = (
  nowMs: number,
  world: World,
  gateway: Pick<GatewayServer, "sessions">,
  voice: Pick<VoiceHalf, "sessions" | "groups">
): Snapshot => ({
  nowMs,
  guilds: Array.from(world.guilds.values(), ({ id, name }) => ({ id, name })),
  channels: Array.from(
    world.channels.values(),
    ({ e2ee, guildId, id, kind, name, server, userLimit }) => ({ id, guildId, name, kind, e2ee, userLimit, server })
  ),
  sounds: Array.from(world.guilds.values()).flatMap(({ id: guildId, sounds }) =>
    Array.from(sounds.values(), ({ id, name, volume }) => ({ id, guildId, name, volume }))
  ),
  users: Array.from(world.users.values(), ({ bot, id, name }) => ({ id, name, bot })),
  voiceServers: Array.from(world.servers.values()),
  gatewaySessions: gateway.sessions().map((session) => ({
    userId: session.user.id,
    intents: session.intents,
    connected: session.connection !== undefined,
    seq: session.seq
  })),
  voiceStates: Array.from(world.voiceStates.values()).flatMap((states) =>
    Array.from(states.values(), (state) => {
      const member = world.guilds.get(state.guildId)?.members.get(state.userId)
      return {
        guildId: state.guildId,
        channelId: state.channelId,
        userId: state.userId,
        scripted: state.owner === undefined,
        selfMute: state.selfMute,
        selfDeaf: state.selfDeaf,
        mute: member?.mute ?? false,
        deaf: member?.deaf ?? false,
        suppress: state.suppress
      }
    })
  ),
  voiceSessions: voice.sessions(),
  daveGroups: voice.groups()
})
