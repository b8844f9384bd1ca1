#!/usr/bin/env node
/**
 * The command line. `effect` and `@effect/platform-node` are peers of the library, the latter an optional one, and both are
 * needed here: without them, one sentence says what to install.
 *
 * @since 0.1.0
 */
const missing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"
  && /'(?:effect|@effect\/platform-node)'/.test(cause.message)

try {
  const { run } = await import("./main.ts")
  run()
} catch (cause) {
  if (!missing(cause)) throw cause
  const message =
    "The command line of effect-discord-voice needs effect and @effect/platform-node: npm install effect @effect/platform-node"
  // as Usage.failed writes it, which needs effect
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ event: "failed", message })}\n`)
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}
