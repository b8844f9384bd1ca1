import { assert, describe, it } from "@effect/vitest"
import * as Cutter from "../../../src/audio/format/Cutter.ts"
import type { Header } from "../../../src/audio/format/PacketReader.ts"
import type * as Tags from "../../../src/audio/format/Tags.ts"
import { concat } from "../samples.ts"

const header: Header = {
  codec: "mp3",
  rate: 8_000,
  channels: 1,
  setup: [],
  sampleFormat: undefined,
  delay: 0,
  total: undefined,
  warmUp: 0,
  tags: {}
}

/** A format whose packets begin with their length. 0 ends it, twice, and 9 says that nine bytes behind it are of no use. */
const reader = (headerNow: () => Header | undefined = () => header) => {
  let ends = 0
  const restarted: Array<number> = []
  const made = Cutter.make(({ available, consume, fail, give, input, position, skip }) => ({
    step: () => {
      if (available() === 0) return false
      const length = input.bytes[input.start] ?? 0
      if (length === 0) {
        fail("Corrupt", "first")
        fail("Truncated", "second")
        return true
      }
      if (length === 9) {
        consume(1)
        skip(4)
        skip(5)
        return true
      }
      if (available() < length) return false
      const data = input.bytes.slice(input.start, input.start + length)
      give({ data, samples: 1, start: 0, offset: position() })
      consume(length)
      return true
    },
    header: headerNow,
    durationByTail: () => undefined,
    tailBytes: 0,
    end: () => void ends++,
    restart: ({ start }) => void restarted.push(start)
  }))
  const took = () => made.take().map(({ data, offset }) => `${offset}: ${data.join(" ")}`)
  return { ...made, took, ends: () => ends, restarted }
}

/** The cutter of a format that leaves alone what comes. */
const bare = () => {
  let given: Cutter.Cutter | undefined
  const { problem, push } = Cutter.make((cutter) => {
    given = cutter
    return {
      step: () => false,
      header: () => undefined,
      durationByTail: () => undefined,
      tailBytes: 0,
      end: () => {},
      restart: () => {}
    }
  })
  assert.isDefined(given)
  return { cutter: given, push, problem }
}

/** Frames of 0xff, a kind and their length. */
const frame = (kind: number, length: number) => {
  const bytes = new Uint8Array(length)
  bytes.set([0xff, kind, length])
  return bytes
}
const frameAt = (bytes: Uint8Array, at: number) =>
  bytes[at] === 0xff ? { kind: bytes[at + 1], bytes: bytes[at + 2] ?? 0 } : undefined
const alike = (a: { kind: number | undefined }, b: { kind: number | undefined }) => a.kind === b.kind
const lengthsOf = (bytes: Uint8Array, least?: number) =>
  Cutter.framesOf(bytes, frameAt, alike, least).map(({ bytes }) => bytes)

describe("Cutter", () => {
  it("gives packets as soon as they are whole, with their places", () => {
    const { push, took } = reader()
    push(Uint8Array.of(2, 7, 3, 7))
    assert.deepStrictEqual(took(), ["0: 2 7"])
    assert.deepStrictEqual(took(), [])
    push(Uint8Array.of(8))
    push(Uint8Array.of(1, 2))
    assert.deepStrictEqual(took(), ["2: 3 7 8", "5: 1"])
  })

  it("passes over bytes, also over such as come later", () => {
    const { push, took } = reader()
    push(Uint8Array.of(9, 0, 0))
    push(new Uint8Array(7))
    push(Uint8Array.of(1, 9))
    push(concat(new Uint8Array(9), Uint8Array.of(1)))
    assert.deepStrictEqual(took(), ["10: 1", "21: 1"])
    push(concat(Uint8Array.of(9), new Uint8Array(8)))
    push(Uint8Array.of(0, 1))
    assert.deepStrictEqual(took(), ["32: 1"])
  })

  it("keeps the first problem, takes nothing behind it, and has no other end", () => {
    const { end, ends, problem, push, took } = reader()
    push(Uint8Array.of(1, 0, 1))
    push(Uint8Array.of(1))
    end()
    assert.deepStrictEqual(problem(), { kind: "Corrupt", detail: "first" })
    assert.deepStrictEqual(took(), ["0: 1"])
    assert.strictEqual(ends(), 0)
    const { end: good, ends: goodEnds } = reader()
    good()
    assert.strictEqual(goodEnds(), 1)
  })

  it("goes on at another place, and knows nothing of what was before", () => {
    const { problem, push, restart, restarted, took } = reader()
    push(Uint8Array.of(1, 2, 7, 3, 7))
    restart({ offset: 100, start: 7 })
    push(Uint8Array.of(1, 3, 7))
    assert.deepStrictEqual(took(), ["100: 1"])
    push(Uint8Array.of(7, 9))
    restart({ offset: 200, start: 8 })
    push(Uint8Array.of(1, 0))
    assert.deepStrictEqual(took(), ["200: 1"])
    restart({ offset: 300, start: 9 })
    assert.isUndefined(problem())
    push(Uint8Array.of(1))
    assert.deepStrictEqual(took(), ["300: 1"])
    assert.deepStrictEqual(restarted, [7, 8, 9])
  })

  it("tells the duration where the header does", () => {
    assert.isUndefined(reader(() => undefined).durationMs())
    assert.isUndefined(reader().durationMs())
    assert.strictEqual(reader(() => ({ ...header, total: 4_000 })).durationMs(), 500)
  })
})

describe("Cutter.framesOf", () => {
  it("begins where two that are alike follow each other, and ends with the last one like them", () => {
    assert.deepStrictEqual(lengthsOf(concat(Uint8Array.of(1, 2), frame(1, 5), frame(1, 6), frame(2, 5))), [5, 6])
    assert.deepStrictEqual(lengthsOf(concat(frame(1, 5), frame(2, 6), frame(2, 7))), [6, 7])
    assert.deepStrictEqual(lengthsOf(concat(frame(1, 5), Uint8Array.of(0), frame(1, 5))), [])
  })

  it("counts a frame of which four bytes are there", () => {
    const two = concat(frame(1, 5), frame(1, 6))
    assert.deepStrictEqual(lengthsOf(two.subarray(0, 9)), [5, 6])
    assert.deepStrictEqual(lengthsOf(two.subarray(0, 8)), [])
    assert.deepStrictEqual(lengthsOf(two.subarray(0, 8), 1), [5])
    assert.deepStrictEqual(lengthsOf(frame(1, 4), 1), [4])
    assert.deepStrictEqual(lengthsOf(frame(1, 4).subarray(0, 3), 1), [])
  })

  it("finds as many as there have to be", () => {
    const three = concat(frame(1, 5), frame(1, 6), frame(1, 7))
    assert.isTrue(Cutter.follow(three, frameAt, alike, 3))
    assert.isFalse(Cutter.follow(three, frameAt, alike, 4))
    assert.isTrue(Cutter.follow(frame(1, 5), frameAt, alike, 1))
  })
})

describe("Cutter.surroundings", () => {
  /** An ID3v2.4 tag of so many bytes, of which the first are a title. */
  const tag = (title: string, length: number) => {
    const bytes = new Uint8Array(length)
    const size = length - 10
    bytes.set([0x49, 0x44, 0x33, 4, 0, 0, size >> 21, (size >> 14) & 127, (size >> 7) & 127, size & 127])
    bytes.set([...Buffer.from("TIT2"), 0, 0, 0, title.length + 1, 0, 0, 3, ...Buffer.from(title)], 10)
    return bytes
  }

  const make = () => {
    const { cutter, problem, push } = bare()
    const tags: Tags.MutableTags = {}
    const skipped: Array<number> = []
    const around = Cutter.surroundings({ ...cutter, skip: (bytes) => void skipped.push(bytes) }, "MP3", tags)
    return { ...around, cutter, problem, push, skipped, tags }
  }

  it("need ten bytes to say that there is no tag", () => {
    const { isTagRead, push, readTag, skipped } = make()
    push(new Uint8Array(9))
    assert.isFalse(readTag())
    assert.isFalse(isTagRead())
    push(new Uint8Array(1))
    assert.isTrue(readTag())
    assert.isTrue(isTagRead())
    assert.deepStrictEqual(skipped, [])
  })

  it("read a tag when it is whole, and look for another one behind it", () => {
    const { cutter, isTagRead, push, readTag, skipped, tags } = make()
    const one = tag("one", 50)
    push(new Uint8Array(60))
    cutter.consume(60)
    push(one.subarray(0, 49))
    assert.isFalse(readTag())
    push(one.subarray(49))
    assert.isTrue(readTag())
    assert.deepStrictEqual(tags, { title: "one" })
    assert.deepStrictEqual(skipped, [50])
    assert.isFalse(isTagRead())
  })

  it("read no more than 256 KiB of a tag, and skip it all", () => {
    const { push, readTag, skipped, tags } = make()
    const large = tag("large", 300_000)
    push(large.subarray(0, 256 * 1024 - 1))
    assert.isFalse(readTag())
    push(large.subarray(256 * 1024 - 1, 256 * 1024))
    assert.isTrue(readTag())
    assert.deepStrictEqual(tags, { title: "large" })
    assert.deepStrictEqual(skipped, [300_000])
  })

  it("are passed byte by byte up to the first frame, for 64 KiB", () => {
    const { cutter, pass, problem, push } = make()
    push(new Uint8Array(70_000))
    for (let i = 0; i < 65_536; i++) if (!pass(true)) assert.fail(`it gave up at ${i}`)
    assert.strictEqual(cutter.position(), 65_536)
    assert.isUndefined(problem())
    assert.isFalse(pass(true))
    assert.deepStrictEqual(problem(), { kind: "UnknownFormat", detail: "there is no MP3 in it" })
  })

  it("are tags between the frames, which are skipped when it can be told how long they are", () => {
    const id3v1 = concat(Buffer.from("TAG"), new Uint8Array(125))
    const ape = Buffer.alloc(32)
    ape.write("APETAGEX")
    ape.writeUInt32LE(20_000, 12)
    const apeHeader = Buffer.from(ape)
    apeHeader.writeUInt32LE(0xa0000000, 20)
    for (
      const [bytes, needed, length] of [
        [tag("one", 50), 10, 50],
        [id3v1, 4, 128],
        [ape, 32, 32],
        [apeHeader, 32, 20_032]
      ] as const
    ) {
      const { isEnded, pass, problem, push, skipped } = make()
      push(bytes.subarray(0, needed - 1))
      if (needed > 4) assert.isFalse(pass(false))
      assert.deepStrictEqual(skipped, [])
      push(bytes.subarray(needed - 1, needed))
      assert.isTrue(pass(false))
      assert.deepStrictEqual([skipped, isEnded(), problem()], [[length], false, undefined])
    }
  })

  it("are the end where a tag does not say its length, where zeros come, and behind a tag", () => {
    for (
      const bytes of [Buffer.from("LYRICSBEGIN"), Buffer.from("APEX").fill(0, 4), Buffer.alloc(40), Buffer.from("TAG+")]
    ) {
      const { isEnded, isTrailer, pass, problem, push } = make()
      push(concat(bytes, new Uint8Array(40)))
      assert.isTrue(isTrailer())
      assert.isTrue(pass(false))
      assert.isTrue(isEnded())
      assert.isUndefined(problem())
    }
    const { cutter, problem, push, skipped, ...around } = make()
    push(concat(Buffer.from("TAG"), new Uint8Array(125), Buffer.from("whatever")))
    assert.isTrue(around.pass(false))
    assert.deepStrictEqual(skipped, [128])
    cutter.consume(128)
    assert.isTrue(around.pass(false))
    assert.isTrue(around.isEnded())
    around.restart()
    assert.isFalse(around.isEnded())
    assert.isTrue(around.pass(false))
    assert.isFalse(around.isEnded())
    assert.isTrue(around.isLost())
    assert.isUndefined(problem())
  })

  it("are passed for 64 KiB where they are anything else, also behind a frame that follows a tag", () => {
    const { cutter, isDamaged, isEnded, isLost, onFrame, pass, problem, push } = make()
    push(concat(Buffer.from("TAG"), new Uint8Array(125), new Uint8Array(70_000).fill(0xff)))
    assert.isTrue(pass(false))
    cutter.consume(128)
    onFrame()
    for (let i = 0; i < 65_536; i++) if (!pass(false)) assert.fail(`it gave up at ${i}`)
    assert.strictEqual(cutter.position(), 128 + 65_536)
    assert.deepStrictEqual([isLost(), isEnded(), isDamaged(), problem()], [true, false, false, undefined])
    assert.isFalse(pass(false))
    assert.deepStrictEqual(problem(), {
      kind: "Corrupt",
      detail: "something that is no frame stands between the MP3 frames"
    })
  })

  it("are passed up to the next byte that a frame or a tag can begin with", () => {
    const { cutter, isDamaged, isLost, isLast, onFrame, pass, problem, push, skipped } = make()
    onFrame()
    push(concat(Buffer.from("what else 0.5"), Uint8Array.of(0xff, 0, 0, 0), tag("one", 50)))
    assert.isTrue(isLast(17))
    assert.isFalse(isLast(16))
    for (const at of [13, 17]) {
      assert.isTrue(pass(false))
      assert.deepStrictEqual([cutter.position(), skipped.length], [at, 0])
    }
    assert.isTrue(pass(false))
    assert.deepStrictEqual([skipped, isLost(), isDamaged()], [[50], true, false])
    onFrame()
    assert.deepStrictEqual([isLost(), isDamaged(), problem()], [false, true, undefined])
  })

  it("wait for nothing behind what waits at the end", () => {
    const { isLast, mayCome, onLast, push, restart } = make()
    push(Uint8Array.of(1, 2, 3))
    assert.deepStrictEqual([mayCome(3), mayCome(4), isLast(3)], [false, true, false])
    onLast()
    assert.deepStrictEqual([mayCome(4), isLast(3), isLast(2)], [false, true, false])
    restart()
    assert.deepStrictEqual([mayCome(4), isLast(3)], [true, false])
  })

  it("go on where a tag stands behind zeros, and are passed where anything else does", () => {
    for (const magic of ["ID3", "TAG", "APE"]) {
      const { cutter, isEnded, isTrailer, pass, passEnd, problem, push } = make()
      push(Uint8Array.of(0, 0))
      assert.isTrue(isTrailer())
      assert.isTrue(pass(false))
      push(Buffer.from(magic.slice(0, 2)))
      passEnd()
      assert.deepStrictEqual([isEnded(), problem()], [true, undefined])
      push(Buffer.from(magic.slice(2)))
      passEnd()
      assert.deepStrictEqual([isEnded(), isTrailer(), problem(), cutter.available()], [false, true, undefined, 3])
    }
    const { failLost, isEnded, isLost, isTrailer, pass, passEnd, problem, push } = make()
    push(Uint8Array.of(0, 0x55))
    assert.isFalse(isTrailer())
    assert.isTrue(pass(false))
    passEnd()
    assert.deepStrictEqual([isEnded(), isLost(), problem()], [false, true, undefined])
    failLost()
    assert.deepStrictEqual(problem(), {
      kind: "Corrupt",
      detail: "something that is no frame stands between the MP3 frames"
    })
  })

  it("are anything behind an end, in pieces that begin with anything", () => {
    const { cutter, isEnded, pass, passEnd, problem, push } = make()
    push(Buffer.from("LYRICSBEGIN"))
    assert.isTrue(pass(false))
    for (const piece of [Buffer.from("words"), Uint8Array.of(0xff, 0xfb, 0x90, 0x44), Uint8Array.of(0, 0xff, 0xf1)]) {
      push(piece)
      passEnd()
      assert.deepStrictEqual([isEnded(), problem(), cutter.available()], [true, undefined, 0])
    }
  })

  it("are no end where sound goes on behind zeros, and Corrupt where those are more than 64 KiB", () => {
    for (const count of [40, 65_488, 65_489]) {
      const { isEnded, isLost, pass, passEnd, problem, push } = make()
      push(concat(new Uint8Array(40)))
      assert.isTrue(pass(false))
      assert.isTrue(isEnded())
      passEnd()
      push(concat(new Uint8Array(count)))
      passEnd()
      assert.deepStrictEqual([isEnded(), problem()], [true, undefined])
      push(concat(new Uint8Array(8), Uint8Array.of(0xff, 0xfb)))
      passEnd()
      if (count === 65_489) assert.strictEqual(problem()?.kind, "Corrupt")
      else assert.deepStrictEqual([isEnded(), isLost(), problem()], [false, true, undefined])
    }
  })
})
