import { assert, describe, it } from "@effect/vitest"
import * as OwnAddresses from "../../src/transport/OwnAddresses.ts"

describe("OwnAddresses", () => {
  it("are read again after more than a second, and not for each question", () => {
    let [nowMs, reads] = [0, 0]
    let addresses = ["192.0.2.7"]
    const has = OwnAddresses.make(() => {
      reads++
      return addresses
    }, () => nowMs)
    assert.isTrue(has("192.0.2.7"))
    assert.isFalse(has("192.0.2.8"))
    addresses = ["192.0.2.8"]
    nowMs = 1_000
    assert.isTrue(has("192.0.2.7"))
    assert.strictEqual(reads, 1)
    nowMs = 1_001
    assert.isFalse(has("192.0.2.7"))
    assert.isTrue(has("192.0.2.8"))
    assert.strictEqual(reads, 2)
  })
})
