/**
 * As little of a main gateway client as `@discordjs/voice` needs: Hello, heartbeats, Identify, and the two voice
 * events, which are passed to the adapters of their guilds.
 */
import type { DiscordGatewayAdapterCreator, DiscordGatewayAdapterLibraryMethods } from "@discordjs/voice"
import { WebSocket } from "ws"
import type { Place } from "./bot.ts"

/** Logs in with the intents GUILDS and GUILD_VOICE_STATES. Done at READY. */
export const login = ({ gateway, token, user }: Place): Promise<DiscordGatewayAdapterCreator> =>
  new Promise((resolve, reject) => {
    const adapters = new Map<string, DiscordGatewayAdapterLibraryMethods>()
    const socket = new WebSocket(`${gateway}/?v=10&encoding=json`)
    let last: number | null = null
    const send = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }))
    socket.on("error", reject)
    socket.on("message", (data) => {
      const { d, op, s, t } = JSON.parse(String(data))
      if (typeof s === "number") last = s
      if (op === 10) {
        setInterval(() => send(1, last), d.heartbeat_interval).unref()
        send(2, { token, intents: 129, properties: { os: "linux", browser: "interop", device: "interop" } })
      }
      if (t === "VOICE_SERVER_UPDATE") adapters.get(d.guild_id)?.onVoiceServerUpdate(d)
      if (t === "VOICE_STATE_UPDATE" && d.user_id === user) adapters.get(d.guild_id)?.onVoiceStateUpdate(d)
      if (t === "READY") {
        resolve((methods) => ({
          sendPayload: (payload) => {
            const joining: { readonly guild_id: string } = payload.d
            adapters.set(joining.guild_id, methods)
            socket.send(JSON.stringify(payload))
            return true
          },
          destroy: () => {}
        }))
      }
    })
  })
