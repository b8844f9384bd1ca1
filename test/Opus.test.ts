import { assert, describe, it, layer as layerOf } from "@effect/vitest"
import { Effect, Exit, Layer, Result, Scope } from "effect"
import * as OpusDecoder from "../src/OpusDecoder.ts"
import * as OpusEncoder from "../src/OpusEncoder.ts"
import * as OpusPacket from "../src/protocol/OpusPacket.ts"
import { bytes } from "./protocol/arbitraries.ts"

const rate = 48_000

/** A tone of `samples` per channel, from the sample `start` on; the second channel is an octave higher. */
const tone = (hertz: number, samples: number, channels: 1 | 2 = 2, start = 0, level = 8000): Int16Array => {
  const pcm = new Int16Array(samples * channels)
  for (let i = 0; i < samples; i++) {
    for (let channel = 0; channel < channels; channel++) {
      const angle = 2 * Math.PI * hertz * (channel + 1) * (start + i) / rate
      pcm[i * channels + channel] = Math.round(level * Math.sin(angle))
    }
  }
  return pcm
}

/** Something like a voiced sound: a glide of harmonics under a formant, with a beat. */
const voice = (samples: number, start = 0): Int16Array => {
  const pcm = new Int16Array(samples)
  for (let i = 0; i < samples; i++) {
    const t = (start + i) / rate
    const phase = 2 * Math.PI * (140 * t + 6 * Math.sin(2 * Math.PI * 3 * t))
    let sum = 0
    for (let k = 1; k <= 12; k++) sum += Math.sin(k * phase) / (1 + Math.abs(k - 4))
    pcm[i] = Math.round(5000 * sum * (0.6 + 0.4 * Math.sin(2 * Math.PI * 2.3 * t)))
  }
  return pcm
}

const channelOf = (pcm: Int16Array, channels: number, channel: number): Int16Array =>
  pcm.filter((_, i) => i % channels === channel)

/** The power at a frequency (Goertzel). */
const power = (pcm: Int16Array, hertz: number): number => {
  const coefficient = 2 * Math.cos(2 * Math.PI * hertz / rate)
  let one = 0
  let two = 0
  for (const sample of pcm) {
    const next = sample + coefficient * one - two
    two = one
    one = next
  }
  return (one * one + two * two - coefficient * one * two) / pcm.length ** 2
}

const loudest = (pcm: Int16Array, candidates: ReadonlyArray<number>): number =>
  candidates.reduce((best, hertz) => power(pcm, hertz) > power(pcm, best) ? hertz : best)

const energy = (pcm: Int16Array): number => pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length

/** Signal to noise in decibels. */
const ratio = (signal: Int16Array, other: Int16Array): number =>
  10 * Math.log10(energy(signal) / Math.max(1e-9, energy(signal.map((sample, i) => sample - (other[i] ?? 0)))))

const join = (parts: ReadonlyArray<Int16Array>): Int16Array => Int16Array.from(parts.flatMap((part) => [...part]))

const encodeAll = Effect.fnUntraced(function*(
  options: OpusEncoder.EncoderOptions,
  frames: number,
  frame: (index: number) => Int16Array
) {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make(options)
  const packets: Array<Uint8Array> = []
  for (let i = 0; i < frames; i++) packets.push(yield* encoder.encode(frame(i)))
  return packets
}, Effect.scoped)

const decodeAll = Effect.fnUntraced(function*(packets: ReadonlyArray<Uint8Array>, channels: 1 | 2 = 2) {
  const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels })
  return join(yield* Effect.forEach(packets, (packet) => decoder.decode(packet)))
}, Effect.scoped)

const total = (packets: ReadonlyArray<Uint8Array>): number => packets.reduce((sum, { length }) => sum + length, 0)

const tones = (index: number) => tone(440, 960, 2, index * 960)
const voices = (index: number) => voice(960, index * 960)
const silences = () => new Int16Array(1920)

const libraries = [
  { name: "libopus-wasm", layer: Layer.merge(OpusEncoder.layer, OpusDecoder.layer), recovers: true },
  {
    name: "opusscript",
    layer: Layer.merge(OpusEncoder.layerOpusScript, OpusDecoder.layerOpusScript),
    recovers: false
  }
]

for (const { layer, name, recovers } of libraries) {
  layerOf(layer)(`Opus by ${name}`, (it) => {
    it.effect.each([120, 240, 480, 960, 1920, 2880])(
      "preserves the tones of both channels in frames of %d",
      (samples) =>
        Effect.gen(function*() {
          const frames = Math.ceil(rate / 4 / samples)
          const packets = yield* encodeAll({ bitrate: 128_000 }, frames, (i) => tone(440, samples, 2, i * samples))
          for (const packet of packets) assert.strictEqual(OpusPacket.samples(packet), samples)
          const pcm = yield* decodeAll(packets)
          assert.strictEqual(pcm.length, frames * samples * 2)
          const settled = pcm.subarray(4800)
          const candidates = [110, 220, 330, 440, 550, 660, 880, 1320, 1760]
          assert.strictEqual(loudest(channelOf(settled, 2, 0), candidates), 440)
          assert.strictEqual(loudest(channelOf(settled, 2, 1), candidates), 880)
          assert.closeTo(Math.sqrt(2 * energy(settled)), 8000, 800)
        })
    )

    it.effect("encodes one channel", () =>
      Effect.gen(function*() {
        const packets = yield* encodeAll({ channels: 1 }, 20, (i) => tone(440, 960, 1, i * 960))
        const pcm = yield* decodeAll(packets, 1)
        assert.strictEqual(pcm.length, 20 * 960)
        assert.strictEqual(loudest(pcm.subarray(4800), [220, 440, 880]), 440)
        const stereo = yield* decodeAll(packets)
        assert.strictEqual(stereo.length, 2 * 20 * 960)
        assert.deepStrictEqual(channelOf(stereo, 2, 0), channelOf(stereo, 2, 1))
      }))

    it.effect("returns packets and samples that the caller may keep", () =>
      Effect.gen(function*() {
        const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
        assert.strictEqual(encoder.channels, 2)
        assert.strictEqual(decoder.channels, 2)
        const packet = yield* encoder.encode(tones(0))
        const copy = packet.slice()
        const pcm = yield* decoder.decode(packet)
        const pcmCopy = pcm.slice()
        for (let i = 1; i < 20; i++) yield* decoder.decode(yield* encoder.encode(tones(i)))
        assert.deepStrictEqual(packet, copy)
        assert.deepStrictEqual(pcm, pcmCopy)
        assert.strictEqual(packet.buffer.byteLength, packet.length)
      }))

    it.effect("accepts frames that are parts of larger arrays, and leaves the arrays alone", () =>
      Effect.gen(function*() {
        const all = join([silences().fill(30_000), tones(0), silences().fill(-30_000)])
        const whole = yield* encodeAll({}, 1, () => tones(0))
        const part = yield* encodeAll({}, 1, () => all.subarray(1920, 3840))
        assert.deepStrictEqual(part, whole)
        assert.deepStrictEqual(all.slice(1920, 3840), tones(0))
      }))

    it.effect("refuses frames of other sizes, and continues", () =>
      Effect.gen(function*() {
        const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
        for (const length of [0, 1, 2, 239, 241, 960, 1919, 1921, 2880, 5761, 5762, 11_520]) {
          if ([240, 480, 960, 1920, 3840, 5760].includes(length)) continue
          const error = yield* Effect.flip(encoder.encode(new Int16Array(length)))
          assert.strictEqual(error.reason._tag, "EncodeFailed")
          assert.include(error.message, name)
          assert.include(error.message, `${length} samples`)
        }
        assert.isAbove((yield* encoder.encode(tones(0))).length, 10)
      }))

    it.effect("obeys the bitrate, initially and when it is changed", () =>
      Effect.gen(function*() {
        const size = (bitrate: number) => Effect.map(encodeAll({ bitrate }, 50, tones), total)
        const [low, high] = [yield* size(24_000), yield* size(256_000)]
        assert.closeTo(low, 3000, 900)
        assert.isAbove(high, 2 * low)
        const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 24_000 })
        for (let i = 0; i < 25; i++) yield* encoder.encode(tones(i))
        const before = yield* encoder.encode(tones(25))
        yield* encoder.setBitrate(256_000)
        for (let i = 26; i < 40; i++) yield* encoder.encode(tones(i))
        const after = yield* encoder.encode(tones(40))
        assert.isAbove(after.length, 2 * before.length)
      }))

    it.effect("leaves the bitrate to libopus by default, which gives two channels more than one", () =>
      Effect.gen(function*() {
        const mono = yield* encodeAll({ channels: 1 }, 50, (i) => tone(440, 960, 1, i * 960))
        const stereo = yield* encodeAll({}, 50, tones)
        assert.isAbove(total(stereo), total(mono))
      }))

    it.effect("sends next to nothing for silence with dtx", () =>
      Effect.gen(function*() {
        const options = { application: "voip", channels: 1, bitrate: 24_000 } as const
        const frame = (i: number) => i < 20 ? voices(i) : new Int16Array(960)
        const tiny = (packets: ReadonlyArray<Uint8Array>) => packets.filter(({ length }) => length <= 2).length
        assert.isAbove(tiny(yield* encodeAll({ ...options, dtx: true }, 100, frame)), 40)
        assert.strictEqual(tiny(yield* encodeAll(options, 100, frame)), 0)
      }))

    it.effect("changes its output with application, complexity and expected loss", () =>
      Effect.gen(function*() {
        const make = (options: OpusEncoder.EncoderOptions) =>
          Effect.map(encodeAll({ channels: 1, bitrate: 32_000, ...options }, 30, voices), (packets) =>
            packets.map((packet) => Buffer.from(packet).toString("hex")).join())
        const base = yield* make({})
        assert.strictEqual(yield* make({}), base)
        assert.strictEqual(yield* make({ complexity: 9 }), base)
        assert.notStrictEqual(yield* make({ complexity: 0 }), base)
        assert.notStrictEqual(yield* make({ application: "lowdelay" }), base)
        const voip = yield* make({ application: "voip" })
        assert.notStrictEqual(voip, base)
        assert.notStrictEqual(yield* make({ application: "voip", fec: true, expectedLossPercent: 30 }), voip)
      }))

    it.effect("encodes no wider bandwidth than set, and treats the sound as the signal type says", () =>
      Effect.gen(function*() {
        const bandwidths = ["narrowband", "mediumband", "wideband", "superwideband", "fullband"] as const
        const widest = (options: OpusEncoder.EncoderOptions) =>
          Effect.map(
            encodeAll({ channels: 1, bitrate: 96_000, ...options }, 30, voices),
            (packets) =>
              Math.max(...packets.map((packet) => {
                const decoded = OpusPacket.decode(packet)
                return Result.isSuccess(decoded) ? bandwidths.indexOf(decoded.success.bandwidth) : -1
              }))
          )
        assert.strictEqual(yield* widest({}), 4)
        for (const [index, bandwidth] of bandwidths.entries()) {
          // CELT does not have mediumband, and uses the next wider one
          const found = yield* widest({ bandwidth, application: "voip", signal: "voice", bitrate: 24_000 })
          assert.isAtMost(found, index, bandwidth)
          if (index !== 1) assert.strictEqual(yield* widest({ bandwidth }), index, bandwidth)
        }
        const speech = (packets: ReadonlyArray<Uint8Array>) =>
          packets.filter((packet) => (packet[0] ?? 0) >> 3 < 16).length
        const encoded = (signal: OpusEncoder.EncoderOptions["signal"]) =>
          Effect.map(encodeAll({ channels: 1, bitrate: 28_000, signal }, 50, voices), speech)
        assert.isAbove(yield* encoded("voice"), 40)
        assert.strictEqual(yield* encoded("music"), 0)
        assert.strictEqual(yield* encoded("auto"), yield* encoded(undefined))
      }))

    it.effect("spends bytes on error correction when loss is expected, also when that changes", () =>
      Effect.gen(function*() {
        const options = { application: "voip", channels: 1, bitrate: 24_000, fec: true } as const
        const redundant = (packets: ReadonlyArray<Uint8Array>) => packets.filter(hasRedundancy).length
        assert.isAbove(redundant(yield* encodeAll({ ...options, expectedLossPercent: 30 }, 50, voices)), 30)
        assert.strictEqual(redundant(yield* encodeAll(options, 50, voices)), 0)
        const encoder = yield* (yield* OpusEncoder.OpusEncoder).make(options)
        yield* encoder.setExpectedLoss(30)
        const packets = yield* Effect.forEach(Array.from({ length: 50 }, (_, i) => voices(i)), encoder.encode)
        assert.isAbove(redundant(packets), 30)
      }))

    it.effect("can turn prediction and variable bitrate off", () =>
      Effect.gen(function*() {
        const sizes = Effect.fnUntraced(function*(change: (encoder: OpusEncoder.Encoder) => typeof Effect.void) {
          const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 96_000 })
          yield* Effect.orDie(change(encoder))
          const packets = yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => tones(i)), encoder.encode)
          return packets.map(({ length }) => length)
        })
        const constant = yield* sizes((encoder) => Effect.orDie(encoder.setVariableBitrate(false)))
        assert.deepStrictEqual(constant, Array.from({ length: 20 }, () => 240))
        const usual = yield* sizes(() => Effect.void)
        assert.isAbove(new Set(usual).size, 1)
        assert.deepStrictEqual(yield* sizes((encoder) => Effect.orDie(encoder.setPrediction(true))), usual)
        assert.notDeepEqual(yield* sizes((encoder) => Effect.orDie(encoder.setPrediction(false))), usual)
      }))

    it.effect("refuses options out of range", () =>
      Effect.gen(function*() {
        const encoders = yield* OpusEncoder.OpusEncoder
        for (
          const options of [
            { bitrate: 499 },
            { bitrate: 512_001 },
            { bitrate: 64_000.5 },
            { bitrate: Number.NaN },
            { complexity: 11 },
            { complexity: -1 },
            { expectedLossPercent: 101 },
            { expectedLossPercent: -1 },
            // values that a program in plain JavaScript may pass
            { fec: "yes" as unknown as boolean },
            { dtx: 1 as unknown as boolean },
            { application: "music" as "audio" },
            { bandwidth: "wide" as "wideband" },
            { bandwidth: "toString" as "wideband" },
            { signal: "speech" as "voice" },
            { signal: 3_001 as unknown as "voice" }
          ]
        ) {
          const error = yield* Effect.flip(encoders.make(options))
          assert.strictEqual(error.reason._tag, "CodecUnavailable")
          assert.include(error.message, String(Object.values(options)[0]))
        }
        const encoder = yield* encoders.make()
        for (
          const change of [encoder.setBitrate(499), encoder.setBitrate(Infinity), encoder.setExpectedLoss(101)]
        ) {
          assert.strictEqual((yield* Effect.flip(change)).reason._tag, "EncodeFailed")
        }
        yield* encoders.make({ bitrate: 500, complexity: 0, expectedLossPercent: 100 })
        yield* encoders.make({ bitrate: 512_000, complexity: 10, expectedLossPercent: 0 })
      }))

    it.effect("decodes the longest possible packet: 120 ms", () =>
      Effect.gen(function*() {
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
        const [packet = new Uint8Array(0)] = yield* encodeAll({ bitrate: 64_000 }, 1, tones)
        const frame = packet.subarray(1)
        const six = Uint8Array.of((packet[0] ?? 0) | 3, 6, ...Array.from({ length: 6 }, () => [...frame]).flat())
        assert.strictEqual((yield* decoder.decode(six)).length, 5760 * 2)
        assert.strictEqual((yield* decoder.decode(Uint8Array.of(0xf8, 0xff, 0xfe))).length, 1920)
      }))

    it.effect("decodes, and fills gaps, at every rate", () =>
      Effect.gen(function*() {
        const decoders = yield* OpusDecoder.OpusDecoder
        const packets = yield* encodeAll({ bitrate: 96_000 }, 30, tones)
        for (const rate of [8_000, 12_000, 16_000, 24_000, 48_000] as const) {
          const scale = rate / 48_000
          const decoder = yield* decoders.make({ rate })
          assert.strictEqual(decoder.rate, rate)
          const pcm = join(yield* Effect.forEach(packets, decoder.decode))
          assert.strictEqual(pcm.length, 30 * 1920 * scale)
          // at a lower rate the same samples are a higher tone
          const left = channelOf(pcm.subarray(1920 * scale), 2, 0)
          assert.strictEqual(loudest(left, [220, 440, 880].map((hertz) => hertz / scale)), 440 / scale)
          for (const samples of [120, 960, 2_880]) {
            assert.strictEqual((yield* decoder.conceal(samples)).length, samples * 2 * scale)
          }
          assert.strictEqual((yield* decoder.decode(packets[0] ?? new Uint8Array(0))).length, 1920 * scale)
        }
        // @ts-expect-error a caller without types can ask for anything
        const odd = yield* Effect.flip(decoders.make({ rate: 44_100 }))
        assert.strictEqual(odd.reason._tag, "CodecUnavailable")
        assert.notInclude(odd.message, "Close")
      }))

    it.effect("refuses data that is not a packet, and continues", () =>
      Effect.gen(function*() {
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
        for (const packet of [new Uint8Array(0), Uint8Array.of(0xff, 0xff), new Uint8Array(70_000)]) {
          const error = yield* Effect.flip(decoder.decode(packet))
          assert.strictEqual(error.reason._tag, "EncodeFailed")
          assert.include(error.message, name)
        }
        const packets = yield* encodeAll({}, 10, tones)
        const pcm = join(yield* Effect.forEach(packets, decoder.decode))
        assert.strictEqual(loudest(channelOf(pcm.subarray(1920), 2, 0), [220, 440, 880]), 440)
      }))

    it.effect.prop("survives arbitrary packets", [bytes(200)], ([packet]) =>
      Effect.gen(function*() {
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
        const samples = yield* decoder.decode(packet).pipe(
          Effect.map((pcm) => pcm.length / 2),
          Effect.catchReason("VoiceError", "EncodeFailed", () => Effect.succeed(0))
        )
        assert.isTrue(samples >= 0 && samples <= 5760 && samples % 120 === 0)
        assert.strictEqual((yield* decoder.decode(Uint8Array.of(0xf8, 0xff, 0xfe))).length, 1920)
      }).pipe(Effect.scoped))

    it.effect("fills a gap of any length from what was heard before", () =>
      Effect.gen(function*() {
        const decoders = yield* OpusDecoder.OpusDecoder
        const packets = yield* encodeAll({ bitrate: 96_000 }, 30, tones)
        for (const samples of [120, 240, 360, 480, 840, 960, 1920, 2880, 5760]) {
          const decoder = yield* decoders.make()
          for (const packet of packets) yield* decoder.decode(packet)
          const gap = yield* decoder.conceal(samples)
          assert.strictEqual(gap.length, samples * 2)
          if (samples <= 960) assert.isAbove(energy(gap), energy(tones(0)) / 10)
          if (samples === 960) {
            const candidates = [110, 220, 440, 880, 1760]
            assert.strictEqual(loudest(channelOf(gap, 2, 0), candidates), 440)
            assert.strictEqual(loudest(channelOf(gap, 2, 1), candidates), 880)
          }
          assert.strictEqual((yield* decoder.decode(packets[0] ?? new Uint8Array(0))).length, 1920)
        }
        const fresh = yield* decoders.make({ channels: 1 })
        assert.deepStrictEqual(yield* fresh.conceal(960), new Int16Array(960))
        for (const samples of [0, -120, 100, 5880, 120.5, Number.NaN]) {
          const error = yield* Effect.flip(fresh.conceal(samples))
          assert.strictEqual(error.reason._tag, "EncodeFailed")
        }
      }))

    it.effect("frees its codecs with their scope, after which they refuse to work", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const encoder = yield* Scope.provide((yield* OpusEncoder.OpusEncoder).make(), scope)
        const decoder = yield* Scope.provide((yield* OpusDecoder.OpusDecoder).make(), scope)
        const packet = yield* encoder.encode(tones(0))
        yield* decoder.decode(packet)
        yield* Scope.close(scope, Exit.void)
        for (
          const use of [
            Effect.asVoid(encoder.encode(tones(1))),
            encoder.setBitrate(64_000),
            encoder.setExpectedLoss(1),
            encoder.setPrediction(false),
            encoder.setVariableBitrate(false),
            Effect.asVoid(decoder.decode(packet)),
            Effect.asVoid(decoder.conceal(960))
          ]
        ) {
          assert.strictEqual((yield* Effect.flip(use)).reason._tag, "EncodeFailed")
        }
      }))

    it.effect("has room for the longest frames in every setting, and works the same afterward", () =>
      Effect.gen(function*() {
        const probe = Effect.gen(function*() {
          const packets = yield* encodeAll({ bitrate: 64_000 }, 10, tones)
          return { packets, pcm: yield* decodeAll(packets) }
        })
        const before = yield* probe
        for (const application of ["audio", "voip", "lowdelay"] as const) {
          for (const channels of [1, 2] as const) {
            for (const bitrate of [8000, 24_000, 64_000, 510_000]) {
              const packets = yield* encodeAll(
                { application, channels, bitrate, complexity: 10, fec: true, expectedLossPercent: 20 },
                6,
                (i) => tone(300, 2880, channels, i * 2880, 12_000)
              )
              assert.strictEqual((yield* decodeAll(packets, channels)).length, 6 * 2880 * channels)
            }
          }
        }
        assert.deepStrictEqual(yield* probe, before)
      }))

    it.effect("can create and free codecs any number of times", () =>
      Effect.gen(function*() {
        const encoders = yield* OpusEncoder.OpusEncoder
        const decoders = yield* OpusDecoder.OpusDecoder
        for (let i = 0; i < 300; i++) {
          const channels = i % 2 === 0 ? 1 : 2
          yield* Effect.scoped(Effect.gen(function*() {
            const encoder = yield* encoders.make({ channels })
            const decoder = yield* decoders.make({ channels })
            const packet = yield* encoder.encode(tone(440, 960, channels))
            assert.strictEqual((yield* decoder.decode(packet)).length, 960 * channels)
          }))
        }
      }))

    it.effect("keeps 26 encoders and 26 decoders apart", () =>
      Effect.gen(function*() {
        const encoders = yield* OpusEncoder.OpusEncoder
        const decoders = yield* OpusDecoder.OpusDecoder
        const frame = (stream: number, i: number) => tone(200 + 20 * stream, 960, 2, i * 960)
        const streams = Array.from({ length: 26 }, (_, i) => i)
        const expected = yield* Effect.forEach(streams, (stream) =>
          Effect.gen(function*() {
            const packets = yield* encodeAll({}, 8, (i) => frame(stream, i))
            return { packets, pcm: yield* decodeAll(packets) }
          }))
        const pairs = yield* Effect.forEach(
          streams,
          (stream) =>
            Effect.all({
              stream: Effect.succeed(stream),
              encoder: encoders.make(),
              decoder: decoders.make(),
              packets: Effect.sync(() => Array<Uint8Array>()),
              pcm: Effect.sync(() => Array<Int16Array>())
            })
        )
        for (let i = 0; i < 8; i++) {
          for (const { encoder, packets, stream } of pairs) packets.push(yield* encoder.encode(frame(stream, i)))
          for (const { decoder, packets, pcm } of pairs) {
            pcm.push(yield* decoder.decode(packets[i] ?? new Uint8Array(0)))
          }
        }
        for (const { packets, pcm, stream } of pairs) {
          assert.deepStrictEqual({ packets, pcm: join(pcm) }, expected[stream])
        }
      }))

    if (recovers) {
      it.effect("recovers a lost packet from the next one better than by concealment", () =>
        Effect.gen(function*() {
          const decoders = yield* OpusDecoder.OpusDecoder
          const packets = yield* encodeAll(
            { application: "voip", channels: 1, bitrate: 32_000, fec: true, expectedLossPercent: 30 },
            50,
            voices
          )
          const reference = yield* decodeAll(packets, 1)
          const gains = yield* Effect.forEach([20, 25, 30, 35, 40], (lost) =>
            Effect.gen(function*() {
              const recovering = yield* decoders.make({ channels: 1 })
              const concealing = yield* decoders.make({ channels: 1 })
              for (const packet of packets.slice(0, lost)) {
                yield* recovering.decode(packet)
                yield* concealing.decode(packet)
              }
              const original = reference.subarray(lost * 960, (lost + 1) * 960)
              const recovered = yield* recovering.recover(packets[lost + 1] ?? new Uint8Array(0), 960)
              assert.strictEqual(recovered.length, 960)
              return ratio(original, recovered) - ratio(original, yield* concealing.conceal(960))
            }))
          assert.isAbove(gains.reduce((sum, gain) => sum + gain, 0) / gains.length, 3)
        }))

      it.effect("recovers at every rate", () =>
        Effect.gen(function*() {
          const decoders = yield* OpusDecoder.OpusDecoder
          const options = {
            application: "voip",
            channels: 1,
            bitrate: 32_000,
            fec: true,
            expectedLossPercent: 30
          } as const
          const packets = yield* encodeAll(options, 10, voices)
          for (const rate of [8_000, 16_000, 48_000] as const) {
            const decoder = yield* decoders.make({ channels: 1, rate })
            yield* decoder.decode(packets[7] ?? new Uint8Array(0))
            assert.lengthOf(yield* decoder.recover(packets[9] ?? new Uint8Array(0), 960), rate / 50)
          }
        }))

      it.effect("refuses to recover from an invalid packet, or zero samples", () =>
        Effect.gen(function*() {
          const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
          for (
            const use of [
              decoder.recover(new Uint8Array(0), 960),
              decoder.recover(Uint8Array.of(0xf8, 0xff, 0xfe), 0),
              decoder.recover(Uint8Array.of(0xff, 0xff), 960)
            ]
          ) {
            assert.strictEqual((yield* Effect.flip(use)).reason._tag, "EncodeFailed")
          }
        }))
    } else {
      it.effect("reports that it cannot recover", () =>
        Effect.gen(function*() {
          const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
          const error = yield* Effect.flip(decoder.recover(Uint8Array.of(0xf8, 0xff, 0xfe), 960))
          assert.strictEqual(error.reason._tag, "Unsupported")
          assert.include(error.message, name)
        }))

      it.effect("holds 52 codecs, and refuses the 53rd until one is freed", () =>
        Effect.gen(function*() {
          const encoders = yield* OpusEncoder.OpusEncoder
          const decoders = yield* OpusDecoder.OpusDecoder
          const first = yield* encoders.make()
          const expected = yield* encodeAll({}, 3, tones)
          assert.deepStrictEqual(yield* first.encode(tones(0)), expected[0])
          const scope = yield* Scope.make()
          yield* Effect.forEach(
            Array.from({ length: 51 }, (_, i) => i),
            (i) => i % 2 === 0 ? Effect.asVoid(encoders.make()) : Effect.asVoid(decoders.make())
          ).pipe(Scope.provide(scope))
          for (const refused of [Effect.asVoid(encoders.make()), Effect.asVoid(decoders.make({ channels: 1 }))]) {
            const error = yield* Effect.flip(refused)
            assert.strictEqual(error.reason._tag, "CodecUnavailable")
            if (error.reason._tag === "CodecUnavailable") assert.strictEqual(error.reason.limit, 52)
            assert.include(error.message, "52 codecs in a process. Close codecs")
            assert.include(error.message, "52")
          }
          assert.deepStrictEqual(yield* first.encode(tones(1)), expected[1])
          yield* Scope.close(scope, Exit.void)
          assert.deepStrictEqual(yield* first.encode(tones(2)), expected[2])
          yield* Effect.forEach(Array.from({ length: 51 }), () => encoders.make())
        }))
    }
  })
}

/**
 * Whether a SILK packet carries redundancy: the LBRR flag after the voice activity flags (RFC 6716, 4.2.3 and 4.2.4).
 */
const hasRedundancy = (packet: Uint8Array): boolean => {
  const [toc = 0, first = 0] = packet
  const isCelt = (toc & 0x80) !== 0
  return packet.length > 2 && !isCelt && (first & 0x40) !== 0
}

describe("both libraries", () => {
  it.effect("decode each other's packets", () =>
    Effect.gen(function*() {
      const [one, other] = libraries
      if (one === undefined || other === undefined) return assert.fail("two libraries")
      for (const [from, to] of [[one, other], [other, one]] as const) {
        const packets = yield* encodeAll({ bitrate: 96_000 }, 25, tones).pipe(Effect.provide(from.layer))
        const pcm = yield* decodeAll(packets).pipe(Effect.provide(to.layer))
        const own = yield* decodeAll(packets).pipe(Effect.provide(from.layer))
        assert.isAbove(ratio(own, pcm), 60)
      }
    }))

  it.effect("fill the same gap alike", () =>
    Effect.gen(function*() {
      const [one, other] = libraries
      if (one === undefined || other === undefined) return assert.fail("two libraries")
      const packets = yield* encodeAll({ bitrate: 96_000 }, 25, tones).pipe(Effect.provide(one.layer))
      const fill = Effect.gen(function*() {
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
        for (const packet of packets) yield* decoder.decode(packet)
        const gap = yield* decoder.conceal(960)
        return { gap, after: yield* decoder.decode(packets[10] ?? new Uint8Array(0)) }
      }).pipe(Effect.scoped)
      const [a, b] = [yield* fill.pipe(Effect.provide(one.layer)), yield* fill.pipe(Effect.provide(other.layer))]
      assert.isAbove(ratio(a.gap, b.gap), 20)
      assert.isAbove(ratio(a.after, b.after), 20)
    }))
})
