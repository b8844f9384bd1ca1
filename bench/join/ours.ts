/** Joins with this library, on the gateway of the bench. */
import { Effect, Exit, Layer, Scope } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import { type Dispatch, login, run } from "./gateway.ts"

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
    Effect.flatMap(Scope.make(), (scope) => Layer.buildWithScope(Layer.merge(Voice.layer, GatewayLive), scope))
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
