#!/usr/bin/env node
/**
 * The command line. `effect` and `@effect/platform-node` are peers of the library, the latter an optional one. Both are needed
 * here: without them, one sentence says what to install.
 *
 * @since 0.1.0
 */
const peers = /'(?:effect|@effect\/platform-node)'/

const isDoctor = process.argv.slice(2).find((arg) => !arg.startsWith("-")) === "doctor"

/** The doctor has already said what is missing. */
const more = isDoctor ? "" : "; \"effect-discord-voice doctor\" says what is missing"

/** The same as `engines` in package.json. Older versions round Discord ids that a client sends as numbers. */
const leastNode = "22.19.0"

/** The doctor reports this itself. */
const isTooOld = !isDoctor && process.versions.node.localeCompare(leastNode, "en", { numeric: true }) < 0

/** In a sentence or two: the stack of a failed import does not say what to install. */
const explain = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  const isMissing = cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"
  return isMissing && peers.test(text)
    ? "The command line of effect-discord-voice needs effect and @effect/platform-node: npm install effect @effect/platform-node"
    : `effect-discord-voice cannot be loaded: ${
      text.replace(/\.$/, "")
    }. Reinstall it where it runs (npm ci, without --omit=optional)${more}.`
}

const fail = (message: string): void => {
  // the format of Usage.failed, which requires effect
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify({ event: "failed", message })}\n`)
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

if (isTooOld) fail(`effect-discord-voice needs Node ${leastNode} or later, and this is ${process.versions.node}.`)
else {
  try {
    const { run } = await import("./main.ts")
    await run()
  } catch (cause) {
    fail(explain(cause))
  }
}
