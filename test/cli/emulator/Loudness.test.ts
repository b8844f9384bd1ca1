import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Loudness from "../../../src/cli/emulator/Loudness.ts"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"

const packetsOf = (gain: number) =>
  AudioSource.readFrames(
    AudioSource.encoded(AudioSource.tone({ frequency: 440, duration: "1 second", gain }))
  ).pipe(
    Effect.map((frames) => frames.map(({ data }) => data)),
    Effect.scoped,
    Effect.provide(OpusEncoder.layer)
  )

describe("Loudness", () => {
  it.live("is the mean power, 6 dB lower at half the gain", () =>
    Effect.gen(function*() {
      const [loud, half] = [yield* Loudness.of(yield* packetsOf(0.5)), yield* Loudness.of(yield* packetsOf(0.25))]
      assert.isNotNull(loud)
      assert.isNotNull(half)
      assert.approximately(loud, -9, 0.5)
      assert.approximately(half, -15, 0.5)
    }))

  it.live("is null without packets, and -120 for silence", () =>
    Effect.gen(function*() {
      assert.isNull(yield* Loudness.of([]))
      assert.isNull(yield* Loudness.of([Uint8Array.of(3)]))
      assert.strictEqual(yield* Loudness.of(Array(5).fill(Uint8Array.of(0xf8, 0xff, 0xfe))), -120)
    }))
})
