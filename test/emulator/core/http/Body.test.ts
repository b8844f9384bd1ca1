import { assert, describe, it } from "@effect/vitest"
import * as Body from "../../../../src/emulator/core/http/Body.ts"

describe("Body", () => {
  it("keeps all digits of integers that are too large for a number", () => {
    const text =
      "{\"id\":1311999988887777001,\"of\":[9007199254740993,-9007199254740993],\"x\":{\"y\":9007199254740991}}"
    assert.deepStrictEqual(Body.parse(text), {
      id: "1311999988887777001",
      of: ["9007199254740993", -9007199254740992],
      x: { y: 9_007_199_254_740_991 }
    })
    // Digits within a string are left as they are.
    assert.deepStrictEqual(Body.parse("{\"content\":\"see 1311999988887777001, \\\"9007199254740993\\\"\"}"), {
      content: "see 1311999988887777001, \"9007199254740993\""
    })
    assert.deepStrictEqual(Body.parse("[1e300,0.5,-1,100000000000000000.5]"), [1e300, 0.5, -1, 1e17])
  })

  it("is undefined for invalid JSON, and for JSON that is nested too deeply", () => {
    for (const text of ["", "{", "nothing", "[".repeat(101) + "]".repeat(101)]) assert.isUndefined(Body.parse(text))
  })

  it("reads ids as text, from strings and numbers", () => {
    assert.deepStrictEqual(["1", 1, 0, 1.5, 2 ** 53, null, undefined, {}, ["1"]].map(Body.idOf), [
      "1",
      "1",
      "0",
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined
    ])
  })
})
