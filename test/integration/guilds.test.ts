import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "./rig.ts"

/** A bot in a stage of each of two guilds, and what happens to each session. */
const inTwo = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  yield* discord.createGuild({ name: "second" })
  yield* discord.createChannel({ guild: "second", name: "second stage", kind: "stage" })
  const told = { first: Array<string>(), second: Array<string>() }
  const join = Effect.fnUntraced(function*(guild: string, channel: string, log: Array<string>) {
    const session = yield* VoiceSession.join({
      guildId: yield* discord.guild(guild),
      channelId: yield* discord.channel(channel)
    })
    const events = yield* session.events
    yield* events.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          if (event._tag === "Restricted") log.push(JSON.stringify(event.restrictions))
          if (event._tag === "Resumed") log.push("Resumed")
        })
      ),
      Effect.forkScoped
    )
    yield* Effect.forkScoped(
      Effect.catch(session.awaitClosed, ({ reason }) => Effect.sync(() => log.push(reason._tag)))
    )
    return session
  })
  yield* join("guild", "stage", told.first)
  const second = yield* join("second", "second stage", told.second)
  return { faults: discord.faults, told, second, guildId: yield* discord.guild("second") }
})

describe("a bot in two guilds", () => {
  it.effect("is affected only in the guild where something happens", () =>
    Rig.run(Effect.gen(function*() {
      const { faults, told } = yield* inTwo
      yield* faults.suppressUser("bot", false, { guild: "second" })
      yield* faults.muteUser("bot", { mute: true, guild: "second" })
      yield* Effect.sleep("1 second")
      yield* faults.terminateVoice("bot", { guild: "second" })
      yield* Effect.sleep("5 seconds")
      yield* faults.closeVoice("bot", 4015, "crashed", { guild: "second" })
      yield* Effect.sleep("5 seconds")
      yield* faults.kick("bot", { guild: "second" })
      yield* Effect.sleep("5 seconds")
      const heard = { serverMute: false, serverDeaf: false, suppress: false }
      assert.deepStrictEqual(told, {
        first: [],
        second: [
          JSON.stringify(heard),
          JSON.stringify({ ...heard, serverMute: true }),
          "Resumed",
          "Resumed",
          "Kicked"
        ]
      })
      const error = yield* Effect.flip(faults.kick("bot", { guild: "second" }))
      assert.strictEqual(error.reason._tag, "NothingToDo")
      assert.strictEqual((yield* Effect.flip(faults.kick("bot", { guild: "third" }))).reason._tag, "UnknownName")
      yield* faults.kick("bot")
      yield* Effect.sleep("5 seconds")
      assert.deepStrictEqual(told.first, ["Kicked"])
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("knows that it was removed from one guild, and can join again after it is added back", () =>
    Rig.run(Effect.gen(function*() {
      const { faults, told } = yield* inTwo
      yield* faults.removeFromGuild("bot", { guild: "second" })
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(told, { first: [], second: ["RemovedFromGuild"] })
      const again = yield* Effect.flip(faults.removeFromGuild("bot", { guild: "second" }))
      assert.strictEqual(again.reason._tag, "NothingToDo")
      const discord = yield* Emulator.Emulator
      const join = VoiceSession.join({
        guildId: yield* discord.guild("second"),
        channelId: yield* discord.channel("second stage")
      })
      assert.strictEqual((yield* Rig.reasonOf(join))._tag, "NotAdmitted")
      yield* faults.addToGuild("bot", { guild: "second" })
      const session = yield* join
      assert.strictEqual((yield* session.state)._tag, "Ready")
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  it.effect("stays in voice through an outage, and receives events again when it is over", () =>
    Rig.run(Effect.gen(function*() {
      const { faults, told } = yield* inTwo
      yield* Effect.scoped(Effect.gen(function*() {
        yield* faults.guildOutage("second")
        assert.strictEqual((yield* Effect.flip(faults.guildOutage("second"))).reason._tag, "NothingToDo")
        yield* Effect.sleep("20 seconds")
        yield* faults.terminateVoice("bot", { guild: "second" })
        yield* Effect.sleep("5 seconds")
      }))
      yield* faults.muteUser("bot", { mute: true, guild: "second" })
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(told.first, [])
      assert.strictEqual(told.second[0], "Resumed")
      assert.lengthOf(told.second, 2)
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))

  describe("recovers from an outage in which its voice server was moved, which is never announced", () => {
    for (const forMs of [3_000, 40_000, 150_000]) {
      for (const nullEndpointFirst of [false, true]) {
        it.effect(`of ${forMs} ms, ${nullEndpointFirst ? "after the server was taken away" : "at once"}`, () =>
          Rig.run(Effect.gen(function*() {
            const { faults, second, told } = yield* inTwo
            yield* Effect.scoped(Effect.gen(function*() {
              if (nullEndpointFirst) {
                yield* faults.moveServer("second stage", { nullEndpointFirst, delayMs: 2_000 })
                yield* Effect.sleep("1 second")
              }
              yield* faults.guildOutage("second")
              yield* Effect.sleep("1 second")
              if (!nullEndpointFirst) yield* faults.moveServer("second stage")
              yield* Effect.sleep(forMs)
              assert.notStrictEqual((yield* second.state)._tag, "Closed")
            }))
            yield* Effect.sleep("10 seconds")
            assert.strictEqual((yield* second.state)._tag, "Ready")
            assert.deepStrictEqual(told, { first: [], second: [] })
            yield* Rig.blameless
          })).pipe(Effect.provide(Rig.memory())))
      }
    }
  })

  for (const forMs of [1_000, 9_000]) {
    it.effect(`follows a moderator's move during an outage that lasts ${forMs} ms more`, () =>
      Rig.run(Effect.gen(function*() {
        const { faults, second, told } = yield* inTwo
        const discord = yield* Emulator.Emulator
        const elsewhere = yield* discord.createChannel({ name: "elsewhere", guild: "second", kind: "stage" })
        yield* Effect.scoped(Effect.gen(function*() {
          yield* faults.guildOutage("second")
          yield* Effect.sleep("1 second")
          yield* faults.moveUser("bot", "elsewhere")
          yield* Effect.sleep(forMs)
        }))
        yield* Effect.sleep("20 seconds")
        const state = yield* second.state
        assert.deepInclude(state, { _tag: "Ready", channelId: elsewhere })
        assert.deepStrictEqual(told, { first: [], second: [] })
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory())))
  }

  for (const forMs of [1_000, 9_000, 40_000]) {
    it.effect(`comes back after an outage in which it was removed ${forMs} ms before the end, since nobody says who did it`, () =>
      Rig.run(Effect.gen(function*() {
        const { faults, second, told } = yield* inTwo
        yield* Effect.scoped(Effect.gen(function*() {
          yield* faults.guildOutage("second")
          yield* Effect.sleep("1 second")
          yield* faults.kick("bot", { guild: "second" })
          yield* Effect.sleep(forMs)
          assert.notStrictEqual((yield* second.state)._tag, "Closed")
        }))
        yield* Effect.sleep("20 seconds")
        assert.strictEqual((yield* second.state)._tag, "Ready")
        assert.deepStrictEqual(told, { first: [], second: [] })
        yield* Rig.blameless
      })).pipe(Effect.provide(Rig.memory())))
  }

  for (const comesAgain of [false, true]) {
    it.effect(
      `${comesAgain ? "is still there" : "has left"} after an outage in which it wanted to leave${
        comesAgain ? ", and came again" : ""
      }`,
      () =>
        Rig.run(Effect.gen(function*() {
          const discord = yield* Emulator.Emulator
          const there = Effect.map(discord.snapshot, ({ voiceStates }) => voiceStates.length)
          const scope = yield* Scope.make()
          const outage = yield* Scope.make()
          yield* Scope.provide(Rig.join("lobby"), scope)
          yield* Effect.orDie(Scope.provide(discord.faults.guildOutage(), outage))
          yield* Effect.sleep("1 second")
          yield* Scope.close(scope, Exit.void)
          yield* Effect.sleep("5 seconds")
          assert.strictEqual(yield* there, 1)
          const again = comesAgain ? yield* Effect.forkScoped(Rig.join("lobby"), { startImmediately: true }) : undefined
          yield* Effect.sleep("5 seconds")
          yield* Scope.close(outage, Exit.void)
          yield* Effect.sleep("10 seconds")
          assert.strictEqual(yield* there, comesAgain ? 1 : 0)
          if (again !== undefined) {
            const session = yield* Fiber.join(again)
            assert.strictEqual((yield* session.state)._tag, "Ready")
          }
          yield* Rig.blameless
        })).pipe(Effect.provide(Rig.memory()))
    )
  }

  it.effect("sends a self-mute that was set during an outage when the outage is over", () =>
    Rig.run(Effect.gen(function*() {
      const { faults, guildId, second } = yield* inTwo
      const discord = yield* Emulator.Emulator
      yield* Effect.scoped(Effect.gen(function*() {
        yield* faults.guildOutage("second")
        yield* second.setSelf({ mute: true })
        yield* Effect.sleep("1 second")
      }))
      yield* Effect.sleep("1 second")
      const { voiceStates } = yield* discord.snapshot
      assert.deepStrictEqual(
        voiceStates.flatMap((state) =>
          state.userId === second.userId && state.guildId === guildId ? [state.selfMute] : []
        ),
        [true]
      )
      yield* Rig.blameless
    })).pipe(Effect.provide(Rig.memory())))
})
