import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Stream } from "effect"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"
import * as OpusPacket from "../../../src/protocol/OpusPacket.ts"
import { collect } from "../listen.ts"
import { mixed, ogg, shown } from "../samples.ts"
import { levelOf, signal, signalToNoise, wav16 } from "../signal.ts"

const path = (name: string) => fileURLToPath(new URL(`../files/${name}`, import.meta.url))

const flac = AudioSource.fromFile(path("chirp.flac"))

/** Three seconds, in whole frames. */
const chirp = AudioSource.fromBytes(wav16(signal(48_000, 3), 48_000))

const codecs = Layer.mergeAll(OpusEncoder.layer, OpusDecoder.layer)

const pcmOf = (samples: number) =>
  AudioSource.fromPcm(new Int16Array(2 * samples).fill(1_000), { channels: 2, rate: 48_000 })

describe("AudioSource.encoded", () => {
  it.live("encodes a PCM source to frames of 20 ms, and keeps its name, duration and tags", () =>
    Effect.gen(function*() {
      const plain = yield* collect(flac)
      const encoded = AudioSource.encoded(flac, { bitrate: 256_000 })
      const { durationMs, end, frames, pcm, seekable, tags } = yield* collect(encoded)
      assert.deepStrictEqual([end, pcm.length], ["Done", 0])
      assert.deepStrictEqual([durationMs, tags, seekable, encoded.name], [
        plain.durationMs,
        plain.tags,
        true,
        flac.name
      ])
      for (const { data, samples } of frames) assert.strictEqual(OpusPacket.samples(data), samples)
      assert.isTrue(frames.slice(0, -3).every(({ samples }) => samples === 960))
      const heard = yield* collect(AudioSource.decoded(AudioSource.encoded(chirp, { bitrate: 256_000 })))
      assert.isAbove(signalToNoise(heard.pcm, 3, 0, 4_800), 20)
    }).pipe(Effect.provide(codecs)))

  it.live("encodes everything up to the last sample, plus at most 2.5 ms of silence", () =>
    Effect.gen(function*() {
      const lengths = [1, 119, 120, 121, 311, 312, 313, 648, 840, 841, 960, 1_271, 1_272, 1_273, 1_608, 9_600, 9_990]
      for (const application of ["audio", "lowdelay"] as const) {
        for (const samples of lengths) {
          const played = yield* collect(AudioSource.encoded(pcmOf(samples), { application }))
          const given = played.frames.reduce((sum, frame) => sum + frame.samples, 0)
          assert.deepStrictEqual([given, played.end], [Math.ceil(samples / 120) * 120, "Done"], `${samples} samples`)
          assert.isAtMost(played.frames.length, Math.floor(samples / 960) + 3)
        }
      }
      const { pcm: plain } = yield* collect(chirp)
      for (const application of ["audio", "voip", "lowdelay"] as const) {
        for (const samples of [0, 120, 600, 840]) {
          const whole = plain.subarray(0, plain.length - 2 * samples)
          const sound = AudioSource.fromPcm(whole, { channels: 2, rate: 48_000 })
          const { pcm } = yield* collect(
            AudioSource.decoded(AudioSource.encoded(sound, { application, bitrate: 256_000 }))
          )
          assert.strictEqual(pcm.length, whole.length)
          // up to the 2.5 ms in which the last frame and its continuation overlap
          for (const [from, to] of [[-2_880, 0], [-960, 0], [-240, 0]] as const) {
            const [heard, wanted] = [pcm, whole].map((all) => all.slice(all.length + 2 * from, all.length + 2 * to))
            assert(heard !== undefined && wanted !== undefined)
            const noise = levelOf(heard.map((sample, i) => sample - (wanted[i] ?? 0)))
            assert.isBelow(noise, levelOf(wanted) / 8, `${application}, ${samples}, from ${from}`)
          }
        }
      }
      const none = yield* collect(AudioSource.encoded(pcmOf(0)))
      assert.deepStrictEqual([none.frames.length, none.end], [0, "Done"])
    }).pipe(Effect.provide(codecs)))

  it.live("starts over at the position of a seek", () =>
    Effect.gen(function*() {
      const encoded = AudioSource.encoded(chirp, { bitrate: 256_000 })
      for (const seekMs of [1_000, 1_234.5, 0]) {
        const { frames, soughtMs } = yield* collect(encoded, { seekMs })
        assert.strictEqual(soughtMs, seekMs)
        const rest = AudioSource.decoded(AudioSource.fromFrames(frames))
        const { pcm } = yield* collect(rest)
        const from = Math.round(seekMs * 48)
        assert.isAbove(signalToNoise(pcm, 3, from, 4_800), 20, `from ${seekMs} ms`)
      }
      // a seek beyond the end, and a seek after the end
      const again = yield* Effect.scoped(Effect.gen(function*() {
        const opened = yield* encoded.open
        const seek = opened.seek ?? (() => Effect.die("it can be sought in"))
        yield* seek(60_000)
        const pull: Effect.Effect<{ readonly length: number }, unknown> = opened.pull
        const ended = yield* Effect.flip(pull)
        yield* seek(2_900)
        const { length } = yield* pull
        return [Cause.isDone(ended), length > 0]
      }))
      assert.deepStrictEqual(again, [true, true])
    }).pipe(Effect.provide(codecs)))

  it.live("leaves Opus unchanged", () =>
    Effect.gen(function*() {
      const packets = mixed(3)
      const { frames } = yield* collect(AudioSource.encoded(AudioSource.fromBytes(ogg(packets))))
      assert.deepStrictEqual(shown(frames), shown(packets))
    }).pipe(Effect.provide(codecs)))

  it.live("mixes down to mono if requested, and clips samples beyond full scale", () =>
    Effect.gen(function*() {
      const sides = Float32Array.from({ length: 9_600 }, (_, i) => i % 2 === 0 ? 0.4 * Math.sin(i / 20) : 0)
      const opened = yield* AudioSource.encoded(AudioSource.fromPcm(sides, { channels: 2, rate: 48_000 }), {
        channels: 1,
        bitrate: 128_000
      }).open
      assert.deepStrictEqual([opened.format, opened.format === "opus" ? opened.channels : 0], ["opus", 1])
      const frames = yield* opened.format === "opus" ? opened.pull : Effect.succeed([])
      assert.isTrue(frames.every(({ data }) => ((data[0] ?? 0) & 4) === 0))
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 1 })
      let level = 0
      for (const { data } of frames) level = levelOf(Float32Array.from(yield* decoder.decode(data)))
      assert.closeTo(level / 32_768, 0.2 * Math.SQRT1_2, 0.02)

      // samples that wrap around would be noise
      const wave = Float32Array.from({ length: 96_000 }, (_, i) => 3 * Math.sin((i >> 1) / 30))
      const loud = AudioSource.fromPcm(wave, { channels: 2, rate: 48_000 })
      const { pcm } = yield* collect(AudioSource.decoded(AudioSource.encoded(loud, { bitrate: 256_000 })))
      const cut = wave.map((sample) => Math.max(-1, Math.min(1, sample)))
      const difference = cut.subarray(9_600, 86_400).map((sample, i) => sample - (pcm[9_600 + i] ?? 0))
      assert.isBelow(levelOf(difference), 0.1)
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  it.live("delivers what was read before a failure, and then the failure", () =>
    Effect.gen(function*() {
      const broken = AudioSource.fromPcm(
        Stream.concat(Stream.succeed(new Int16Array(2 * 1_500)), Stream.fail(new Error("out of breath"))),
        { channels: 2, rate: 48_000 }
      )
      const { end, frames, message } = yield* collect(AudioSource.encoded(broken))
      assert.deepStrictEqual([frames.map(({ samples }) => samples), end], [[960, 480, 120], "Failed"])
      assert.match(message, /out of breath/)
    }).pipe(Effect.provide(codecs)))

  it.live("fails if the encoder cannot be made", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(AudioSource.encoded(flac, { bitrate: 1 }).open)
      assert.strictEqual(reason._tag, "CodecUnavailable")
    }).pipe(Effect.scoped, Effect.provide(codecs)))
})
