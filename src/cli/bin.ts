#!/usr/bin/env node
/**
 * The command line. `@effect/platform-node` is an optional peer of the library, and needed here: without it, one sentence
 * says what to install.
 *
 * @since 0.1.0
 */
const missing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"
  && cause.message.includes("@effect/platform-node")

try {
  const { run } = await import("./main.ts")
  run()
} catch (cause) {
  if (!missing(cause)) throw cause
  process.stderr.write(
    "The command line of effect-discord-voice needs @effect/platform-node: npm install @effect/platform-node\n"
  )
  process.exitCode = 1
}
