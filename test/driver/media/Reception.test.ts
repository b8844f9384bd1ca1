import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Reception from "../../../src/driver/media/Reception.ts"

/** A sender of 20 ms frames whose packets arrive as the test says. */
const sender = (reception: Reception.Reception, ssrc = 9, sequence = 65_500, timestamp = 0xffff_f000) => {
  const state = { sequence, timestamp, ms: 10_000 }
  return {
    state,
    skip: (packets: number) => {
      state.sequence = (state.sequence + packets) & 0xffff
      state.timestamp = (state.timestamp + 960 * packets) >>> 0
      state.ms += 20 * packets
    },
    send: (lateMs = 0) => reception.packet(ssrc, state.sequence, state.timestamp, state.ms + lateMs)
  }
}

const one = (reception: Reception.Reception) => {
  const [source] = reception.sources()
  assert.isDefined(source)
  return source
}

const Fate = Schema.Literals(["arrives", "lost"])

describe("Reception", () => {
  it("counts every packet across wraps of the sequence number and the timestamp", () => {
    const reception = Reception.make()
    const { send, skip } = sender(reception)
    for (let i = 0; i < 70_000; i++) {
      send()
      skip(1)
    }
    assert.deepStrictEqual(one(reception), {
      ssrc: one(reception).ssrc,
      packets: 70_000,
      lost: 0,
      reordered: 0,
      lossShare: 0,
      jitterMs: 0
    })
    assert.deepInclude(reception.interval(0, 31)[0], { cumulativeLost: 0, highestSequence: 65_500 + 69_999 })
  })

  it.prop(
    "counts as lost what was sent less what came, once later packets have shown it",
    {
      fates: Schema.Array(Fate),
      sequence: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })))
    },
    ({ fates, sequence }) => {
      const reception = Reception.make()
      const { send, skip } = sender(reception, 9, sequence)
      for (const fate of ["arrives", ...fates, "arrives"]) {
        if (fate === "arrives") send()
        skip(1)
      }
      const lost = fates.filter((fate) => fate === "lost").length
      assert.strictEqual(one(reception).lost, lost)
      assert.strictEqual(one(reception).packets, fates.length + 2 - lost)
      const share = lost / (fates.length + 2)
      assert.strictEqual(reception.interval(0, 31)[0]?.fractionLost, Math.floor(share * 256))
      assert.approximately(one(reception).lossShare, share, 1e-9)
    }
  )

  it.prop(
    "accepts any packets, and never counts more than came",
    {
      packets: Schema.Array(Schema.Struct({
        ssrc: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 3 }))),
        sequence: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))),
        timestamp: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff })))
      }))
    },
    ({ packets }) => {
      const reception = Reception.make()
      packets.forEach(({ sequence, ssrc, timestamp }, i) => reception.packet(ssrc, sequence, timestamp, i))
      const sources = reception.sources()
      assert.isAtMost(sources.reduce((sum, source) => sum + source.packets, 0), packets.length)
      for (const source of sources) assert.isTrue(Number.isInteger(source.lost) && source.jitterMs >= 0)
      for (const block of reception.interval(packets.length, 31)) {
        assert.isTrue(block.fractionLost >= 0 && block.fractionLost <= 255)
      }
    }
  )

  it("takes back the loss of a late packet, and counts late and repeated packets", () => {
    const reception = Reception.make()
    const { send, skip } = sender(reception)
    send()
    skip(2)
    send()
    assert.strictEqual(one(reception).lost, 1)
    skip(-1)
    send(40)
    assert.deepInclude(one(reception), { lost: 0, reordered: 1, packets: 3 })
    skip(1)
    send()
    assert.deepInclude(one(reception), { lost: -1, reordered: 2, packets: 4 })
    assert.strictEqual(reception.lost(), 0)
    assert.strictEqual(reception.reordered(), 2)
  })

  it("arrives at the jitter of RFC 3550, A.8", () => {
    const reception = Reception.make()
    const { send, skip } = sender(reception)
    let expected = 0
    let former: number | undefined
    for (let i = 0; i < 300; i++) {
      const lateMs = (i * 7) % 23
      send(lateMs)
      if (former !== undefined) expected += (Math.abs(lateMs - former) - expected) / 16
      former = lateMs
      skip(1)
    }
    assert.isAbove(expected, 5)
    assert.approximately(one(reception).jitterMs, expected, 0.05)
  })

  it("does not mistake a pause in which the sender's media clock stood still for jitter", () => {
    const reception = Reception.make()
    const { send, skip, state } = sender(reception)
    for (let i = 0; i < 100; i++) {
      if (i % 20 === 0) state.ms += 3_000
      send()
      skip(1)
    }
    assert.strictEqual(one(reception).jitterMs, 0)
    assert.strictEqual(one(reception).lost, 0)
  })

  it("starts over when the sender does, but not for a stray packet", () => {
    const reception = Reception.make()
    const { send, skip, state } = sender(reception, 9, 100)
    for (let i = 0; i < 10; i++) {
      if (i === 7) skip(1)
      send()
      skip(1)
    }
    reception.packet(9, 30_000, 5, state.ms)
    send()
    assert.deepInclude(one(reception), { packets: 11, lost: 1 })
    state.sequence = 40_000
    for (let i = 0; i < 10; i++) {
      send()
      skip(1)
    }
    // the first packet of the new stretch has only announced it
    assert.deepInclude(one(reception), { packets: 20, lost: 1 })
  })

  it("does not count packets as lost while nobody listened", () => {
    const reception = Reception.make()
    const { send, skip } = sender(reception)
    send()
    skip(2)
    send()
    reception.restart()
    skip(500)
    send()
    assert.deepInclude(one(reception), { packets: 3, lost: 1 })
    assert.strictEqual(reception.lost(), 1)
  })

  it("reports each interval separately, and no silent senders", () => {
    const reception = Reception.make()
    const { send, skip } = sender(reception)
    send()
    skip(2)
    send()
    assert.deepInclude(reception.interval(0, 31)[0], { fractionLost: 85, cumulativeLost: 1 })
    assert.deepStrictEqual(reception.interval(0, 31), [])
    skip(1)
    send()
    assert.deepInclude(reception.interval(0, 31)[0], { fractionLost: 0, cumulativeLost: 1 })
    assert.strictEqual(one(reception).lossShare, 0)
  })

  it("reports no loss for an interval in which only a repeated packet came", () => {
    const reception = Reception.make()
    const { send } = sender(reception)
    send()
    assert.lengthOf(reception.interval(0, 31), 1)
    send()
    assert.deepInclude(reception.interval(0, 31)[0], { fractionLost: 0, cumulativeLost: -1 })
    assert.strictEqual(one(reception).lossShare, 0)
  })

  it("starts over at the highest sequence number, too", () => {
    const reception = Reception.make()
    const { send, skip, state } = sender(reception, 9, 1_000)
    send()
    state.sequence = 65_535
    for (let i = 0; i < 10; i++) {
      send()
      skip(1)
    }
    assert.deepInclude(one(reception), { packets: 10, lost: 0 })
  })

  it("takes a step of up to 2,999 forward as loss, and of up to 99 back as lateness", () => {
    for (
      const [step, expected] of [
        [2_999, { packets: 2, lost: 2_998, reordered: 0 }],
        [3_000, { packets: 1, lost: 0, reordered: 0 }],
        [-99, { packets: 2, lost: -1, reordered: 1 }],
        [-100, { packets: 1, lost: 0, reordered: 0 }]
      ] as const
    ) {
      const reception = Reception.make()
      const { send, skip } = sender(reception, 9, 10_000)
      send()
      skip(step)
      send()
      assert.deepInclude(one(reception), expected)
    }
  })

  it("reports how long ago the last report of the sender came", () => {
    const reception = Reception.make()
    const { send } = sender(reception)
    reception.senderReport(9, { unixMs: 1_000, timestamp: 7, middle: 0x1234_5678 }, 10_000)
    assert.deepStrictEqual(reception.sources(), [])
    send()
    assert.deepInclude(reception.interval(12_500, 31)[0], {
      lastSenderReport: 0x1234_5678,
      delaySinceLastSenderReport: 2.5 * 65_536
    })
    assert.deepStrictEqual(one(reception).senderReport, { unixMs: 1_000, timestamp: 7 })
  })

  it("remembers a bounded number of sources, and the losses of forgotten ones", () => {
    const reception = Reception.make()
    for (let ssrc = 1; ssrc <= 1_000; ssrc++) {
      reception.packet(ssrc, 1, 0, 0)
      reception.packet(ssrc, 4, 2880, 60)
      reception.packet(ssrc, 3, 1920, 60)
    }
    assert.strictEqual(reception.reordered(), 1_000)
    assert.lengthOf(reception.sources(), 256)
    assert.strictEqual(reception.lost(), 1_000)
    reception.forget(1_000)
    assert.lengthOf(reception.sources(), 255)
    assert.strictEqual(reception.lost(), 1_000)
    assert.deepStrictEqual(reception.interval(400_000, 31), [])
    assert.deepStrictEqual(reception.sources(), [])
    assert.strictEqual(reception.lost(), 1_000)
    assert.strictEqual(reception.reordered(), 1_000)
  })

  it("reports on all senders in turn", () => {
    const reception = Reception.make()
    const rounds: Array<Set<number>> = []
    for (let round = 0; round < 12; round++) {
      for (let ssrc = 1; ssrc <= 70; ssrc++) reception.packet(ssrc, round, 0, 0)
      const seen = new Set(reception.interval(0, 31).map(({ ssrc }) => ssrc))
      assert.strictEqual(seen.size, 31)
      rounds.push(seen)
      // in any three rounds
      if (round < 2) continue
      const three = new Set<number>()
      for (const some of rounds.slice(-3)) for (const ssrc of some) three.add(ssrc)
      assert.strictEqual(three.size, 70)
    }
  })
})
