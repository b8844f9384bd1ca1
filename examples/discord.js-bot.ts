/**
 * A bot on discord.js and @discordjs/voice that does not use this package: it joins a channel, plays a song and leaves.
 * It needs DISCORD_TOKEN and CHANNEL_ID in the environment. Set DISCORD_API to connect it to another server than
 * Discord's; `discord.js-bot-test.ts` tests it against the emulator in this way.
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
  if (!channel?.isVoiceBased()) throw new Error(`${CHANNEL_ID} is not a voice channel`)
  const connection = joinVoiceChannel({
    guildId: channel.guild.id,
    channelId: channel.id,
    adapterCreator: channel.guild.voiceAdapterCreator
  })
  await entersState(connection, VoiceConnectionStatus.Ready, 20_000)
  // nobody accepts audio until the bot is in the encrypted group of the call; there is no group while
  // the bot is alone or on a stage, so wait for three seconds at most
  for (let i = 0; i < 60 && connection.voicePrivacyCode === undefined; i++) await setTimeout(50)
  // the bot was disconnected, so there is nobody to play to
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
