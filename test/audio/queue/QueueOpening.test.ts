import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as QueueOpening from "../../../src/audio/queue/QueueOpening.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as FakeConnection from "../FakeConnection.ts"
import { sourceOf } from "../numbers.ts"

const item = { id: 1, name: "numbers", source: sourceOf(100), gain: 1 }

describe("QueueOpening", () => {
  it.effect("stops the track if the opening is left, even at the moment when it succeeds", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      for (const when of ["before", "at that moment"] as const) {
        const track = yield* fake.play(item.source)
        const opening: QueueOpening.Opening<never, unknown> = QueueOpening.make<never, unknown>({
          play: () =>
            when === "before" ? Effect.onInterrupt(Effect.never, () => track.stop) : Effect.sync(() => {
              opening.leave()
              return track
            }),
          onFailure: () => assert.fail("nothing fails")
        })
        const opened = yield* Effect.forkChild(opening.open(item, undefined), { startImmediately: true })
        if (when === "before") {
          assert.strictEqual(opening.item(), item)
          opening.leave()
        }
        assert.strictEqual(yield* Fiber.join(opened), "left")
        assert.isUndefined(opening.item())
        assert.deepStrictEqual(yield* track.state, { _tag: "Ended", end: { _tag: "Stopped" } })
      }
    }))

  it.effect("reports a failure to play", () =>
    Effect.gen(function*() {
      const error = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))
      const told: Array<unknown> = []
      const opening = QueueOpening.make<never, unknown>({
        play: () => Effect.fail(error),
        onFailure: (...failure) => told.push(failure)
      })
      assert.isUndefined(yield* opening.open(item, undefined))
      assert.deepStrictEqual(told, [[item, error]])
      assert.isUndefined(opening.item())
    }))
})
