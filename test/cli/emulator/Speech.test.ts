import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Path from "node:path"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as Speech from "../../../src/cli/emulator/Speech.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"

const file = (name: string) => Path.resolve(import.meta.dirname, "../../audio/files", name)

describe("Speech", () => {
  it.live("keeps Opus packets unchanged", () =>
    Effect.gen(function*() {
      for (const name of ["chirp.opus.ogg", "chirp.opus.webm"]) {
        const frames = yield* AudioSource.readFrames(AudioSource.fromFile(file(name)))
        assert.deepStrictEqual(yield* Speech.read(file(name)), frames)
      }
    }))

  it.live("encodes all other formats to the last sample", () =>
    Effect.gen(function*() {
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
      for (const name of ["chirp.mp3", "chirp.flac"]) {
        const frames = yield* Speech.read(file(name))
        assert.isTrue(frames.every(({ samples }) => samples === 960))
        const { durationMs } = yield* AudioSource.fromFile(file(name)).open
        assert.strictEqual(frames.length, Math.ceil(Number(durationMs) / 20), name)
        let energy = 0
        for (const { data } of frames) {
          for (const sample of yield* decoder.decode(data)) energy += (sample / 32_768) ** 2
        }
        const level = Math.sqrt(energy / (frames.length * 1920))
        assert.isTrue(level > 0.05 && level < 1, `${name} at ${level}`)
      }
    }).pipe(Effect.scoped, Effect.provide(OpusDecoder.layer)))

  it.live("fails if the file does not exist", () =>
    Effect.gen(function*() {
      const none = yield* Effect.flip(Speech.read(file("none.mp3")))
      assert.strictEqual(none.reason._tag, "SourceFailed")
    }))
})
