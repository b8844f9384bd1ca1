import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as SealedText from "../../../src/audio/http/SealedText.ts"

describe("SealedText", () => {
  it.prop("can be opened only by its own sealer, which seals equal texts alike", [Schema.String], ([drawn]) => {
    // half a surrogate pair is not text
    const text = drawn.toWellFormed()
    const [one, other] = [SealedText.make(), SealedText.make()]
    const sealed = one.seal(text)
    assert.match(sealed, /^[\w-]+$/)
    assert.strictEqual(one.seal(text), sealed)
    assert.strictEqual(one.open(sealed), text)
    assert.isUndefined(other.open(sealed))
    assert.isUndefined(one.open(`${sealed}AAAA`))
  })

  it("opens nothing that was not sealed", () => {
    const { open } = SealedText.make()
    for (const text of ["", "none", "A".repeat(37), "A".repeat(400), "ü/%"]) assert.isUndefined(open(text))
  })
})
