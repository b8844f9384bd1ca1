import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Scheduler } from "effect"
import * as Outbox from "../../src/gateway/Outbox.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

/** A scheduler that counts the steps of its fibers. */
const counting = () => {
  const scheduler = new Scheduler.MixedScheduler()
  let steps = 0
  const counted: Scheduler.Scheduler = {
    executionMode: scheduler.executionMode,
    shouldYield: (fiber) => {
      steps++
      return scheduler.shouldYield(fiber)
    },
    makeDispatcher: () => scheduler.makeDispatcher()
  }
  return { scheduler: counted, steps: () => steps }
}

describe("Outbox", () => {
  for (const how of ["was sent", "was withdrawn", "has failed"] as const) {
    it.effect(`stays idle while nothing waits, after a message that ${how}`, () =>
      Effect.gen(function*() {
        const outbox = Outbox.make(2)
        const sending = yield* Effect.forkChild(Effect.exit(outbox.send("first")), { startImmediately: true })
        const outgoing = yield* outbox.first
        assert.strictEqual(outgoing.text, "first")
        if (how === "was sent") yield* outbox.done(outgoing)
        else if (how === "was withdrawn") yield* Fiber.interrupt(sending)
        else yield* outbox.fail(VoiceError.make(new VoiceError.GatewayFailed({ detail: "gone" })))
        assert.strictEqual(outbox.size(), 0)

        const { scheduler, steps } = counting()
        const waiting = yield* Effect.forkChild(outbox.first, { startImmediately: true }).pipe(
          Effect.provideService(Scheduler.Scheduler, scheduler)
        )
        yield* turns
        assert.isUndefined(waiting.pollUnsafe())
        assert.isBelow(steps(), 100)
        yield* Effect.forkChild(outbox.send("second"), { startImmediately: true })
        assert.strictEqual((yield* Fiber.join(waiting)).text, "second")
      }))
  }

  it.effect("keeps the other messages when one was sent that has been withdrawn meanwhile", () =>
    Effect.gen(function*() {
      const outbox = Outbox.make(2)
      const first = yield* Effect.forkChild(outbox.send("first"), { startImmediately: true })
      yield* Effect.forkChild(outbox.send("second"), { startImmediately: true })
      const outgoing = yield* outbox.first
      yield* Fiber.interrupt(first)
      yield* outbox.done(outgoing)
      assert.strictEqual((yield* outbox.first).text, "second")
    }))
})
