import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type * as Tap from "../../src/driver/media/Tap.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"
import * as Conduit from "../../src/session/Conduit.ts"
import * as Sent from "../../src/session/Sent.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const over = VoiceError.make(new VoiceError.NotConnected({ operation: "The test" }))

const filled = (...numbers: ReadonlyArray<number>) => {
  const ring = FrameRing.make()
  for (const number of numbers) ring.write(Uint8Array.of(0xfc, number), 960)
  return ring
}

const into = new Uint8Array(FrameRing.maxFrameBytes)
const take = (ring: FrameRing.FrameRing) => Effect.andThen(Effect.sync(() => ring.read(into, 0)), TestClock.adjust(20))

describe("Sent", () => {
  it.effect("reports each frame taken from a conduit's rings from now on once, and ends with the conduit", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const sent: Array<number | undefined> = []
      const [ring, next] = [filled(0, 1, 2, 3, 4, 5), filled(10, 11, 12)]
      const first = yield* conduit.attach(ring)
      yield* take(ring)
      const listening = yield* Effect.forkScoped(
        Stream.runForEach(conduit.sent, ({ data }) => Effect.sync(() => sent.push(data[1]))),
        { startImmediately: true }
      )
      yield* take(ring)
      // detached, and attached again
      yield* conduit.detach(first)
      yield* take(ring)
      yield* conduit.attach(ring)
      yield* take(ring)
      assert.deepStrictEqual(sent, [1, 3])
      yield* conduit.setMuted(true)
      yield* take(ring)
      yield* conduit.setMuted(false)
      const second = yield* conduit.attach(next, { after: "drained" })
      yield* take(ring)
      yield* take(next)
      assert.deepStrictEqual(sent, [1, 3, 5, 10])
      yield* conduit.detach(second)
      yield* take(next)
      yield* conduit.end(over, true)
      yield* TestClock.adjust(20)
      assert.isDefined(listening.pollUnsafe())
      yield* Fiber.join(listening)
      assert.deepStrictEqual(sent, [1, 3, 5, 10])
    }))

  it.effect("reports nothing while muted, even if that began before anybody listened", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      const ring = filled(0, 1, 2)
      yield* conduit.attach(ring)
      yield* conduit.setMuted(true)
      const sent: Array<number | undefined> = []
      yield* Effect.forkScoped(
        Stream.runForEach(conduit.sent, ({ data }) => Effect.sync(() => sent.push(data[1]))),
        { startImmediately: true }
      )
      yield* take(ring)
      yield* conduit.setMuted(false)
      yield* take(ring)
      assert.deepStrictEqual(sent, [1])
    }))

  it.effect("removes its tap", () =>
    Effect.gen(function*() {
      const taps = new Set<Tap.Tap>()
      const begun: Array<Tap.Tap> = []
      const listening = yield* Effect.forkScoped(
        Stream.runDrain(Sent.stream(() => taps, () => false, (tap) => void begun.push(tap))),
        { startImmediately: true }
      )
      yield* TestClock.adjust(100)
      assert.deepStrictEqual([...taps], begun)
      assert.lengthOf(begun, 1)
      yield* Fiber.interrupt(listening)
      assert.strictEqual(taps.size, 0)
    }))

  it.effect("looks at nothing before somebody listens, nor afterwards", () =>
    Effect.gen(function*() {
      const conduit = yield* Conduit.make(16)
      let looks = 0
      const ring = filled(0, 1)
      const watched: FrameRing.FrameRing = {
        ...ring,
        buffer: ring.buffer,
        index: () => {
          looks++
          return ring.index()
        }
      }
      yield* conduit.attach(watched)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(looks, 0)
      const listening = yield* Effect.forkScoped(Stream.runDrain(conduit.sent), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const seen = looks
      assert.isAbove(seen, 90)
      yield* Fiber.interrupt(listening)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(looks, seen)
    }))
})
