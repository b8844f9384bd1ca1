import { assert, describe, it } from "@effect/vitest"
import { path as ffmpeg } from "@ffmpeg-installer/ffmpeg"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import * as AudioSource from "../../../src/audio/AudioSource.ts"
import * as FlacReader from "../../../src/audio/format/FlacReader.ts"
import { collect } from "../listen.ts"
import { ascii, concat } from "../samples.ts"
import { signal, signalToNoise, wav16 } from "../signal.ts"

const seconds = 3

const encoded = (frameSize: number): Uint8Array => {
  const args = ["-v", "error", "-i", "pipe:0", "-c:a", "flac", "-frame_size", `${frameSize}`, "-f", "flac", "pipe:1"]
  return new Uint8Array(spawnSync(ffmpeg, args, { input: wav16(signal(44_100, seconds), 44_100) }).stdout)
}

/** The checksums of RFC 9639, computed bit by bit. */
const crc = (bytes: Uint8Array, bits: number, polynomial: number): number => {
  let sum = 0
  for (const byte of bytes) {
    sum ^= byte << (bits - 8)
    for (let bit = 0; bit < 8; bit++) {
      sum = ((sum << 1) ^ (((sum >> (bits - 1)) & 1) === 1 ? polynomial : 0)) & (2 ** bits - 1)
    }
  }
  return sum
}

/** A number encoded like a character of UTF-8, in four bytes. */
const numberOf = (value: number) =>
  Uint8Array.of(0xf0 | (value >> 18), ...[12, 6, 0].map((shift) => 0x80 | ((value >> shift) & 63)))

/** The same frame with another number: that of its first sample if block sizes vary, else its own. */
const renumbered = (frame: Uint8Array, value: number, isVariable: boolean): Uint8Array => {
  const numberBytes = (frame[4] ?? 0) < 0x80 ? 1 : (frame[4] ?? 0) < 0xe0 ? 2 : 3
  const sizeCode = (frame[2] ?? 0) >> 4
  const behind = 4 + numberBytes
  const sized = behind + (sizeCode === 6 ? 1 : sizeCode === 7 ? 2 : 0)
  const head = concat(
    Uint8Array.of(0xff, isVariable ? 0xf9 : 0xf8, frame[2] ?? 0, frame[3] ?? 0),
    numberOf(value),
    frame.subarray(behind, sized)
  )
  const whole = concat(head, Uint8Array.of(crc(head, 8, 0x07)), frame.subarray(sized + 1, -2))
  const sum = crc(whole, 16, 0x8005)
  return concat(whole, Uint8Array.of(sum >> 8, sum & 255))
}

/** The frames of a file and its stream information. Nothing else is needed to play it. */
const taken = (file: Uint8Array) => {
  const reader = FlacReader.make()
  reader.push(file)
  reader.end()
  assert.isUndefined(reader.problem())
  return { frames: reader.take(), info: file.slice(8, 42) }
}

const fileOf = (info: Uint8Array, frames: ReadonlyArray<Uint8Array>): Uint8Array =>
  concat(ascii("fLaC"), Uint8Array.of(0x80, 0, 0, 34), info, ...frames)

/** Stream information with another smallest and largest block size and, if asked for, without a sample count. */
const withInfo = (info: Uint8Array, smallest: number, largest: number, counted = true): Uint8Array => {
  const changed = info.slice()
  const view = new DataView(changed.buffer)
  view.setUint16(0, smallest)
  view.setUint16(2, largest)
  if (!counted) {
    changed[13] = (changed[13] ?? 0) & 0xf0
    view.setUint32(14, 0)
  }
  return changed
}

const play = (bytes: Uint8Array, seekMs?: number) =>
  collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), seekMs === undefined ? {} : { seekMs })

const { frames, info } = taken(encoded(1152))

describe("FLAC", () => {
  it.live("plays with varying block sizes, and seeks to the sample", () =>
    Effect.gen(function*() {
      const small = taken(encoded(576)).frames
      const mixed: Array<Uint8Array> = []
      for (const [i, frame] of frames.entries()) {
        const parts = i % 3 === 1 ? small.slice(2 * i, 2 * i + 2) : [frame]
        mixed.push(...parts.map(({ data, start }) => renumbered(data, start, true)))
      }
      for (const counted of [true, false]) {
        const file = fileOf(withInfo(info, 576, 1152, counted), mixed)
        const whole = yield* play(file)
        assert.deepStrictEqual([whole.end, whole.durationMs], ["Done", 1_000 * seconds])
        assert.strictEqual(whole.pcm.length, 96_000 * seconds)
        assert.isAbove(signalToNoise(whole.pcm, seconds), 80)
        for (const seekMs of [0, 1_234, 2_900]) {
          const { pcm } = yield* play(file, seekMs)
          assert.strictEqual(pcm.length, 96 * (1_000 * seconds - seekMs))
          assert.isAbove(signalToNoise(pcm, seconds, 48 * seekMs, 48), 80)
        }
      }
    }))

  it.live("plays with a fixed block size even if the stated minimum is the size of the last block", () =>
    Effect.gen(function*() {
      for (const smallest of [16, 960]) {
        const file = fileOf(withInfo(info, smallest, 1152), frames.map(({ data }) => data))
        const whole = yield* play(file)
        assert.deepStrictEqual([whole.end, whole.pcm.length], ["Done", 96_000 * seconds])
        const { pcm } = yield* play(file, 2_000)
        assert.isAbove(signalToNoise(pcm, seconds, 96_000, 48), 80)
      }
    }))

  it.live("plays only to its own end if another FLAC is appended", () =>
    Effect.gen(function*() {
      const counted = info.slice()
      new DataView(counted.buffer).setUint32(14, 44_100 * seconds)
      const file = fileOf(counted, frames.map(({ data }) => data))
      for (const seekMs of [undefined, 2_900]) {
        const { end, pcm } = yield* play(concat(file, file), seekMs)
        assert.deepStrictEqual([end, pcm.length], ["Done", 96 * (1_000 * seconds - (seekMs ?? 0))])
      }
    }))

  it.live("seeks to the sample, whatever FLAC is appended", () =>
    Effect.gen(function*() {
      /** The same frames this many times, with continuous numbers. */
      const times = (count: number, counted: boolean) => {
        const all = Array.from({ length: count }, () => frames).flat()
        const samples = all.reduce((sum, frame) => sum + frame.samples, 0)
        const long = all.reduce<{ readonly parts: Array<Uint8Array>; at: number }>((made, { data, samples }) => {
          made.parts.push(renumbered(data, made.at, true))
          made.at += samples
          return made
        }, { parts: [], at: 0 })
        const own = withInfo(info, 16, 1152, counted)
        if (counted) new DataView(own.buffer).setUint32(14, samples)
        return { file: fileOf(own, long.parts), lengthMs: samples / 44.1 }
      }
      for (const counted of [true, false]) {
        const { file, lengthMs } = times(5, counted)
        for (const count of [1, 4, 12]) {
          const both = concat(file, times(count, counted).file)
          for (const share of [0.35, 0.8, 0.95]) {
            const seekMs = Math.floor(lengthMs * share)
            const { durationMs, end, message, pcm, soughtMs } = yield* play(both, seekMs)
            const what = `${counted ? "counted" : "not counted"}, ${count} behind, ${share}`
            assert.deepStrictEqual([what, end, message, soughtMs], [what, "Done", "", seekMs])
            assert.closeTo(pcm.length / 96, lengthMs - seekMs, 0.1, what)
            // without a count, the end may be unknown
            assert.closeTo(durationMs ?? (counted ? 0 : lengthMs), lengthMs, 0.1, what)
          }
        }
        // with nothing appended, the length is known
        assert.closeTo((yield* play(file, 0)).durationMs ?? 0, lengthMs, 0.1)
      }
    }))

  it.live("begins at its first frame, even if that is not the first of the stream", () =>
    Effect.gen(function*() {
      const cut = frames.slice(10).map(({ data }, i) => renumbered(data, i + 10, false))
      const file = fileOf(withInfo(info, 1152, 1152, false), cut)
      const whole = yield* play(file)
      const lengthMs = 1_000 * (seconds - 10 * 1152 / 44_100)
      assert.strictEqual(whole.end, "Done")
      assert.closeTo(whole.durationMs ?? 0, lengthMs, 0.001)
      assert.closeTo(whole.pcm.length / 96, lengthMs, 0.03)
      const { pcm } = yield* play(file, 1_000)
      assert.closeTo(pcm.length / 96, lengthMs - 1_000, 0.03)
      const rest = whole.pcm.subarray(96_000)
      assert.isTrue(pcm.every((sample, i) => Math.abs(sample - (rest[i] ?? 0)) < 2e-3))
    }))

  it.live("takes its length from the last frame if there is no sample count, even before a tag", () =>
    Effect.gen(function*() {
      const file = fileOf(withInfo(info, 1152, 1152, false), frames.map(({ data }) => data))
      for (const trailer of [new Uint8Array(0), concat(ascii("TAG"), new Uint8Array(125))]) {
        const { durationMs, end, pcm } = yield* play(concat(file, trailer))
        assert.deepStrictEqual([end, durationMs, pcm.length], ["Done", 1_000 * seconds, 96_000 * seconds])
      }
      // with another file appended, or tags
      const others = {
        "another FLAC": fileOf(withInfo(info, 1152, 1152, false), frames.slice(0, 60).map(({ data }) => data)),
        "a tag of APE": concat(ascii("APETAGEX"), new Uint8Array(200)),
        "a tag of ID3": concat(ascii("ID3"), new Uint8Array(40_000)),
        zeros: new Uint8Array(40_000),
        "few zeros": new Uint8Array(9)
      }
      for (const [what, other] of Object.entries(others)) {
        for (const seekMs of [undefined, 2_900, 2_990]) {
          const { durationMs, end, message, pcm } = yield* play(concat(file, other), seekMs)
          // the end may be unknown, but it is never that of the appended file
          assert.include([undefined, 1_000 * seconds], durationMs, what)
          assert.deepStrictEqual([what, end, message], [what, "Done", ""])
          assert.strictEqual(pcm.length, 96 * (1_000 * seconds - (seekMs ?? 0)), what)
        }
      }
      // the length is unknown, but it can seek
      const cut = yield* play(file.subarray(0, -50), 1_000)
      assert.deepStrictEqual([cut.end, cut.durationMs, cut.soughtMs], ["Truncated", undefined, 1_000])
    }))

  it.live("seeks to the sample if its first frame is damaged", () =>
    Effect.gen(function*() {
      const damaged = fileOf(info, frames.map(({ data }) => data))
      assert.isAbove(damaged.length, 65_536)
      damaged[42 + 1] = 0
      assert.strictEqual((yield* play(damaged)).end, "Corrupt")
      for (const seekMs of [1_700, 2_500]) {
        const { end, pcm } = yield* play(damaged, seekMs)
        assert.deepStrictEqual([end, pcm.length], ["Done", 96 * (1_000 * seconds - seekMs)])
        assert.isAbove(signalToNoise(pcm, seconds, 48 * seekMs, 48), 80)
      }
    }))

  const read = (...parts: ReadonlyArray<Uint8Array>) => {
    const reader = FlacReader.make()
    for (const part of parts) reader.push(part)
    reader.end()
    const given = reader.take().map(({ data }) => data)
    return { count: given.length, given, kind: reader.problem()?.kind, detail: reader.problem()?.detail, reader }
  }
  const datas = frames.map(({ data }) => data)
  const first = datas.slice(0, 8)
  const uncounted = withInfo(info, 1_152, 1_152, false)
  const tag = concat(ascii("TAG"), new Uint8Array(125))

  const counted = (samples: number): Uint8Array => {
    const changed = uncounted.slice()
    new DataView(changed.buffer).setUint32(14, samples)
    return changed
  }

  it("is Corrupt at a missing, repeated or foreign frame", () => {
    assert.deepInclude(read(fileOf(uncounted, first)), { count: 8, kind: undefined })
    const missing = read(fileOf(uncounted, [...first.slice(0, 3), ...first.slice(4)]))
    assert.deepStrictEqual([missing.count, missing.kind], [3, "Corrupt"])
    const twice = read(fileOf(uncounted, [...first.slice(0, 4), ...first.slice(3)]))
    assert.deepStrictEqual([twice.count, twice.kind], [4, "Corrupt"])
    const between = read(fileOf(uncounted, [...first.slice(0, 3), new Uint8Array(20_000).fill(1), ...first.slice(3)]))
    assert.deepStrictEqual([between.count, between.kind], [2, "Corrupt"])
  })

  it("finds the first whole frame after a restart, and requires continuity from there", () => {
    const { reader } = read(fileOf(uncounted, first))
    const again = (...parts: ReadonlyArray<Uint8Array>) => {
      reader.restart({ offset: 1_000, start: 0 })
      for (const part of parts) reader.push(part)
      reader.end()
      return [reader.take().map(({ offset, start }) => [offset, start / 1_152]), reader.problem()?.kind]
    }
    const [a, b, c, d] = first.slice(2)
    assert(a !== undefined && b !== undefined && c !== undefined && d !== undefined)
    const foreign = new Uint8Array(50)
    const at = (...before: ReadonlyArray<Uint8Array>) => 1_000 + concat(...before).length
    assert.deepStrictEqual(again(foreign, a, b), [[[at(foreign), 2], [at(foreign, a), 3]], undefined])
    assert.deepStrictEqual(again(a.subarray(9), b, c), [[[at(a.subarray(9)), 3], [at(a.subarray(9), b), 4]], undefined])
    // what looks like a frame goes on for longer than any frame can
    const stray = concat(b.subarray(0, 16), new Uint8Array(20_000))
    assert.deepStrictEqual(again(stray, a, b), [[[at(stray), 2], [at(stray, a), 3]], undefined])
    // once a frame is found, one that is left out counts as missing
    assert.deepStrictEqual(again(a, b, d), [[[at(), 2], [at(a), 3]], "Corrupt"])
  })

  it("is Truncated within its last frame, before its sample count, and within its headers", () => {
    const all = counted(44_100 * seconds)
    const whole = fileOf(all, datas)
    assert.deepInclude(read(whole), { count: datas.length, kind: undefined })
    assert.deepInclude(read(whole.subarray(0, -1)), { count: datas.length - 1, kind: "Truncated" })
    assert.deepInclude(read(fileOf(all, first)), {
      count: 8,
      kind: "Truncated",
      detail: "it is shorter than its header says"
    })
    assert.deepInclude(read(fileOf(all, [])), {
      count: 0,
      kind: "Truncated",
      detail: "it is shorter than its header says"
    })
    assert.deepInclude(read(fileOf(uncounted, [])), { count: 0, kind: undefined })
    assert.deepInclude(read(whole.subarray(0, 20)), { kind: "Truncated", detail: "it ends inside its headers" })
    // also with a tag at the end
    assert.deepInclude(read(fileOf(uncounted, []), tag), { count: 0, kind: undefined })
    assert.deepInclude(read(fileOf(all, []), tag), {
      count: 0,
      kind: "Truncated",
      detail: "it is shorter than its header says"
    })
    assert.deepInclude(read(fileOf(all, first), tag), { kind: "Truncated" })
  })

  it("ends before a tag, however it is cut into chunks, without adding the tag to the last frame", () => {
    for (const own of [uncounted, counted(8 * 1_152)]) {
      for (const what of ["TAG", "APETAGEX", "ID3", "LYRICS", "fLaC"]) {
        const file = concat(fileOf(own, first), ascii(what), new Uint8Array(125).fill(7))
        for (const size of [1, 7, file.length]) {
          const pieces = Math.ceil(file.length / size)
          const { given, kind } = read(
            ...Array.from({ length: pieces }, (_, i) => file.subarray(i * size, (i + 1) * size))
          )
          assert.deepStrictEqual([what, kind, given.length], [what, undefined, 8])
          assert.deepStrictEqual(given, first)
        }
      }
    }
  })

  it("returns its last frame once its count is reached, even if only the start of a tag has arrived", () => {
    const reader = FlacReader.make()
    reader.push(concat(fileOf(counted(8 * 1_152), first), tag.subarray(0, 8)))
    assert.deepStrictEqual(reader.take().map(({ data }) => data), first)
    assert.isUndefined(reader.problem())
  })

  it("without a sample count, continues after bytes that only look like its end", () => {
    const close = (bytes: Uint8Array) => {
      const sum = crc(bytes, 16, 0x8005)
      return concat(bytes, Uint8Array.of(sum >> 8, sum & 255))
    }
    /** The checksum is right before bytes that look like a tag. */
    const odd = (frame: Uint8Array) => close(concat(close(frame.subarray(0, 100)), ascii("TAG"), frame.subarray(100)))
    const frames = first.map((frame, i) => i === 3 || i === 7 ? odd(frame) : frame)
    for (const behind of [new Uint8Array(0), tag]) {
      const { given, kind } = read(fileOf(uncounted, frames), behind)
      assert.isUndefined(kind)
      assert.deepStrictEqual(given, frames)
    }
  })

  it("without a sample count, ends before an appended FLAC whose numbers continue", () => {
    for (const count of [1, 8]) {
      const both = concat(fileOf(uncounted, first), fileOf(uncounted, datas.slice(8, 8 + count)))
      assert.deepInclude(read(both), { count: 8, kind: undefined })
    }
  })

  it("measures its length before an appended FLAC, and rejects places that do not follow in time", () => {
    const { reader } = read(fileOf(uncounted, first))
    const file = fileOf(uncounted, datas)
    const both = concat(file, fileOf(uncounted, first))
    const length = 1_000 * seconds
    assert.strictEqual(reader.durationByTail(both, both.length), length)
    assert.strictEqual(reader.durationByTail(both.subarray(9_000), both.length), length)
    assert.isFalse(reader.follows?.({ offset: 0, start: 1_152 }, { offset: 100, start: 0 }))
    assert.isFalse(reader.follows?.({ offset: 0, start: 1_152 }, { offset: 100, start: 1_152 }))
    assert.isTrue(reader.follows?.({ offset: 0, start: 1_152 }, { offset: 100, start: 2_304 }))
    // two consecutive frames cannot be that many bytes apart
    assert.isFalse(reader.follows?.({ offset: 0, start: 1_152 }, { offset: 20_000, start: 2_304 }))
  })

  it("is Unsupported with 32 bits per sample, Corrupt with malformed headers, and ignores huge tags", () => {
    const deep = info.slice()
    // 32 bits per sample
    deep[12] = (deep[12] ?? 0) | 1
    deep[13] = (deep[13] ?? 0) | 0xf0
    assert.deepInclude(read(fileOf(deep, first)), { kind: "Unsupported", count: 0 })
    const block = (type: number, body: Uint8Array) =>
      concat(Uint8Array.of(type, body.length >> 16, (body.length >> 8) & 255, body.length & 255), body)
    assert.deepInclude(read(ascii("fLaC"), block(127, new Uint8Array(4)), block(0x80, info)), { kind: "Corrupt" })
    assert.deepInclude(read(ascii("fLaC"), block(0x81, new Uint8Array(9))), { kind: "Corrupt" })
    const comment = (length: number) => {
      const tags = new Uint8Array(length)
      tags.set(concat(new Uint8Array(4), Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0), ascii("TITLE=x")))
      return read(ascii("fLaC"), block(4, tags), block(0x80, uncounted), ...first)
    }
    assert.deepStrictEqual(comment(100).reader.header()?.tags, { title: "x" })
    // a block of this size holds pictures, and is not kept
    const large = comment(4 * 1024 * 1024 + 1)
    assert.deepStrictEqual([large.kind, large.count, large.reader.header()?.tags], [undefined, 8, {}])
  })

  it("is Corrupt if it is full of headers without frames, and does not take long", () => {
    const header = Uint8Array.of(0xff, 0xf8, 0x79, 0x18, 0, 0xff, 0xfe)
    const fake = concat(header, Uint8Array.of(crc(header, 8, 0x07), 1, 2))
    const reader = FlacReader.make()
    const file = fileOf(withInfo(info, 1152, 1152, false), frames.map(({ data }) => data))
    reader.push(file)
    const many = new Uint8Array(Buffer.alloc(2_000_000, fake))
    assert.isUndefined(reader.durationByTail(many.subarray(0, reader.tailBytes), many.length))
    reader.restart({ offset: file.length, start: 0 })
    for (let at = 0; at < many.length; at += 16_384) reader.push(many.subarray(at, at + 16_384))
    assert.strictEqual(reader.problem()?.kind, "Corrupt")
    assert.deepStrictEqual(reader.take(), [])
  })
})
