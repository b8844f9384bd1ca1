/**
 * Runs every example that is a program, three at a time, and fails if one of them fails. The examples import the built
 * package, so run `npm run build` first.
 *
 *     node examples/run-all.ts                  on this Node
 *     node examples/run-all.ts bun@1.4.5        on this version of Bun
 *     node examples/run-all.ts deno@2.9.6       on this version of Deno
 */
import { spawn } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** Parts of other examples, programs that other examples start, and one that writes into the repository. */
const parts = new Set([
  "bot.ts",
  "discord.js-bot.ts",
  "discordjs-bot.ts",
  "discordjs-gateway.ts",
  "discordjs-music-bot.ts",
  "greeter.ts",
  "make-music.ts",
  "music-bot.ts",
  "own-worker-entry.ts",
  "raw-connection.ts",
  "run-all.ts",
  "tone.ts"
])

/** Examples for Node's test runner, which other runtimes do not have. */
const ofNode = new Set(["discord.js-bot-test.ts"])

const timeoutMs = 120_000

/** The command that starts a program in each runtime. */
const starts: { readonly [runtime: string]: ReadonlyArray<string> } = {
  // Bun would take `paths` of tsconfig.json for the package, and run its source; any JSON file without them will do
  bun: ["bun", "run", "--tsconfig-override=../package.json"],
  deno: ["deno", "run", "--allow-all", "--no-lock"]
}

const usage = `Usage: node examples/run-all.ts [RUNTIME@VERSION]

Runs every example that is a program, three at a time, and exits with 1 if one of them fails.
The examples import the built package, so run "npm run build" first.

  bun@VERSION    on this version of Bun, such as bun@1.4.5
  deno@VERSION   on this version of Deno, such as deno@2.9.6
  (nothing)      on this Node
  --help, -h     print this text
`

const [packageOf] = process.argv.slice(2)
if (packageOf === "--help" || packageOf === "-h") {
  process.stdout.write(usage)
  process.exit(0)
}
const start = packageOf === undefined ? [] : starts[packageOf.split("@")[0] ?? ""]
if (start === undefined) {
  process.stderr.write(
    `Unknown runtime: ${packageOf}. Give ${
      Object.keys(starts).join("@VERSION or ")
    }@VERSION, or nothing for this Node. See --help.\n`
  )
  process.exit(2)
}

/** The command, and its arguments before the name of the program. */
const [command = "", ...before] = packageOf === undefined
  ? [process.execPath]
  : ["npx", "--yes", "--package", packageOf, "--", ...start]

const atOnce = 3

const folder = fileURLToPath(new URL(".", import.meta.url))
const programs = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !parts.has(file))
  .filter((file) => packageOf === undefined || !ofNode.has(file))
  .toSorted()

const say = (line: string) => process.stdout.write(`${line}\n`)

if (!existsSync(new URL("../dist/lib/index.js", import.meta.url))) {
  say("The examples import the built package. Run `npm run build` first.")
  process.exit(1)
}

interface Run {
  readonly output: string
  /** What went wrong, if anything. */
  readonly failure: string | undefined
  readonly seconds: string
}

const run = (program: string): Promise<Run> =>
  new Promise((resolve) => {
    const startedAt = performance.now()
    const child = spawn(command, [...before, `./${program}`], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
      })
    }
    const end = (failure: string | undefined) =>
      resolve({ output, failure, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) })
    child.on("error", ({ message }) => end(message))
    child.on("close", (code, signal) =>
      end(code === 0 ? undefined : signal === null ? `exit code ${code}` : `ended by ${signal}`))
  })

const waiting = [...programs]
const failed: Array<string> = []
let done = 0

const work = async (): Promise<void> => {
  for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
    const { failure, output, seconds } = await run(program)
    say(`[${++done}/${programs.length}] ${program}`)
    process.stdout.write(output)
    say(failure === undefined ? `    ok, ${seconds} s` : `${program} failed after ${seconds} s: ${failure}`)
    if (failure !== undefined) failed.push(program)
  }
}

await Promise.all(Array.from({ length: atOnce }, work))
if (failed.length > 0) {
  say(`${failed.length} of ${programs.length} examples failed: ${failed.join(", ")}`)
  process.exit(1)
}
say(`All ${programs.length} examples passed`)
