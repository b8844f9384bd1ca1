/**
 * The commands of the package, on Node: `demo` plays a file through the emulator and measures what a listener hears,
 * `emulator` runs the emulator for other programs.
 *
 * @since 0.1.0
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { CliOutput, Command } from "effect/cli"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { demoCommand } from "./demo.ts"
import { emulatorCommand } from "./emulator.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Usage from "./Usage.ts"

const cli = Command.make("effect-discord-voice").pipe(
  Command.withDescription("Discord voice for Effect programs, and an emulator of Discord to run and test them against"),
  Command.withSubcommands([demoCommand, emulatorCommand])
)

/** The version stands in package.json alone, two folders up from `src/cli` and from `dist/cli`. */
const version = (): string => {
  const read: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  return typeof read === "object" && read !== null && "version" in read ? String(read.version) : "unknown"
}

/**
 * Ends the process when nobody reads what it writes any more, as the signal SIGPIPE ends other programs. Node ignores the
 * signal, and would end with a stack.
 */
const endWithReader = (stream: NodeJS.WriteStream): void => {
  stream.on("error", (error) => {
    if (!("code" in error) || error.code !== "EPIPE") throw error
    process.exit(141)
  })
}

/**
 * Runs the command line of this process. Exit codes: 0 when all went well, 1 for a failure or wrong usage, 130 when it was
 * interrupted (but see the command's own options), 141 when its reader has gone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (): void => {
  endWithReader(process.stdout)
  endWithReader(process.stderr)
  const whenInterrupted: ExitCode.WhenInterrupted = { code: undefined }
  cli.pipe(
    Command.run({ version: version() }),
    Effect.provideService(ExitCode.WhenInterrupted, whenInterrupted),
    Effect.provideService(CliOutput.Presenter, Usage.presenter(process.argv.slice(2))),
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({
      teardown: (exit, onExit) => {
        // whoever writes there keeps it open, and an open one keeps the process
        process.stdin.destroy()
        ExitCode.teardown(whenInterrupted)(exit, onExit)
      }
    })
  )
}
