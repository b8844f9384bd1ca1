import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import { mixed, ogg } from "../samples.ts"

describe("readFrames", () => {
  it.effect("returns all frames of a source", () =>
    Effect.gen(function*() {
      const packets = mixed(1)
      const frames = yield* AudioSource.readFrames(AudioSource.fromBytes(ogg(packets)))
      assert.deepStrictEqual(frames.map(({ data, samples }) => ({ data, samples })), packets)
    }))

  it.effect("fails for PCM, which would have to be encoded, and if the source fails", () =>
    Effect.gen(function*() {
      const pcm = yield* Effect.flip(AudioSource.readFrames(AudioSource.silence("1 second")))
      assert.strictEqual(pcm.reason._tag, "Unsupported")
      const none = yield* Effect.flip(AudioSource.readFrames(AudioSource.fromBytes(new Uint8Array(0))))
      assert.strictEqual(none.reason._tag, "SourceFailed")
    }))
})
