import { assert, describe, it } from "@effect/vitest"
import * as Cutter from "../../../src/audio/format/Cutter.ts"
import * as Surroundings from "../../../src/audio/format/Surroundings.ts"
import type * as Tags from "../../../src/audio/format/Tags.ts"
import { concat } from "../samples.ts"

/** The cutter of a format that does nothing with its input. */
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

describe("Surroundings", () => {
  /** An ID3v2.4 tag of the given length, which begins with a title. */
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
    const around = Surroundings.make({ ...cutter, skip: (bytes) => void skipped.push(bytes) }, "MP3", tags)
    return { ...around, cutter, problem, push, skipped, tags }
  }

  it("need ten bytes to know that there is no tag", () => {
    const { isTagRead, push, readTag, skipped } = make()
    push(new Uint8Array(9))
    assert.isFalse(readTag())
    assert.isFalse(isTagRead())
    push(new Uint8Array(1))
    assert.isTrue(readTag())
    assert.isTrue(isTagRead())
    assert.deepStrictEqual(skipped, [])
  })

  it("read a tag once it is complete, and look for another one after it", () => {
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

  it("read at most 256 KiB of a tag, and skip the rest", () => {
    const { push, readTag, skipped, tags } = make()
    const large = tag("large", 300_000)
    push(large.subarray(0, 256 * 1024 - 1))
    assert.isFalse(readTag())
    push(large.subarray(256 * 1024 - 1, 256 * 1024))
    assert.isTrue(readTag())
    assert.deepStrictEqual(tags, { title: "large" })
    assert.deepStrictEqual(skipped, [300_000])
  })

  it("are skipped byte by byte up to the first frame, for at most 64 KiB", () => {
    const { cutter, pass, problem, push } = make()
    push(new Uint8Array(70_000))
    for (let i = 0; i < 65_536; i++) if (!pass(true)) assert.fail(`it gave up at ${i}`)
    assert.strictEqual(cutter.position(), 65_536)
    assert.isUndefined(problem())
    assert.isFalse(pass(true))
    assert.deepStrictEqual(problem(), { kind: "UnknownFormat", detail: "it contains no MP3" })
  })

  it("include tags between frames, which are skipped if their length is known", () => {
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

  it("end the sound at a tag of unknown length, at zeros, and at anything after a trailing tag", () => {
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

  it("are skipped for at most 64 KiB if they are anything else, even after a tag and a frame", () => {
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
      detail: "there is foreign data between the MP3 frames"
    })
  })

  it("are skipped up to the next byte that can begin a frame or a tag", () => {
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

  it("do not wait for more bytes after the last ones", () => {
    const { isLast, mayCome, onLast, push, restart } = make()
    push(Uint8Array.of(1, 2, 3))
    assert.deepStrictEqual([mayCome(3), mayCome(4), isLast(3)], [false, true, false])
    onLast()
    assert.deepStrictEqual([mayCome(4), isLast(3), isLast(2)], [false, true, false])
    restart()
    assert.deepStrictEqual([mayCome(4), isLast(3)], [true, false])
  })

  it("continue if a tag follows zeros, and are skipped if anything else does", () => {
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
      detail: "there is foreign data between the MP3 frames"
    })
  })

  it("include anything after the end, in any chunks", () => {
    const { cutter, isEnded, pass, passEnd, problem, push } = make()
    push(Buffer.from("LYRICSBEGIN"))
    assert.isTrue(pass(false))
    for (const piece of [Buffer.from("words"), Uint8Array.of(0xff, 0xfb, 0x90, 0x44), Uint8Array.of(0, 0xff, 0xf1)]) {
      push(piece)
      passEnd()
      assert.deepStrictEqual([isEnded(), problem(), cutter.available()], [true, undefined, 0])
    }
  })

  it("allow sound to resume after zeros, but are Corrupt after more than 64 KiB of them", () => {
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
