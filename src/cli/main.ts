/**
 * The commands of the package, on Node: `demo` plays a file through the emulator and compares what a listener hears, `emulator`
 * runs the emulator for other programs, `doctor` checks whether everything that voice needs is present, `wire` shows a wire
 * log.
 *
 * @since 0.1.0
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { CliOutput, Command } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Installed from "../doctor/Installed.ts"
import * as Checks from "./Checks.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Usage from "./Usage.ts"

const root = Command.make("effect-discord-voice").pipe(
  Command.withDescription("Discord voice for Effect programs, and an emulator of Discord to run and test them against")
)

/** What the doctor can report if it cannot be loaded itself. */
const tellPackages = (args: ReadonlyArray<string>): void => {
  for (const check of Installed.inventory()) process.stdout.write(`${Checks.text(check, args.includes("--json"))}\n`)
}

/**
 * Builds a command with the requested one as a subcommand. The doctor is loaded alone, so that it runs if something is missing
 * that only the others need.
 */
const load = async (args: ReadonlyArray<string>) => {
  const options = { version: Installed.ownVersion() ?? "unknown" }
  const isForDoctor = args.find((arg) => !arg.startsWith("-")) === "doctor"
  const { doctorCommand } = await import("./doctor.ts").catch((cause: unknown) => {
    if (isForDoctor) tellPackages(args)
    return Promise.reject(cause)
  })
  if (isForDoctor) {
    return Command.run(root.pipe(Command.withSubcommands([doctorCommand])), options)
  }
  const [{ demoCommand }, { emulatorCommand }, { wireCommand }] = await Promise.all([
    import("./demo.ts"),
    import("./emulator.ts"),
    import("./wire.ts")
  ])
  return Command.run(
    root.pipe(Command.withSubcommands([demoCommand, emulatorCommand, doctorCommand, wireCommand])),
    options
  )
}

/**
 * Ends the process when nobody reads its output any more, as the signal SIGPIPE ends other programs, or when it cannot be
 * written, for example to a full disk. Node ignores the signal, and would end with a stack trace.
 */
const endWithReader = (stream: NodeJS.WriteStream): void => {
  stream.on("error", (error) => {
    if ("code" in error && error.code === "EPIPE") process.exit(141)
    if (stream === process.stdout) process.stderr.write(`Standard output cannot be written: ${error.message}\n`)
    process.exit(1)
  })
}

/**
 * Runs the command line of this process. Rejects if what the command needs cannot be loaded. Exit codes: 0 for success; 1 for a
 * failure, wrong usage or output that cannot be written; 130 if it was interrupted (but see the command's own options); 141 if
 * its reader has gone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = async (): Promise<void> => {
  const args = process.argv.slice(2)
  const program = await load(args)
  endWithReader(process.stdout)
  endWithReader(process.stderr)
  const whenInterrupted: ExitCode.WhenInterrupted = { code: undefined }
  program.pipe(
    Effect.provideService(ExitCode.WhenInterrupted, whenInterrupted),
    Effect.provideService(CliOutput.Presenter, Usage.presenter(args)),
    Effect.provide(NodeServices.layer),
    NodeRuntime.runMain({
      teardown: (exit, onExit) => {
        // the other side keeps it open, and an open one keeps the process alive
        process.stdin.destroy()
        ExitCode.teardown(whenInterrupted)(exit, onExit)
      }
    })
  )
}
