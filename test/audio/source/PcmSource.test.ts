import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import type { SampleFormat } from "../../../src/audio/format/Samples.ts"
import { collect } from "../listen.ts"
import { sampleAt, signalToNoise } from "../signal.ts"

/** Both channels of the known sound interleaved, or only the left one. */
const sound = (rate: number, seconds: number, channels: 1 | 2): Float64Array => {
  const samples = new Float64Array(Math.round(rate * seconds) * channels)
  for (let i = 0; i < samples.length; i++) {
    samples[i] = sampleAt(Math.floor(i / channels) / rate, seconds)[i % channels] ?? 0
  }
  return samples
}

const scaled = (samples: Float64Array, scale: number) => samples.map((sample) => Math.round(sample * scale))

/** A sign bit, the segment, and four bits of position within it; mu-law shifts the segments by 132. */
const g711 = (value: number, bias: number): number => {
  const size = Math.min(32_767, Math.round(Math.abs(value) * 32_767) + bias)
  const segment = Math.max(0, Math.floor(Math.log2(size)) - 7)
  const place = segment === 0 && bias === 0 ? size >> 4 : (size >> (segment + 3)) & 15
  return (value < 0 ? 128 : 0) | (segment << 4) | place
}

const writers: {
  readonly [format in SampleFormat]: readonly [size: number, write: (view: DataView, at: number, value: number) => void]
} = {
  u8: [1, (view, at, value) => view.setUint8(at, Math.round(value * 127) + 128)],
  s8: [1, (view, at, value) => view.setInt8(at, Math.round(value * 127))],
  s16le: [2, (view, at, value) => view.setInt16(at, Math.round(value * 32_767), true)],
  s16be: [2, (view, at, value) => view.setInt16(at, Math.round(value * 32_767), false)],
  s24le: [3, (view, at, value) => {
    view.setUint16(at, Math.round(value * 8_388_607) & 0xffff, true)
    view.setInt8(at + 2, Math.round(value * 8_388_607) >> 16)
  }],
  s24be: [3, (view, at, value) => {
    view.setInt16(at, Math.round(value * 8_388_607) >> 8, false)
    view.setUint8(at + 2, Math.round(value * 8_388_607) & 0xff)
  }],
  s32le: [4, (view, at, value) => view.setInt32(at, Math.round(value * 2_147_483_647), true)],
  s32be: [4, (view, at, value) => view.setInt32(at, Math.round(value * 2_147_483_647), false)],
  f32le: [4, (view, at, value) => view.setFloat32(at, value, true)],
  f32be: [4, (view, at, value) => view.setFloat32(at, value, false)],
  f64le: [8, (view, at, value) => view.setFloat64(at, value, true)],
  f64be: [8, (view, at, value) => view.setFloat64(at, value, false)],
  alaw: [1, (view, at, value) => view.setUint8(at, g711(value, 0) ^ 0xd5)],
  mulaw: [1, (view, at, value) => view.setUint8(at, g711(value, 132) ^ 0xff)]
}

const bytesOf = (samples: Float64Array, format: SampleFormat): Uint8Array => {
  const [size, write] = writers[format]
  const bytes = new Uint8Array(samples.length * size)
  const view = new DataView(bytes.buffer)
  samples.forEach((sample, i) => write(view, i * size, sample))
  return bytes
}

const cut = <A extends Uint8Array | Int16Array>(all: A, size: number): Array<A> => {
  const pieces: Array<A> = []
  // a part of an array has the same type
  for (let i = 0; i < all.length; i += size) pieces.push(all.slice(i, i + size) as A)
  return pieces
}

const Size = Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 3000 })))

describe("fromPcm", () => {
  for (const format of Object.keys(writers) as Array<SampleFormat>) {
    it.effect(`plays ${format}`, () =>
      Effect.gen(function*() {
        const played = yield* collect(
          AudioSource.fromPcm(bytesOf(sound(48_000, 0.1, 2), format), { channels: 2, rate: 48_000, format })
        )
        assert.deepStrictEqual([played.end, played.pcm.length, played.durationMs], ["Done", 9600, 100])
        assert.isAbove(signalToNoise(played.pcm, 0.1, 0, 0), format.endsWith("8") || format.endsWith("law") ? 30 : 70)
      }))
  }

  it.effect("recognizes sample formats by the array type", () =>
    Effect.gen(function*() {
      const samples = sound(48_000, 0.1, 2)
      const options = { channels: 2, rate: 48_000 }
      const all = [
        Int16Array.from(scaled(samples, 32_767)),
        Int32Array.from(scaled(samples, 2_147_483_647)),
        Float32Array.from(samples),
        samples
      ]
      for (const pcm of all) {
        for (const source of [AudioSource.fromPcm(pcm, options), AudioSource.fromPcm(Stream.make(pcm), options)]) {
          const played = yield* collect(source)
          assert.strictEqual(played.end, "Done", played.message)
          assert.isAbove(signalToNoise(played.pcm, 0.1, 0, 0), 70)
        }
      }
    }))

  it.effect.prop(
    "accepts chunks of any size, of samples and of bytes",
    [Size],
    ([size]) =>
      Effect.gen(function*() {
        const pcm = Int16Array.from(scaled(sound(16_000, 0.05, 1), 20_000))
        const options = { channels: 1, rate: 16_000 }
        const whole = yield* collect(AudioSource.fromPcm(pcm, options))
        assert.strictEqual(whole.pcm.length, 2 * 2400)
        const pieces = cut(pcm, size)
        const bytes = cut(new Uint8Array(pcm.buffer), size)
        for (
          const source of [
            AudioSource.fromPcm(pieces, options),
            AudioSource.fromPcm(Stream.fromIterable(pieces), options),
            AudioSource.fromPcm(bytes, options),
            AudioSource.fromPcm(Stream.fromIterable(bytes), options)
          ]
        ) {
          assert.deepStrictEqual((yield* collect(source)).pcm, whole.pcm)
        }
      })
  )

  it.effect("plays 24 kHz mono speech at its pitch, on both sides, with the exact length", () =>
    Effect.gen(function*() {
      const speech = Int16Array.from({ length: 24_000 }, (_, i) => 16_384 * Math.sin(2 * Math.PI * 200 * i / 24_000))
      const played = yield* collect(AudioSource.fromPcm(cut(speech, 777), { channels: 1, rate: 24_000 }))
      assert.strictEqual(played.pcm.length, 96_000)
      for (let i = 480; i < 47_000; i++) {
        assert.isAtMost(Math.abs((played.pcm[2 * i] ?? 0) - 0.5 * Math.sin(2 * Math.PI * 200 * i / 48_000)), 1e-3)
        assert.strictEqual(played.pcm[2 * i], played.pcm[2 * i + 1])
      }
    }))

  it.effect("seeks if it is given as a single array", () =>
    Effect.gen(function*() {
      const pcm = Float32Array.from(sound(44_100, 0.5, 2))
      const played = yield* collect(AudioSource.fromPcm(pcm, { channels: 2, rate: 44_100 }), { seekMs: 200 })
      assert.strictEqual(played.soughtMs, 200)
      assert.isAbove(signalToNoise(played.pcm, 0.5, 9600, 48), 75)
      assert.isFalse((yield* collect(AudioSource.fromPcm([pcm], { channels: 2, rate: 44_100 }))).seekable)
    }))

  it.effect("plays nothing if empty, and is Truncated at an incomplete sample, after all complete ones", () =>
    Effect.gen(function*() {
      const options = { channels: 2, rate: 48_000 }
      assert.deepStrictEqual((yield* collect(AudioSource.fromPcm([], options))).end, "Done")
      assert.deepStrictEqual((yield* collect(AudioSource.fromPcm(new Int16Array(0), options))).end, "Done")
      for (const pcm of [new Int16Array(961), new Uint8Array(1923), [new Uint8Array(1000), new Uint8Array(921)]]) {
        const played = yield* collect(AudioSource.fromPcm(pcm, options))
        assert.deepStrictEqual([played.end, played.pcm.length, played.positionMs], ["Truncated", 960, 10])
      }
    }))

  it.effect("refuses invalid rates, channels and formats, and mixed types", () =>
    Effect.gen(function*() {
      const cases = [
        { channels: 2, rate: 0 },
        { channels: 2, rate: 44_100.5 },
        { channels: 0, rate: 48_000 },
        { channels: 9, rate: 48_000 },
        // possible for a caller without type checks
        { channels: 2, rate: 48_000, format: "mp3" as never }
      ]
      for (const options of cases) {
        assert.strictEqual((yield* collect(AudioSource.fromPcm(new Int16Array(10), options))).end, "Unsupported")
      }
      const options = { channels: 2, rate: 48_000 }
      const numbers = yield* collect(AudioSource.fromPcm([1, 2, 3] as never, options))
      assert.deepStrictEqual([numbers.end, numbers.pcm.length], ["Unsupported", 0])
      const mixed = yield* collect(AudioSource.fromPcm([new Int16Array(960), new Float32Array(960)], options))
      assert.deepStrictEqual([mixed.end, mixed.pcm.length], ["Unsupported", 960])
    }))

  it.effect("fails with the stream's failure, after the sound before it", () =>
    Effect.gen(function*() {
      const failing = Stream.concat(Stream.make(new Int16Array(1920)), Stream.fail({ _tag: "TapeTorn" }))
      const played = yield* collect(AudioSource.fromPcm(failing, { channels: 2, rate: 48_000 }))
      assert.deepStrictEqual([played.end, played.pcm.length], ["Failed", 1920])
      assert.match(played.message, /TapeTorn/)
    }))
})
