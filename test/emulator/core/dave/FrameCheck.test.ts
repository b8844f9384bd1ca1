import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as FrameCheck from "../../../../src/emulator/core/dave/FrameCheck.ts"

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"))

describe("FrameCheck", () => {
  it("knows a frame that was measured", () => {
    assert.isTrue(FrameCheck.isEncrypted(bytes("a374b82f79f97a45494e34 823b648591e76180 01 0c fafa")))
  })

  it.each([
    ["an empty frame", "", false],
    ["the marker alone", "fafa", false],
    ["a tag without a nonce", "823b648591e76180 0b fafa", false],
    ["an empty payload", "823b648591e76180 01 0c fafa", true],
    ["a size beyond the frame", "823b648591e76180 01 0d fafa", false],
    ["another marker", "a3 823b648591e76180 01 0c fafb", false],
    ["a nonce of five bytes", "a3 823b648591e76180 8080808001 10 fafa", true],
    ["a nonce that does not end", "a3 823b648591e76180 80 0c fafa", false],
    ["a nonce of six bytes", "a3 823b648591e76180 808080808001 11 fafa", false],
    ["a clear range", "a3a4 823b648591e76180 01 00 01 0e fafa", true],
    ["two clear ranges", "a3a4a5 823b648591e76180 01 00 01 02 01 10 fafa", true],
    ["ranges out of order", "a3a4a5 823b648591e76180 01 02 01 00 01 10 fafa", false],
    ["a range that ends behind the media", "a3 823b648591e76180 01 00 02 0e fafa", false],
    ["half a range", "a3 823b648591e76180 01 00 0d fafa", false]
  ])("judges %s", (_, hex, expected) => {
    assert.strictEqual(FrameCheck.isEncrypted(bytes(hex)), expected)
  })

  it.prop("takes anything", [
    Schema.Uint8Array,
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 255 })))
  ], ([start, size]) => {
    FrameCheck.isEncrypted(start)
    FrameCheck.isEncrypted(Uint8Array.of(...start, size, 0xfa, 0xfa))
  })
})
