/**
 * Bundles `bot.ts` and runs the bundle against the emulator. Two things are not part of the file that a bundler writes:
 * `@snazzah/davey`, which is native code and has to be installed where the bundle runs, and the worker threads, which
 * are separate files next to the bundle. Needs the package rolldown, and no token.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Redacted } from "effect"
import { Emulator } from "effect-discord-voice/emulator"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const here = (file: string) => join(import.meta.dirname, file)

const library = (file: string) => fileURLToPath(new URL(file, import.meta.resolve("effect-discord-voice")))

const bundle = async (folder: string): Promise<void> => {
  const build = await rolldown({
    platform: "node",
    external: ["@snazzah/davey"],
    input: {
      bot: here("bot.ts"),
      // without these two, their work is done in the thread of the audio, and a warning is logged;
      // `Voice.layerThread` has a third one
      daveWorker: library("daveWorker.js"),
      mixerWorker: library("mixerWorker.js")
    }
  })
  await build.write({ dir: folder, format: "esm", entryFileNames: "[name].js" })
  await build.close()
}

const program = Effect.gen(function*() {
  // inside this folder, so that the bundle finds node_modules
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(here("bundle-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  yield* Effect.promise(() => bundle(folder))
  copyFileSync(here("song.ogg"), join(folder, "song.ogg"))

  const discord = yield* Emulator.Emulator
  const guest = yield* discord.join({ user: "guest", channel: "secure" })
  const bot = yield* discord.user("bot")
  const env = {
    ...process.env,
    DISCORD_TOKEN: Redacted.value(bot.token),
    DISCORD_GATEWAY: discord.urls.gateway,
    GUILD_ID: yield* discord.guild("guild"),
    CHANNEL_ID: yield* discord.channel("secure")
  }
  const output: Array<string> = []
  const exitCode = yield* Effect.callback<number | null>((resume) => {
    const child = spawn(process.execPath, [join(folder, "bot.js")], { env, stdio: ["ignore", "pipe", "inherit"] })
    child.stdout.on("data", (part) => output.push(String(part)))
    child.on("close", (code) => resume(Effect.succeed(code)))
    return Effect.sync(() => child.kill())
  })

  const heard = yield* guest.heard
  yield* Effect.log(`The bundled bot exited with ${exitCode}. The guest heard ${heard.length} frames.`)
  assert.equal(exitCode, 0)
  assert.ok(heard.length >= 150, "three seconds in frames of 20 ms")
  assert.ok(!output.join("").includes("WARN"), output.join(""))
  assert.deepEqual(yield* discord.violations, [])
}).pipe(Effect.scoped, Effect.provide(Emulator.layer()))

NodeRuntime.runMain(program)
