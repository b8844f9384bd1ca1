import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ChannelId } from "../../src/protocol/Identifier.ts"

describe("Identifier", () => {
  it.effect("says what an ID has to be", () =>
    Effect.gen(function*() {
      const decode = Schema.decodeUnknownEffect(ChannelId)
      assert.strictEqual(yield* decode("18446744073709551615"), "18446744073709551615")
      for (const wrong of ["lobby", "", "-1", "1".repeat(21)]) {
        assert.include((yield* Effect.flip(decode(wrong))).message, "a Discord id of 1 to 20 digits")
      }
    }))
})
