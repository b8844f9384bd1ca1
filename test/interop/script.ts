/**
 * The other end of `Foreign.ts`: what every script of a foreign client needs. It is plain Node, as are the scripts:
 * they show code as a user of the library writes it, who does not know Effect.
 */
import type { Told } from "./Foreign.ts"

/** Reports something to the test. */
export const tell = (told: Told): void => {
  process.send?.(told)
}

/** Calls `act` with each command of the test. A failure is reported as `Failed`. */
export const onTold = (act: (command: Told) => void | Promise<void>): void => {
  process.on("message", (command) => {
    // the test sends `Told`
    Promise.resolve(act(command as Told)).catch(fail)
  })
}

/** Reports an error. */
export const fail = (error: unknown): void => {
  tell({ _tag: "Failed", error: error instanceof Error ? error.stack ?? error.message : String(error) })
}

/** The arguments that the test passed. Each script knows the shape of its own. */
export const args = <A>(): A => JSON.parse(process.argv[2] ?? "null")

/** Ends with the test: a script must not outlive it. */
process.on("disconnect", () => process.exit(0))
