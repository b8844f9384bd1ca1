import { it } from "@effect/vitest"
import { Duration, Effect, Fiber, Latch, Redacted } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import { type ChannelId, UserId } from "../../src/protocol/Identifier.ts"
import * as Whereabouts from "../../src/session/Whereabouts.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import * as Time from "../../src/testing/Time.ts"
import { guildId } from "./rig.ts"

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkScoped(effect, { startImmediately: true })
export const silent = { mute: false, deaf: false }
export const someone = UserId.make("2")

/** Whereabouts on a gateway whose message limit is held and released by the test. */
export const rig = Effect.fnUntraced(function*(userId?: Gateway.Gateway["Service"]["userId"]) {
  const gateway = yield* Gateway.Gateway
  const mock = yield* MockGateway.MockGateway
  const room = yield* Latch.make(true)
  let isHeldBack = false
  const limited: Gateway.Gateway["Service"] = {
    ...gateway,
    userId: userId ?? gateway.userId,
    updateVoiceState: (request) => Effect.andThen(room.await, gateway.updateVoiceState(request)),
    isHeldBack: () => isHeldBack
  }
  const whereabouts = yield* Whereabouts.make(limited, guildId)
  return {
    ...mock,
    whereabouts,
    gateway: limited,
    /** The gateway is at its message limit. */
    hold: Effect.suspend(() => {
      isHeldBack = true
      return room.close
    }),
    /** Whether it takes requests, and lets them wait for the limit itself. */
    queueing: (queues: boolean) => {
      isHeldBack = queues
    },
    /** The gateway takes no requests, and does not say that the limit is the reason. */
    block: room.close,
    release: Effect.suspend(() => {
      isHeldBack = false
      return room.open
    }),
    request: (channelId: ChannelId, anew = false) =>
      start(Effect.result(
        whereabouts.request({ channelId, flags: silent, anew: Effect.succeed(anew), timeout: Duration.seconds(15) })
      )),
    say: (...events: ReadonlyArray<Gateway.GatewayEvent>) =>
      Effect.andThen(Effect.forEach(events, mock.push, { discard: true }), Time.advance("1 millis"))
  }
})

export const test = (
  name: string,
  body: Effect.Effect<unknown, unknown, Services>,
  options?: MockGateway.MockGatewayOptions
) => it.effect(name, () => Effect.asVoid(body).pipe(Effect.provide(MockGateway.layer(options))))

export type Services = Effect.Services<ReturnType<typeof rig>>

/** The token of the resulting place, or why there is none. */
export const outcome = (fiber: Effect.Success<ReturnType<Effect.Success<ReturnType<typeof rig>>["request"]>>) =>
  Effect.map(
    Fiber.join(fiber),
    (result) => result._tag === "Success" ? Redacted.value(result.success.info.token) : result.failure.reason._tag
  )
