import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import * as Gateway from "../../src/Gateway.ts"
import * as Callback from "../../src/gateway/Callback.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"

const guildId = GuildId.make("10")
const channelId = ChannelId.make("20")

/** The obstacle that a layer's gateway finds for the channel, or "nothing" if it cannot be asked. */
const asked = Effect.flatMap(
  Gateway.Gateway,
  ({ obstacle }) => obstacle === undefined ? Effect.succeed("nothing") : obstacle(guildId, channelId)
)

const layers = {
  layerAdapter: (options: Gateway.ObstacleOptions) => Gateway.layerAdapter(() => undefined, options),
  layerCallbacks: (options: Gateway.ObstacleOptions) =>
    Gateway.layerCallbacks({ listen: () => {}, send: () => {}, ...options })
}

describe("Callback", () => {
  for (const [name, layer] of Object.entries(layers)) {
    it.effect(`passes on the obstacle that a library finds: ${name}`, () =>
      Effect.gen(function*() {
        const calls: Array<ReadonlyArray<string>> = []
        const obstacle = (...ids: ReadonlyArray<string>) => {
          calls.push(ids)
          return "Full" as const
        }
        assert.strictEqual(yield* Effect.provide(asked, layer({ obstacle })), "Full")
        assert.deepStrictEqual(calls, [[guildId, channelId]])
        assert.isUndefined(yield* Effect.provide(asked, layer({ obstacle: () => undefined })))
        assert.strictEqual(yield* Effect.provide(asked, layer({})), "nothing")
      }))
  }

  it.effect("finds no obstacle, and logs it, if a library in plain JavaScript gives something else", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => {
        logged.push(String(message))
      })
      // what no program in TypeScript could give
      const given = ["full", null, 1, Promise.resolve("Full")] as Array<unknown> as Array<"Full">
      for (const wrong of given) {
        const { obstacle } = Callback.obstacle({ obstacle: () => wrong })
        assert.isUndefined(
          yield* Effect.provideService(
            obstacle?.(guildId, channelId) ?? Effect.die("none"),
            References.CurrentLoggers,
            new Set([logger])
          )
        )
      }
      assert.strictEqual(logged.length, given.length)
      assert.include(logged[0], "full")
    }))

  it.effect("finds no obstacle, and logs it, if the library throws", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause, logLevel, message }) => {
        logged.push(`${logLevel} ${String(message)} ${String(cause)}`)
      })
      const { obstacle } = Callback.obstacle({
        obstacle: () => {
          throw new Error("no such cache")
        }
      })
      assert.isUndefined(
        yield* Effect.provideService(
          obstacle?.(guildId, channelId) ?? Effect.die("none"),
          References.CurrentLoggers,
          new Set([logger])
        )
      )
      assert.lengthOf(logged, 1)
      assert.match(logged[0] ?? "", /^Warn .*obstacle.*no such cache/s)
    }))
})
