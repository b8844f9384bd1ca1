/**
 * A bot on discord.js whose voice is ours: discord.js logs in and does everything else. It needs DISCORD_TOKEN, GUILD_ID and
 * CHANNEL_ID in the environment. With DISCORD_REST it talks to another API than Discord's; `run-discordjs-bot.ts` runs it
 * against the emulator.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Client, Events, GatewayIntentBits, type Guild, type GuildMember, type VoiceState } from "discord.js"
import { Config, Effect, Layer, Redacted } from "effect"
import { AudioSource, ChannelId, Gateway, GuildId, Voice, VoiceSession } from "effect-discord-voice"
import { once } from "node:events"

/** A client that is ready; it is destroyed when the scope closes. */
const login = Effect.gen(function*() {
  const token = yield* Config.Redacted("DISCORD_TOKEN")
  const api = yield* Config.String("DISCORD_REST").pipe(Config.withDefault("https://discord.com/api"))
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates], rest: { api } })
    ),
    (client) => Effect.promise(() => client.destroy())
  )
  yield* Effect.tryPromise(() => Promise.all([once(client, Events.ClientReady), client.login(Redacted.value(token))]))
  return client
})

/** What adapters do not tell: what becomes of the connection of each shard. */
const lifecycle = (client: Client) => (listener: Gateway.LifecycleListener) => {
  const tell = (what: Gateway.Lifecycle) => (shard: number) =>
    listener(what, (guildId) => client.guilds.cache.get(guildId)?.shardId === shard)
  const [ready, resume, reconnecting] = [tell("NewSession"), tell("Resumed"), tell("Lost")]
  client.on(Events.ShardReady, ready).on(Events.ShardResume, resume).on(Events.ShardReconnecting, reconnecting)
  return () => {
    client.off(Events.ShardReady, ready).off(Events.ShardResume, resume).off(Events.ShardReconnecting, reconnecting)
  }
}

/** What keeps us out of a channel, which Discord does not say. */
const obstacle = (client: Client) => (_: GuildId, channelId: ChannelId) => {
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
const occupants = (client: Client): Gateway.AdapterOccupants => ({
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

const play = Effect.gen(function*() {
  const guildId = yield* Config.schema(GuildId, "GUILD_ID")
  const channelId = yield* Config.schema(ChannelId, "CHANNEL_ID")
  const session = yield* VoiceSession.join({ guildId, channelId })
  const people = Array.from((yield* session.members).values()).filter(({ bot }) => bot !== true)
  yield* Effect.log(`I play for ${people.map(({ name, userId }) => name ?? userId).join(", ")}`)
  const track = yield* session.play(AudioSource.fromFile(new URL("song.ogg", import.meta.url)))
  const end = yield* track.awaitEnd
  if (end._tag === "Failed") return yield* end.error
  yield* Effect.log(end)
}).pipe(Effect.scoped)

const bot = Effect.gen(function*() {
  const client = yield* login
  const GatewayLive = Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator, {
    lifecycle: lifecycle(client),
    obstacle: obstacle(client),
    occupants: occupants(client),
    shards: client.ws.shards.size
  })
  yield* Effect.provide(play, Layer.merge(GatewayLive, Voice.layer))
}).pipe(Effect.scoped)

NodeRuntime.runMain(bot)
