/** A worker thread that contains only a driver, as a program would start it. */
import { Effect } from "effect"
import { BroadcastChannel, parentPort } from "node:worker_threads"
import * as Voice from "../../src/Voice.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"

// a listener on `parentPort` would take messages meant for the driver while it starts
const orders = new BroadcastChannel("orders")
orders.addEventListener("message", () => {
  throw new Error("thrown by the test")
})

if (parentPort !== null) Effect.runFork(VoiceDriver.serve(parentPort).pipe(Effect.provide(Voice.layer)))
