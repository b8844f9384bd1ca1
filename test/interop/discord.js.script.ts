/** A discord.js bot with its own REST and main gateway, and `@discordjs/voice` on its adapter. */
import {
  Client,
  CompressionMethod,
  Events,
  GatewayIntentBits,
  SimpleShardingStrategy,
  type VoiceState
} from "discord.js"
import { place, serve } from "./bot.ts"
import * as DiscordjsVoice from "./discordjsVoice.ts"
import { args, fail, tell } from "./script.ts"

const { compress } = args<{ readonly compress: boolean }>()

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: place.rest.replace(/\/v10$/, ""), version: "10" },
  ws: {
    buildStrategy: (manager) => {
      // without `zlib-sync`, which has to be compiled, it asks for payload compression instead
      if (compress) manager.options.compression = CompressionMethod.ZlibStream
      return new SimpleShardingStrategy(manager)
    }
  }
})
client.on(Events.Error, fail)

const occupants = (states: Iterable<VoiceState>) =>
  Array.from(states, ({ channelId, id }) => ({ user: id, channel: channelId }))

client.on(Events.VoiceStateUpdate, (_, { channelId, id }) => {
  tell({ _tag: "VoiceStateUpdate", user: id, channel: channelId })
})

client.once(Events.ClientReady, async (ready) => {
  const guild = await ready.guilds.fetch(place.guild)
  tell({
    _tag: "World",
    user: ready.user.tag,
    application: ready.application.id,
    guild: guild.name,
    channels: guild.channels.cache.map(({ id, name }) => ({ id, name })),
    fetched: (await guild.channels.fetch()).size,
    member: (await guild.members.fetchMe()).displayName,
    occupants: occupants(guild.voiceStates.cache.values())
  })
  const bot = DiscordjsVoice.make(place, guild.voiceAdapterCreator)
  serve({
    ...bot,
    leave: async () => {
      await bot.leave()
      tell({ _tag: "Occupants", occupants: occupants(guild.voiceStates.cache.values()) })
    }
  })
})

await client.login(place.token)
