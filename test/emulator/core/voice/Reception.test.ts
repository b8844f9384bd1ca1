import { assert, describe, it } from "@effect/vitest"
import * as Reception from "../../../../src/emulator/core/voice/Reception.ts"

const make = (sequence = 65_534) => {
  const reception = Reception.make()
  const state = { sequence, timestamp: 0xffff_fc00, ms: 50_000 }
  const skip = (packets: number) => {
    state.sequence = (state.sequence + packets) & 0xffff
    state.timestamp = (state.timestamp + 960 * packets) >>> 0
    state.ms += 20 * packets
  }
  return {
    reception,
    state,
    skip,
    take: (packets: number, lateMs: (index: number) => number = () => 0) => {
      for (let i = 0; i < packets; i++) {
        reception.packet(state.sequence, state.timestamp, state.ms + lateMs(i))
        skip(1)
      }
    }
  }
}

describe("Reception", () => {
  it("reports received and lost packets", () => {
    const { reception, skip, take } = make()
    assert.isUndefined(reception.report(5, 0))
    take(8)
    skip(2)
    take(6)
    // 65534 and 65535, then 0 to 13 in the next cycle, without 6 and 7.
    assert.deepStrictEqual(reception.report(5, 77), {
      ssrc: 5,
      fractionLost: 32,
      cumulativeLost: 2,
      highestSequence: 65_536 + 13,
      jitter: 0,
      lastSenderReport: 77,
      delaySinceLastSenderReport: 0
    })
    take(1)
    assert.deepInclude(reception.report(5, 0), { fractionLost: 0, cumulativeLost: 2 })
  })

  it("counts duplicated and late packets as received", () => {
    const { reception, state, take } = make(10)
    take(4)
    reception.packet(13, state.timestamp - 960, state.ms)
    reception.packet(12, state.timestamp - 1920, state.ms)
    assert.deepInclude(reception.report(5, 0), { fractionLost: 0, cumulativeLost: -2, highestSequence: 13 })
  })

  it("converges to the mean change of the transit time", () => {
    const { reception, take } = make()
    take(500, (index) => index % 2 === 0 ? 0 : 8)
    assert.approximately((reception.report(5, 0)?.jitter ?? 0) / 48, 8, 0.01)
  })

  it("starts over when the sequence number jumps", () => {
    const { reception, state, take } = make(0)
    take(10)
    state.sequence = 30_000
    take(10)
    assert.deepInclude(reception.report(5, 0), { cumulativeLost: 0, highestSequence: 30_009 })
  })
})
