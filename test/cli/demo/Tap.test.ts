import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Tap from "../../../src/cli/demo/Tap.ts"
import { ogg, opusHead, packet, shown } from "../../audio/samples.ts"

describe("Tap", () => {
  it.effect("remembers what was given since the last opening, also before a failure", () =>
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
})
