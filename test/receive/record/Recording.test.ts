import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Recording from "../../../src/receive/record/Recording.ts"

describe("Recording", () => {
  it.effect("has the documented defaults, in samples and bytes", () =>
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

  it.effect("accepts a maximum of 256 KiB, and nothing below", () =>
    Effect.gen(function*() {
      const check = (bytes: number) => Recording.check({ folder: "talk", maximum: { bytes } }, { needsMaximum: true })
      assert.strictEqual((yield* check(262_144)).maxBytes, 262_144)
      assert.strictEqual((yield* Effect.flip(check(262_143))).reason._tag, "Unsupported")
    }))

  it.effect("accepts a duration as the maximum in memory, but not a duration of zero", () =>
    Effect.gen(function*() {
      const check = (duration: number) =>
        Recording.check({ folder: "talk", maximum: { duration } }, { needsMaximum: true })
      assert.strictEqual((yield* check(1)).maxLength, 48)
      assert.strictEqual((yield* Effect.flip(check(0))).reason._tag, "Unsupported")
    }))
})
