import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Recording from "../../../src/receive/record/Recording.ts"

describe("Recording", () => {
  it.effect("has the defaults that its options tell of, in samples and bytes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Recording.check({ folder: "talk" }, {}), {
        files: "opus",
        mixed: "opus",
        hold: 400 * 48,
        maxPending: 8 * 1024 * 1024,
        maxLength: Infinity,
        maxBytes: Infinity
      })
    }))

  it.effect("takes a maximum of 256 KiB, and none below", () =>
    Effect.gen(function*() {
      const check = (bytes: number) => Recording.check({ folder: "talk", maximum: { bytes } }, { needsMaximum: true })
      assert.strictEqual((yield* check(262_144)).maxBytes, 262_144)
      assert.strictEqual((yield* Effect.flip(check(262_143))).reason._tag, "Unsupported")
    }))

  it.effect("takes a time for a maximum in memory, and no time for none", () =>
    Effect.gen(function*() {
      const check = (duration: number) =>
        Recording.check({ folder: "talk", maximum: { duration } }, { needsMaximum: true })
      assert.strictEqual((yield* check(1)).maxLength, 48)
      assert.strictEqual((yield* Effect.flip(check(0))).reason._tag, "Unsupported")
    }))
})
