import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Stream } from "effect"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import { collect } from "./listen.ts"
import { mixed, ogg, shown } from "./samples.ts"
import { levelOf, signal, signalToNoise, wav16 } from "./signal.ts"

const path = (name: string) => fileURLToPath(new URL(`files/${name}`, import.meta.url))

const flac = AudioSource.fromFile(path("chirp.flac"))

/** Three seconds, of whole frames. */
const chirp = AudioSource.fromBytes(wav16(signal(48_000, 3), 48_000))

const codecs = Layer.mergeAll(OpusEncoder.layer, OpusDecoder.layer)

/** The encoder's lookahead. */
const preSkip = 312

const pcmOf = (samples: number) =>
  AudioSource.fromPcm(new Int16Array(2 * samples).fill(1_000), { channels: 2, rate: 48_000 })

describe("AudioSource.encoded", () => {
  it.live("gives the sound of a source of PCM as frames of 20 ms, with all that the source says of itself", () =>
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
      for (const { data, samples } of frames) {
        assert.strictEqual(samples, 960)
        assert.strictEqual(OpusPacket.samples(data), 960)
      }
      const heard = yield* collect(AudioSource.decoded(AudioSource.encoded(chirp, { bitrate: 256_000 })))
      assert.isAbove(signalToNoise(heard.pcm, 3, -preSkip, 4_800), 20)
    }).pipe(Effect.provide(codecs)))

  it.live("gives everything up to the last sample, which the encoder holds back", () =>
    Effect.gen(function*() {
      for (const [samples, frames] of [[960, 2], [648, 1], [649, 2], [960 + 648, 2], [1, 1], [9_600, 11]] as const) {
        const played = yield* collect(AudioSource.encoded(pcmOf(samples)))
        assert.deepStrictEqual([played.frames.length, played.end], [frames, "Done"], `${samples} samples`)
      }
      const { pcm } = yield* collect(AudioSource.decoded(AudioSource.encoded(chirp, { bitrate: 256_000 })))
      const { pcm: plain } = yield* collect(chirp)
      assert.strictEqual(pcm.length, plain.length + 2 * 960)
      const last = pcm.subarray(plain.length, plain.length + 2 * 250)
      assert.closeTo(levelOf(last), levelOf(plain.subarray(plain.length - 2 * preSkip, plain.length - 2 * 62)), 0.03)
      const none = yield* collect(AudioSource.encoded(pcmOf(0)))
      assert.deepStrictEqual([none.frames.length, none.end], [0, "Done"])
    }).pipe(Effect.provide(codecs)))

  it.live("begins anew at a place that is sought", () =>
    Effect.gen(function*() {
      const encoded = AudioSource.encoded(chirp, { bitrate: 256_000 })
      for (const seekMs of [1_000, 1_234.5, 0]) {
        const { frames, soughtMs } = yield* collect(encoded, { seekMs })
        assert.strictEqual(soughtMs, seekMs)
        const rest = AudioSource.decoded(AudioSource.fromFrames(frames))
        const { pcm } = yield* collect(rest)
        const from = Math.round(seekMs * 48)
        assert.isAbove(signalToNoise(pcm, 3, from - preSkip, 4_800), 20, `from ${seekMs} ms`)
      }
      // behind the end as well as after it
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

  it.live("leaves Opus as it is", () =>
    Effect.gen(function*() {
      const packets = mixed(3)
      const { frames } = yield* collect(AudioSource.encoded(AudioSource.fromBytes(ogg(packets))))
      assert.deepStrictEqual(shown(frames), shown(packets))
    }).pipe(Effect.provide(codecs)))

  it.live("makes one channel of both sides where that is asked for, and clips what is beyond full scale", () =>
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

      // what is wound around would be noise
      const wave = Float32Array.from({ length: 96_000 }, (_, i) => 3 * Math.sin((i >> 1) / 30))
      const loud = AudioSource.fromPcm(wave, { channels: 2, rate: 48_000 })
      const { pcm } = yield* collect(AudioSource.decoded(AudioSource.encoded(loud, { bitrate: 256_000 })))
      const cut = wave.map((sample) => Math.max(-1, Math.min(1, sample)))
      const difference = cut.subarray(9_600, 86_400).map((sample, i) => sample - (pcm[9_600 + 2 * preSkip + i] ?? 0))
      assert.isBelow(levelOf(difference), 0.1)
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  it.live("gives what was read before a failure, and then that", () =>
    Effect.gen(function*() {
      const broken = AudioSource.fromPcm(
        Stream.concat(Stream.succeed(new Int16Array(2 * 1_500)), Stream.fail(new Error("out of breath"))),
        { channels: 2, rate: 48_000 }
      )
      const { end, frames, message } = yield* collect(AudioSource.encoded(broken))
      assert.deepStrictEqual([frames.length, end], [2, "Failed"])
      assert.match(message, /out of breath/)
    }).pipe(Effect.provide(codecs)))

  it.live("fails as the encoder does", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(AudioSource.encoded(flac, { bitrate: 1 }).open)
      assert.strictEqual(reason._tag, "CodecUnavailable")
    }).pipe(Effect.scoped, Effect.provide(codecs)))
})
