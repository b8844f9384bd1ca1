/**
 * The worker of `own-worker.ts`: a driver with services that are chosen here, for the program at the other end of the
 * port.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Voice, VoiceDriver } from "effect-discord-voice"
import { parentPort } from "node:worker_threads"

const program = parentPort === null
  ? Effect.die(new Error("This file is the entry point of a worker. Run own-worker.ts instead."))
  : VoiceDriver.serve(parentPort)

NodeRuntime.runMain(program.pipe(Effect.provide(Voice.layer)))
