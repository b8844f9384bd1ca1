/**
 * @discordjs/voice, as its guide says to use it: a connection and a player each.
 */
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  entersState,
  joinVoiceChannel,
  NoSubscriberBehavior,
  StreamType,
  type VoiceConnection,
  VoiceConnectionStatus
} from "@discordjs/voice"
import { Readable } from "node:stream"
import { channelId, userId } from "./messages.ts"
import { arguments_, each, frame, music, ogg, run } from "./player.ts"

const { count, endpoint } = arguments_
const connections: Array<VoiceConnection> = []
const kind = process.argv[3]

/** 16-bit PCM over and over, in pieces of 100 ms. */
const pcm = () => {
  const second = Buffer.from(Int16Array.from(music(), (value) => Math.round(value * 32_767)).buffer)
  let piece = 0
  return new Readable({
    highWaterMark: 19_200,
    read() {
      const at = (piece++ % 10) * 19_200
      this.push(second.subarray(at, at + 19_200))
    }
  })
}

const packet = frame()

const resource = () =>
  kind === "pcm"
    ? createAudioResource(pcm(), { inputType: StreamType.Raw })
    : kind === "ogg"
    ? createAudioResource(ogg(), { inputType: StreamType.OggOpus })
    : createAudioResource(
      new Readable({
        objectMode: true,
        read() {
          this.push(packet)
        }
      }),
      { inputType: StreamType.Opus }
    )

const connect = async () => {
  const joinMs: Array<number> = []
  await each(count, 50, async (index) => {
    const guildId = String(200000000000000001n + BigInt(index))
    const startedAt = performance.now()
    const connection = joinVoiceChannel({
      guildId,
      channelId,
      selfDeaf: false,
      daveEncryption: arguments_.e2ee,
      adapterCreator: (methods) => ({
        sendPayload: () => {
          setImmediate(() => {
            const state = {
              guild_id: guildId,
              channel_id: channelId,
              user_id: userId,
              session_id: "session"
            }
            // the library reads no more of a voice state than this
            methods.onVoiceStateUpdate(state as Parameters<typeof methods.onVoiceStateUpdate>[0])
            methods.onVoiceServerUpdate({ guild_id: guildId, token: "token", endpoint })
          })
          return true
        },
        destroy: () => {}
      })
    })
    connections[index] = connection
    await entersState(connection, VoiceConnectionStatus.Ready, 60_000)
    joinMs[index] = performance.now() - startedAt
  })
  return joinMs
}

const play = () =>
  each(count, 50, async (index) => {
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Play } })
    connections[index]?.subscribe(player)
    player.on("error", (error) => process.emitWarning(error))
    player.on(AudioPlayerStatus.Idle, () => player.play(resource()))
    player.play(resource())
    await entersState(player, AudioPlayerStatus.Playing, 60_000)
  })

run({ connect, play })
