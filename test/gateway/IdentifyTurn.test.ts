import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { today } from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as IdentifyTurn from "../../src/gateway/IdentifyTurn.ts"

const nowMs = Clock.currentTimeMillis

/** When each of `shards` shards is up, in milliseconds. */
const begin = Effect.fnUntraced(function*(shards: number) {
  const { layer, token } = yield* Emulator.Emulator.use((discord) =>
    Effect.map(Effect.orDie(discord.user("bot")), ({ token }) => ({
      token: token ?? Redacted.make(""),
      layer: (shard: number) =>
        Gateway.layer({
          token: token ?? Redacted.make(""),
          restUrl: discord.urls.rest,
          shard: [shard, shards],
          fetch: discord.fetch
        }).pipe(Layer.provide(discord.transport))
    }))
  )
  assert.notStrictEqual(Redacted.value(token), "")
  const upMs: Array<number> = []
  for (let shard = 0; shard < shards; shard++) {
    yield* Layer.build(layer(shard)).pipe(
      Effect.flatMap((context) => Effect.provide(Effect.flatMap(Gateway.Gateway, ({ userId }) => userId), context)),
      Effect.andThen(nowMs),
      Effect.map((ms) => upMs.push(ms)),
      Effect.forkScoped({ startImmediately: true })
    )
  }
  return upMs
})

describe("IdentifyTurn", () => {
  it.effect("lets the shards of a bot identify one after another, as Discord requires", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const upMs = yield* begin(8)
      for (let i = 0; i < 90; i++) yield* TestClock.adjust("500 millis")
      assert.lengthOf(upMs, 8)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(
      Effect.scoped,
      Effect.provide(Emulator.layerMemory({ profile: { ...today, identifyIntervalMs: 5_000 } }))
    ))

  it.effect("lets as many shards identify at a time as Discord allows the bot", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const upMs = yield* begin(8)
      for (let i = 0; i < 8; i++) yield* TestClock.adjust("500 millis")
      assert.lengthOf(upMs, 4)
      for (let i = 0; i < 12; i++) yield* TestClock.adjust("500 millis")
      assert.lengthOf(upMs, 8)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Emulator.layerMemory({ profile: { ...today, identifyIntervalMs: 5_000, identifyConcurrency: 4 } })
      )
    ))

  it.effect("lets a bot without shards begin at once, however often", () =>
    Effect.gen(function*() {
      const upMs = [yield* begin(1), yield* begin(1)]
      for (let i = 0; i < 8; i++) yield* TestClock.adjust("500 millis")
      assert.lengthOf(upMs.flat(), 2)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("gives back the turn of a shard that gives up before it", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const take = IdentifyTurn.take(clock, Redacted.make("restarting"), 0)
      yield* take
      for (let i = 0; i < 10; i++) {
        const impatient = yield* Effect.forkChild(take, { startImmediately: true })
        yield* TestClock.adjust("100 millis")
        yield* Fiber.interrupt(impatient)
      }
      const patient = yield* Effect.forkChild(Effect.andThen(take, nowMs), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(patient), 5_500)
    }))

  it.effect("keeps the turns of others when somebody leaves the middle of the line", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const take = IdentifyTurn.take(clock, Redacted.make("leaving"), 0)
      const wait = Effect.forkChild(Effect.andThen(take, nowMs), { startImmediately: true })
      yield* take
      const leaving = yield* wait
      const second = yield* wait
      yield* Fiber.interrupt(leaving)
      const third = yield* wait
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([yield* Fiber.join(second), yield* Fiber.join(third)], [11_000, 16_500])
    }))

  it.effect("has a line for each bot, which is over when nobody stands in it", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const turns: Array<string> = []
      const take = (name: string) =>
        IdentifyTurn.take(clock, Redacted.make(name), 0).pipe(
          Effect.andThen(nowMs),
          Effect.map((ms) => turns.push(`${name} ${ms}`)),
          Effect.forkScoped({ startImmediately: true })
        )
      for (const name of ["one", "one", "two", "one"]) yield* take(name)
      for (let i = 0; i < 40; i++) yield* TestClock.adjust("500 millis")
      assert.sameMembers(turns, ["one 0", "two 0", "one 5500", "one 11000"])
      yield* take("one")
      yield* TestClock.adjust("1 millis")
      assert.include(turns, "one 20000")
    }).pipe(Effect.scoped))
})
