/** Opus that must be decoded to follow its header: with an output gain, or with a channel mapping. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as OpusStreams from "../../src/audio/format/OpusStreams.ts"
import * as Decoders from "../../src/audio/source/Decoders.ts"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { collect } from "./listen.ts"
import {
  concat,
  mixed,
  noise,
  ogg,
  opusHead,
  type Packet,
  packet,
  pagesOf,
  readPages,
  shown,
  writePage
} from "./samples.ts"
import { levelOf, signalToNoise } from "./signal.ts"

const file = (name: string) => new Uint8Array(readFileSync(new URL(`files/${name}`, import.meta.url)))

const chirp = file("chirp.opus.ogg")

/** ffmpeg must not be used. */
const fromBytes = (bytes: Uint8Array) => AudioSource.fromBytes(bytes, { ffmpeg: false })

/** The same file with a different identification header. */
const withHead = (bytes: Uint8Array, head: Uint8Array): Uint8Array => {
  const [first, ...rest] = readPages(bytes)
  assert.isDefined(first)
  return concat(...[{ ...first, lacing: [head.length], body: head }, ...rest].map(writePage))
}

/** A channel mapping of family 1, written as in RFC 7845, 5.1.1. */
const family1 = (streams: number, coupled: number, mapping: ReadonlyArray<number>, gain = 0): Uint8Array =>
  concat(opusHead({ family: 1, channels: mapping.length, gain }), Uint8Array.of(streams, coupled, ...mapping))

const side = (pcm: Float32Array, channel: number) => pcm.filter((_, i) => i % 2 === channel)

/** The amplitude of a tone in one channel. */
const toneIn = (pcm: Float32Array, channel: number, hertz: number): number => {
  let sine = 0
  let cosine = 0
  const samples = side(pcm, channel).subarray(4_800, 4_800 + 14_400)
  for (const [i, sample] of samples.entries()) {
    sine += sample * Math.sin(2 * Math.PI * hertz * i / 48_000)
    cosine += sample * Math.cos(2 * Math.PI * hertz * i / 48_000)
  }
  return 2 * Math.hypot(sine, cosine) / samples.length
}

describe("Opus with an output gain", () => {
  it.live("is decoded with the gain applied and without the encoder's padding", () =>
    Effect.gen(function*() {
      const plain = yield* collect(AudioSource.decoded(fromBytes(chirp)))
      for (const [gain, factor] of [[-1_536, 0.501187], [768, 1.412538]] as const) {
        const played = yield* collect(fromBytes(withHead(chirp, opusHead({ gain }))))
        assert.deepStrictEqual([played.end, played.frames.length, played.seekable], ["Done", 0, true])
        assert.strictEqual(played.durationMs, 3_000)
        assert.strictEqual(played.pcm.length, 2 * 3 * 48_000)
        const asItWas = played.pcm.map((sample) => sample / factor)
        assert.isAbove(signalToNoise(asItWas, 3, 0, 4_800), 15)
        const difference = asItWas.map((sample, i) => sample - (plain.pcm[2 * 312 + i] ?? 0))
        assert.isBelow(levelOf(difference), 0.0001, `a gain of ${gain}`)
      }
    }).pipe(Effect.provide(OpusDecoder.layer)))

  it.live("seeks to the exact sample", () =>
    Effect.gen(function*() {
      const source = fromBytes(withHead(chirp, opusHead({ gain: -1_536 })))
      const whole = yield* collect(source)
      for (const seekMs of [2_000, 1_234.5, 10, 0]) {
        const played = yield* collect(source, { seekMs })
        const rest = whole.pcm.subarray(Math.round(seekMs * 48) * 2)
        assert.deepStrictEqual([played.soughtMs, played.pcm.length], [seekMs, rest.length])
        const difference = played.pcm.map((sample, i) => sample - (rest[i] ?? 0))
        assert.isBelow(levelOf(difference) / levelOf(rest), 0.02, `from ${seekMs} ms`)
      }
    }))

  it.live("sounds the same at a position wherever a seek came from, as AAC does", () =>
    Effect.gen(function*() {
      const gained = fromBytes(withHead(chirp, opusHead({ gain: -1_536 })))
      for (const source of [gained, fromBytes(file("chirp.m4a")), fromBytes(file("tone.he2.aac"))]) {
        const opened = yield* source.open
        assert(opened.format === "pcm")
        const at = Effect.fnUntraced(function*(positionMs: number) {
          yield* opened.seek?.(positionMs) ?? Effect.void
          const samples = [...yield* opened.pull]
          // the samples that are decoded from there on, too
          return [...samples, ...yield* opened.pull]
        })
        const first = yield* at(1_000)
        yield* at(2_000)
        assert.deepStrictEqual(yield* at(1_000), first)
      }
    }).pipe(Effect.scoped))

  it.live("can seek into the last page, even if the page ends before its last sample", () =>
    Effect.gen(function*() {
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 480_000 })
      const loud = noise(1, 2 * 1_920)
      const samples = new Int16Array(loud.buffer, loud.byteOffset, 1_920)
      const frames: Array<Packet> = []
      for (let at = 0; at < 220; at++) {
        frames.push({ data: yield* encoder.encode(samples.map((sample) => sample * (at % 7) / 14)), samples: 960 })
      }
      const pages = pagesOf(frames, { segments: 250, head: opusHead({ gain: 256 }), last: true })
      const last = pages.pop()
      assert.isDefined(last)
      const bytes = concat(...[...pages, { ...last, granule: last.granule - 900n }].map(writePage))
      const whole = yield* collect(fromBytes(bytes))
      for (const seekMs of [500, 3_000, 4_100, 4_200, 4_350]) {
        const { pcm } = yield* collect(fromBytes(bytes), { seekMs })
        const rest = whole.pcm.subarray(Math.round(seekMs * 48) * 2)
        assert.strictEqual(pcm.length, rest.length)
        const difference = pcm.map((sample, i) => sample - (rest[i] ?? 0))
        assert.isBelow(levelOf(difference) / levelOf(rest), 0.1, `from ${seekMs} ms`)
      }
    }).pipe(Effect.scoped, Effect.provide(OpusEncoder.layer)))

  it.live("plays from WebM and MP4 as well", () =>
    Effect.gen(function*() {
      for (const name of ["chirp.opus.webm", "chirp.opus.mp4"]) {
        const bytes = file(name)
        const text = Buffer.from(bytes)
        const head = text.indexOf("OpusHead")
        const box = text.indexOf("dOps")
        // -6 dB, little-endian in one and big-endian in the other
        if (head >= 0) bytes.set([0x00, 0xfa], head + 16)
        else bytes.set([0xfa, 0x00], box + 4 + 8)
        const played = yield* collect(fromBytes(bytes))
        assert.deepStrictEqual([played.end, played.frames.length], ["Done", 0], name)
        assert.isAbove(signalToNoise(played.pcm.map((sample) => sample / 0.501187), 3, 0, 4_800), 15, name)
      }
    }))

  it.live("is passed through if the header's gain is zero, whatever loudness its tags state", () =>
    Effect.gen(function*() {
      const packets = mixed(4)
      const comments = ["R128_TRACK_GAIN=-1536", "R128_ALBUM_GAIN=256"].map((text) => Buffer.from(text))
      const u32 = (value: number) => Uint8Array.of(value, 0, 0, 0)
      const tags = concat(
        new Uint8Array(Buffer.from("OpusTags")),
        u32(0),
        u32(comments.length),
        ...comments.flatMap((comment) => [u32(comment.length), comment])
      )
      const played = yield* collect(fromBytes(ogg(packets, { tags })))
      assert.deepStrictEqual(shown(played.frames), shown(packets))
      assert.deepStrictEqual(played.tags, { r128_track_gain: "-1536", r128_album_gain: "256" })
    }))

  it.live("is decoded with its own gain, pre-skip and mapping when it follows another stream in the file", () =>
    Effect.gen(function*() {
      const quieter = withHead(chirp, opusHead({ gain: -256 }))
      const others = [
        quieter,
        withHead(chirp, opusHead({ gain: 512 })),
        withHead(chirp, opusHead({ gain: 512, preSkip: 2_000 })),
        withHead(chirp, family1(1, 1, [1, 0])),
        withHead(chirp, family1(1, 1, [1])),
        file("surround.opus.ogg")
      ]
      // also if the first stream has one channel, and the others have more
      for (const before of [quieter, withHead(chirp, opusHead({ channels: 1, gain: -256 }))]) {
        const first = yield* collect(fromBytes(before))
        for (const [index, other] of others.entries()) {
          const second = yield* collect(fromBytes(other))
          const both = yield* collect(fromBytes(concat(before, other, before)))
          assert.strictEqual(both.end, "Done", both.message)
          const expected = new Float32Array([...first.pcm, ...second.pcm, ...first.pcm])
          assert.strictEqual(both.pcm.length, expected.length, `the length of ${index}`)
          const difference = both.pcm.map((sample, i) => sample - (expected[i] ?? 0))
          assert.isBelow(levelOf(difference), 1e-6, `the sound of ${index}`)
        }
      }
      // A plain stream is also decoded if it follows one with a gain, and nothing is heard of a stream shorter than its
      // pre-skip.
      const short = ogg([packet(1)], { head: opusHead({ gain: 256, preSkip: 2_000 }) })
      const plain = yield* collect(fromBytes(concat(short, short, chirp)))
      assert.deepStrictEqual([plain.end, plain.pcm.length], ["Done", 2 * 3 * 48_000])
      assert.isAbove(signalToNoise(plain.pcm, 3, 0, 4_800), 15)
    }))

  it.live("is encoded again, along with all that follows, if it comes after a stream that is passed through", () =>
    Effect.gen(function*() {
      const quieter = withHead(chirp, opusHead({ gain: -256 }))
      const one = yield* collect(fromBytes(chirp))
      const seconds = [
        [quieter, 10 ** (-1 / 20)],
        [withHead(chirp, family1(1, 1, [0, 1], -256)), 10 ** (-1 / 20)],
        // only the length is compared here, not the sound
        [file("surround.opus.ogg"), 0]
      ] as const
      for (const [second, factor] of seconds) {
        const lengthMs = (yield* collect(fromBytes(second))).pcm.length / 96
        const chain = fromBytes(concat(chirp, chirp, second, chirp))
        const { durationMs, end, frames, message } = yield* collect(chain)
        assert.deepStrictEqual([end, message, durationMs], ["Done", "", undefined])
        assert.deepStrictEqual(shown(frames.slice(0, 302)), shown([...one.frames, ...one.frames]))
        const rest = frames.slice(302)
        assert.closeTo(rest.reduce((sum, { samples }) => sum + samples, 0) / 48, lengthMs + 3_000, 2.5)
        const { pcm } = yield* collect(AudioSource.decoded(chain))
        const heard = (fromMs: number) => pcm.subarray(2 * (302 * 960 + 48 * fromMs))
        const loud = heard(0).map((sample) => sample / factor)
        if (factor > 0) assert.isAbove(signalToNoise(loud, 3, 0, 4_800), 12)
        assert.isAbove(signalToNoise(heard(lengthMs), 3, 0, 4_800), 12)
      }
    }).pipe(Effect.provide(OpusDecoder.layer)))

  it.live("is encoded again as pieces arrive, and frees its decoders", () =>
    Effect.gen(function*() {
      const quieter = withHead(chirp, opusHead({ gain: -256 }))
      const bytes = concat(chirp, quieter, quieter)
      const pieces = Array.from({ length: Math.ceil(bytes.length / 5_000) }, (_, i) =>
        bytes.slice(5_000 * i, 5_000 * (i + 1)))
      const before = Decoders.open()
      const { end, frames } = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
      assert.strictEqual(end, "Done")
      assert.closeTo(
        frames.reduce((sum, { samples }) =>
          sum + samples, 0) / 48,
        3 * 3_000,
        25
      )
      assert.strictEqual(Decoders.open(), before)
    }))

  it.live("fails with the reason if it is truncated after a stream that is passed through", () =>
    Effect.gen(function*() {
      const quieter = withHead(chirp, opusHead({ gain: -256 }))
      const { end, frames, positionMs } = yield* collect(fromBytes(concat(chirp, quieter.subarray(0, -100))))
      assert.strictEqual(end, "Truncated")
      assert.isAbove(frames.reduce((sum, { samples }) => sum + samples, 0) / 48, 5_500)
      assert.isAbove(positionMs ?? 0, 5_500)
    }))
})

describe("Opus of mapping family 1", () => {
  it.live("is passed through if its one stream is heard unchanged", () =>
    Effect.gen(function*() {
      const packets = mixed(6)
      for (const head of [family1(1, 1, [0, 1]), family1(1, 0, [0]), family1(1, 0, [0, 0])]) {
        const { end, frames } = yield* collect(fromBytes(ogg(packets, { head })))
        assert.deepStrictEqual([end, shown(frames)], ["Done", shown(packets)])
      }
    }))

  it.live("is decoded if channels are swapped, left out or silent", () =>
    Effect.gen(function*() {
      const both = (yield* collect(fromBytes(withHead(chirp, family1(1, 1, [0, 1], -256))))).pcm.map((sample) =>
        sample * 10 ** (1 / 20)
      )
      const left = side(both, 0)
      const right = side(both, 1)
      const none = new Float32Array(left.length)
      const cases = [
        [[1, 0], right, left],
        [[0], left, left],
        [[1], right, right],
        [[255, 0], none, left],
        [[0, 0], left, left]
      ] as const
      for (const [mapping, onLeft, onRight] of cases) {
        const { frames, pcm } = yield* collect(fromBytes(withHead(chirp, family1(1, 1, mapping))))
        assert.strictEqual(frames.length, 0)
        for (const [channel, expected] of [onLeft, onRight].entries()) {
          const heard = side(pcm, channel)
          assert.strictEqual(heard.length, expected.length)
          assert.isBelow(levelOf(heard.map((sample, i) => sample - (expected[i] ?? 0))), 1e-6, `${mapping}, ${channel}`)
        }
      }
    }))

  it.live("mixes more than two channels down to stereo", () =>
    Effect.gen(function*() {
      const played = yield* collect(fromBytes(file("surround.opus.ogg")))
      assert.deepStrictEqual([played.end, played.durationMs, played.pcm.length], ["Done", 500, 48_000])
      // front, center and surround of 0.4 each, at 1 / (1 + 2 * sqrt(1/2))
      const front = 0.4 / (1 + Math.SQRT2)
      const behind = front * Math.SQRT1_2
      const expected = [
        [400, front, 0],
        [600, 0, front],
        [900, behind, behind],
        [50, 0, 0],
        [1_500, behind, 0],
        [2_300, 0, behind]
      ] as const
      for (const [hertz, left, right] of expected) {
        assert.closeTo(toneIn(played.pcm, 0, hertz), left, 0.005, `${hertz} Hz on the left`)
        assert.closeTo(toneIn(played.pcm, 1, hertz), right, 0.005, `${hertz} Hz on the right`)
      }
    }))

  it.live("conceals a packet that cannot be decoded, and continues", () =>
    Effect.gen(function*() {
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1 })
      const data = yield* encoder.encode(new Int16Array(960))
      const frames = [{ data, samples: 960 }, packet(2), { data, samples: 960 }]
      const { end, pcm } = yield* collect(fromBytes(ogg(frames, { head: opusHead({ gain: 256, preSkip: 0 }) })))
      assert.deepStrictEqual([end, pcm.length], ["Done", 2 * 3 * 960])
    }).pipe(Effect.scoped, Effect.provide(OpusEncoder.layer)))

  it.live("is Corrupt if its mapping table is invalid or a packet lacks a stream, and Unsupported if ambisonic", () =>
    Effect.gen(function*() {
      const heads = [
        [opusHead({ family: 1, channels: 2 }), /channel mapping/],
        [family1(0, 0, [0]), /0 streams/],
        [family1(1, 2, [0, 1]), /2 are coupled/],
        [family1(1, 0, [0, 1]), /maps a channel/],
        [family1(1, 1, []), /0 channels/],
        [family1(9, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8]), /9 channels/]
      ] as const
      for (const [head, detail] of heads) {
        const { end, message } = yield* collect(fromBytes(ogg([packet(1)], { head })))
        assert.strictEqual(end, "Corrupt")
        assert.match(message, detail)
      }
      // one packet where two are needed
      const { end } = yield* collect(fromBytes(ogg([packet(1)], { head: family1(2, 0, [0, 1]) })))
      assert.strictEqual(end, "Corrupt")
      const ambisonics = concat(opusHead({ family: 2, channels: 4 }), Uint8Array.of(4, 0, 0, 1, 2, 3))
      const other = yield* collect(fromBytes(ogg([packet(1)], { head: ambisonics })))
      assert.strictEqual(other.end, "Unsupported")
    }))
})

describe("packets of several streams", () => {
  const length = (bytes: number) => bytes < 252 ? [bytes] : [252 + (bytes & 3), (bytes - 252 - (bytes & 3)) / 4]

  /** Packets of every code, each followed by its self-delimited form. */
  const pairs = [
    [[0xf8, 1, 2, 3], [0xf8, 3, 1, 2, 3]],
    [[0xf8], [0xf8, 0]],
    [[0xf9, 1, 2, 3, 4], [0xf9, 2, 1, 2, 3, 4]],
    [[0xfa, 1, 9, 8, 7], [0xfa, 1, 2, 9, 8, 7]],
    [[0xfb, 3, 1, 2, 3, 4, 5, 6], [0xfb, 3, 2, 1, 2, 3, 4, 5, 6]],
    [[0xfb, 0x43, 2, 1, 2, 3, 0, 0], [0xfb, 0x43, 2, 1, 1, 2, 3, 0, 0]],
    [[0xfb, 0x83, 1, 2, 9, 8, 8, 7], [0xfb, 0x83, 1, 2, 1, 9, 8, 8, 7]],
    [[0xfb, 0xc2, 1, 1, 9, 8, 0], [0xfb, 0xc2, 1, 1, 1, 9, 8, 0]],
    [[0xf8, ...new Uint8Array(300)], [0xf8, ...length(300), ...new Uint8Array(300)]],
    [[0xfb, 0x41, 255, 10, ...new Uint8Array(5 + 264)], [0xfb, 0x41, 255, 10, 5, ...new Uint8Array(5 + 264)]]
  ].map(([regular = [], delimited = []]) => [Uint8Array.from(regular), Uint8Array.from(delimited)] as const)

  it("are split into their streams, whatever their frame count and coding", () => {
    for (const [regular, delimited] of pairs) {
      for (const [last] of pairs) {
        assert.deepStrictEqual(OpusStreams.split(concat(delimited, last), 2), [regular, last])
        assert.deepStrictEqual(OpusStreams.split(concat(delimited, delimited, last), 3), [regular, regular, last])
      }
    }
  })

  it("are rejected if they are cut short, or if their lengths differ", () => {
    const decoding = { gain: 1, streams: 2, coupled: 0, mapping: [0, 1] }
    for (const [, delimited] of pairs) {
      for (let cut = 0; cut < delimited.length; cut++) {
        assert.isUndefined(OpusStreams.split(delimited.subarray(0, cut), 2), `${delimited} cut at ${cut}`)
      }
      assert.strictEqual(OpusStreams.samples(delimited, decoding), -1)
    }
    const [[, first = new Uint8Array(0)] = []] = pairs
    assert.strictEqual(OpusStreams.samples(concat(first, Uint8Array.of(0xf8, 1)), decoding), 960)
    assert.strictEqual(OpusStreams.samples(concat(first, Uint8Array.of(0xf0, 1)), decoding), -1)
  })
})
