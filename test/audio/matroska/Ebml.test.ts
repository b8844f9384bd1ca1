/** Numbers, elements and lacings, exactly as RFC 8794 and RFC 9559, 10.3, define them. */
import { assert, describe, it } from "@effect/vitest"
import * as Ebml from "../../../src/audio/matroska/Ebml.ts"

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"))

const vint = (hex: string): number => {
  const all = bytes(hex)
  const length = Ebml.vintLength(all[0] ?? 0)
  assert.strictEqual(length, all.length)
  return Ebml.vint(all, 0, length)
}

const hexOf = (parts: ReadonlyArray<Uint8Array> | undefined) => parts?.map((part) => Buffer.from(part).toString("hex"))

describe("Ebml", () => {
  it("reads numbers of every length, and the unknown size", () => {
    assert.deepStrictEqual(["80", "81", "fe"].map(vint), [0, 1, 126])
    assert.deepStrictEqual(["4000", "4001", "407f", "7ffe"].map(vint), [0, 1, 127, 16_382])
    assert.deepStrictEqual(["3fff fe", "1fff fffe", "0fff ffff fe"].map(vint), [2 ** 21 - 2, 2 ** 28 - 2, 2 ** 35 - 2])
    assert.strictEqual(vint("01 00 00 00 00 01 02 03"), 66_051)
    const unknown = ["ff", "7fff", "3fffff", "1fffffff", "01ffffffffffffff"]
    assert.isTrue(unknown.map(vint).every((size) => size === Ebml.unknownSize))
    // all ones after a first byte that is not, and the other way round
    assert.deepStrictEqual(["40ff", "7ffe", "20ffff"].map(vint), [255, 16_382, 65_535])
    assert.strictEqual(Ebml.vintLength(0), 9)
  })

  it("reads signed integers and floating-point numbers", () => {
    assert.deepStrictEqual(["7f", "80", "ff", "8000", "00ff", "ffffff85ee"].map((hex) => Ebml.int(bytes(hex))), [
      127,
      -128,
      -1,
      -32_768,
      255,
      -31_250
    ])
    assert.deepStrictEqual(["3fc00000", "c09f400000000000", "", "3fc0"].map((hex) => Ebml.float(bytes(hex))), [
      1.5,
      -2_000,
      0,
      0
    ])
  })

  it("returns the children of an element if all of them fit", () => {
    const found = Ebml.children(bytes("d7 81 05  4286 82 0102  1a45dfa3 4000"))
    assert.deepStrictEqual(found?.map(([id, data]) => [id, [...data]]), [[0xd7, [5]], [0x4286, [1, 2]], [
      0x1a45dfa3,
      []
    ]])
    assert.deepStrictEqual(Ebml.children(new Uint8Array(0)), [])
    for (const hex of ["d7 82 05", "d7", "0800000000 80", "d7 00 81", "d7 ff", "d7 81 05 d7"]) {
      assert.isUndefined(Ebml.children(bytes(hex)), hex)
    }
  })

  it("splits the frames of every lacing", () => {
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("0102"), 0)), ["0102"])
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("02 01 02  aa bbbb cc"), 1)), ["aa", "bbbb", "cc"])
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("01 00  aa"), 1)), ["", "aa"])
    const long = Ebml.unlace(bytes(`01 ff00 ${"aa".repeat(255)} bb`), 1)
    assert.deepStrictEqual(long?.map(({ length }) => length), [255, 1])
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("02 aaaa bbbb cccc"), 2)), ["aaaa", "bbbb", "cccc"])
    // one byte each: 1 - 1 = 0 and 0 + 2, each shifted by 63
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("03 81 be c1  aa bbbb cc"), 3)), ["aa", "", "bbbb", "cc"])
    // a difference of two bytes is shifted by 8191
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("02 81 6000  aa bbbb cc"), 3)), ["aa", "bbbb", "cc"])
    assert.deepStrictEqual(hexOf(Ebml.unlace(bytes("00 aa"), 3)), ["aa"])
  })

  it("rejects a lacing that does not fit", () => {
    const cases: ReadonlyArray<readonly [lacing: number, hex: string]> = [
      [1, ""],
      [1, "01"],
      [1, "01 ff"],
      [1, "01 03 aabb"],
      [1, "02 01 02 aabb"],
      [2, "01 aabbcc"],
      [3, "01"],
      [3, "01 83 aabb"],
      [3, "02 81 bd aabbcc"],
      [3, "01 0800000001 aa"],
      [3, "02 81 ff aabbcc"]
    ]
    for (const [lacing, hex] of cases) assert.isUndefined(Ebml.unlace(bytes(hex), lacing), `${lacing}: ${hex}`)
  })
})
