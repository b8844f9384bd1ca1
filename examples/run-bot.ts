/**
 * Runs `bot.ts`, unchanged and in a separate process, against the emulator. You can run your own bot like this, in any
 * language. No token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Redacted } from "effect"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const bot = yield* discord.user("bot")
  const env = {
    ...process.env,
    DISCORD_TOKEN: Redacted.value(bot.token),
    DISCORD_GATEWAY: discord.urls.gateway,
    DISCORD_REST: discord.urls.rest,
    GUILD_ID: yield* discord.guild("guild"),
    CHANNEL_ID: yield* discord.channel("lobby")
  }

  const exitCode = yield* Effect.callback<number | null>((resume) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL("bot.ts", import.meta.url))], {
      env,
      stdio: "inherit"
    })
    child.on("exit", (code) => resume(Effect.succeed(code)))
    return Effect.sync(() => child.kill())
  })

  const heard = yield* guest.heard
  yield* Effect.log(`The bot exited with ${exitCode}. The guest heard ${heard.length} frames.`)
  assert.equal(exitCode, 0)
  assert.ok(heard.length >= 150, "three seconds in frames of 20 ms")
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
