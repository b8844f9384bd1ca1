/** A bot that a bundler has made into one file, in its own process. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, identity, Redacted } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { rolldown } from "rolldown"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Foreign from "../interop/Foreign.ts"
import type { Place } from "./process/bot.ts"
import * as Rig from "./rig.ts"

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const bot = { bot: file("bundle/bot.ts") }
const workers = {
  driverWorker: file("../../src/driver/driverWorker.ts"),
  daveWorker: file("../../src/dave/daveWorker.ts"),
  mixerWorker: file("../../src/mixer/mixerWorker.ts")
}

/** A folder where nothing is installed. */
const bare = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bundle-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** The folder of a bundle: what the bundle leaves out is installed next to it. */
const place = Effect.gen(function*() {
  const folder = yield* bare
  symlinkSync(file("../../node_modules"), join(folder, "node_modules"), "dir")
  return folder
})

/** Bundles the bot, and returns its path. */
const bundled = Effect.fnUntraced(function*(input: { readonly [name: string]: string }, format: "esm" | "cjs") {
  const folder = yield* place
  const extension = format === "esm" ? "mjs" : "cjs"
  yield* Effect.promise(async () => {
    await using bundle = await rolldown({
      input,
      platform: "node",
      external: ["@snazzah/davey", "ws"],
      logLevel: "silent"
    })
    await bundle.write({
      dir: folder,
      format,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `[name].${extension}`,
      codeSplitting: Object.keys(input).length > 1
    })
  })
  return join(folder, `bot.${extension}`)
})

/**
 * The esbuild command in docs/deployment.md: as it stands, or with its last two lines replaced by the alternative below
 * them.
 */
const recipe = (format: "esm" | "cjs"): string => {
  const [, block = ""] = /```sh\n(lib=.*?)```/s.exec(readFileSync(file("../../docs/deployment.md"), "utf8")) ?? []
  const [esm = "", cjs = ""] = block.split(/# for CommonJS, .*\n/)
  return format === "esm" ? esm : [...esm.trimEnd().split("\n").slice(0, -2), cjs].join("\n")
}

/** What the page says for a bundle that includes the engine. */
const withEngine = (command: string): string =>
  command
    .replace("--external:@snazzah/davey", "--loader:.node=copy")
    .replace("requireFor(import.meta.url);", "$& const __filename = import.meta.filename;")

/** Runs that command as if the optional packages were not installed, and returns the path of the bot. */
const bundledByEsbuild = Effect.fnUntraced(function*(
  format: "esm" | "cjs",
  folder: string,
  change: (command: string) => string = identity
) {
  const command = change(recipe(format))
    .replace(/^lib=.*$/m, `lib=${file("../../src")}`)
    .replaceAll(/(\w+)Worker\.js/g, "$1/$1Worker.ts")
    // the whole package, whatever the bot uses of it
    .replace(
      "esbuild bot.ts",
      () => `${file("../../node_modules/.bin/esbuild")} ${bot.bot} ${file("../../src/index.ts")}`
    )
  const absent = ["@audio/decode-aac", "@echogarden/fvad-wasm"].map((name) => `--alias:${name}=not-installed`)
  const { status, stderr } = spawnSync("sh", ["-c", `${command.trimEnd()} ${absent.join(" ")}`], {
    cwd: folder,
    encoding: "utf8"
  })
  assert.strictEqual(status, 0, stderr)
  if (format === "esm") writeFileSync(join(folder, "out", "package.json"), JSON.stringify({ type: "module" }))
  return join(folder, "out", `bot.${format === "esm" ? "js" : "cjs"}`)
})

/**
 * The bot is heard in a channel that requires encryption, and hears. Returns what it printed and how many threads it
 * started.
 */
const visit = Effect.fnUntraced(function*(path: string, driver: boolean) {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  const where: Place & { readonly driver: boolean } = {
    driver,
    url: discord.urls.gateway,
    token: Redacted.value(token),
    guildId: yield* discord.guild("guild"),
    channelId: yield* discord.channel("secure")
  }
  const guest = yield* Rig.guest("secure")
  const child = yield* Foreign.start(pathToFileURL(path).href, { args: where })
  yield* child.untilTag("Playing")
  yield* guest.awaitFrames(50)
  yield* Effect.forkChild(guest.speak(Rig.frames(200)))
  yield* child.untilTag("Heard")
  const voices = (yield* guest.heard).filter(({ silence }) => !silence)
  assert.isTrue(voices.every(({ encrypted }) => encrypted))
  yield* child.signal("SIGTERM")
  assert.strictEqual(yield* child.ended, 130)
  assert.deepStrictEqual(yield* discord.violations, [])
  return { output: child.output(), threads: child.told().filter(({ _tag }) => _tag === "Runs").length }
}, Effect.scoped)

/** Twice the time limit of a test, in milliseconds. */
const twoVisitsMs = 240_000

describe("a bundled bot", () => {
  for (const format of ["esm", "cjs"] as const) {
    it.live(
      `runs without threads if the worker files are missing, and warns once for each of them (${format})`,
      () =>
        Effect.gen(function*() {
          const path = yield* bundled(bot, format)
          for (const driver of [false, true]) {
            const { output, threads } = yield* visit(path, driver)
            assert.strictEqual(threads, 0)
            const names = Object.keys(workers).filter((name) => driver || name !== "driverWorker")
            const warnings = output.split("\n").filter((line) => line.includes("WARN"))
            assert.lengthOf(warnings, names.length, output)
            for (const name of names) {
              assert.isTrue(
                warnings.some((line) => line.includes(`${name}.`) && line.includes("docs/deployment.md")),
                output
              )
            }
          }
        }).pipe(Effect.scoped, Effect.provide(Rig.floor())),
      twoVisitsMs
    )

    it.live(`uses threads if the worker files are next to it (${format})`, () =>
      Effect.gen(function*() {
        const path = yield* bundled({ ...bot, ...workers }, format)
        for (const driver of [false, true]) {
          const { output, threads } = yield* visit(path, driver)
          // if the driver runs in a thread, so do the groups, in the same one
          assert.strictEqual(threads, 2)
          assert.notInclude(output, "WARN")
        }
      }).pipe(Effect.scoped, Effect.provide(Rig.floor())), twoVisitsMs)

    it.live(`can be built with the documented esbuild command, without the optional packages (${format})`, () =>
      Effect.gen(function*() {
        const { output, threads } = yield* visit(yield* bundledByEsbuild(format, yield* place), true)
        assert.strictEqual(threads, 2)
        assert.notInclude(output, "WARN")
      }).pipe(Effect.scoped, Effect.provide(Rig.floor())))

    it.live(`takes the engine of end-to-end encryption along, as documented, so that nothing is installed (${format})`, () =>
      Effect.gen(function*() {
        const path = yield* bundledByEsbuild(format, yield* bare, withEngine)
        const { output, threads } = yield* visit(path, false)
        assert.strictEqual(threads, 2)
        assert.notInclude(output, "WARN")
      }).pipe(Effect.scoped, Effect.provide(Rig.floor())))
  }
})
