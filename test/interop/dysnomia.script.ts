/** A bot on dysnomia, with its own REST, main gateway and voice engine. */
import { Client, type VoiceConnection } from "@projectdysnomia/dysnomia"
import { createReadStream } from "node:fs"
import { Readable } from "node:stream"
import { heard, place, serve, state } from "./bot.ts"
import { fail, tell } from "./script.ts"

const rest = new URL(place.rest)

const client = new Client(`Bot ${place.token}`, {
  gateway: { intents: ["guilds", "guildVoiceStates"] },
  rest: { domain: rest.hostname, port: Number(rest.port), baseURL: rest.pathname, https: rest.protocol === "https:" },
  voice: { opusOnly: true, ...place.e2ee === true ? {} : { daveEncryption: false } }
})
client.on("error", fail)
client.on("warn", (message) => tell({ _tag: "Warning", message: String(message) }))
client.on("voiceStateUpdate", (member, old) => {
  tell({ _tag: "VoiceStateUpdate", user: member.id, channel: member.voiceState.channelID, old: old.selfMute })
})

let connection: VoiceConnection | undefined
const listeningTo = new Set<string>()

const connected = (joined: VoiceConnection) => {
  if (joined === connection) return
  connection = joined
  state("ready")
  joined.on("ready", () => state("ready"))
  joined.on("resumed", () => state("resumed"))
  joined.on("disconnect", () => {
    connection = undefined
    state("disconnected")
  })
  joined.on("warn", (message) => tell({ _tag: "Warning", message }))
  // a lost connection is also reported here, and is repaired without the user's help
  joined.on("error", (error) => tell({ _tag: "Warning", message: error.message }))
  joined.receive("opus").on("data", (packet, user) => {
    if (listeningTo.has(user)) heard(user, packet)
  })
}

const play = (source: Readable, format: string) =>
  new Promise<void>((resolve, reject) => {
    if (connection === undefined) return reject(new Error("not in a channel"))
    connection.once("end", resolve)
    connection.play(source, { format, voiceDataTimeout: 10_000 })
  })

client.on("ready", () => {
  const guild = client.guilds.get(place.guild)
  tell({
    _tag: "World",
    user: client.user.username,
    guild: guild?.name,
    channels: guild?.channels.map(({ id, name }) => ({ id, name })),
    occupants: guild?.voiceStates.map(({ channelID, id }) => ({ user: id, channel: channelID }))
  })
  serve({
    join: async (channel) => {
      const before = connection
      // it reports a move as done before it has begun
      const moved = before === undefined ? undefined : new Promise((resolve) => before.once("ready", resolve))
      connected(await client.joinVoiceChannel(channel, { opusOnly: true }))
      await moved
    },
    play: (packets) => play(Readable.from(packets), "opusPackets"),
    playFile: (path) => play(createReadStream(path), "ogg"),
    listen: (user) => {
      listeningTo.add(user)
    },
    leave: () => {
      if (connection?.channelID != null) client.leaveVoiceChannel(connection.channelID)
      connection = undefined
    },
    privacyCode: () => connection?.voicePrivacyCode,
    verificationCode: async (user) => {
      if (connection === undefined) throw new Error("not in a channel")
      return connection.getVerificationCode(user)
    }
  })
})

await client.connect()
