/** Sessions of this library, each as a user of its own. */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Gateway from "../../src/Gateway.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import { type Dispatch, login } from "../join/gateway.ts"
import { arguments_, frame, run } from "./player.ts"

const packet = { data: frame(), samples: 960 }

const endless: Iterable<AudioSource.OpusFrame> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: false, value: packet }) })
}

const scope = Scope.makeUnsafe()
const voice = await Effect.runPromise(Layer.buildWithScope(Voice.layer, scope))

const gateways = await Promise.all(arguments_.tokens.map(async (token) => {
  const early: Array<Dispatch> = []
  let onDispatch: (dispatch: Dispatch) => void = (dispatch) => void early.push(dispatch)
  const gateway = await login((dispatch) => onDispatch(dispatch), token)
  const GatewayLive = Gateway.layerCallbacks({
    listen: (listener) => {
      for (const dispatch of early) listener(dispatch)
      onDispatch = listener
    },
    send: (payload) => gateway.send(payload)
  })
  return await Effect.runPromise(Layer.buildWithScope(GatewayLive, scope))
}))

await run(async (index) => {
  const gateway = gateways[index]
  if (gateway === undefined) throw new Error(`There is no user ${index}.`)
  const visit = Scope.makeUnsafe()
  const program = Effect.gen(function*() {
    const session = yield* VoiceSession.join({
      guildId: GuildId.make(arguments_.guilds[index] ?? ""),
      channelId: ChannelId.make(arguments_.channels[index] ?? ""),
      // to the policy as it is, a loss every few seconds is one outage that does not end
      policy: { stableAfter: "1 second" }
    })
    yield* session.play(AudioSource.fromFrames(endless))
  })
  await Effect.runPromiseWith(Context.merge(voice, gateway))(Scope.provide(program, visit))
  return { close: () => Effect.runPromise(Scope.close(visit, Exit.void)) }
})
