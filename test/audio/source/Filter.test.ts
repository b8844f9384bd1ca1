import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import { collect } from "../listen.ts"
import { levelOf, signalToNoise } from "../signal.ts"

const path = (name: string) => fileURLToPath(new URL(`../files/${name}`, import.meta.url))

const opus = AudioSource.fromFile(path("chirp.opus.ogg"))
const flac = AudioSource.fromFile(path("chirp.flac"))

/** Drops every other sample, which also raises the pitch by an octave. */
const faster = () => {
  let odd = 0
  return (samples: Float32Array) => {
    const first = odd
    odd = (odd + samples.length / 2) % 2
    return samples.filter((_, i) => ((i >> 1) + first) % 2 === 0)
  }
}

/** The encoder's lookahead, which remains in a source that is passed through. */
const preSkip = 312

describe("filters", () => {
  it.live("receive Opus as PCM, and sound the same from any position", () =>
    Effect.gen(function*() {
      const whole = yield* collect(AudioSource.decoded(opus))
      assert.strictEqual(whole.end, "Done")
      assert.strictEqual(whole.frames.length, 0)
      assert.isAbove(signalToNoise(whole.pcm, 3, -preSkip, 4_800), 15)
      for (const seekMs of [1_000, 1_234.5, 40, 0]) {
        const played = yield* collect(AudioSource.decoded(opus), { seekMs })
        assert.strictEqual(played.soughtMs, seekMs)
        const rest = whole.pcm.subarray(Math.round(seekMs * 48) * 2)
        assert.strictEqual(played.pcm.length, rest.length)
        // the decoder has heard less before, and has caught up by the position itself
        const difference = levelOf(played.pcm.map((sample, i) => sample - (rest[i] ?? 0)))
        assert.isBelow(difference / levelOf(rest), 0.02, `from ${seekMs} ms`)
      }
    }).pipe(Effect.provide(OpusDecoder.layer)))

  it.live("receive PCM unchanged, in the chunks of its source", () =>
    Effect.gen(function*() {
      const plain = yield* collect(flac)
      const halved = yield* collect(AudioSource.mapPcm(flac, () => (samples) => samples.map((sample) => sample / 2)))
      assert.deepStrictEqual(halved.pcm, plain.pcm.map((sample) => sample / 2))
      assert.deepStrictEqual([halved.durationMs, halved.tags], [plain.durationMs, plain.tags])
      const longest: Array<number> = []
      const decoded = yield* collect(AudioSource.mapPcm(opus, () => (samples) => {
        longest.push(samples.length)
        return samples
      }))
      assert.isAtMost(Math.max(...longest), 2 * 4_800 + 2 * 5_760)
      assert.strictEqual(longest.reduce((sum, length) => sum + length, 0), decoded.pcm.length)
    }).pipe(Effect.provide(OpusDecoder.layer)))

  it.live("are created for each opening and after each seek, and may hold back samples", () =>
    Effect.gen(function*() {
      let made = 0
      const delayed = AudioSource.mapPcm(flac, () => {
        made++
        let kept: Float32Array = new Float32Array(0)
        return (samples) => {
          const out = kept
          kept = samples
          return out
        }
      })
      const plain = yield* collect(flac)
      const { pcm } = yield* collect(delayed)
      assert.isAbove(pcm.length, plain.pcm.length / 2)
      assert.deepStrictEqual(pcm, plain.pcm.subarray(0, pcm.length))
      yield* Effect.scoped(Effect.gen(function*() {
        const opened = yield* delayed.open
        yield* opened.pull
        yield* opened.seek?.(500) ?? Effect.void
        yield* opened.pull
      }))
      assert.strictEqual(made, 3)
    }).pipe(Effect.provide(OpusDecoder.layer)))

  it.live("that change the speed keep durations and positions in source time", () =>
    Effect.gen(function*() {
      const plain = yield* collect(flac)
      for (const source of [flac, opus]) {
        const whole = yield* collect(AudioSource.decoded(source))
        const twice = AudioSource.mapPcm(source, faster, { speed: 2 })
        const played = yield* collect(twice)
        assert.strictEqual(played.durationMs, whole.durationMs)
        assert.closeTo(played.pcm.length, whole.pcm.length / 2, 2)
        const sought = yield* collect(twice, { seekMs: 400 })
        assert.strictEqual(sought.soughtMs, 400)
        assert.closeTo(sought.pcm.length, (whole.pcm.length - 96 * 400) / 2, 4)
      }
      // chained filters work on PCM, and their speeds multiply
      const { durationMs, speed } = yield* AudioSource.mapPcm(
        AudioSource.mapPcm(flac, faster, { speed: 2 }),
        () => (samples) => samples,
        { speed: 0.25 }
      ).open
      assert.deepStrictEqual([durationMs, speed], [plain.durationMs, 0.5])
      for (const speed of [0, -1, NaN, Infinity]) {
        const { message, reason } = yield* Effect.flip(AudioSource.mapPcm(flac, faster, { speed }).open)
        assert.strictEqual(reason._tag, "Unsupported")
        assert.include(message, `A speed of ${speed}`)
      }
    }).pipe(Effect.scoped, Effect.provide(OpusDecoder.layer)))

  it.effect("want the same lead as their source", () =>
    Effect.gen(function*() {
      const opened = { durationMs: undefined, tags: {}, leadMs: 120, pull: Cause.done(), seek: undefined }
      const sources: ReadonlyArray<AudioSource.AudioSource> = [
        { name: "it", open: Effect.succeed({ ...opened, format: "pcm", channels: 2 }) },
        { name: "it", open: Effect.succeed({ ...opened, format: "opus", channels: 2 }) }
      ]
      for (const source of sources) {
        for (const changed of [AudioSource.decoded(source), AudioSource.mapPcm(source, () => (samples) => samples)]) {
          assert.strictEqual((yield* changed.open).leadMs, 120)
        }
      }
    }).pipe(Effect.scoped, Effect.provide(OpusDecoder.layer)))

  it.live("that throw fail their source, and nothing else", () =>
    Effect.gen(function*() {
      const broken = AudioSource.mapPcm(flac, () => () => {
        throw new Error("out of tune")
      })
      const { end, message } = yield* collect(broken)
      assert.strictEqual(end, "Failed")
      assert.match(message, /its filter threw: out of tune/)
    }).pipe(Effect.provide(OpusDecoder.layer)))
})
