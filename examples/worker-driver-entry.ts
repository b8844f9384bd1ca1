/**
 * What the worker of `worker-driver.ts` runs: the driver, for whoever is at the other end of its port.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Voice, VoiceDriver } from "effect-discord-voice"
import { parentPort } from "node:worker_threads"

const program = parentPort === null
  ? Effect.die(new Error("This file is the entry of a worker: run worker-driver.ts."))
  : VoiceDriver.serve(parentPort)

NodeRuntime.runMain(program.pipe(Effect.provide(Voice.layer)))
