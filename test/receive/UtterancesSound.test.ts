import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as Intake from "./intake.ts"
import * as Voiced from "./voiced.ts"

/** All events, and for the sound of each utterance a reader that starts at once. */
const listening = Effect.gen(function*() {
  const hand = Intake.make()
  const receive = yield* Receive.make(hand.intake)
  const told: Array<Utterances.Event> = []
  const sounds: Array<{ read: number; readonly reader: Fiber.Fiber<void> }> = []
  const outside = yield* Effect.scope
  const reading = yield* Utterances.events({ receive, events: Effect.succeed(Stream.never) }, { maximum: "1 second" })
    .pipe(
      Stream.runForEach(Effect.fnUntraced(function*(event) {
        told.push(event)
        if (event._tag !== "Started") return
        const reader = yield* event.pcm.pipe(
          Stream.runForEach((pcm) => Effect.sync(() => void (sound.read += pcm.length))),
          Effect.forkIn(outside)
        )
        const sound = { read: 0, reader }
        sounds.push(sound)
      })),
      Effect.forkScoped({ startImmediately: true })
    )
  const say = Voiced.speaker(hand)
  return { told, sounds, say, reading }
})

describe("the sound of utterances", () => {
  it.effect("arrives while they are spoken, and ends with them", () =>
    Effect.gen(function*() {
      const { say, sounds, told } = yield* listening
      yield* say(30)
      assert.deepStrictEqual(told.map(({ _tag }) => _tag), ["Started", "Confirmed"])
      // everything but what waits in the jitter buffer
      assert.isAtLeast(sounds[0]?.read ?? 0, 25 * 320)
      assert.isUndefined(sounds[0]?.reader.pollUnsafe())
      // up to the maximum length, and then another utterance, without a gap or an overlap
      yield* say(40)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told.map(({ _tag }) => _tag), [
        "Started",
        "Confirmed",
        "Ended",
        "Started",
        "Confirmed",
        "Ended"
      ])
      assert.deepStrictEqual(sounds.map(({ read }) => read), [50 * 320, 20 * 320])
      for (const { reader } of sounds) assert.isDefined(reader.pollUnsafe())
      const [first, , ended] = told
      assert.isTrue(first?._tag === "Started" && ended?._tag === "Ended")
      if (first?._tag !== "Started" || ended?._tag !== "Ended") return
      assert.strictEqual(first.audioStartMs, ended.utterance.audioStartMs)
      assert.strictEqual(first.rate, 16_000)
      // reading again gives all of it
      const again = (yield* Stream.runCollect(first.pcm)).flatMap((pcm) => Array.from(pcm))
      assert.deepStrictEqual(again, [...ended.utterance.pcm])
    }).pipe(Effect.provide(Voiced.layer)))

  it.effect("ends when nobody reads the events any more", () =>
    Effect.gen(function*() {
      const { reading, say, sounds } = yield* listening
      yield* say(10)
      assert.isUndefined(sounds[0]?.reader.pollUnsafe())
      yield* Fiber.interrupt(reading)
      yield* TestClock.adjust(1)
      assert.isDefined(sounds[0]?.reader.pollUnsafe())
    }).pipe(Effect.provide(Voiced.layer)))
})
