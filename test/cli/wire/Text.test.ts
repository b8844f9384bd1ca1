import { assert, describe, it } from "@effect/vitest"
import * as Text from "../../../src/cli/wire/Text.ts"

describe("Text", () => {
  it("truncates text that does not fit, and leaves text that just fits", () => {
    assert.deepStrictEqual(["1234", "12345", "123456"].map((text) => Text.fit(text, 5)), ["1234", "12345", "1234…"])
  })
})
