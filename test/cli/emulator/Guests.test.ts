import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import * as Guests from "../../../src/cli/emulator/Guests.ts"
import * as Emulator from "../../../src/emulator/Emulator.ts"

describe("Guests", () => {
  it.effect("are found by name or id, and join only once", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guests = yield* Guests.make()
      assert.isUndefined(yield* guests.get("ann"))
      const { participant } = yield* guests.join({ user: "ann", channel: "lobby" })
      const { userId } = participant
      assert.strictEqual((yield* guests.get(userId))?.participant, participant)
      const again = yield* guests.join({ user: userId, channel: "stage" })
      assert.strictEqual(yield* guests.get("ann"), again)
      const { voiceStates } = yield* discord.snapshot
      assert.deepStrictEqual(voiceStates.map(({ channelId }) => channelId), [yield* discord.channel("stage")])
      yield* discord.createUser({ name: "bob" })
      assert.isFalse(yield* guests.leave("bob"))
      assert.isTrue(yield* guests.leave("ann"))
      assert.isUndefined(yield* guests.get(userId))
      assert.isFalse(yield* guests.leave(userId))
      assert.deepStrictEqual((yield* discord.snapshot).voiceStates, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("stay where they are if they cannot join another channel", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guests = yield* Guests.make()
      yield* discord.createChannel({ name: "full", userLimit: 1 })
      yield* guests.join({ user: "bob", channel: "full" })
      const { participant } = yield* guests.join({ user: "ann", channel: "lobby" })
      const states = Effect.map(discord.snapshot, ({ voiceStates }) => voiceStates)
      const before = yield* states
      for (const channel of ["full", "nowhere"]) yield* Effect.flip(guests.join({ user: "ann", channel }))
      assert.deepStrictEqual(yield* states, before)
      assert.strictEqual((yield* guests.get("ann"))?.participant, participant)
      assert.notStrictEqual(yield* participant.ssrc, 0)
      assert.isTrue(yield* guests.leave("ann"))
      assert.lengthOf(yield* states, 1)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("stop waiting when they are removed", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guests = yield* Guests.make()
      const { hears, participant } = yield* guests.join({ user: "ann", channel: "lobby" })
      const waiting = yield* Effect.forkScoped(hears(participant.userId, 1, 10_000), { startImmediately: true })
      yield* discord.faults.kick("ann")
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("stop waiting when they leave", () =>
    Effect.gen(function*() {
      const guests = yield* Guests.make()
      const { hears, participant } = yield* guests.join({ user: "ann", channel: "lobby" })
      const waiting = yield* Effect.forkScoped(hears(participant.userId, 1, 10_000), { startImmediately: true })
      yield* guests.leave("ann")
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
      assert.isTrue(Option.isNone(yield* hears(participant.userId, 1, 10_000)))
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
