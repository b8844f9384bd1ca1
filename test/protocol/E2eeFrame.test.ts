import { assert, describe, it } from "@effect/vitest"
import * as E2eeFrame from "../../src/protocol/E2eeFrame.ts"
import { fromHex } from "../vectors/hex.ts"
import { bytes as anyBytes } from "./arbitraries.ts"

const bytes = (hex: string) => fromHex(hex.replaceAll(" ", ""))

/** A payload of 11 bytes, encrypted with nonce 1 by libdave and by davey. */
const vector = bytes("a374b82f79f97a45494e34 823b648591e76180 01 0c fafa")

const tag = "0011223344556677"

describe("E2eeFrame", () => {
  it("recognizes an encrypted frame", () => {
    assert.isTrue(E2eeFrame.isProtected(vector))
    assert.isTrue(E2eeFrame.isProtected(bytes(`${tag} 01 0c fafa`)), "of an empty payload")
    assert.isTrue(E2eeFrame.isProtected(bytes(`aa ${tag} ffffffff0f 10 fafa`)), "with the greatest nonce")
    assert.isTrue(E2eeFrame.isProtected(bytes(`aabbccdd ${tag} 01 0001 0201 10 fafa`)), "with clear ranges")
    assert.isTrue(E2eeFrame.isProtected(bytes(`aabb ${tag} 01 0002 0e fafa`)), "with nothing that is not clear")
  })

  it.each([
    ["silence", "f8fffe"],
    ["an empty frame", ""],
    ["the marker alone", "fafa"],
    ["another marker", `aa ${tag} 01 0c fafb`],
    ["half a marker", `aa ${tag} 01 0c 00fa`],
    ["a size below the least", `aa ${tag} 01 0b fafa`],
    ["a size of nothing", `aa ${tag} 01 00 fafa`],
    ["less than a tag", "01 04 fafa"],
    ["a size beyond the frame", `${tag} 01 0d fafa`],
    ["an endless nonce", `aa ${tag} 81 0c fafa`],
    ["a nonce of more than 32 bits", `aa ${tag} ffffffff1f 10 fafa`],
    ["a nonce of six bytes", `aa ${tag} 808080808000 11 fafa`],
    ["a range without a size", `aabb ${tag} 01 00 0d fafa`],
    ["a range beyond the ciphertext", `aabb ${tag} 01 0003 0e fafa`],
    ["ranges out of order", `aabbccdd ${tag} 01 0201 0001 10 fafa`],
    ["ranges that overlap", `aabbccdd ${tag} 01 0002 0101 10 fafa`]
  ])("does not take %s for one", (_, hex) => {
    assert.isFalse(E2eeFrame.isProtected(bytes(hex)))
  })

  it.prop("accepts any bytes, and treats only marked ones as a frame", [anyBytes(1_500)], ([frame]) => {
    const isMarked = frame[frame.length - 1] === 0xfa && frame[frame.length - 2] === 0xfa
    if (!isMarked) assert.isFalse(E2eeFrame.isProtected(frame))
  })

  it.prop("never fails on a marked frame", [anyBytes(64)], ([frame]) => {
    assert.isBoolean(E2eeFrame.isProtected(Uint8Array.of(...frame, 0xfa, 0xfa)))
  })
})
