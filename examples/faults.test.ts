/**
 * Tests a bot with faults: by rule, by chance and by name, and with permissions that change. Run it with Vitest.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { Emulator, FaultSchedule } from "effect-discord-voice/emulator"
import { Time } from "effect-discord-voice/testing"
import { greeter } from "./greeter.ts"

/** Starts the bot, which joins the lobby, where a guest hears it. */
const setup = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const bot = yield* greeter(where).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
  return { bot, discord, guest }
})

const frames = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ data: Uint8Array.of(0xfc, i), samples: 960 }))

describe("faults by rule", () => {
  it.effect("waits for a slow voice server", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      yield* faults.when({ user: "bot", point: "voice-out", op: 4, nth: 1 }, { delayMs: 3_000 })
      const { discord, guest } = yield* setup
      yield* Time.advance("2 seconds")
      assert.lengthOf(yield* guest.heard, 0)
      yield* Time.advance("5 seconds")
      assert.lengthOf(yield* guest.awaitFrames(50), 50)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.live("is heard over loopback although about every third packet is lost", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const network = yield* faults.datagrams("bot", { direction: "in", loss: 0.3, duplicate: 0.1, reorder: 0.1 })
      const { discord, guest } = yield* setup
      yield* guest.awaitFrames(20)
      assert.isAbove(yield* network.hits, 0)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ seed: 3 }))))
})

describe("faults by chance", () => {
  it.effect("survives a bad minute, which can be repeated exactly", () =>
    Effect.gen(function*() {
      const kinds = ["Datagrams", "RekeyVoice", "RequestHeartbeat", "ChangeNat"] as const
      const schedule = FaultSchedule.draw({ seed: 11, users: "bot", meanIntervalMs: 3_000, durationMs: 60_000, kinds })
      const minute = Effect.gen(function*() {
        const { bot, discord } = yield* setup
        const playing = yield* discord.faults.play(schedule)
        yield* Time.advance("2 minutes")
        yield* playing.awaitEnd
        assert.isUndefined(bot.pollUnsafe())
        assert.deepStrictEqual(yield* discord.violations, [])
        return yield* playing.played
      }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory(), { local: true }))
      assert.deepStrictEqual(yield* minute, yield* minute)
    }))
})

describe("faults by name", () => {
  it.effect("gives up when the channel is full", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.faults.fillChannel("stage")
      const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("stage") }
      const bot = yield* greeter(where).pipe(Effect.provide(discord.layerVoice("bot")), Effect.flip, Effect.forkScoped)
      yield* Time.advance("1 minute")
      assert.strictEqual((yield* Fiber.join(bot)).reason._tag, "JoinTimedOut")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("hears nothing after its router has restarted, until the NAT mapping is restored", () =>
    Effect.gen(function*() {
      const { bot, discord, guest } = yield* setup
      yield* Time.advance("10 seconds")
      yield* discord.faults.changeNat("bot")
      const speaking = yield* Effect.forkScoped(guest.speak(frames(10), { trailingSilence: false }))
      yield* Time.advance("1 second")
      yield* Fiber.join(speaking)
      // reports are counted as well as frames
      assert.isAtLeast((yield* discord.counters).get("datagram-to-former-mapping") ?? 0, 10)
      yield* discord.faults.healNat("bot")
      assert.isUndefined(bot.pollUnsafe())
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})

describe("permissions", () => {
  it.effect("lets the bot move somebody only with the permission, and suppresses it where it may not speak", () =>
    Effect.gen(function*() {
      const { discord, guest } = yield* setup
      const mover = `/guilds/${yield* discord.guild("guild")}/members/${guest.userId}`
      const { id, token } = yield* discord.user("bot")
      const move = Effect.gen(function*() {
        const body = JSON.stringify({ channel_id: yield* discord.channel("secure") })
        return (yield* discord.rest({
          method: "PATCH",
          path: mover,
          authorization: `Bot ${Redacted.value(token)}`,
          body
        })).status
      })
      assert.strictEqual(yield* move, 403)

      yield* discord.createRole({ name: "DJ" })
      yield* discord.createRole({ name: "mover", permissions: ["MOVE_MEMBERS"] })
      yield* discord.faults.setRoles("guest", ["DJ"])
      yield* discord.faults.setRoles("bot", ["mover"])
      assert.strictEqual(yield* move, 200)

      yield* Time.advance("100 millis")
      yield* discord.faults.deny("bot", "lobby", { speak: true })
      const { voiceStates } = yield* discord.snapshot
      assert.isTrue(voiceStates.find(({ userId }) => userId === id)?.suppress)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
})
