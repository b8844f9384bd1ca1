/**
 * The other end of `Foreign.ts`: what every script of a foreign client needs. It is plain Node, as the scripts are: they show
 * how a user of the library writes, who knows nothing of Effect.
 */
import type { Told } from "./Foreign.ts"

/** Tells the test something. */
export const tell = (told: Told): void => {
  process.send?.(told)
}

/** Calls `act` with everything that the test tells; what it fails with is told as `Failed`. */
export const onTold = (act: (command: Told) => void | Promise<void>): void => {
  process.on("message", (command) => {
    // the test tells what `Told` says
    Promise.resolve(act(command as Told)).catch(fail)
  })
}

/** Tells an error. */
export const fail = (error: unknown): void => {
  tell({ _tag: "Failed", error: error instanceof Error ? error.stack ?? error.message : String(error) })
}

/** What the test gave the script. Each script knows the shape of its own. */
export const args = <A>(): A => JSON.parse(process.argv[2] ?? "null")

/** Ends with the test: a script must not outlive it. */
process.on("disconnect", () => process.exit(0))
