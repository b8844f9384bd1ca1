/**
 * What a bot can do before it joins anything: say in its log what voice lacks on this machine, before its users do.
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
