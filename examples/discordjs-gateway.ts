/**
 * A main gateway on a discord.js client: its voice adapters, and everything that the adapters do not report. Copy this
 * file into your bot unchanged; if your package.json says `"type": "commonjs"`, use the extension `.mts`.
 */
import { type Client, Events, type Guild, type GuildMember, type VoiceState } from "discord.js"
import { type ChannelId, Gateway, type GuildId } from "effect-discord-voice"

/** Reports what happens to the connection of each shard, which voice adapters do not. */
export const lifecycle = (client: Client) => (listener: Gateway.LifecycleListener) => {
  const tell = (what: Gateway.Lifecycle) => (shard: number) =>
    listener(what, (guildId) => client.guilds.cache.get(guildId)?.shardId === shard)
  const [ready, resume, reconnecting] = [tell("NewSession"), tell("Resumed"), tell("Lost")]
  client.on(Events.ShardReady, ready).on(Events.ShardResume, resume).on(Events.ShardReconnecting, reconnecting)
  return () => {
    client.off(Events.ShardReady, ready).off(Events.ShardResume, resume).off(Events.ShardReconnecting, reconnecting)
  }
}

/** Reports when an outage makes a guild unavailable, and when the guild is back. */
export const availability = (client: Client) => (listener: Gateway.AvailabilityListener) => {
  const tell = (isAvailable: boolean) => ({ id }: Guild) => listener(id, isAvailable)
  const [gone, back] = [tell(false), tell(true)]
  // guilds that were already unavailable when the client logged in
  client.guilds.cache.filter(({ available }) => !available).forEach(gone)
  client.on(Events.GuildUnavailable, gone).on(Events.GuildAvailable, back)
  return () => {
    client.off(Events.GuildUnavailable, gone).off(Events.GuildAvailable, back)
  }
}

/** Says what keeps the bot out of a channel. Discord itself gives no reason. */
export const obstacle = (client: Client) => (_: GuildId, channelId: ChannelId) => {
  const channel = client.channels.cache.get(channelId)
  if (channel === undefined) return "UnknownChannel"
  if (!channel.isVoiceBased()) return "NotVoice"
  if (!channel.viewable) return "ViewChannel"
  if (channel.full) return "Full"
  return channel.joinable ? undefined : "Connect"
}

/** Describes a user from the voice state that discord.js has. */
const occupant = (state: VoiceState): Gateway.AdapterOccupant => ({
  userId: state.id,
  channelId: state.channelId,
  selfMute: state.selfMute,
  selfDeaf: state.selfDeaf,
  mute: state.serverMute,
  deaf: state.serverDeaf,
  suppress: state.suppress,
  video: state.selfVideo,
  streaming: state.streaming,
  bot: state.member?.user.bot,
  name: state.member?.displayName
})

/** Says who is in voice, and reports changes. Voice adapters only report the bot itself. */
export const occupants = (client: Client): Gateway.AdapterOccupants => ({
  of: (guildId) => client.guilds.cache.get(guildId)?.voiceStates.cache.map(occupant),
  watch: (listener) => {
    const tell = (state: VoiceState) => listener(state.guild.id, occupant(state))
    const changed = (_: VoiceState, state: VoiceState) => tell(state)
    // only sent with the intent GuildMembers
    const renamed = (_: unknown, { voice }: GuildMember) => voice.channelId === null ? undefined : tell(voice)
    const reloaded = (guild: Guild) => listener(guild.id)
    client.on(Events.VoiceStateUpdate, changed)
    client.on(Events.GuildMemberUpdate, renamed)
    client.on(Events.GuildAvailable, reloaded)
    return () => {
      client.off(Events.VoiceStateUpdate, changed)
      client.off(Events.GuildMemberUpdate, renamed)
      client.off(Events.GuildAvailable, reloaded)
    }
  }
})

/** The gateway of a client that is ready. */
export const layerGateway = (client: Client) =>
  Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator, {
    lifecycle: lifecycle(client),
    availability: availability(client),
    obstacle: obstacle(client),
    occupants: occupants(client),
    shards: client.ws.shards.size
  })
