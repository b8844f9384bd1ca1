/**
 * A bot on discord.js and @discordjs/voice, with nothing of this package in it: it joins a channel, plays a song and leaves.
 * Where Discord is may be said by an environment variable.
 */
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  entersState,
  joinVoiceChannel,
  StreamType,
  VoiceConnectionStatus
} from "@discordjs/voice"
import { Client, Events, GatewayIntentBits } from "discord.js"
import { createReadStream } from "node:fs"
import { setTimeout } from "node:timers/promises"

const { CHANNEL_ID, DISCORD_API = "https://discord.com/api", DISCORD_TOKEN } = process.env

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: DISCORD_API }
})

client.once(Events.ClientReady, async () => {
  const channel = await client.channels.fetch(CHANNEL_ID ?? "")
  if (!channel?.isVoiceBased()) throw new Error(`${CHANNEL_ID} is no voice channel`)
  const connection = joinVoiceChannel({
    guildId: channel.guild.id,
    channelId: channel.id,
    adapterCreator: channel.guild.voiceAdapterCreator
  })
  await entersState(connection, VoiceConnectionStatus.Ready, 20_000)
  // nobody takes what it says before it is in the encrypted group of the call; alone, and in a stage, there is none
  for (let i = 0; i < 60 && connection.voicePrivacyCode === undefined; i++) await setTimeout(50)
  // sent away: there is nobody to play to
  connection.on(VoiceConnectionStatus.Disconnected, () => process.exit(0))

  const player = createAudioPlayer()
  connection.subscribe(player)
  const song = createReadStream(new URL("song.ogg", import.meta.url))
  player.play(createAudioResource(song, { inputType: StreamType.OggOpus }))
  await entersState(player, AudioPlayerStatus.Playing, 20_000)
  await entersState(player, AudioPlayerStatus.Idle, 60_000)

  connection.destroy()
  await client.destroy()
})

await client.login(DISCORD_TOKEN)
