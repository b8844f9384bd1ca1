import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect, Stream } from "effect"
import { spawnSync } from "node:child_process"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as WavReader from "../../../src/audio/format/WavReader.ts"
import { collect } from "../listen.ts"
import { signal, signalToNoise, type Stereo } from "../signal.ts"

interface Encoding {
  readonly tag: number
  readonly bits: number
  readonly write: (view: DataView, offset: number, sample: number) => void
}

const encodings: { readonly [name: string]: Encoding } = {
  u8: { tag: 1, bits: 8, write: (view, offset, sample) => view.setUint8(offset, Math.round(sample * 127) + 128) },
  s16: { tag: 1, bits: 16, write: (view, offset, sample) => view.setInt16(offset, Math.round(sample * 32_767), true) },
  s24: {
    tag: 1,
    bits: 24,
    write: (view, offset, sample) => {
      const value = Math.round(sample * 8_388_607)
      view.setUint16(offset, value & 0xffff, true)
      view.setInt8(offset + 2, value >> 16)
    }
  },
  s32: {
    tag: 1,
    bits: 32,
    write: (view, offset, sample) => view.setInt32(offset, Math.round(sample * 2_147_483_647), true)
  },
  f32: { tag: 3, bits: 32, write: (view, offset, sample) => view.setFloat32(offset, sample, true) },
  f64: { tag: 3, bits: 64, write: (view, offset, sample) => view.setFloat64(offset, sample, true) }
}

interface Options {
  readonly encoding?: string
  readonly rate?: number
  readonly channels?: number
  readonly extensible?: boolean
  readonly riff?: string
  readonly size?: number
  readonly before?: Uint8Array
  readonly after?: Uint8Array
}

const chunk = (id: string, body: Uint8Array, size = body.length): Uint8Array => {
  const header = new Uint8Array(8)
  header.set(Buffer.from(id, "latin1"))
  new DataView(header.buffer).setUint32(4, size, true)
  return new Uint8Array(Buffer.concat([header, body, new Uint8Array(body.length & 1)]))
}

/** The left channel goes to the even channels, the right one to the odd ones. */
const wav = ({ left, right }: Stereo, options: Options = {}): Uint8Array => {
  const { after, before, channels = 2, extensible = false, rate = 44_100, riff = "RIFF" } = options
  const encoding = encodings[options.encoding ?? "s16"]
  if (encoding === undefined) throw new Error("no such encoding")
  const bytes = encoding.bits / 8
  const sound = new Uint8Array(left.length * channels * bytes)
  const view = new DataView(sound.buffer)
  for (let i = 0; i < left.length; i++) {
    for (let c = 0; c < channels; c++) {
      encoding.write(view, (i * channels + c) * bytes, (c % 2 === 0 ? left[i] : right[i]) ?? 0)
    }
  }
  const format = new Uint8Array(extensible ? 40 : 16)
  const fields = new DataView(format.buffer)
  fields.setUint16(0, extensible ? 0xfffe : encoding.tag, true)
  fields.setUint16(2, channels, true)
  fields.setUint32(4, rate, true)
  fields.setUint32(8, rate * channels * bytes, true)
  fields.setUint16(12, channels * bytes, true)
  fields.setUint16(14, encoding.bits, true)
  if (extensible) {
    fields.setUint16(16, 22, true)
    fields.setUint16(18, encoding.bits, true)
    fields.setUint16(24, encoding.tag, true)
  }
  const parts = [
    chunk(riff, Buffer.from("WAVE"), 0xffffffff).subarray(0, 12),
    before ?? new Uint8Array(0),
    chunk("fmt ", format),
    chunk("data", sound, options.size ?? sound.length),
    after ?? new Uint8Array(0)
  ]
  return new Uint8Array(Buffer.concat(parts))
}

describe("WAV", () => {
  const quality: { readonly [name: string]: number } = { u8: 30, s16: 80, s24: 80, s32: 80, f32: 80, f64: 80 }

  for (const encoding of Object.keys(encodings)) {
    it.live(`plays ${encoding}, plain and extensible`, () =>
      Effect.gen(function*() {
        for (const extensible of [false, true]) {
          const played = yield* collect(AudioSource.fromBytes(wav(signal(44_100, 0.3), { encoding, extensible })))
          assert.deepStrictEqual([played.end, played.durationMs, played.pcm.length], ["Done", 300, 2 * 14_400])
          assert.isAbove(signalToNoise(played.pcm, 0.3), quality[encoding] ?? 0)
        }
      }))
  }

  it.live("plays any sample rate at the right pitch and the exact length", () =>
    Effect.gen(function*() {
      for (const rate of [16_000, 22_050, 24_000, 48_000, 96_000]) {
        const played = yield* collect(AudioSource.fromBytes(wav(signal(rate, 0.2), { rate, encoding: "f32" })))
        assert.strictEqual(played.pcm.length, 2 * 9600)
        assert.isAbove(signalToNoise(played.pcm, 0.2), 75, `${rate}`)
      }
    }))

  it.live("plays mono on both sides, and mixes more channels down without clipping", () =>
    Effect.gen(function*() {
      const loud = { left: new Float32Array(4800).fill(1), right: new Float32Array(4800).fill(-1) }
      const same = { left: loud.left, right: loud.left }
      for (const channels of [1, 3, 4, 5, 6, 7, 8]) {
        const options = { channels, rate: 48_000, encoding: "f32" }
        const played = yield* collect(AudioSource.fromBytes(wav(same, options)))
        assert.strictEqual(played.pcm.length, 9600)
        assert.strictEqual(played.pcm[4000], played.pcm[4001])
        // all speakers at full scale, except the subwoofer: as loud as possible
        assert.isAtMost(played.pcm[4000] ?? 2, 1 + 1e-6, `${channels}`)
        assert.isAbove(played.pcm[4000] ?? 0, 0.99, `${channels}`)
        const sides = yield* collect(AudioSource.fromBytes(wav(loud, options)))
        assert.isAbove(sides.pcm[4000] ?? 0, channels === 1 ? 0.99 : 0.3, `${channels}`)
      }
    }))

  it.live("accepts the placeholder sizes of streaming writers, and RF64", () =>
    Effect.gen(function*() {
      const sound = signal(44_100, 0.1)
      for (const size of [0, 0xffffffff]) {
        const bytes = wav(sound, { size })
        const streamed = yield* collect(AudioSource.fromStream(Stream.make(bytes)))
        assert.deepStrictEqual([streamed.end, streamed.durationMs, streamed.pcm.length], ["Done", undefined, 9600])
        assert.strictEqual((yield* collect(AudioSource.fromBytes(bytes))).durationMs, 100)
      }
      const ds64 = new Uint8Array(28)
      new DataView(ds64.buffer).setUint32(8, 4 * 4410, true)
      const wide = wav(sound, {
        riff: "RF64",
        size: 0xffffffff,
        before: chunk("ds64", ds64),
        after: chunk("junk", new Uint8Array(99))
      })
      const played = yield* collect(AudioSource.fromBytes(wide))
      assert.deepStrictEqual([played.end, played.durationMs, played.pcm.length], ["Done", 100, 9600])
    }))

  it.live("accepts RF64 from a writer that did not know its size", () =>
    Effect.gen(function*() {
      for (const fill of [0, 0xff]) {
        const wide = wav(signal(44_100, 0.1), {
          riff: "RF64",
          size: 0xffffffff,
          before: chunk("ds64", new Uint8Array(28).fill(fill))
        })
        const played = yield* collect(AudioSource.fromBytes(wide))
        assert.deepStrictEqual([played.end, played.durationMs, played.pcm.length], ["Done", 100, 9600])
      }
    }))

  it.live("decodes G.711 exactly as ffmpeg does", () =>
    Effect.gen(function*() {
      for (const codec of ["pcm_alaw", "pcm_mulaw"]) {
        // every possible byte
        const every = Uint8Array.from({ length: 4_800 }, (_, i) => i & 255)
        const run = (input: Uint8Array, ...args: ReadonlyArray<string>) =>
          new Uint8Array(spawnSync(ffmpeg, ["-v", "error", ...args], { input }).stdout)
        const raw = ["-f", codec.slice(4), "-ar", "48000", "-ac", "1", "-i", "pipe:0"]
        const file = run(every, ...raw, "-c:a", "copy", "-f", "wav", "pipe:1")
        const theirs = run(every, ...raw, "-f", "s16le", "pipe:1")
        const played = yield* collect(AudioSource.fromBytes(file, { ffmpeg: false }))
        assert.deepStrictEqual([played.end, played.pcm.length], ["Done", 2 * every.length])
        const ours = played.pcm.filter((_, i) => i % 2 === 0).map((sample) => sample * 32_768)
        assert.deepStrictEqual([...ours], [...new Int16Array(theirs.buffer, theirs.byteOffset, theirs.length / 2)])
      }
    }))

  it.live("uses the bits per sample if the block size is zero", () =>
    Effect.gen(function*() {
      const bytes = wav(signal(44_100, 0.1))
      new DataView(bytes.buffer).setUint16(32, 0, true)
      const played = yield* collect(AudioSource.fromBytes(bytes, { ffmpeg: false }))
      assert.deepStrictEqual([played.end, played.pcm.length], ["Done", 9600])
    }))

  it.live("plays whether or not a chunk of odd size is padded", () =>
    Effect.gen(function*() {
      const sound = signal(44_100, 0.1)
      const info = Buffer.concat([Buffer.from("INFO"), chunk("INAM", Buffer.from("odd")).subarray(0, 11)])
      const list = chunk("LIST", info)
      const padded = chunk("bext", new Uint8Array(603))
      const plain = yield* collect(AudioSource.fromBytes(wav(sound)))
      for (const pad of [0, 7]) {
        const other = list.slice()
        other[other.length - 1] = pad
        for (
          const before of [
            other,
            list.subarray(0, -1),
            padded.subarray(0, -1),
            Buffer.concat([padded.subarray(0, -1), list.subarray(0, -1)]),
            Buffer.concat([padded, list.subarray(0, -1)])
          ]
        ) {
          const bytes = wav(sound, { before })
          const { end, pcm, tags } = yield* collect(AudioSource.fromBytes(bytes, { ffmpeg: false }))
          assert.deepStrictEqual([end, pcm], ["Done", plain.pcm])
          assert.strictEqual(tags["title"], before.includes(0x4c) ? "odd" : undefined)
          const pieces = Array.from({ length: bytes.length / 5 }, (_, i) => bytes.slice(5 * i, 5 * (i + 1)))
          const last = bytes.slice(5 * pieces.length)
          const streamed = yield* collect(AudioSource.fromStream(Stream.fromIterable([...pieces, last])))
          assert.strictEqual(streamed.pcm.length, pcm.length)
        }
      }
    }))

  it.live("reads the tags, and skips unknown chunks", () =>
    Effect.gen(function*() {
      const info = Buffer.from("INFOINAM\x05\0\0\0Title\0IART\x06\0\0\0Artist", "latin1")
      const before = Buffer.concat([chunk("JUNK", new Uint8Array(33)), chunk("LIST", info)])
      const played = yield* collect(AudioSource.fromBytes(wav(signal(44_100, 0.1), { before })))
      assert.deepStrictEqual([played.end, played.tags], ["Done", { title: "Title", artist: "Artist" }])
    }))

  it.live("seeks to the sample", () =>
    Effect.gen(function*() {
      const bytes = wav(signal(44_100, 0.5))
      const played = yield* collect(AudioSource.fromBytes(bytes), { seekMs: 123.4 })
      assert.strictEqual(played.soughtMs, Math.round(123.4 * 48) / 48)
      assert.isAbove(signalToNoise(played.pcm, 0.5, Math.round(123.4 * 48), 48), 75)
      const behind = yield* collect(AudioSource.fromBytes(bytes), { seekMs: 600 })
      assert.deepStrictEqual([behind.end, behind.pcm.length], ["Done", 0])
    }))

  it.live("is Truncated if it is cut short, and Unsupported if its encoding, channels or rate are", () =>
    Effect.gen(function*() {
      const bytes = wav(signal(44_100, 0.2))
      for (const size of [1, 2, 10_000]) {
        const cut = yield* collect(AudioSource.fromBytes(bytes.slice(0, -size)))
        assert.strictEqual(cut.end, "Truncated")
        assert.strictEqual(cut.pcm.length, 2 * Math.round((8820 - Math.ceil(size / 4)) * 48_000 / 44_100))
      }
      const headers = yield* collect(AudioSource.fromBytes(bytes.slice(0, 40)))
      assert.strictEqual(headers.end, "Truncated")
      const cases: ReadonlyArray<readonly [offset: number, value: number, kind: string]> = [
        [20, 6, "Unsupported"],
        [22, 9, "Unsupported"],
        [22, 0, "Unsupported"],
        [24, 7, "Unsupported"]
      ]
      for (const [offset, value, kind] of cases) {
        const changed = bytes.slice()
        new DataView(changed.buffer).setUint32(offset, value, true)
        assert.strictEqual((yield* collect(AudioSource.fromBytes(changed, { ffmpeg: false }))).end, kind)
      }
    }))

  /** What a reader makes of a file, with the number of all its samples. */
  const read = (bytes: Uint8Array) => {
    const reader = WavReader.make()
    reader.push(bytes)
    reader.end()
    const { detail, kind } = reader.problem() ?? {}
    return {
      reader,
      kind,
      detail,
      samples: reader.take().reduce((sum, { samples }) => sum + samples, 0),
      total: reader.header()?.total
    }
  }

  const sound = signal(44_100, 0.01)

  it("recognizes RIFF, RF64 and BW64, but no big-endian RIFX and no other form", () => {
    assert.strictEqual(read(wav(sound, { riff: "RIFX" })).kind, "UnknownFormat")
    for (const riff of ["RIFF", "RF64", "BW64"]) assert.isUndefined(read(wav(sound, { riff })).kind, riff)
    const other = wav(sound)
    other.set(Buffer.from("AVI "), 8)
    assert.strictEqual(read(other).kind, "UnknownFormat")
  })

  it("reads both halves of a 64-bit size, unless their chunk is too short", () => {
    const wide = (bytes: number, high = 0) => {
      const ds64 = new Uint8Array(bytes)
      const view = new DataView(ds64.buffer)
      if (bytes >= 16) view.setUint32(8, 400, true)
      if (bytes >= 16) view.setUint32(12, high, true)
      return read(wav(sound, { riff: "RF64", size: 0xffffffff, before: chunk("ds64", ds64) }))
    }
    assert.deepInclude(wide(28), { kind: undefined, samples: 100, total: 100 })
    assert.deepInclude(wide(16), { kind: undefined, samples: 100, total: 100 })
    assert.deepInclude(wide(28, 2), { kind: "Truncated", samples: 441, total: 2 ** 31 + 100 })
    for (const short of [0, 8, 12]) assert.deepInclude(wide(short), { kind: undefined, samples: 441, total: undefined })
    // a size in the data chunk itself takes precedence
    const ds64 = new Uint8Array(28)
    new DataView(ds64.buffer).setUint32(8, 400, true)
    assert.deepInclude(read(wav(sound, { riff: "RF64", size: 800, before: chunk("ds64", ds64) })), { samples: 200 })
  })

  it("does not trust sizes of almost 2 GiB and more, unless they are 64-bit sizes", () => {
    for (const size of [0x7ffff000, 0x7fffffff, 0x80000000, 0xfffffffe]) {
      const { kind, reader, samples, total } = read(wav(sound, { size }))
      assert.deepStrictEqual([kind, samples, total], [undefined, 441, undefined], `${size}`)
      assert.strictEqual(reader.durationByTail(new Uint8Array(1), 44 + 4 * 441), 10)
      // half a sample is not an end
      assert.strictEqual(read(wav(sound, { size }).subarray(0, -2)).detail, "it ends inside a sample")
    }
    const large = read(wav(sound, { size: 0x7fffefff }))
    assert.deepStrictEqual([large.kind, large.total], ["Truncated", Math.floor(0x7fffefff / 4)])
    const ds64 = new Uint8Array(28)
    new DataView(ds64.buffer).setUint32(8, 0x80000000, true)
    const wide = read(wav(sound, { riff: "RF64", size: 0xffffffff, before: chunk("ds64", ds64) }))
    assert.deepStrictEqual([wide.kind, wide.total], ["Truncated", 0x20000000])
  })

  it("plays whole samples if its size is not a multiple of them", () => {
    const { detail, kind, samples, total } = read(wav(sound, { size: 403 }))
    assert.deepStrictEqual([kind, detail, samples, total], [undefined, undefined, 100, 100])
  })

  it("uses the bytes per sample if all channels have equally many, even if fewer bits are significant", () => {
    const of = (block: number, bits: number, channels = 2) => {
      const bytes = wav(sound)
      const view = new DataView(bytes.buffer)
      view.setUint16(22, channels, true)
      view.setUint16(32, block, true)
      view.setUint16(34, bits, true)
      const { kind, reader } = read(bytes)
      return kind === "Unsupported" ? kind : reader.header()?.sampleFormat
    }
    assert.deepStrictEqual([of(4, 12), of(6, 20), of(8, 24)], ["s16le", "s24le", "s32le"])
    assert.deepStrictEqual([of(5, 16), of(3, 24), of(0, 16), of(5, 12)], ["s16le", "s24le", "s16le", "Unsupported"])
  })

  it("rejects implausible rates, and format chunks that are too short, too long or missing", () => {
    const rated = (rate: number) => read(wav(sound, { rate })).kind
    assert.deepStrictEqual([999, 1_000, 768_000, 768_001].map(rated), [
      "Unsupported",
      undefined,
      undefined,
      "Unsupported"
    ])
    const riff = wav(sound).subarray(0, 12)
    assert.strictEqual(read(Buffer.concat([riff, chunk("fmt ", new Uint8Array(14))])).kind, "Corrupt")
    const large = read(Buffer.concat([riff, chunk("fmt ", new Uint8Array(16), 1024 * 1024 + 1)]))
    assert.deepStrictEqual([large.kind, large.detail], ["Corrupt", "the WAV format chunk is too large"])
    assert.strictEqual(read(Buffer.concat([riff, chunk("data", new Uint8Array(16))])).kind, "Corrupt")
    // without its subformat, the code for extensible is an encoding like any other
    const extensible = new Uint8Array(24)
    extensible.set(wav(sound, { extensible: true }).subarray(20, 44))
    assert.strictEqual(
      read(Buffer.concat([riff, chunk("fmt ", extensible), chunk("data", new Uint8Array(8))])).kind,
      "Unsupported"
    )
  })

  it("skips a tag chunk that is too large, without keeping it", () => {
    const list = chunk("LIST", new Uint8Array(1024 * 1024 + 2))
    const reader = WavReader.make()
    const bytes = wav(sound, { before: list })
    reader.push(bytes.subarray(0, 5_000))
    reader.push(bytes.subarray(5_000))
    reader.end()
    assert.isUndefined(reader.problem())
    assert.strictEqual(reader.header()?.total, 441)
  })

  it("keeps its places within the sound, and ends after it", () => {
    const { reader } = read(wav(sound, { after: chunk("junk", new Uint8Array(9)) }))
    assert.deepStrictEqual([0, 100, 441, 900].map((sample) => reader.placeOf?.(sample).offset), [
      44,
      444,
      44 + 4 * 441,
      44 + 4 * 441
    ])
    const end = reader.placeOf?.(441)
    assert.isDefined(end)
    reader.restart(end)
    reader.push(chunk("junk", new Uint8Array(9)))
    reader.end()
    assert.deepStrictEqual([reader.take(), reader.problem()], [[], undefined])
  })
})
