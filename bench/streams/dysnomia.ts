/**
 * dysnomia's voice engine on its own, without end-to-end encryption, from Ogg: of a stream of packets it would take in
 * all at once.
 */
import { VoiceConnection } from "@projectdysnomia/dysnomia"
import { channelId, userId } from "./messages.ts"
import { arguments_, each, ogg, run } from "./player.ts"

const { count, endpoint } = arguments_
const connections: Array<VoiceConnection> = []

const connect = async () => {
  const joinMs: Array<number> = []
  await each(count, 50, async (index) => {
    const id = String(200000000000000001n + BigInt(index))
    const startedAt = performance.now()
    const connection = new VoiceConnection(id, { opusOnly: true, daveEncryption: false })
    connections[index] = connection
    await new Promise<void>((resolve, reject) => {
      connection.once("ready", () => resolve())
      connection.on("error", reject)
      connection.connect({
        channel_id: channelId,
        endpoint,
        session_id: "session",
        token: "token",
        user_id: userId
      })
    })
    joinMs[index] = performance.now() - startedAt
  })
  return joinMs
}

const play = async () => {
  for (const connection of connections) {
    const start = () => connection.play(ogg(), { format: "ogg" })
    connection.on("end", start)
    start()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

run({ connect, play })
