/** Joins with @discordjs/voice, on the gateway of the bench. */
import {
  type DiscordGatewayAdapterLibraryMethods,
  entersState,
  joinVoiceChannel,
  VoiceConnectionStatus
} from "@discordjs/voice"
import { arguments_, login, run } from "./gateway.ts"

await run(async () => {
  const adapters = new Map<string, DiscordGatewayAdapterLibraryMethods>()
  let userId = ""
  const gateway = await login(({ d, t }) => {
    const adapter = adapters.get(String(d["guild_id"]))
    // the bodies of dispatches are what the library says that it takes
    if (t === "VOICE_SERVER_UPDATE") {
      adapter?.onVoiceServerUpdate(d as unknown as Parameters<typeof adapter.onVoiceServerUpdate>[0])
    }
    if (t === "VOICE_STATE_UPDATE" && d["user_id"] === userId) {
      adapter?.onVoiceStateUpdate(d as unknown as Parameters<typeof adapter.onVoiceStateUpdate>[0])
    }
  })
  userId = gateway.userId
  return {
    join: async (guildId, channelId) => {
      const startedAt = performance.now()
      const connection = joinVoiceChannel({
        guildId,
        channelId,
        selfDeaf: false,
        daveEncryption: arguments_.e2ee,
        adapterCreator: (methods) => {
          adapters.set(guildId, methods)
          return {
            sendPayload: (payload) => {
              gateway.send(payload)
              return true
            },
            destroy: () => void adapters.delete(guildId)
          }
        }
      })
      await entersState(connection, VoiceConnectionStatus.Ready, 20_000)
      const ms = performance.now() - startedAt
      return {
        ms,
        leave: async () => {
          connection.destroy()
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }
    }
  }
})
