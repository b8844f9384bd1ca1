/**
 * Runs `discordjs-bot.ts`, unchanged and in a separate process, against the emulator. No token needed.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Fiber, Redacted } from "effect"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "lobby" })
  const { token } = yield* discord.user("bot")
  const env = {
    ...process.env,
    DISCORD_TOKEN: Redacted.value(token),
    // discord.js adds the API version itself
    DISCORD_REST: discord.urls.rest.replace("/v10", ""),
    GUILD_ID: yield* discord.guild("guild"),
    CHANNEL_ID: yield* discord.channel("lobby")
  }

  let said = ""
  const running = yield* Effect.callback<number | null>((resume) => {
    const script = fileURLToPath(new URL("discordjs-bot.ts", import.meta.url))
    const child = spawn(process.execPath, [script], { env, stdio: ["inherit", "pipe", "inherit"] })
    child.stdout.on("data", (text) => {
      said += text
      process.stdout.write(text)
    })
    child.on("close", (code) => resume(Effect.succeed(code)))
    return Effect.sync(() => child.kill())
  }).pipe(Effect.forkScoped)
  // discord.js has to begin a new session, which takes the bot out of its channel: it comes back and goes on playing
  const before = yield* guest.awaitFrames(25)
  yield* discord.faults.dropGatewaySession("bot")
  const exitCode = yield* Fiber.join(running)

  const heard = yield* guest.heard
  yield* Effect.log(`The bot exited with ${exitCode}. The guest heard ${heard.length} frames.`)
  assert.equal(exitCode, 0)
  assert.ok(said.includes("Playing for guest"), "it knows who was there before it")
  // what the bot sends before it learns that it was removed reaches nobody
  const after = heard.filter(({ silence, ssrc }) => !silence && ssrc !== before[0]?.ssrc)
  assert.ok(after.length > 0, "it is heard again, on another connection")
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
