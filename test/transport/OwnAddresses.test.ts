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

  it("are not thought to be gone because they cannot be read", () => {
    let nowMs = 0
    let addresses: ReadonlyArray<string> | undefined
    const has = OwnAddresses.make(() => {
      if (addresses === undefined) throw new Error("uv_interface_addresses returned Unknown system error 13")
      return addresses
    }, () => nowMs)
    assert.isTrue(has("192.0.2.7"))
    addresses = ["192.0.2.7"]
    nowMs = 2_000
    assert.isTrue(has("192.0.2.7"))
    assert.isFalse(has("192.0.2.8"))
    addresses = undefined
    nowMs = 4_000
    assert.isTrue(has("192.0.2.7"))
    assert.isFalse(has("192.0.2.8"))
  })
})
