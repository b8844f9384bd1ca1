/**
 * What every listener of the receiving bench has in common: it connects, listens to all speakers, and counts.
 */
import type { FromListener, ListenerArguments, ToListener } from "./messages.ts"

export const arguments_: ListenerArguments = JSON.parse(process.argv[2] ?? "")

const say = (message: FromListener) => process.send?.(message)

export const counts = { frames: 0, died: 0 }

/** How late each tick came, in milliseconds. */
export const lateness: Array<number> = []

/** Runs a listener until the bench is gone. `connect` is done when it listens to all. */
export const run = (connect: () => Promise<void>): void => {
  const fail = (error: unknown) =>
    say({ _tag: "Failed", detail: error instanceof Error ? error.stack ?? error.message : String(error) })
  process.on("uncaughtException", fail)
  process.on("unhandledRejection", fail)
  process.on("disconnect", () => process.exit(0))
  let before = process.cpuUsage()
  process.on("message", (message) => {
    // the bench says what `ToListener` says
    if ((message as ToListener)._tag === "Begin") {
      counts.frames = 0
      counts.died = 0
      lateness.length = 0
      before = process.cpuUsage()
      return say({ _tag: "Begun" })
    }
    const { system, user } = process.cpuUsage(before)
    const sorted = lateness.toSorted((a, b) => a - b)
    const tickMs = sorted[Math.floor(sorted.length * 0.99)] ?? 0
    say({ _tag: "Heard", ...counts, tickMs, cpuMicros: system + user })
  })
  say({ _tag: "Started" })
  connect().then(() => say({ _tag: "Ready" }), fail)
}
