import { assert, describe, it } from "@effect/vitest"
import * as OggPage from "../../../src/audio/ogg/OggPage.ts"
import { concat, mixed, pagesOf, writePage } from "../samples.ts"

describe("a look for Ogg pages", () => {
  const pages = pagesOf(mixed(1, 12), { segments: 21 }).slice(2)
  const written = pages.map(writePage)
  const whole = pages.findIndex(({ granule, lacing }) => granule >= 0n && lacing.at(-1) !== 255)
  const last = pages.findLast(({ granule }) => granule >= 0n)

  /** Pages of nothing whose checksums are wrong. */
  const damaged = (count: number): Uint8Array => {
    const page = Buffer.alloc(27)
    page.write("OggS")
    page[22] = 1
    return concat(...Array.from({ length: count }, () => page))
  }

  it("finds them behind what is damaged", () => {
    assert.isDefined(last)
    const bytes = concat(damaged(10), ...written, damaged(10))
    assert.strictEqual(OggPage.all(bytes).length, pages.length)
    assert.strictEqual(OggPage.firstComplete(bytes, 7)?.sequence, pages[whole]?.sequence)
    assert.strictEqual(OggPage.lastGranule(bytes, 7), Number(last.granule))
  })

  it("gives up where there is nothing but damage, which would cost time", () => {
    const bytes = concat(damaged(100), ...written, damaged(100))
    assert.deepStrictEqual(OggPage.all(bytes), [])
    assert.isUndefined(OggPage.firstComplete(bytes, 7))
    assert.isUndefined(OggPage.lastGranule(bytes, 7))
  })
})
