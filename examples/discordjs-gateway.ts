/**
 * A main gateway of a client of discord.js: its voice adapters, and what they do not tell. To be copied into a bot as it is; where its
 * package.json says `"type": "commonjs"`, with the ending `.mts`.
 */
import { type Client, Events, type Guild, type GuildMember, type VoiceState } from "discord.js"
import { type ChannelId, Gateway, type GuildId } from "effect-discord-voice"

/** What adapters do not tell: what becomes of the connection of each shard. */
export const lifecycle = (client: Client) => (listener: Gateway.LifecycleListener) => {
  const tell = (what: Gateway.Lifecycle) => (shard: number) =>
    listener(what, (guildId) => client.guilds.cache.get(guildId)?.shardId === shard)
  const [ready, resume, reconnecting] = [tell("NewSession"), tell("Resumed"), tell("Lost")]
  client.on(Events.ShardReady, ready).on(Events.ShardResume, resume).on(Events.ShardReconnecting, reconnecting)
  return () => {
    client.off(Events.ShardReady, ready).off(Events.ShardResume, resume).off(Events.ShardReconnecting, reconnecting)
  }
}

/** When a guild cannot be reached because of an outage, and when it can be again. */
export const availability = (client: Client) => (listener: Gateway.AvailabilityListener) => {
  const tell = (isAvailable: boolean) => ({ id }: Guild) => listener(id, isAvailable)
  const [gone, back] = [tell(false), tell(true)]
  // the client has logged in while there was an outage
  client.guilds.cache.filter(({ available }) => !available).forEach(gone)
  client.on(Events.GuildUnavailable, gone).on(Events.GuildAvailable, back)
  return () => {
    client.off(Events.GuildUnavailable, gone).off(Events.GuildAvailable, back)
  }
}

/** What keeps us out of a channel, which Discord does not say. */
export const obstacle = (client: Client) => (_: GuildId, channelId: ChannelId) => {
  const channel = client.channels.cache.get(channelId)
  if (channel === undefined) return "UnknownChannel"
  if (!channel.isVoiceBased()) return "NotVoice"
  if (!channel.viewable) return "ViewChannel"
  if (channel.full) return "Full"
  return channel.joinable ? undefined : "Connect"
}

/** How somebody is shown, whose voice state discord.js has. */
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

/** Who is in voice, and when that changes: of others than us adapters tell nothing. */
export const occupants = (client: Client): Gateway.AdapterOccupants => ({
  of: (guildId) => client.guilds.cache.get(guildId)?.voiceStates.cache.map(occupant),
  watch: (listener) => {
    const tell = (state: VoiceState) => listener(state.guild.id, occupant(state))
    const changed = (_: VoiceState, state: VoiceState) => tell(state)
    // comes with the intent GuildMembers
    const renamed = (_: unknown, { voice }: GuildMember) => voice.channelId === null ? undefined : tell(voice)
    const anew = (guild: Guild) => listener(guild.id)
    client.on(Events.VoiceStateUpdate, changed)
    client.on(Events.GuildMemberUpdate, renamed)
    client.on(Events.GuildAvailable, anew)
    return () => {
      client.off(Events.VoiceStateUpdate, changed)
      client.off(Events.GuildMemberUpdate, renamed)
      client.off(Events.GuildAvailable, anew)
    }
  }
})

/** For a client that is ready. */
export const layerGateway = (client: Client) =>
  Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator, {
    lifecycle: lifecycle(client),
    availability: availability(client),
    obstacle: obstacle(client),
    occupants: occupants(client),
    shards: client.ws.shards.size
  })
