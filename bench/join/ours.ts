/** Joins with this library, on the gateway of the bench. */
import { Effect, Exit, Layer, Scope } from "effect"
import * as AudioClock from "../../src/AudioClock.ts"
import * as Dave from "../../src/Dave.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Transport from "../../src/Transport.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceCrypto from "../../src/VoiceCrypto.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as VoiceUdp from "../../src/VoiceUdp.ts"
import { arguments_, type Dispatch, login, run } from "./gateway.ts"

/** All that a connection needs, without groups. */
const plainLayer = VoiceDriver.layer.pipe(
  Layer.provide([VoiceSocket.layer, VoiceUdp.layer, VoiceCrypto.layer, Dave.layerDisabled]),
  Layer.provide([Transport.layer, AudioClock.layer]),
  Layer.merge(Mixer.layer),
  Layer.provideMerge(AudioClock.layer)
)

await run(async () => {
  const early: Array<Dispatch> = []
  let onDispatch: (dispatch: Dispatch) => void = (dispatch) => void early.push(dispatch)
  const gateway = await login((dispatch) => onDispatch(dispatch))
  const GatewayLive = Gateway.layerCallbacks({
    listen: (listener) => {
      for (const dispatch of early) listener(dispatch)
      onDispatch = listener
    },
    send: (payload) => gateway.send(payload)
  })
  const context = await Effect.runPromise(
    Effect.flatMap(
      Scope.make(),
      (scope) => Layer.buildWithScope(Layer.merge(arguments_.e2ee ? Voice.layer : plainLayer, GatewayLive), scope)
    )
  )
  return {
    join: async (guildId, channelId) => {
      const session = await Effect.runPromise(Scope.make())
      const where = { guildId: GuildId.make(guildId), channelId: ChannelId.make(channelId) }
      const startedAt = performance.now()
      await Effect.runPromiseWith(context)(Scope.provide(VoiceSession.join(where), session))
      const ms = performance.now() - startedAt
      return { ms, leave: () => Effect.runPromise(Scope.close(session, Exit.void)) }
    }
  }
})
