import { assert, describe, it } from "@effect/vitest"
import * as OggPage from "../../../src/audio/ogg/OggPage.ts"
import { concat, mixed, pagesOf, writePage } from "../samples.ts"

describe("a search for Ogg pages", () => {
  const pages = pagesOf(mixed(1, 12), { segments: 21 }).slice(2)
  const written = pages.map(writePage)
  const whole = pages.findIndex(({ granule, lacing }) => granule >= 0n && lacing.at(-1) !== 255)
  const last = pages.findLast(({ granule }) => granule >= 0n)

  /** Empty pages with wrong checksums. */
  const damaged = (count: number): Uint8Array => {
    const page = Buffer.alloc(27)
    page.write("OggS")
    page[22] = 1
    return concat(...Array.from({ length: count }, () => page))
  }

  it("finds pages after damaged ones", () => {
    assert.isDefined(last)
    const bytes = concat(damaged(10), ...written, damaged(10))
    assert.strictEqual(OggPage.all(bytes).length, pages.length)
    assert.strictEqual(OggPage.firstComplete(bytes, 7)?.sequence, pages[whole]?.sequence)
    assert.strictEqual(OggPage.lastGranule(bytes, 7), Number(last.granule))
  })

  it("gives up at too many damaged pages, which would take long", () => {
    const bytes = concat(damaged(100), ...written, damaged(100))
    assert.deepStrictEqual(OggPage.all(bytes), [])
    assert.isUndefined(OggPage.firstComplete(bytes, 7))
    assert.isUndefined(OggPage.lastGranule(bytes, 7))
  })

  it("skips pages of other streams, and pages on which no packet ends", () => {
    const page = (serial: number, granule: bigint, length = 10) =>
      writePage({ flags: 0, granule, serial, sequence: 0, lacing: [length], body: new Uint8Array(length) })
    const [mine, none, open, other] = [page(7, 5n), page(7, -1n), page(7, 9n, 255), page(8, 6n)]
    assert.strictEqual(OggPage.lastGranule(concat(mine, none), 7), 5)
    assert.isUndefined(OggPage.lastGranule(concat(mine, other), 7))
    assert.isUndefined(OggPage.lastGranule(none, 7))
    assert.strictEqual(OggPage.lastGranule(mine, 7), 5)
    assert.strictEqual(OggPage.firstComplete(concat(other, none, open, mine), 7)?.granule, 5)
    assert.isUndefined(OggPage.firstComplete(concat(other, none, open), 7))
    assert.strictEqual(OggPage.firstComplete(mine, 7)?.start, 0)
  })

  it("reads 64-bit granules, including negative ones", () => {
    for (const granule of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3, -1, -2, -(2 ** 32), -(2 ** 33) + 5]) {
      const theirs = writePage({
        flags: 0,
        granule: BigInt(granule),
        serial: 1,
        sequence: 2,
        lacing: [1],
        body: Uint8Array.of(1)
      })
      const ours = OggPage.encode({
        flags: 0,
        granule,
        serial: 1,
        sequence: 2,
        lacing: [1],
        body: [Uint8Array.of(1)]
      })
      assert.deepStrictEqual(ours, theirs)
      assert.deepInclude(OggPage.decode(theirs, 0, theirs.length), { granule, serial: 1, sequence: 2 })
    }
  })

  it("finds the beginning of a page that is cut off, if that is at the very end", () => {
    const [page] = written
    assert.isDefined(page)
    for (const cut of [4, 26, 27, page.length - 1]) {
      assert.strictEqual(OggPage.lastCut(concat(new Uint8Array(9), page.subarray(0, cut))), 9)
    }
    assert.strictEqual(OggPage.lastCut(concat(new Uint8Array(9), page)), 0)
    assert.strictEqual(OggPage.lastCut(page.subarray(0, 40)), 0)
    assert.strictEqual(OggPage.lastCut(concat(new Uint8Array(9), damaged(1))), 0)
  })
})
