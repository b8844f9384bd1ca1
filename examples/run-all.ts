/**
 * Runs every example that is a program, one after another, and fails with the first that fails. The examples import the
 * built package: run `npm run build` before.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Parts of others, what others start, and what writes into the repository. */
const parts = new Set([
  "bot.ts",
  "discord.js-bot.ts",
  "discordjs-bot.ts",
  "greeter.ts",
  "make-music.ts",
  "raw-connection.ts",
  "run-all.ts",
  "tone.ts",
  "worker-driver-entry.ts"
])

const timeoutMs = 60_000

const folder = fileURLToPath(new URL(".", import.meta.url))
const programs = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !parts.has(file))
  .toSorted()

const say = (line: string) => process.stdout.write(`${line}\n`)

if (!existsSync(new URL("../dist/index.js", import.meta.url))) {
  say("The examples import the built package. Run `npm run build` first.")
  process.exit(1)
}

for (const [index, program] of programs.entries()) {
  say(`[${index + 1}/${programs.length}] ${program}`)
  const startedAt = performance.now()
  const { signal, status } = spawnSync(process.execPath, [program], {
    cwd: folder,
    stdio: "inherit",
    timeout: timeoutMs
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (status !== 0) {
    say(`${program} failed after ${seconds} s: ${signal === null ? `exit code ${status}` : `ended by ${signal}`}`)
    process.exit(status ?? 1)
  }
  say(`    ok, ${seconds} s`)
}
say(`${programs.length} examples ran`)
