import { assert, describe, it } from "@effect/vitest"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import type { Speaking } from "../../src/receive/ReceivedFrame.ts"
import * as Speakers from "../../src/receive/Speakers.ts"

const user = UserId.make("100000000000000001")
const ssrc = Ssrc.make(1)

const make = (jitterMs = 0) => {
  const told: Array<Speaking> = []
  const made = Speakers.make(() => jitterMs, (speaking) => told.push(speaking))
  /** Timestamps follow the sequence numbers unless one is given. */
  const onPacket = (
    userId: UserId,
    ssrc: Ssrc,
    sequence: number,
    isSilence: boolean,
    arrivalMs: number,
    timestamp = (((sequence << 16) >> 16) * 960) >>> 0
  ) => made.onPacket(userId, { ssrc, sequence, timestamp }, isSilence, arrivalMs)
  const speakers = { ...made, onPacket }
  return { speakers, told, flags: () => told.map(({ atMs, speaking }) => [speaking, atMs]) }
}

describe("Speakers", () => {
  it("reports a start at once, and an end after 100 ms without packets", () => {
    const { flags, speakers } = make()
    assert.strictEqual(speakers.nextMs(), Infinity)
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    assert.strictEqual(speakers.nextMs(), 1_020)
    speakers.onPacket(user, ssrc, 2, false, 1_020)
    speakers.advance(1_119)
    assert.deepStrictEqual(flags(), [[true, 1_000]])
    assert.isAtMost(speakers.nextMs(), 1_140)
    speakers.advance(1_120)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_020]])
    assert.strictEqual(speakers.nextMs(), Infinity)
  })

  it("waits longer when the network jitters", () => {
    const { flags, speakers } = make(150)
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.advance(1_249)
    assert.lengthOf(flags(), 1)
    speakers.advance(1_250)
    assert.lengthOf(flags(), 2)
  })

  it("takes two frames of silence as an end, one as a breath, and ignores silence alone", () => {
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

  it("accepts a packet with a later timestamp although earlier silence had its number", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    for (const n of [2, 3, 4, 5, 6]) speakers.onPacket(user, ssrc, n, true, 1_080 + n * 20)
    speakers.onPacket(user, ssrc, 2, false, 1_300, 16 * 960)
    speakers.onPacket(user, ssrc, 1, true, 1_310)
    speakers.onPacket(user, ssrc, 3, false, 1_320, 17 * 960)
    speakers.advance(1_419)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_140], [true, 1_300]])
  })

  it("ignores a packet that was overtaken", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.onPacket(user, ssrc, 3, true, 1_040)
    speakers.onPacket(user, ssrc, 4, true, 1_060)
    speakers.onPacket(user, ssrc, 2, false, 1_070)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_060]])
    speakers.onPacket(user, Ssrc.make(2), 1, false, 1_080)
    assert.lengthOf(flags(), 3)
  })

  it("counts a repeated frame of silence once", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.onPacket(user, ssrc, 2, true, 1_020)
    speakers.onPacket(user, ssrc, 2, true, 1_021)
    assert.deepStrictEqual(flags(), [[true, 1_000]])
  })

  it("hears a sender that restarts with lower numbers, after a second", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 100, false, 1_000)
    speakers.advance(1_100)
    speakers.onPacket(user, ssrc, 5, false, 1_999)
    assert.lengthOf(flags(), 2)
    speakers.onPacket(user, ssrc, 6, false, 2_000)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_000], [true, 2_000]])
  })

  it("goes by the latest arrival time of a packet", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    // from an SSRC whose user was named later
    speakers.onPacket(user, Ssrc.make(2), 1, false, 900)
    speakers.advance(1_099)
    assert.lengthOf(flags(), 1)
    speakers.advance(1_100)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_000]])
  })

  it("reports that a user who leaves no longer speaks, and hears one who comes back", () => {
    const { flags, speakers } = make()
    speakers.onPacket(user, ssrc, 1, false, 1_000)
    speakers.onGone(user)
    speakers.onGone(user)
    assert.deepStrictEqual(flags(), [[true, 1_000], [false, 1_000]])
    speakers.onPacket(user, ssrc, 0, false, 1_100)
    assert.deepStrictEqual(flags().slice(2), [[true, 1_100]])
  })
})
