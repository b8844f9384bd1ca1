/**
 * @discordjs/voice, as its guide says to listen: a subscription for each user.
 */
import { EndBehaviorType, entersState, joinVoiceChannel, VoiceConnectionStatus } from "@discordjs/voice"
import { arguments_, counts, run } from "./listener.ts"
import { channelId, guildId, speakerId, userId } from "./messages.ts"

run(async () => {
  const connection = joinVoiceChannel({
    guildId,
    channelId,
    selfDeaf: false,
    daveEncryption: false,
    adapterCreator: (methods) => ({
      sendPayload: () => {
        setImmediate(() => {
          const state = { guild_id: guildId, channel_id: channelId, user_id: userId, session_id: "session" }
          // the library reads no more of a voice state than this
          methods.onVoiceStateUpdate(state as Parameters<typeof methods.onVoiceStateUpdate>[0])
          methods.onVoiceServerUpdate({ guild_id: guildId, token: "token", endpoint: arguments_.endpoint })
        })
        return true
      },
      destroy: () => {}
    })
  })
  await entersState(connection, VoiceConnectionStatus.Ready, 60_000)
  for (let i = 0; i < arguments_.speakers; i++) {
    const stream = connection.receiver.subscribe(speakerId(i), { end: { behavior: EndBehaviorType.Manual } })
    stream.on("data", () => {
      counts.frames++
    })
    stream.on("error", () => {
      counts.died++
    })
  }
})
