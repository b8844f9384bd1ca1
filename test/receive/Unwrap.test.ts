import { assert, describe, it } from "@effect/vitest"
import { Ssrc } from "../../src/protocol/Identifier.ts"
import * as Unwrap from "../../src/receive/Unwrap.ts"

/**
 * Packets of 20 ms. Unless a test says otherwise, each is spoken at its timestamp and arrives without delay; number 0
 * at 0.
 */
const make = (
  usualTransitMs: () => number | undefined = () => 0,
  makeRoom: Unwrap.Options["makeRoom"] = () => false
) => {
  const unwrap = Unwrap.make({ usualTransitMs, makeRoom })
  const place = (sequence: number, more: Partial<Unwrap.Packet> = {}) =>
    unwrap.place({
      ssrc: Ssrc.make(1),
      sequence,
      timestamp: sequence * 960,
      data: Uint8Array.of(0xfc),
      samples: 960,
      isSilence: false,
      arrivalMs: sequence * 20,
      index: 0,
      position: 0,
      ...more
    }).map(({ index, position }) => [index, position])
  return { place, setDeaf: unwrap.setDeaf, statistics: unwrap.statistics }
}

describe("Unwrap", () => {
  it("continues with the next index after packets not sent while deafened, and counts later losses", () => {
    for (const sequence of [30, 5_000, 40_000]) {
      const { place, setDeaf, statistics } = make()
      const at = (index: number, back: number) => [[index, (sequence + back) * 960]]
      assert.deepStrictEqual(place(10), [[10, 9_600]])
      setDeaf(true)
      assert.deepStrictEqual(place(11), [[11, 11 * 960]], "one that was under way")
      assert.deepStrictEqual(place(sequence), at(12, 0), "before we hear that we are not")
      setDeaf(false)
      assert.deepStrictEqual(place(sequence + 1), at(13, 1))
      assert.deepStrictEqual(place(sequence + 3), at(15, 3))
      assert.deepStrictEqual(statistics(), { resyncs: 0, strays: 0, doubtful: 0 })
    }
  })

  it("keeps packets that were in transit, out of order or repeated, when the bot was deafened", () => {
    const { place, setDeaf } = make()
    place(10)
    place(12)
    setDeaf(true)
    assert.deepStrictEqual(place(11), [[11, 11 * 960]])
    assert.deepStrictEqual(place(12), [[12, 12 * 960]])
    assert.deepStrictEqual(place(13), [[13, 13 * 960]])
    setDeaf(false)
    assert.deepStrictEqual(place(5_000), [[14, 5_000 * 960]])
  })

  it("does not believe a timestamp that runs ahead of the clock or stands still", () => {
    const { place, statistics } = make()
    place(10)
    assert.deepStrictEqual(place(11, { timestamp: 11 * 960 + 48_000 }), [[11, 11 * 960 + 48_000]], "by a second")
    const { place: other, statistics: others } = make()
    other(10)
    assert.deepStrictEqual(other(11, { timestamp: 11 * 960 + 48_000 * 5 }), [])
    assert.deepStrictEqual(others(), { resyncs: 0, strays: 0, doubtful: 1 })
    assert.deepStrictEqual(place(12, { timestamp: 11 * 960 + 48_000 }), [])
    assert.deepStrictEqual(statistics(), { resyncs: 0, strays: 0, doubtful: 1 })
  })

  it("takes up to 3000 missing packets as loss, and up to 128 backwards as reordering", () => {
    for (const [step, isPlaced] of [[3_000, true], [3_001, false], [-128, true], [-129, false]] as const) {
      const { place } = make()
      place(10_000)
      const placed = place(10_000 + step)
      assert.deepStrictEqual(placed, isPlaced ? [[10_000 + step, (10_000 + step) * 960]] : [], `${step}`)
    }
  })

  it("lets a timestamp run ahead of the clock by a second, but by no sample more", () => {
    for (const [samples, count] of [[48_000, 1], [48_001, 0]] as const) {
      const { place } = make()
      place(10)
      assert.lengthOf(place(11, { timestamp: 11 * 960 + samples }), count)
    }
  })

  it("loses nothing of a sender whose numbers were taken by silence that a server added", () => {
    const { place, statistics } = make()
    place(10)
    for (const n of [11, 12, 13, 14, 15]) place(n, { isSilence: true, arrivalMs: n * 20 + 80 })
    const later = (n: number) => ({ timestamp: (n + 20) * 960, arrivalMs: (n + 20) * 20 })
    assert.deepStrictEqual(place(11, later(11)), [])
    assert.deepStrictEqual(place(12, later(12)), [[16, 31 * 960], [17, 32 * 960]])
    assert.deepStrictEqual(place(13, later(13)), [[18, 33 * 960]])
    assert.deepStrictEqual(statistics(), { resyncs: 1, strays: 0, doubtful: 0 })
    // a single one is not taken for one of its packets
    assert.deepStrictEqual(place(12, later(30)), [])
    place(14, later(14))
    assert.deepStrictEqual(statistics(), { resyncs: 1, strays: 1, doubtful: 0 })
  })

  it("puts a restarted stream on the nearest multiple of 2.5 ms", () => {
    for (const [laterMs, samples] of [[1.2, 0], [1.3, 120], [3.7, 120], [3.8, 240]] as const) {
      const { place } = make()
      place(10)
      assert.deepStrictEqual(place(7, { ssrc: Ssrc.make(2), arrivalMs: 220 + laterMs }), [[11, 10_560 + samples]])
    }
  })

  it("does not mistake a missing packet for a rest, and measures a rest from the first of two duplicates", () => {
    const { place } = make()
    place(10, { isSilence: true })
    assert.deepStrictEqual(place(12, { timestamp: 11 * 960, arrivalMs: 900 }), [[12, 11 * 960]])
    const { place: twice } = make()
    twice(10, { isSilence: true })
    twice(10, { isSilence: true, arrivalMs: 400 })
    assert.deepStrictEqual(twice(11, { arrivalMs: 600 }), [[11, 600 * 48]])
  })

  it("realigns to the clock a sender that has rested for more than 300 ms after silence", () => {
    for (
      const [restedMs, movedSamples, position] of [
        [300, 960, 11 * 960],
        [320, 960, 10 * 960 + 340 * 48],
        // its timestamps have moved on, so this is a late packet
        [320, 1_920, 12 * 960]
      ] as const
    ) {
      const { place } = make()
      place(10, { isSilence: true })
      assert.deepStrictEqual(
        place(11, { timestamp: 9_600 + movedSamples, arrivalMs: 200 + movedSamples / 48 + restedMs }),
        [[11, position]],
        `${restedMs} ms and ${movedSamples}`
      )
    }
  })

  it("puts a restarted stream after everything before it, however early it comes", () => {
    const { place } = make()
    place(10)
    assert.deepStrictEqual(place(500, { ssrc: Ssrc.make(2), arrivalMs: 100 }), [[11, 11 * 960]])
    assert.deepStrictEqual(place(501, { ssrc: Ssrc.make(2), arrivalMs: 120 }), [[12, 12 * 960]])
    const { place: without } = make(() => undefined)
    without(10)
    assert.deepStrictEqual(without(500, { ssrc: Ssrc.make(2), arrivalMs: 9_000 }), [[11, 11 * 960]])
  })

  it("believes a jump only when the packet after it arrives", () => {
    const { place, statistics } = make()
    place(10)
    for (const sequence of [30_000, 30_000, 30_005]) {
      assert.deepStrictEqual(place(sequence, { arrivalMs: 220 }), [])
    }
    assert.deepStrictEqual(statistics(), { resyncs: 0, strays: 2, doubtful: 1 })
    assert.deepStrictEqual(place(30_006, { arrivalMs: 240 }), [[11, 11 * 960], [12, 12 * 960]])
    assert.deepStrictEqual(statistics(), { resyncs: 1, strays: 2, doubtful: 0 })
  })

  it("recognizes stragglers of a former SSRC for a second", () => {
    const { place, statistics } = make()
    place(500)
    place(7, { ssrc: Ssrc.make(2), arrivalMs: 10_020 })
    assert.deepStrictEqual(place(501, { arrivalMs: 11_019 }), [])
    assert.deepInclude(statistics(), { resyncs: 1, strays: 1 })
    assert.deepStrictEqual(place(501, { arrivalMs: 11_020 }), [[502, 11_020 * 48]], "then it has come back")
    assert.deepInclude(statistics(), { resyncs: 2, strays: 1 })
  })

  it("treats old packets as a restart only if they come in a row", () => {
    const { place, statistics } = make()
    const late = { arrivalMs: 5_000 }
    place(100)
    for (const sequence of [90, 92, 94, 96]) assert.deepStrictEqual(place(sequence, late), [[sequence, sequence * 960]])
    // 97 and 98 would make three in a row with 96, but a new packet comes in between
    place(97, late)
    place(101, late)
    place(98, { arrivalMs: 7_000 })
    assert.strictEqual(statistics().resyncs, 0)
    place(99, { arrivalMs: 7_000 })
    assert.deepStrictEqual(place(100, { arrivalMs: 7_000 }), [[102, 7_000 * 48]])
    assert.strictEqual(statistics().resyncs, 1)
  })

  it("treats old packets as a restart more than a second after the newest, but not duplicates", () => {
    for (const [laterMs, resyncs] of [[1_000, 0], [1_001, 1]] as const) {
      const { place, statistics } = make()
      place(100)
      for (const sequence of [97, 98, 99]) place(sequence, { arrivalMs: 2_000 + laterMs })
      assert.strictEqual(statistics().resyncs, resyncs)
    }
    const { place, statistics } = make()
    place(100)
    for (const sequence of [98, 99, 100]) place(sequence, { arrivalMs: 5_000 })
    assert.strictEqual(statistics().resyncs, 0)
  })

  it("starts counting old packets again with another SSRC", () => {
    const { place, statistics } = make()
    place(60)
    place(50)
    place(51)
    const other = { ssrc: Ssrc.make(2) }
    place(53, other)
    place(52, { ...other, arrivalMs: 5_000 })
    assert.strictEqual(statistics().resyncs, 1)
  })

  it("makes room once for each packet overtaken by the first of an SSRC, while that is possible", () => {
    const asked: Array<readonly [number, number]> = []
    let isLate = false
    const { place } = make(() => 0, (index, packets) => {
      asked.push([index, packets])
      return !isLate
    })
    const other = { ssrc: Ssrc.make(2) }
    place(60)
    assert.deepStrictEqual(place(83, other), [[61, 83 * 960]])
    assert.deepStrictEqual(place(81, other), [[61, 81 * 960]])
    // 83 is at index 63 now
    assert.deepStrictEqual(place(82, other), [[62, 82 * 960]])
    assert.deepStrictEqual(place(84, other), [[64, 84 * 960]])
    isLate = true
    assert.deepStrictEqual(place(80, other), [[60, 80 * 960]])
    assert.deepStrictEqual(asked, [[61, 2], [61, 1]])
  })
})
