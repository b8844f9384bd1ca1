/**
 * `@discordjs/voice` as its users drive it, on any gateway that provides an adapter; for the scripts that bring one.
 */
import {
  AudioPlayerStatus,
  type AudioResource,
  createAudioPlayer,
  createAudioResource,
  type DiscordGatewayAdapterCreator,
  EndBehaviorType,
  entersState,
  joinVoiceChannel,
  StreamType,
  type VoiceConnection,
  VoiceConnectionStatus
} from "@discordjs/voice"
import { createReadStream } from "node:fs"
import { Readable } from "node:stream"
import { type Bot, heard, type Place, state } from "./bot.ts"
import { fail, tell } from "./script.ts"

const patienceMs = 50_000

export const make = (place: Place, adapterCreator: DiscordGatewayAdapterCreator): Bot => {
  // on a machine that is busy with other things, a source may be slow for a while
  const player = createAudioPlayer({ behaviors: { maxMissedFrames: 500 } })
  player.on("error", fail)
  let connection: VoiceConnection | undefined

  const joined = (channelId: string) => {
    const joining = joinVoiceChannel({
      guildId: place.guild,
      channelId,
      adapterCreator,
      selfDeaf: false,
      selfMute: false,
      ...place.e2ee === true ? {} : { daveEncryption: false }
    })
    if (joining === connection) return joining
    connection = joining
    joining.subscribe(player)
    joining.on("error", fail)
    joining.on("stateChange", (_, next) => {
      // the number is the library's NetworkingStatusCode: 5 is Resuming
      state("networking" in next ? `${next.status} ${next.networking.state.code}` : next.status)
    })
    return joining
  }

  const play = async (resource: AudioResource) => {
    player.play(resource)
    await entersState(player, AudioPlayerStatus.Playing, patienceMs)
    await entersState(player, AudioPlayerStatus.Idle, patienceMs)
  }

  return {
    join: async (channel) => {
      const before = connection?.joinConfig.channelId
      const joining = joined(channel)
      if (before !== undefined && before !== channel) {
        await entersState(joining, VoiceConnectionStatus.Connecting, patienceMs)
      }
      await entersState(joining, VoiceConnectionStatus.Ready, patienceMs)
    },
    play: (packets) => play(createAudioResource(Readable.from(packets), { inputType: StreamType.Opus })),
    playFile: (path) => play(createAudioResource(createReadStream(path), { inputType: StreamType.OggOpus })),
    listen: (user) => {
      if (connection === undefined) throw new Error("not in a channel")
      if (connection.receiver.subscriptions.has(user)) return
      const stream = connection.receiver.subscribe(user, { end: { behavior: EndBehaviorType.Manual } })
      stream.on("data", (packet: Buffer) => heard(user, packet))
      stream.on("error", fail)
      tell({ _tag: "Listening", user })
    },
    leave: () => {
      connection?.destroy()
      connection = undefined
    },
    privacyCode: () => connection?.voicePrivacyCode,
    verificationCode: async (user) => {
      if (connection === undefined) throw new Error("not in a channel")
      return connection.getVerificationCode(user)
    }
  }
}
