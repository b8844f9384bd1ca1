import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as OpusPacket from "../../../src/protocol/OpusPacket.ts"
import * as Speaker from "./speaker.ts"

const unit = 120

/** Nothing overlaps and nothing is missing: each packet begins where the one before has ended. */
const isSeamless = (written: ReadonlyArray<Speaker.Written>) => {
  let at = 0
  const wrong = written.filter((packet) => {
    const isWrong = packet.at !== at || OpusPacket.samples(packet.data) !== packet.samples
    at += packet.samples
    return isWrong
  })
  assert.deepStrictEqual(wrong, [])
  return at
}

const changed = (packet: Speaker.Spoken, changes: Partial<Speaker.Spoken>): Speaker.Spoken => ({
  ...packet,
  ...changes
})

const worst = (values: ReadonlyArray<number>) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/** Ten seconds of speech in each two minutes. */
const hour = Array.from({ length: 30 }, (_, i) => [i * 120 + 3, i * 120 + 13] as const)

describe("Part", () => {
  for (const ppm of [-100, 0, 100]) {
    it(`keeps a sender whose clock is off by ${ppm} ppm in its place for an hour`, () => {
      const packets = Speaker.speak({ ppm, speech: hour, silenceFrames: true })
      const { length, part, written } = Speaker.record(packets, { length: 3_600 * 48_000 })
      assert.isBelow(isSeamless(written) - length, unit)
      assert.strictEqual(part.counts.written, packets.length)
      // ten seconds without a pause drift by a millisecond
      assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + Math.abs(ppm) * 0.48 + 2)
      const sounds = written.filter(({ data }) => data[0] === 0xfc).map(({ data }) => Speaker.numberOf(data))
      assert.deepStrictEqual(
        sounds,
        packets.filter(({ payload }) => payload[0] === 0xfc).map(({ payload }) => Speaker.numberOf(payload))
      )
    })
  }

  for (const ppm of [-100, 100]) {
    it(`corrects in silence that is sent where there is no pause, ${ppm} ppm`, () => {
      // a click each second, and frames of silence in between, for twenty minutes
      const packets = Speaker.speak({ ppm, speech: [[1, 1_200]] }).map((packet, i) =>
        i % 50 === 0 ? packet : changed(packet, { payload: Speaker.silentFrame })
      )
      const { written } = Speaker.record(packets, { length: 1_200 * 48_000 })
      isSeamless(written)
      const errors = Speaker.errors(packets, written)
      assert.lengthOf(errors, 1_199)
      assert.isBelow(worst(errors), unit / 2 + 2)
    })
  }

  it("never touches a stretch of sound", () => {
    const packets = Speaker.speak({ ppm: 100, speech: [[1, 121]], jitterMs: 30 })
    const { written } = Speaker.record(packets)
    const first = written.findIndex(({ data }) => data[0] === 0xfc)
    const sounds = written.slice(first, first + packets.length)
    assert.deepStrictEqual(sounds.map(({ data }) => data), packets.map(({ payload }) => payload))
    assert.isBelow(worst(Speaker.errors(packets, written)), 30 * 48)
  })

  for (const jitterMs of [20, 60, 200]) {
    it(`is off by no more than the mean delay where there is jitter of ${jitterMs} ms`, () => {
      for (const reorders of [false, true]) {
        const speech = Array.from({ length: 30 }, (_, i) => [i * 6 + 1, i * 6 + 5] as const)
        const packets = Speaker.speak({ speech, jitterMs, reorders, ppm: 60, silenceFrames: true })
        const { part, written } = Speaker.record(packets)
        isSeamless(written)
        assert.strictEqual(part.counts.late, 0)
        assert.strictEqual(part.counts.lost, 0)
        // what is known after a few seconds is what counts: an estimate begins with a few packets
        const errors = Speaker.errors(packets, written).slice(200)
        assert.isBelow(worst(errors), part.jitter() + unit)
      }
    })
  }

  it("fills what is lost with silence of the same length, and says so", () => {
    const all = Speaker.speak({ speech: [[1, 11]] })
    const packets = all.filter((_, i) => i % 50 !== 25 && i !== 26)
    const { part, written } = Speaker.record(packets)
    isSeamless(written)
    assert.strictEqual(part.counts.lost, 11)
    assert.deepStrictEqual(part.gaps.map(({ cause, packets, samples }) => [cause, packets, samples]), [
      ["lost", 2, 1920],
      ...Array.from({ length: 9 }, () => ["lost", 1, 960])
    ])
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
  })

  it.prop("writes every packet once and in order, whatever the network does to it", {
    seed: Schema.Int,
    jitterMs: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 200 }))),
    loss: Schema.Literals([0, 0.02, 0.3]),
    ppm: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: -100, maximum: 100 })))
  }, ({ jitterMs, loss, ppm, seed }) => {
    const packets = Speaker.speak({
      speech: [[1, 4], [5, 5.02], [7, 12]],
      silenceFrames: true,
      reorders: true,
      duplicates: 0.05,
      jitterMs,
      loss,
      ppm,
      seed
    })
    const { part, written } = Speaker.record(packets)
    isSeamless(written)
    const { counts } = part
    assert.strictEqual(counts.written + counts.duplicates + counts.late + counts.malformed, packets.length)
    assert.deepStrictEqual([counts.late, counts.malformed, counts.dropped], [0, 0, 0])
    const numbers = written.filter(({ data }) => data[0] === 0xfc).map(({ data }) => Speaker.numberOf(data))
    assert.deepStrictEqual(numbers, [...new Set(numbers)].toSorted((a, b) => a - b))
    const sounds = new Set(packets.filter(({ payload }) => payload[0] === 0xfc).map(({ sequence }) => sequence))
    assert.strictEqual(numbers.length, sounds.size)
  }, { arbitrary: { runs: 30 } })

  it("goes on with another SSRC, and where timestamps jump", () => {
    const before = Speaker.speak({ speech: [[1, 3]] })
    const other = Speaker.speak({ speech: [[5, 7]], ssrc: 8, firstTimestamp: 77, firstSequence: 3 })
    const jumped = Speaker.speak({ speech: [[9, 11]], ssrc: 8, firstTimestamp: 1_900_000_000, firstSequence: 203 })
    const packets = [...before, ...other, ...jumped].map((packet, i) => changed(packet, { payload: Speaker.sound(i) }))
    const { part, written } = Speaker.record(packets)
    isSeamless(written)
    assert.strictEqual(part.counts.written, 300)
    assert.deepStrictEqual(part.ssrcs, [7, 8])
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
  })

  for (const pause of [1, 7]) {
    it(`goes on in its place when a sender's timestamps stand still in a pause of ${pause} s`, () => {
      const packets = Speaker.speak({ speech: [[1, 3], [3 + pause, 5 + pause]] }).map((packet, i) =>
        i < 100 ? packet : changed(packet, { timestamp: (packet.timestamp - pause * 48_000) >>> 0 })
      )
      const { written } = Speaker.record(packets)
      isSeamless(written)
      assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
    })
  }

  it("takes one damaged timestamp for what it is", () => {
    const packets = Speaker.speak({ speech: [[1, 5]] }).map((packet, i) =>
      i === 100 ? changed(packet, { timestamp: (packet.timestamp + 9_000_000) >>> 0 }) : packet
    )
    const { part, written } = Speaker.record(packets)
    isSeamless(written)
    assert.deepStrictEqual([part.counts.written, part.counts.malformed, part.counts.lost], [199, 1, 1])
    assert.isBelow(worst(Speaker.errors(packets.filter((_, i) => i !== 100), written)), unit / 2 + 1)
  })

  it("leaves packets out while there is no room, and keeps the place of those behind", () => {
    const packets = Speaker.speak({ speech: [[1, 9]] })
    const { part, written } = Speaker.record(packets, {
      isOpen: (now) => now < 3 * 48_000 || now > 5 * 48_000
    })
    isSeamless(written)
    assert.isAbove(part.counts.dropped, 70)
    assert.strictEqual(part.counts.written + part.counts.dropped, packets.length)
    assert.deepStrictEqual(part.gaps.map(({ cause, packets }) => [cause, packets]), [["dropped", part.counts.dropped]])
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
  })

  it("counts what is no Opus", () => {
    const { part } = Speaker.record([
      { ssrc: 1, sequence: 1, timestamp: 1, arrival: 50_000, payload: new Uint8Array() },
      { ssrc: 1, sequence: 2, timestamp: 1, arrival: 50_000, payload: Uint8Array.of(0xff) }
    ])
    assert.strictEqual(part.counts.malformed, 2)
  })

  it("lets somebody who comes after twelve hours catch up in steps", () => {
    const late = 12 * 3_600
    const packets = Speaker.speak({ speech: [[late, late + 10]] })
    const { part, written } = Speaker.record(packets, { from: late * 48_000 })
    assert.strictEqual(isSeamless(written), part.written())
    assert.strictEqual(part.counts.written, packets.length)
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
  })
})
