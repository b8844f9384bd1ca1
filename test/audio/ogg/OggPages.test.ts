import { assert, describe, it } from "@effect/vitest"
import * as OggPages from "../../../src/audio/ogg/OggPages.ts"
import { concat, writePage } from "../samples.ts"

/** A page of ten bytes, which repeat its number. */
const page = (sequence: number) =>
  writePage({ flags: 0, granule: 5n, serial: 7, sequence, lacing: [10], body: new Uint8Array(10).fill(sequence) })

const size = page(0).length

/**
 * The numbers of all complete pages, their positions and their first byte. At the end, the kind of the failure if there
 * is one.
 */
const takeAll = (pages: OggPages.OggPages, isPadded = false) => {
  const all: Array<readonly [sequence: number, position: number, first: number | undefined] | string> = []
  for (let next = pages.next(isPadded); next !== undefined; next = pages.next(isPadded)) {
    if ("kind" in next) return [...all, next.kind]
    all.push([next.sequence, pages.position(), pages.bytes()[next.body]])
  }
  return all
}

describe("OggPages", () => {
  it("returns each page once it is complete, with its position", () => {
    const pages = OggPages.make()
    assert.isUndefined(pages.next(false))
    const bytes = concat(page(1), page(2), page(3))
    pages.push(bytes.subarray(0, 2 * size - 1))
    assert.deepStrictEqual(takeAll(pages), [[1, 0, 1]])
    assert.strictEqual(pages.left(), size - 1)
    pages.push(bytes.subarray(2 * size - 1))
    assert.deepStrictEqual(takeAll(pages), [[2, size, 2], [3, 2 * size, 3]])
    assert.strictEqual(pages.left(), 0)
  })

  it("no longer counts a returned page as left, even if more bytes arrive before the next call", () => {
    const pages = OggPages.make()
    pages.push(page(1))
    assert.isDefined(pages.next(false))
    assert.strictEqual(pages.left(), 0)
    pages.push(page(2))
    assert.deepStrictEqual(takeAll(pages), [[2, size, 2]])
  })

  it("skips padding only if that is allowed", () => {
    const bytes = concat(page(1), new Uint8Array(100), page(2))
    const padded = OggPages.make()
    padded.push(bytes)
    assert.deepStrictEqual(takeAll(padded, true), [[1, 0, 1], [2, size + 100, 2]])
    const plain = OggPages.make()
    plain.push(bytes)
    assert.deepStrictEqual(takeAll(plain), [[1, 0, 1], "Corrupt"])
  })

  it("says UnknownFormat for bytes that are not Ogg at all, and Corrupt for a damaged page", () => {
    for (
      const [bytes, kind] of [
        [Uint8Array.of(1, 2, 3), "UnknownFormat"],
        [page(1).with(4, 1), "Corrupt"],
        [page(1).with(size - 1, 9), "Corrupt"]
      ] as const
    ) {
      const pages = OggPages.make()
      pages.push(bytes)
      assert.deepStrictEqual(takeAll(pages), [kind])
    }
  })

  it("continues at another position after a restart", () => {
    const pages = OggPages.make()
    pages.push(concat(page(1), page(2).subarray(0, 20)))
    assert.deepStrictEqual(takeAll(pages), [[1, 0, 1]])
    pages.restart(1_000)
    assert.strictEqual(pages.left(), 0)
    pages.push(page(9))
    assert.deepStrictEqual(takeAll(pages), [[9, 1_000, 9]])
  })
})
