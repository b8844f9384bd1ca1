import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Tap from "../../../src/cli/demo/Tap.ts"
import { ogg, opusHead, packet, shown } from "../../audio/samples.ts"

describe("Tap", () => {
  it.effect("records the frames since the last opening, even before a failure", () =>
    Effect.gen(function*() {
      const sent = Array.from({ length: 30 }, (_, i) => packet(i))
      const file = ogg(sent, { segments: 10, head: opusHead({ channels: 1 }) }).slice(0, -1)
      const tap = Tap.make(AudioSource.fromBytes(file, { name: "song" }))
      assert.deepStrictEqual([tap.source.name, tap.frames(), tap.channels()], ["song", [], 2])
      for (let i = 0; i < 2; i++) {
        const { pull } = yield* tap.source.open
        const error = yield* Effect.flip(Effect.forever(pull))
        assert.isFalse(Cause.isDone(error))
        assert.deepStrictEqual(shown(tap.frames()), shown(sent.slice(0, 20)))
        assert.strictEqual(tap.channels(), 1)
      }
    }))

  it.effect("records PCM unchanged, even if the consumer overwrites it", () =>
    Effect.gen(function*() {
      const tap = Tap.make(AudioSource.tone({ frequency: 440, duration: "50 millis" }))
      assert.isUndefined(tap.pcm())
      yield* Effect.scoped(Effect.gen(function*() {
        const opened = yield* tap.source.open
        assert.strictEqual(opened.format, "pcm")
        if (opened.format !== "pcm") return
        yield* Effect.flip(Effect.forever(Effect.map(opened.pull, (piece) => piece.fill(0))))
      }))
      const samples = tap.pcm()?.flatMap((piece) => Array.from(piece)) ?? []
      assert.lengthOf(samples, 2 * 48 * 50)
      assert.isAbove(Math.max(...samples), 0.05)
    }))
})
