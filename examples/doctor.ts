/**
 * Checks everything that voice needs on this machine, and logs what is missing. A bot can do this before it joins
 * anything, so that you learn of a problem before your users do. Does not connect to Discord.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Doctor } from "effect-discord-voice"

const examined = Effect.gen(function*() {
  const report = yield* Doctor.examine()
  if (report.isFit) yield* Effect.logInfo(Doctor.verdict(report.checks))
  else yield* Effect.logError(Doctor.format(report))
})

NodeRuntime.runMain(examined)
