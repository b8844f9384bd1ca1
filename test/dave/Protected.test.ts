import { assert, describe, it } from "@effect/vitest"
import * as Protected from "../../src/dave/Protected.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"

const rig = (encrypt: (frame: Uint8Array) => Uint8Array | undefined) => {
  const ring = FrameRing.make()
  const state = { isEncrypting: true }
  const told: Array<boolean> = []
  const options = { isEncrypting: () => state.isEncrypting, onFrame: (isEncrypted: boolean) => told.push(isEncrypted) }
  const source = Protected.whenTaken(ring, options, encrypt)
  const into = new Uint8Array(64)
  const take = () => {
    const length = source.read(into, 12)
    return length < 0 ? undefined : Array.from(into.subarray(12, 12 + length))
  }
  return { ring, state, take, told }
}

describe("Protected", () => {
  it("gives frames encrypted while they have to be, and plain otherwise", () => {
    const { ring, state, take, told } = rig((frame) => Uint8Array.of(9, ...frame))
    for (const n of [1, 2, 3]) ring.write(Uint8Array.of(0xfc, n), 960)
    assert.deepStrictEqual(take(), [9, 0xfc, 1])
    state.isEncrypting = false
    assert.deepStrictEqual(take(), [0xfc, 2])
    state.isEncrypting = true
    assert.deepStrictEqual(take(), [9, 0xfc, 3])
    assert.isUndefined(take(), "there is none")
    assert.deepStrictEqual(told, [true, true])
  })

  it("leaves silence as it is, and does not send what cannot be encrypted", () => {
    const { ring, take, told } = rig(() => undefined)
    ring.write(OpusPacket.silenceFrame(), 960)
    ring.write(Uint8Array.of(0xfc, 1), 960)
    assert.deepStrictEqual(take(), Array.from(OpusPacket.silenceFrame()))
    assert.deepStrictEqual(told, [])
    assert.deepStrictEqual(take(), [])
    assert.deepStrictEqual(told, [false])
  })
})
