import { assert, describe, it } from "@effect/vitest"
import * as Batch from "../../src/clock/Batch.ts"

/** Outlets that record what they are given: name, first byte and length. */
const rig = () => {
  const batch = Batch.make()
  const delivered: Array<string> = []
  const outlet = (name: string): Batch.Outlet => ({
    deliver: (packet, length) => delivered.push(`${name} ${packet[0]} ${length}`)
  })
  return { batch, delivered, outlet }
}

describe("Batch", () => {
  it("delivers posted packets on a flush, in order and once", () => {
    const { batch, delivered, outlet } = rig()
    batch.post(outlet("a"), Uint8Array.of(1, 0), 1)
    batch.post(outlet("b"), Uint8Array.of(2, 0), 2)
    assert.deepStrictEqual(delivered, [])
    batch.flush()
    batch.flush()
    assert.deepStrictEqual(delivered, ["a 1 1", "b 2 2"])
  })

  it("delivers the waiting packets when there is no room for another", () => {
    const { batch, delivered, outlet } = rig()
    const a = outlet("a")
    for (let i = 0; i < Batch.batchPackets; i++) batch.post(a, Uint8Array.of(i), 1)
    assert.deepStrictEqual(delivered, [])
    batch.post(a, Uint8Array.of(200), 1)
    assert.strictEqual(delivered.length, Batch.batchPackets)
    batch.flush()
    assert.strictEqual(delivered.at(-1), "a 200 1")
    assert.strictEqual(delivered.length, Batch.batchPackets + 1)
  })
})
