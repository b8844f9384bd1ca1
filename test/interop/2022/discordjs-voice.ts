/**
 * A bot on `@discordjs/voice` 0.16.1 as its guide writes one, over a handwritten adapter. It reports what it hears, and
 * the states of its connection and its player.
 */
import {
  createAudioPlayer,
  createAudioResource,
  type DiscordGatewayAdapterLibraryMethods,
  EndBehaviorType,
  joinVoiceChannel,
  StreamType,
  type VoiceConnection
} from "discordjs-voice-2022"
import { Readable } from "node:stream"
import { args, fail, onTold, tell } from "../script.ts"
import * as MainGateway from "./MainGateway.ts"

const { channelId, gateway, guildId, token } = args<{
  readonly gateway: string
  readonly token: string
  readonly guildId: string
  readonly channelId: string
}>()

let userId: unknown
let methods: DiscordGatewayAdapterLibraryMethods | undefined

const player = createAudioPlayer()
player.on("error", fail)
player.on("stateChange", (_, { status }) => tell({ _tag: `Player:${status}` }))

const send = MainGateway.connect({
  url: gateway,
  token,
  onDispatch: ({ d, t }) => {
    if (t === "READY") {
      // a user object with an id, as Discord sends it
      userId = (d["user"] as { readonly id: string }).id
      join()
    }
    // both packets are as Discord sends them: the library expects nothing else
    if (t === "VOICE_SERVER_UPDATE") methods?.onVoiceServerUpdate(d as never)
    if (t === "VOICE_STATE_UPDATE" && d["user_id"] === userId) methods?.onVoiceStateUpdate(d as never)
  },
  onClosed: (code) => fail(new Error(`the main gateway has closed with ${code}`))
})

let connection: VoiceConnection | undefined

/** Reports every outgoing opcode, taken from the library's own log. */
const onDebug = (message: string) => {
  const sent = /^\[NW\] \[WS\] >> \{"op":(\d+)/.exec(message)
  if (sent !== null) tell({ _tag: "Sent", op: Number(sent[1]) })
}

const join = () => {
  connection = joinVoiceChannel({
    guildId,
    channelId,
    selfDeaf: false,
    debug: true,
    adapterCreator: (library) => {
      methods = library
      return {
        sendPayload: (payload) => {
          send(payload)
          return true
        },
        destroy: () => {}
      }
    }
  })
  connection.on("error", fail)
  connection.on("debug", onDebug)
  connection.on("stateChange", (_, state) =>
    tell({
      _tag: `Connection:${state.status}`,
      closeCode: Reflect.get(state, "closeCode")
    }))
  connection.receiver.ssrcMap.on("update", (_, data) => tell({ _tag: "Knows", userId: data.userId }))
  connection.subscribe(player)
}

onTold((command) => {
  switch (command._tag) {
    case "Listen": {
      const speaker = String(command["userId"])
      connection?.receiver.subscribe(speaker, { end: { behavior: EndBehaviorType.Manual } })
        .on("data", (packet: Buffer) => tell({ _tag: "Heard", userId: speaker, packet: packet.toString("base64") }))
        .on("error", fail)
      return tell({ _tag: "Listens", userId: speaker })
    }
    case "Announce":
      connection?.setSpeaking(true)
      return
    case "Play": {
      // the test sends base64
      const packets = command["packets"] as ReadonlyArray<string>
      const source = new Readable({ objectMode: true, highWaterMark: packets.length + 1, read: () => {} })
      for (const packet of packets) source.push(Buffer.from(packet, "base64"))
      source.push(null)
      return player.play(createAudioResource(source, { inputType: StreamType.Opus }))
    }
    case "Rejoin":
      connection?.rejoin()
      return
    case "Leave":
      connection?.destroy()
      return
    case "End":
      return process.disconnect()
  }
})
