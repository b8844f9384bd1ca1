/**
 * Errors of usage: a description goes to standard error, in a line or two, and with `--json` also to standard output, as an
 * object. Help is printed only on request.
 *
 * @since 0.1.0
 */
import { CliOutput } from "effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/** Whether a program reads the output. The arguments could not be parsed, so this is a guess. */
const isForProgram = (args: ReadonlyArray<string>): boolean => args.includes("--json") || args.includes("--json=true")

/** The parser puts suggestions on separate lines. */
const sentence = (message: string): string =>
  message.replace("Expected: Invalid key=value format. ", "").replace(/\s*Did you mean this\?\s*/, ". Did you mean: ")
    .replace(/\s*\n\s*/g, ", ")

/**
 * The line of standard output that tells a program why the command did not start.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failed = (message: string): string => JSON.stringify({ event: "failed", message })

/**
 * Presents the messages of the command line parser. `args` are the arguments of the process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const presenter = (args: ReadonlyArray<string>): CliOutput.Presenter => ({
  present: Effect.fnUntraced(function*(event) {
    if (event._tag !== "InvalidInvocation") return yield* CliOutput.defaultPresenter.present(event)
    const messages = event.errors.map(({ message }) => sentence(message))
    const command = event.commandPath.join(" ")
    if (isForProgram(args)) yield* Console.log(failed(messages.join(" ")))
    yield* Console.error([...messages, `See ${command} --help.`].join("\n"))
  })
})
