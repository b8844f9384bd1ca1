import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"
import { collect } from "../listen.ts"
import { mixed, ogg, packet, shown } from "../samples.ts"

const path = (name: string) => fileURLToPath(new URL(`../files/${name}`, import.meta.url))

const flac = AudioSource.fromFile(path("chirp.flac"))

const codecs = Layer.mergeAll(OpusEncoder.layer, OpusDecoder.layer)

/** Counts how often a source is opened. */
const counted = <R>(source: AudioSource.AudioSource<R>) => {
  let openings = 0
  return {
    source: { name: source.name, open: Effect.suspend(() => (openings++, source.open)) },
    openings: () => openings
  }
}

/** 20 packets of 100 bytes and 20 ms each. */
const frames = Array.from({ length: 20 }, (_, i) => packet(i, 3, 99))

describe("AudioSource.preloaded", () => {
  it.live("reads a source once, and plays it any number of times simultaneously", () =>
    Effect.gen(function*() {
      // more than its initial capacity
      const packets = mixed(5, 1_200)
      const { openings, source } = counted(AudioSource.fromBytes(ogg(packets), { name: "song" }))
      const loaded = yield* AudioSource.preloaded(source)
      const all = yield* Effect.all(Array.from({ length: 3 }, () => collect(loaded)), { concurrency: "unbounded" })
      for (const played of all) assert.deepStrictEqual(shown(played.frames), shown(packets))
      assert.strictEqual(openings(), 1)
      const samples = packets.reduce((sum, one) => sum + one.samples, 0)
      assert.deepStrictEqual([loaded.name, loaded.durationMs, all[0]?.durationMs], ["song", samples / 48, samples / 48])
      assert.strictEqual(loaded.bytes, packets.reduce((sum, { data }) => sum + data.length + 12, 0))
    }).pipe(Effect.provide(codecs)))

  it.live("encodes PCM sources, and does not require a codec afterwards", () =>
    Effect.gen(function*() {
      const encoded = yield* collect(AudioSource.encoded(flac, { bitrate: 32_000 })).pipe(Effect.provide(codecs))
      const loaded = yield* AudioSource.preloaded(flac, { encoder: { bitrate: 32_000 } }).pipe(Effect.provide(codecs))
      const played = yield* collect(loaded)
      assert.deepStrictEqual(shown(played.frames), shown(encoded.frames))
      assert.deepStrictEqual(played.tags, encoded.tags)
      assert.strictEqual(played.durationMs, encoded.frames.reduce((sum, { samples }) => sum + samples / 48, 0))
    }))

  it.live("seeks to the packet that holds the position, in source time", () =>
    Effect.gen(function*() {
      const packets = mixed(7, 60)
      const loaded = yield* AudioSource.preloaded(AudioSource.fromFrames(packets))
      let start = 0
      for (const [index, { samples }] of packets.entries()) {
        for (const at of [start, start + samples - 1]) {
          const played = yield* collect(loaded, { seekMs: at / 48 })
          assert.strictEqual(played.soughtMs, start / 48)
          assert.deepStrictEqual(shown(played.frames), shown(packets.slice(index)))
        }
        start += samples
      }
      const behind = yield* collect(loaded, { seekMs: start / 48 + 1_000 })
      assert.deepStrictEqual([behind.soughtMs, behind.frames.length, behind.end], [start / 48, 0, "Done"])

      const twice = yield* AudioSource.preloaded(AudioSource.mapPcm(
        AudioSource.fromPcm(new Int16Array(2 * 48_000), { channels: 2, rate: 48_000 }),
        () => (samples) => samples.filter((_, i) => i % 4 < 2),
        { speed: 2 }
      ))
      // half of the second
      assert.strictEqual(twice.durationMs, 2 * 500)
      const { frames, soughtMs } = yield* collect(twice, { seekMs: 500 })
      assert.deepStrictEqual([soughtMs, frames.length], [480, 13])
      assert.strictEqual((yield* twice.open).speed, 2)
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  it.live("holds at most `maxBytes`, and stops reading there", () =>
    Effect.gen(function*() {
      const size = 20 * 112
      const fits = yield* AudioSource.preloaded(AudioSource.fromFrames(frames), { maxBytes: size })
      assert.strictEqual(fits.bytes, size)
      const { message, reason } = yield* Effect.flip(
        AudioSource.preloaded(AudioSource.fromFrames(frames, { name: "song" }), { maxBytes: size - 1 })
      )
      assert.deepInclude(reason, { _tag: "SourceFailed", kind: "TooLarge", source: "song", positionMs: 380 })
      assert.match(message, /more than 2239 bytes/)
      // an endless source with packets of a few bytes
      const endless = yield* Effect.flip(AudioSource.preloaded(AudioSource.silence(), { maxBytes: 5_000 }))
      assert.deepInclude(endless.reason, { kind: "TooLarge" })
      for (const maxBytes of [0, -1, 1.5, NaN, Infinity]) {
        const refused = yield* Effect.flip(AudioSource.preloaded(AudioSource.fromFrames(frames), { maxBytes }))
        assert.strictEqual(refused.reason._tag, "Unsupported")
      }
    }).pipe(Effect.provide(codecs)))

  it.live("fails if its source fails, or is live", () =>
    Effect.gen(function*() {
      const cut = AudioSource.fromBytes(ogg(frames).subarray(0, 1_500))
      const failed = yield* Effect.flip(AudioSource.preloaded(cut))
      assert.deepInclude(failed.reason, { _tag: "SourceFailed", kind: "Truncated" })
      const live = yield* Effect.flip(AudioSource.preloaded(AudioSource.live(AudioSource.fromFrames(frames))))
      assert.deepInclude(live.reason, { _tag: "SourceFailed", kind: "Unsupported" })
      assert.match(live.message, /it is live/)
    }).pipe(Effect.provide(codecs)))
})
