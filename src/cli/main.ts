/**
 * The commands of the package, on Node: `demo` plays a file through the emulator and measures what a listener hears,
 * `emulator` runs the emulator for other programs.
 *
 * @since 0.1.0
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Command } from "effect/cli"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { demoCommand } from "./demo.ts"
import { emulatorCommand } from "./emulator.ts"

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
 * Runs the command line of this process. Exit codes: 0 when all went well, 1 for a failure or wrong usage, 130 when it was
 * interrupted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (): void =>
  cli.pipe(Command.run({ version: version() }), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
