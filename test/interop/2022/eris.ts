/**
 * A bot on `eris` 0.17.2 as its documentation writes one, with the library's own REST and main gateway. For REST, eris
 * accepts no other host than a domain at port 443; the agent, which can be set, carries the port.
 */
import { Client, type VoiceConnection } from "eris"
import { Agent } from "node:https"
import { Readable } from "node:stream"
import { args, fail, onTold, tell } from "../script.ts"

const { channelId, rest, token } = args<{
  readonly rest: string
  readonly token: string
  readonly channelId: string
}>()

const { hostname, port } = new URL(rest)

const client = new Client(`Bot ${token}`, {
  intents: ["guilds", "guildVoiceStates"],
  rest: { domain: hostname, agent: Object.assign(new Agent(), { defaultPort: Number(port) }) }
})
client.on("error", fail)
client.on("disconnect", () => tell({ _tag: "Gateway:disconnect" }))

let connection: VoiceConnection | undefined

const join = async () => {
  const joined = await client.joinVoiceChannel(channelId, { opusOnly: true })
  tell({ _tag: "Connection:ready" })
  connection = joined
  connection.on("ready", () => tell({ _tag: "Connection:ready" }))
  connection.on("disconnect", (error) => tell({ _tag: "Connection:disconnect", error: error?.message }))
  // an error here is a lost socket: the library also reports what it does about it
  connection.on("error", (error) => tell({ _tag: "Connection:error", error: error.message }))
  connection.on("warn", (message) => tell({ _tag: "Connection:warn", message }))
  connection.on("start", () => tell({ _tag: "Player:playing" }))
  connection.on("end", () => tell({ _tag: "Player:idle" }))
  connection.on("speakingStart", (userId) => tell({ _tag: "Knows", userId }))
  connection.on("debug", (message) => {
    const sent = /^\{"op":(\d+)/.exec(message)
    if (sent !== null) tell({ _tag: "Sent", op: Number(sent[1]) })
  })
}

client.on("ready", () => {
  tell({ _tag: "Gateway:ready" })
  join().catch(fail)
})

const listen = (userId: string) => {
  connection?.receive("opus").on("data", (packet, speaker) => {
    // with tweetnacl it is a Uint8Array, whatever the types say
    if (speaker === userId) tell({ _tag: "Heard", userId, packet: Buffer.from(packet).toString("base64") })
  })
  tell({ _tag: "Listens", userId })
}

onTold(async (command) => {
  switch (command._tag) {
    case "Listen":
      return listen(String(command["userId"]))
    case "Announce":
      // what its own code passes; the boolean of its types would be sent as is, which v4 does not know
      return connection?.setSpeaking(1 as never)
    case "Play": {
      // the test sends base64
      const packets = command["packets"] as ReadonlyArray<string>
      // everything is available at once: the library takes waiting for a pause
      const source = new Readable({ objectMode: true, highWaterMark: packets.length + 1, read: () => {} })
      for (const packet of packets) source.push(Buffer.from(packet, "base64"))
      source.push(null)
      return connection?.play(source, { format: "opusPackets" })
    }
    case "PlayFile":
      return connection?.play(String(command["file"]), { format: "ogg" })
    case "Rejoin":
      return join()
    case "Leave":
      return client.closeVoiceConnection(connection?.id ?? "")
    case "End":
      client.disconnect({ reconnect: false })
      return process.disconnect()
  }
})

client.connect().catch(fail)
