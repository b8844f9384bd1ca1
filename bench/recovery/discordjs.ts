/** Connections of @discordjs/voice, each as a user of its own, that come back as the library's guide says. */
import {
  AudioPlayerStatus,
  createAudioPlayer,
  createAudioResource,
  type DiscordGatewayAdapterLibraryMethods,
  entersState,
  joinVoiceChannel,
  NoSubscriberBehavior,
  StreamType,
  VoiceConnectionStatus
} from "@discordjs/voice"
import { Readable } from "node:stream"
import { login } from "../join/gateway.ts"
import { arguments_, frame, run } from "./player.ts"

const packet = frame()

const resource = () =>
  createAudioResource(
    new Readable({
      objectMode: true,
      read() {
        this.push(packet)
      }
    }),
    { inputType: StreamType.Opus }
  )

const gateways = await Promise.all(arguments_.tokens.map(async (token) => {
  const adapters = new Set<DiscordGatewayAdapterLibraryMethods>()
  let userId = ""
  const gateway = await login(({ d, t }) => {
    for (const adapter of adapters) {
      // the bodies of dispatches are what the library says that it takes
      if (t === "VOICE_SERVER_UPDATE") {
        adapter.onVoiceServerUpdate(d as unknown as Parameters<typeof adapter.onVoiceServerUpdate>[0])
      }
      if (t === "VOICE_STATE_UPDATE" && d["user_id"] === userId) {
        adapter.onVoiceStateUpdate(d as unknown as Parameters<typeof adapter.onVoiceStateUpdate>[0])
      }
    }
  }, token)
  userId = gateway.userId
  return { adapters, send: gateway.send }
}))

await run(async (index) => {
  const gateway = gateways[index]
  if (gateway === undefined) throw new Error(`There is no user ${index}.`)
  const connection = joinVoiceChannel({
    guildId: arguments_.guilds[index] ?? "",
    channelId: arguments_.channels[index] ?? "",
    selfDeaf: false,
    daveEncryption: false,
    adapterCreator: (methods) => {
      gateway.adapters.add(methods)
      return {
        sendPayload: (payload) => {
          gateway.send(payload)
          return true
        },
        destroy: () => void gateway.adapters.delete(methods)
      }
    }
  })
  const destroy = () => {
    if (connection.state.status !== VoiceConnectionStatus.Destroyed) connection.destroy()
  }
  connection.on("error", (error) => process.emitWarning(error))
  connection.on(VoiceConnectionStatus.Disconnected, () => {
    Promise.race([
      entersState(connection, VoiceConnectionStatus.Signalling, 5_000),
      entersState(connection, VoiceConnectionStatus.Connecting, 5_000)
    ]).catch(destroy)
  })
  const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Play, maxMissedFrames: 500 } })
  player.on("error", (error) => process.emitWarning(error))
  player.on(AudioPlayerStatus.Idle, () => player.play(resource()))
  connection.subscribe(player)
  await entersState(connection, VoiceConnectionStatus.Ready, 20_000)
  player.play(resource())
  return {
    close: async () => {
      player.removeAllListeners()
      player.stop(true)
      destroy()
    }
  }
})
