import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Phase from "../../../src/driver/signalling/Phase.ts"
import * as VoiceError from "../../../src/VoiceError.ts"

const open = Deferred.make<never, VoiceError.VoiceError>()

describe("Phase", () => {
  it.effect("gives a result that comes in time", () =>
    Effect.gen(function*() {
      const slow = Effect.delay(Effect.succeed("here"), "999 millis")
      const running = yield* Effect.forkChild(Phase.within("hello", 1_000, yield* open, slow), {
        startImmediately: true
      })
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* Fiber.join(running), "here")
    }))

  it.effect("fails with the end of the connection that it depends on", () =>
    Effect.gen(function*() {
      const ended = yield* open
      const running = yield* Effect.forkChild(Effect.flip(Phase.within("hello", 1_000, ended, Effect.never)), {
        startImmediately: true
      })
      const error = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))
      yield* Deferred.fail(ended, error)
      assert.strictEqual(yield* Fiber.join(running), error)
    }))

  for (const malformed of ["op 8 has no d", undefined]) {
    it.effect(`fails when its time is up, and reports ${malformed ?? "nothing"} as malformed`, () =>
      Effect.gen(function*() {
        const hello = Phase.within("hello", 1_000, yield* open, Effect.never, () => malformed)
        const running = yield* Effect.forkChild(Effect.flip(hello), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        const { reason } = yield* Fiber.join(running)
        assert(reason._tag === "PhaseTimedOut")
        assert.deepStrictEqual([reason.phase, reason.elapsedMs, reason.malformed], ["hello", 1_000, malformed])
      }))
  }
})
