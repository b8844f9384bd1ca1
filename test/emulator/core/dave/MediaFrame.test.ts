import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as MediaFrame from "../../../../src/emulator/core/dave/MediaFrame.ts"

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"))
const hex = (u8: Uint8Array | undefined) => u8 && Buffer.from(u8).toString("hex")

const base = bytes("000102030405060708090a0b0c0d0e0f")
const frame = bytes("a374b82f79f97a45494e34 823b648591e76180 01 0c fafa")

describe("MediaFrame", () => {
  it("derives the keys of the test vectors", () => {
    assert.strictEqual(hex(MediaFrame.keyOf(base, 0)), "58fc013108dbf996ef651e3f01658bfb")
    assert.strictEqual(hex(MediaFrame.keyOf(base, 1)), "9cddc08f0c8a7cfecabfe757dc33b039")
    assert.strictEqual(hex(MediaFrame.keyOf(base, 2)), "ef2427778fb709d7d1e070846f920024")
  })

  it("opens the frame of the test vector, and no altered copy of it", () => {
    const decoded = MediaFrame.decode(frame)
    assert.isDefined(decoded)
    assert.deepStrictEqual([decoded.nonce, decoded.clear, decoded.media.length], [1, [], 11])
    assert.strictEqual(hex(MediaFrame.open(base, decoded)), "78aabbccddeeff00112233")
    for (let at = 0; at < 20; at++) {
      const turned = frame.slice()
      turned[at] = (turned[at] ?? 0) ^ 0x10
      const other = MediaFrame.decode(turned)
      assert.isUndefined(other && MediaFrame.open(base, other))
    }
  })

  it("accepts clear ranges only in order and within the frame", () => {
    const make = (ranges: string) => {
      const tail = `${"00".repeat(8)} 8101 ${ranges}`
      const size = bytes(tail).length + 3
      return MediaFrame.decode(bytes(`${"11".repeat(20)} ${tail} ${size.toString(16).padStart(2, "0")} fafa`))
    }
    assert.deepStrictEqual(make("00 01 05 02")?.clear, [{ offset: 0, size: 1 }, { offset: 5, size: 2 }])
    assert.strictEqual(make("")?.nonce, 129)
    for (const ranges of ["05 02 00 01", "00 15", "05", "05 82", "13 02", "00 ffffffffff"]) {
      assert.isUndefined(make(ranges), ranges)
    }
  })

  it("does not take silence, Opus, or a marker alone for a frame", () => {
    const others = ["f8fffe", "78fafa", "00 0c fafa", "0000000000000000 01 0a fafa", "0000000000000000 01 ff fafa"]
    for (const other of others) assert.isUndefined(MediaFrame.decode(bytes(other)), other)
    assert.isTrue(MediaFrame.isFrame(frame, 0, frame.length))
    assert.isFalse(MediaFrame.isFrame(frame, 0, frame.length - 1))
  })

  it.prop("never throws, whatever bytes precede the marker", [
    Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 255 }))))
  ], ([noise]) => {
    const decoded = MediaFrame.decode(Uint8Array.from([...noise, 0xfa, 0xfa]))
    if (decoded === undefined) return
    assert.isAtMost(decoded.media.length + decoded.tag.length, noise.length)
    const opened = MediaFrame.open(base, decoded)
    assert.isTrue(opened === undefined || opened.length === decoded.media.length)
  })
})
