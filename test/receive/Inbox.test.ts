import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Inbox from "../../src/receive/Inbox.ts"
import * as VoiceError from "../../src/VoiceError.ts"

interface Value {
  readonly n: number
  readonly dropped?: number | undefined
}

const over = VoiceError.make(new VoiceError.NotConnected({ operation: "Listening" }))

describe("Inbox", () => {
  it.effect("gives every value to a reader that keeps up, and then the end", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<Value>(3, () => assert.fail("nothing is lost"))
      const seen: Array<Value> = []
      const reading = yield* Effect.forkChild(
        Effect.flip(Stream.runForEach(inbox.stream, (value) => Effect.sync(() => seen.push(value)))),
        { startImmediately: true }
      )
      for (let n = 0; n < 10; n++) {
        inbox.offer({ n })
        yield* Effect.yieldNow
      }
      inbox.end(over)
      inbox.offer({ n: 99 })
      assert.strictEqual(yield* Fiber.join(reading), over)
      assert.deepStrictEqual(seen, Array.from({ length: 10 }, (_, n) => ({ n })))
    }))

  it.effect("accepts neither a value nor another end after the end", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<Value>(3, () => assert.fail("nothing is lost"))
      inbox.offer({ n: 1 })
      inbox.end(over)
      inbox.offer({ n: 2 })
      inbox.end(VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" })))
      const seen: Array<Value> = []
      const reading = Stream.runForEach(inbox.stream, (value) => Effect.sync(() => seen.push(value)))
      assert.strictEqual(yield* Effect.flip(reading), over)
      assert.deepStrictEqual(seen, [{ n: 1 }])
    }))

  it.effect("drops the oldest values beyond its capacity, and reports their number with the next one", () =>
    Effect.gen(function*() {
      let lost = 0
      const inbox = Inbox.make<Value>(3, () => {
        lost++
      })
      for (let n = 0; n < 10; n++) inbox.offer({ n })
      assert.deepStrictEqual(yield* inbox.stream.pipe(Stream.take(3), Stream.runCollect), [
        { n: 7, dropped: 7 },
        { n: 8 },
        { n: 9 }
      ])
      assert.strictEqual(lost, 7)
      inbox.offer({ n: 10 })
      inbox.end(over)
      assert.deepStrictEqual(yield* inbox.stream.pipe(Stream.take(1), Stream.runCollect), [{ n: 10 }])
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(inbox.stream)), over)
    }))

  it.effect("keeps values that are offered after its reader was interrupted", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<Value>(3, () => {})
      const reading = yield* Effect.forkChild(Stream.runDrain(inbox.stream), { startImmediately: true })
      yield* Fiber.interrupt(reading)
      inbox.offer({ n: 1 })
      assert.deepStrictEqual(yield* inbox.stream.pipe(Stream.take(1), Stream.runCollect), [{ n: 1 }])
    }))
})
