/**
 * Tests a bot over real sockets on loopback, with a guest who reports what it heard. Run it with Vitest.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Emulator } from "effect-discord-voice/emulator"
import { greeter } from "./greeter.ts"

it.live("greets over loopback", () =>
  Effect.gen(function*() {
    const discord = yield* Emulator.Emulator
    const where = { guildId: yield* discord.guild("guild"), channelId: yield* discord.channel("lobby") }
    const guest = yield* discord.join({ user: "guest", channel: "lobby" })

    const bot = yield* greeter(where).pipe(Effect.provide(discord.layerVoice("bot")), Effect.forkScoped)
    // a bot that has failed is never heard: let the test fail as the bot did
    const heard = yield* Effect.raceFirst(guest.awaitFrames(50), Effect.andThen(Fiber.join(bot), Effect.never))
    yield* Fiber.interrupt(bot)

    const { id } = yield* discord.user("bot")
    assert.isTrue(heard.every(({ userId }) => userId === id))
    assert.deepStrictEqual(yield* discord.violations, [])
  }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))
