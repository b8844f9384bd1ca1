/**
 * What the worker of `own-worker.ts` runs: a driver of services that are chosen here, for whoever is at the other end of its
 * port.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Voice, VoiceDriver } from "effect-discord-voice"
import { parentPort } from "node:worker_threads"

const program = parentPort === null
  ? Effect.die(new Error("This file is the entry of a worker: run own-worker.ts."))
  : VoiceDriver.serve(parentPort)

NodeRuntime.runMain(program.pipe(Effect.provide(Voice.layer)))
