import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import type * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import { GuildId } from "../../src/protocol/Identifier.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import * as MockVoiceDriver from "../../src/testing/MockVoiceDriver.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as VoiceSessions from "../../src/VoiceSessions.ts"
import * as Rig from "./rig.ts"

const guilds = Array.from({ length: 50 }, (_, index) => GuildId.make(String(100 + index)))

const places = guilds.map((guildId) => ({ guildId, channelId: Rig.home }))

/** Discord admits the bot everywhere, and answers no leave. */
const answer = ({ channel_id, guild_id }: Gateway.VoiceStateRequest): ReadonlyArray<Gateway.GatewayEvent> =>
  channel_id === null ? [] : [
    { _tag: "VoiceState", state: { ...Rig.stateOf(channel_id), guild_id } },
    { _tag: "VoiceServer", server: { guild_id, endpoint: "voice.example:443", token: "token" } }
  ]

/** Closing takes a second with a voice server that does not answer a close. */
const slow = Layer.effect(
  VoiceDriver.VoiceDriver,
  Effect.map(VoiceDriver.VoiceDriver, ({ connect }) => ({
    connect: (...record) => Effect.andThen(Effect.addFinalizer(() => Effect.sleep("1 second")), connect(...record))
  } satisfies VoiceDriver.VoiceDriver["Service"]))
)

const layer = Layer.mergeAll(
  MockGateway.layer({ answer }),
  Layer.provide(slow, MockVoiceDriver.layer),
  Mixer.layer
)

const ways = {
  "of VoiceSessions": Effect.gen(function*() {
    const scope = yield* Scope.make()
    const calls = yield* Scope.provide(VoiceSessions.make((session) => Effect.succeed(session)), scope)
    yield* Effect.forEach(places, calls.join, { concurrency: "unbounded" })
    return scope
  }),
  "of a parallel scope": Effect.gen(function*() {
    const scope = yield* Scope.make("parallel")
    yield* Effect.forEach(places, (place) => Scope.provide(VoiceSession.join(place), scope))
    return scope
  })
}

describe("Farewell", () => {
  for (const [name, make] of Object.entries(ways)) {
    it.effect(`of fifty sessions ${name} takes as long as of one if nobody answers`, () =>
      Effect.gen(function*() {
        const gateway = yield* MockGateway.MockGateway
        const scope = yield* make
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* TestClock.adjust("2999 millis")
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(closing)
        const requests = yield* Effect.forEach([...guilds, ...guilds], () => gateway.take)
        const left = requests.filter(({ channel_id }) => channel_id === null)
        assert.sameMembers(left.map(({ guild_id }) => guild_id), guilds)
      }).pipe(Effect.provide(layer)))
  }

  it.effect("of fifty sessions in turn waits once for a gateway that stays away, without a warning", () => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(String(message))
    })
    return Effect.gen(function*() {
      const gateway = yield* MockGateway.MockGateway
      const scope = yield* Scope.make()
      yield* Effect.forEach(places, (place) => Scope.provide(VoiceSession.join(place), scope))
      yield* gateway.pushLifecycle("Lost")
      yield* TestClock.adjust(0)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(warnings, [])
    }).pipe(Effect.provide([
      Layer.mergeAll(MockGateway.layer({ answer }), MockVoiceDriver.layer, Mixer.layer),
      Logger.layer([logger])
    ]))
  })

  it.effect("warns once about a gateway that fails many sessions at the same time", () => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(String(message))
    })
    return Effect.gen(function*() {
      const scope = yield* ways["of VoiceSessions"]
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.lengthOf(warnings, 1)
    }).pipe(Effect.provide([layer, Logger.layer([logger])]))
  })
})
