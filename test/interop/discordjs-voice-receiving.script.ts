/** `@discordjs/voice` as a listener. The death of a stream is reported and does not end the script. */
import { EndBehaviorType, getVoiceConnection } from "@discordjs/voice"
import { heard, place, serve } from "./bot.ts"
import * as DiscordjsVoice from "./discordjsVoice.ts"
import { login } from "./mainGateway.ts"
import { tell } from "./script.ts"

serve({
  ...DiscordjsVoice.make(place, await login(place)),
  listen: (user) => {
    const connection = getVoiceConnection(place.guild)
    if (connection === undefined) throw new Error("not in a channel")
    const stream = connection.receiver.subscribe(user, { end: { behavior: EndBehaviorType.Manual } })
    stream.on("data", (packet: Buffer) => heard(user, packet))
    stream.on("error", (error) => tell({ _tag: "StreamDied", error: error.message }))
    // audio from an SSRC that it has not been told about is lost
    const { ssrcMap } = connection.receiver
    const told = () => {
      if (ssrcMap.get(user) !== undefined) tell({ _tag: "Known", user })
    }
    ssrcMap.on("create", told)
    told()
  }
})
