import { assert, describe, it } from "@effect/vitest"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import type { Speaking } from "../../src/receive/ReceivedFrame.ts"
import * as Speakers from "../../src/receive/Speakers.ts"

const user = UserId.make("100000000000000001")
const ssrc = Ssrc.make(1)

const make = (jitterMs = 0) => {
  const told: Array<Speaking> = []
  const speakers = Speakers.make(() => jitterMs, (speaking) => told.push(speaking))
  return { speakers, told, flags: () => told.map(({ atMs, speaking }) => [speaking, atMs]) }
}

describe("Speakers", () => {
  it("tells a beginning at once and an end after 100 ms without packets", () => {
    const { flags, speakers } = make()
    assert.strictEqual(speakers.nextMs(), Infinity)
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.onPacket(user, ssrc, 2, false, 1_020)
    speakers.advance(1_119)
    assert.deepStrictEqual(flags(), [[true, 1_000]])
    assert.isAtMost(speakers.nextMs(), 1_140)
    speakers.advance(1_120)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_020]])
    assert.strictEqual(speakers.nextMs(), Infinity)
  })

  it("waits longer where the network jitters", () => {
    const { flags, speakers } = make(150)
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.advance(1_249)
    assert.lengthOf(flags(), 1)
    speakers.advance(1_250)
    assert.lengthOf(flags(), 2)
  })

  it("takes two frames of silence for an end, one for a breath, and silence alone for nothing", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 0xfffe, true, 980)
    speakers.onPacket(user, ssrc, 0xffff, false, 1_000)
    speakers.onPacket(user, ssrc, 0, true, 1_020)
    speakers.onPacket(user, ssrc, 1, false, 1_040)
    speakers.onPacket(user, ssrc, 2, true, 1_060)
    speakers.onPacket(user, ssrc, 3, true, 1_080)
    speakers.onPacket(user, ssrc, 4, true, 1_100)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_080]])
  })

  it("is not told anything by a packet that was overtaken", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.onPacket(user, ssrc, 3, true, 1_040)
    speakers.onPacket(user, ssrc, 4, true, 1_060)
    speakers.onPacket(user, ssrc, 2, false, 1_070)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_060]])
    speakers.onPacket(user, Ssrc.make(2), 1, false, 1_080)
    assert.lengthOf(flags(), 3)
  })

  it("knows that who has left does not speak", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.onGone(user)
    speakers.onGone(user)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_000]])
  })
})
