/**
 * A bot on dfx, on the Effect that it was made for. It reports every dispatch, and sends what it is given on the shard
 * of the guild.
 */
import { DiscordConfig } from "dfx"
import { DiscordGateway, DiscordLive } from "dfx/gateway"
import { Effect, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/unstable/http"
import { Socket } from "effect/unstable/socket"
import * as script from "../script.ts"

const { gateway: gatewayUrl, rest, token } = script.args<{
  readonly gateway: string
  readonly rest: string
  readonly token: string
}>()

const guilds = 1 << 0
const guildVoiceStates = 1 << 7

// dfx has the address of Discord's gateway built in
const Emulated = Layer.succeed(
  Socket.WebSocketConstructor,
  () => new globalThis.WebSocket(`${gatewayUrl}/?v=10&encoding=json`)
)

const Bot = DiscordLive.pipe(
  Layer.provide(DiscordConfig.layer({
    token: Redacted.make(token),
    rest: { baseUrl: rest },
    gateway: { intents: guilds | guildVoiceStates }
  })),
  Layer.provide([Emulated, FetchHttpClient.layer])
)

const program = Effect.gen(function*() {
  const gateway = yield* DiscordGateway
  const context = yield* Effect.context<never>()

  /** Whether there was a shard to send on. */
  const send = Effect.fnUntraced(function*(payload: Parameters<typeof gateway.send>[0], guildId: string) {
    for (const { id: [id, count], write } of yield* gateway.shards) {
      if (Number((BigInt(guildId) >> 22n) % BigInt(count)) !== id) continue
      yield* write(payload)
      return true
    }
    return false
  })

  script.onTold(async ({ guildId, id, payload }) => {
    // the test sends op 4 in dfx's form, and the guild it is for
    const request = payload as Parameters<typeof gateway.send>[0]
    const isTaken = await Effect.runPromiseWith(context)(send(request, String(guildId)))
    script.tell({ _tag: "Sent", id, isTaken })
  })
  yield* Stream.runForEach(
    gateway.dispatch,
    (dispatch) => Effect.sync(() => script.tell({ _tag: "Dispatch", dispatch }))
  )
}).pipe(Effect.provide(Bot), Effect.scoped)

Effect.runPromise(program).catch(script.fail)
