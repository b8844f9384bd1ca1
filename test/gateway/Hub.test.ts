import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Hub from "../../src/gateway/Hub.ts"
import { GuildId, UserId } from "../../src/protocol/Identifier.ts"

const guildId = GuildId.make("10")

describe("Hub", () => {
  it.effect("takes us for whom it was told of first", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      assert.isUndefined(hub.self())
      for (const id of ["1", "2"]) yield* hub.learn(UserId.make(id))
      assert.strictEqual(hub.self(), "1")
      assert.strictEqual(yield* hub.userId, "1")
    }))

  it.effect("holds 4,096 events for a subscriber that does not read, and loses the oldest beyond that", () =>
    Effect.gen(function*() {
      const hub = yield* Hub.make
      const events = yield* hub.subscribe
      for (let i = 0; i < 4_100; i++) {
        yield* hub.publish({ _tag: "VoiceServer", server: { guild_id: guildId, token: `${i}`, endpoint: null } })
      }
      const held = yield* events.pipe(Stream.take(4_096), Stream.runCollect)
      const tokens = held.map((event) => event._tag === "VoiceServer" ? event.server.token : "")
      assert.deepStrictEqual([tokens[0], tokens.at(-1)], ["4", "4099"])
    }))
})
