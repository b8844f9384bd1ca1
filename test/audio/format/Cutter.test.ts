import { assert, describe, it } from "@effect/vitest"
import * as Cutter from "../../../src/audio/format/Cutter.ts"
import type { Header } from "../../../src/audio/format/PacketReader.ts"
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

/**
 * A format whose packets begin with their length. 0 fails, twice, and 9 says that the nine bytes after it are to be
 * skipped.
 */
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

/** Frames that consist of 0xff, a kind, their length, and zeros. */
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
  it("returns packets as soon as they are complete, with their offsets", () => {
    const { push, took } = reader()
    push(Uint8Array.of(2, 7, 3, 7))
    assert.deepStrictEqual(took(), ["0: 2 7"])
    assert.deepStrictEqual(took(), [])
    push(Uint8Array.of(8))
    push(Uint8Array.of(1, 2))
    assert.deepStrictEqual(took(), ["2: 3 7 8", "5: 1"])
  })

  it("skips bytes, including bytes that arrive later", () => {
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

  it("keeps the first problem, takes nothing after it, and does not call `end` then", () => {
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

  it("restarts at another offset without keeping anything from before", () => {
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

  it("reports the duration if the header states the total", () => {
    assert.isUndefined(reader(() => undefined).durationMs())
    assert.isUndefined(reader().durationMs())
    assert.strictEqual(reader(() => ({ ...header, total: 4_000 })).durationMs(), 500)
  })
})

describe("Cutter.framesOf", () => {
  it("begins at two similar frames in a row, and ends with the last one like them", () => {
    assert.deepStrictEqual(lengthsOf(concat(Uint8Array.of(1, 2), frame(1, 5), frame(1, 6), frame(2, 5))), [5, 6])
    assert.deepStrictEqual(lengthsOf(concat(frame(1, 5), frame(2, 6), frame(2, 7))), [6, 7])
    assert.deepStrictEqual(lengthsOf(concat(frame(1, 5), Uint8Array.of(0), frame(1, 5))), [])
  })

  it("counts a frame once four of its bytes are there", () => {
    const two = concat(frame(1, 5), frame(1, 6))
    assert.deepStrictEqual(lengthsOf(two.subarray(0, 9)), [5, 6])
    assert.deepStrictEqual(lengthsOf(two.subarray(0, 8)), [])
    assert.deepStrictEqual(lengthsOf(two.subarray(0, 8), 1), [5])
    assert.deepStrictEqual(lengthsOf(frame(1, 4), 1), [4])
    assert.deepStrictEqual(lengthsOf(frame(1, 4).subarray(0, 3), 1), [])
  })

  it("says whether enough similar frames follow each other", () => {
    const three = concat(frame(1, 5), frame(1, 6), frame(1, 7))
    assert.isTrue(Cutter.follow(three, frameAt, alike, 3))
    assert.isFalse(Cutter.follow(three, frameAt, alike, 4))
    assert.isTrue(Cutter.follow(frame(1, 5), frameAt, alike, 1))
  })
})
