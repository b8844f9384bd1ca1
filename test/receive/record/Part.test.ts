import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as OpusPacket from "../../../src/protocol/OpusPacket.ts"
import * as Part from "../../../src/receive/record/Part.ts"
import * as Speaker from "./speaker.ts"

const unit = 120

/** Nothing overlaps and nothing is missing: each packet begins where the one before it ended. */
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

/** A part that gets its packets and turns by hand. */
const live = (isWanted?: (at: number) => boolean, options: { hold?: number; isOpen?: () => boolean } = {}) => {
  const given: Array<Speaker.Written> = []
  const part = Part.make({
    hold: 400 * 48,
    isOpen: () => true,
    ...options,
    isWanted,
    give: (data, samples, at, sound) => given.push({ data, samples, at, sound })
  })
  return { given, part }
}

/** The 20 ms packet with this number, exactly on time. */
const plain = (n: number): Part.Received => ({
  ssrc: 7,
  sequence: n & 0xffff,
  timestamp: n * 960,
  payload: Speaker.sound(n),
  arrival: n * 960
})

const worst = (values: ReadonlyArray<number>) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/** Ten seconds of speech every two minutes, for an hour. */
const hour = Array.from({ length: 30 }, (_, i) => [i * 120 + 3, i * 120 + 13] as const)

describe("Part", () => {
  it("counts all gaps, and lists the first five hundred", () => {
    const { part } = live()
    for (let n = 0; n < 1_301; n += 2) {
      part.take(plain(n))
      part.advance((n + 1) * 960)
    }
    part.finish(1_301 * 960)
    assert.deepInclude(part.counts, { written: 651, lost: 650 })
    assert.deepStrictEqual([part.gaps.length, part.gapsOmitted()], [500, 150])
    assert.deepStrictEqual(part.gaps[0], { at: 960, samples: 960, packets: 1, cause: "lost" })
  })

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
    it(`corrects drift in silence that is sent if there is no pause, ${ppm} ppm`, () => {
      // a click each second with frames of silence in between, for twenty minutes
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

  it("never alters a stretch of sound", () => {
    const packets = Speaker.speak({ ppm: 100, speech: [[1, 121]], jitterMs: 30 })
    const { part, written } = Speaker.record(packets)
    const first = written.findIndex(({ data }) => data[0] === 0xfc)
    const sounds = written.slice(first, first + packets.length)
    assert.deepStrictEqual(sounds.map(({ data }) => data), packets.map(({ payload }) => payload))
    const errors = worst(Speaker.errors(packets, written))
    assert.isBelow(errors, 30 * 48)
    // according to its own estimate, which is off by the mean jitter
    assert.closeTo(part.error(), errors, 30 * 48)
    assert.isAbove(part.error(), 400)
  })

  for (const jitterMs of [20, 60, 200]) {
    it(`is off by no more than the mean delay with ${jitterMs} ms of jitter`, () => {
      for (const reorders of [false, true]) {
        const speech = Array.from({ length: 30 }, (_, i) => [i * 6 + 1, i * 6 + 5] as const)
        const packets = Speaker.speak({ speech, jitterMs, reorders, ppm: 60, silenceFrames: true })
        const { part, written } = Speaker.record(packets)
        isSeamless(written)
        assert.strictEqual(part.counts.late, 0)
        assert.strictEqual(part.counts.lost, 0)
        // only later packets count, since the estimate begins with a few packets
        const errors = Speaker.errors(packets, written).slice(200)
        assert.isBelow(worst(errors), part.jitter() + unit)
      }
    })
  }

  it("fills lost packets with silence of the same length, and reports the gaps", () => {
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

  it("continues with another SSRC, and after the timestamps jump", () => {
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

  it("stays in its place when timestamps jump while the first words still wait", () => {
    const before = Speaker.speak({ speech: [[1, 1.1]] })
    const jumped = Speaker.speak({ speech: [[1.2, 3]], firstTimestamp: 1_900_000_000, firstSequence: 65_505 })
    const packets = [...before, ...jumped].map((packet, i) => changed(packet, { payload: Speaker.sound(i) }))
    const { length, part, written } = Speaker.record(packets)
    isSeamless(written)
    assert.strictEqual(part.counts.written, packets.length)
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
    assert.isBelow(part.written() - length, unit)
  })

  for (const pause of [0.3, 1, 7]) {
    it(`stays in its place when a sender's timestamps stand still in a pause of ${pause} s`, () => {
      const packets = Speaker.speak({ speech: [[1, 3], [3 + pause, 5 + pause]] }).map((packet, i) =>
        i < 100 ? packet : changed(packet, { timestamp: (packet.timestamp - pause * 48_000) >>> 0 })
      )
      const { written } = Speaker.record(packets)
      isSeamless(written)
      assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
    })
  }

  it("recognizes a single damaged timestamp", () => {
    const packets = Speaker.speak({ speech: [[1, 5]] }).map((packet, i) =>
      i === 100 ? changed(packet, { timestamp: (packet.timestamp + 9_000_000) >>> 0 }) : packet
    )
    const { part, written } = Speaker.record(packets)
    isSeamless(written)
    assert.deepStrictEqual([part.counts.written, part.counts.malformed, part.counts.lost], [199, 1, 1])
    assert.isBelow(worst(Speaker.errors(packets.filter((_, i) => i !== 100), written)), unit / 2 + 1)
  })

  it("drops packets while there is no room, and keeps the place of those after them", () => {
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

  it("counts payloads that are not Opus", () => {
    const { part } = Speaker.record([
      { ssrc: 1, sequence: 1, timestamp: 1, arrival: 50_000, payload: new Uint8Array() },
      { ssrc: 1, sequence: 2, timestamp: 1, arrival: 50_000, payload: Uint8Array.of(0xff) }
    ])
    assert.strictEqual(part.counts.malformed, 2)
  })

  it("lets a user who first speaks after twelve hours catch up in steps", () => {
    const late = 12 * 3_600
    const packets = Speaker.speak({ speech: [[late, late + 10]] })
    const { part, written } = Speaker.record(packets, { from: late * 48_000 })
    assert.strictEqual(isSeamless(written), part.written())
    assert.strictEqual(part.counts.written, packets.length)
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
  })

  it("catches up by ten minutes at a time, and says that it is still behind", () => {
    const { part } = live()
    part.advance(1_500 * 48_000)
    assert.deepStrictEqual([part.written(), part.isCatchingUp()], [600 * 48_000, true])
    part.advance(1_500 * 48_000)
    assert.deepStrictEqual([part.written(), part.isCatchingUp()], [1_200 * 48_000, true])
    part.advance(1_500 * 48_000)
    assert.deepStrictEqual([part.written(), part.isCatchingUp()], [1_499.6 * 48_000, false])
  })

  it("writes following packets at once, and lets only the first wait for its predecessors", () => {
    const { part } = live()
    for (let n = 0; n < 20; n++) part.take(plain(n))
    part.advance(400 * 48 - 1)
    assert.strictEqual(part.counts.written, 0)
    part.advance(400 * 48)
    assert.strictEqual(part.counts.written, 20)
  })

  it("holds no more than 1024 packets", () => {
    const { part } = live()
    for (let n = 0; n < 1_100; n++) part.take(plain(n))
    assert.strictEqual(part.counts.written, 76)
  })

  it("tells a duplicate packet from a late one, up to a second back", () => {
    const { part } = live()
    for (let n = 0; n < 500; n++) if (n !== 440) part.take(plain(n))
    part.advance(500 * 960 + 48_000)
    part.take({ ...plain(450), arrival: 500 * 960 })
    part.take({ ...plain(440), arrival: 500 * 960 })
    assert.deepInclude(part.counts, { duplicates: 1, late: 1, lost: 1, written: 499 })
  })

  it("counts lost packets, and does not mistake a jump of the sequence numbers for loss", () => {
    const { part } = live()
    part.take(plain(0))
    part.take(plain(101))
    // only numbers are missing, not time
    part.take({ ...plain(102), sequence: 110 })
    part.take({ ...plain(103), sequence: 10_000 })
    part.finish(105 * 960)
    assert.deepInclude(part.counts, { lost: 100 + 8, written: 4 })
    assert.deepStrictEqual(part.gaps.map(({ packets, samples }) => [packets, samples]), [[100, 100 * 960]])
  })

  it("does not keep packets that fit nothing, and counts them", () => {
    const { part } = live()
    part.take(plain(0))
    for (let n = 1; n <= 20; n++) part.take({ ...plain(n), timestamp: n * 100_000_000 })
    assert.strictEqual(part.counts.malformed, 12)
    part.finish(48_000)
    assert.deepInclude(part.counts, { malformed: 20, written: 1 })
  })

  it("counts packets of an SSRC that fit nothing while another SSRC's clock jumps", () => {
    const { part } = live()
    for (const ssrc of [7, 8]) part.take({ ...plain(0), ssrc })
    for (const n of [1, 2]) part.take({ ...plain(n), ssrc: 8, timestamp: 100_000_000 + n * 960 })
    for (const n of [1, 2, 3]) part.take({ ...plain(n), timestamp: 1_000_000_000 + n * 960 })
    part.finish(48_000)
    assert.deepInclude(part.counts, { malformed: 2, written: 5 })
  })

  it("puts a packet of a former SSRC in its place although the next SSRC overtakes it", () => {
    const before = Speaker.speak({ speech: [[1, 3]] })
    const other = Speaker.speak({ speech: [[3.1, 5]], ssrc: 8, firstTimestamp: 77 })
    const packets = [...before, ...other].map((packet, i) => changed(packet, { payload: Speaker.sound(i) }))
    const late = packets.map((packet, i) => i === 98 ? changed(packet, { arrival: packet.arrival + 9_600 }) : packet)
    const { part, written } = Speaker.record(late.toSorted((a, b) => a.arrival - b.arrival))
    isSeamless(written)
    assert.strictEqual(part.counts.written, packets.length)
    assert.isBelow(worst(Speaker.errors(packets, written)), unit / 2 + 1)
  })

  it("lists the first five hundred SSRCs of a user who has another one with each packet", () => {
    const { part } = live()
    for (let n = 0; n < 600; n++) {
      part.take({ ...plain(n), ssrc: n })
      part.advance((n + 1) * 960)
    }
    assert.deepStrictEqual(part.ssrcs, Array.from({ length: 500 }, (_, n) => n))
  })

  it("lists an SSRC once that comes back after many others, and reports the latest one's jitter", () => {
    const speakers = [1, 2, 3, 4, 5, 1].map((ssrc, i) =>
      Speaker.speak({ speech: [[i * 3 + 1, i * 3 + 3]], ssrc, jitterMs: i === 5 ? 60 : 0 })
    )
    const { part } = Speaker.record(speakers.flat())
    assert.deepStrictEqual(part.ssrcs, [1, 2, 3, 4, 5])
    assert.isAbove(part.jitter(), 10 * 48)
  })

  it("keeps the clocks of four SSRCs, and no more", () => {
    const { part } = live()
    const first = (ssrc: number) => ({ ...plain(ssrc), ssrc })
    for (let ssrc = 1; ssrc <= 5; ssrc++) part.take(first(ssrc))
    part.advance(48_000)
    for (let ssrc = 2; ssrc <= 5; ssrc++) part.take(first(ssrc))
    assert.strictEqual(part.counts.duplicates, 4)
    part.take(first(1))
    assert.strictEqual(part.counts.duplicates, 4)
  })

  it("continues on time after an unwanted stretch, however short it was", () => {
    const { given, part } = live((at) => at < 5 * 960 || at >= 10 * 960)
    for (let n = 0; n < 15; n++) part.take(plain(n))
    part.finish(15 * 960)
    assert.deepStrictEqual(
      given.filter(({ sound }) => sound).map(({ at }) => at / 960),
      [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    )
  })

  it("keeps an unbroken stretch in place to the sample after an unwanted one, whatever its clock", () => {
    const { given, part } = live((at) => at < 5 * 960 || at >= 9.5 * 960)
    for (let n = 0; n < 2_000; n++) {
      const arrival = n * 960 * 1.0001
      part.take({ ...plain(n), arrival })
      part.advance(arrival)
    }
    part.finish(2_001 * 960)
    const places = given.filter(({ sound }) => sound).map(({ at }) => at)
    assert.lengthOf(places, 1_995)
    assert.deepStrictEqual(places.slice(5), places.slice(5).map((_, i) => (places[5] ?? 0) + i * 960))
  })

  it("never writes ahead of the time, so that it can end at any moment", () => {
    const { part } = live()
    for (let n = 0; n < 50; n++) {
      part.take(plain(n))
      part.advance(n * 960)
      assert.isAtMost(part.written(), n * 960)
    }
    assert.isAbove(part.written(), 40 * 960)
  })

  it("keeps an unbroken stretch in its place if packets do not wait for their predecessors", () => {
    const { given, part } = live(undefined, { hold: 0 })
    // after half a minute its clock is behind by more than a unit
    for (let n = 0; n < 1_500; n++) {
      const arrival = n * 960 * 1.0001
      part.take({ ...plain(n), arrival })
      part.advance(arrival)
    }
    assert.isAbove(given.length, 1_490)
    assert.isTrue(given.every(({ sound }) => sound))
  })

  it("lets a packet wait for its predecessors again after another SSRC has spoken", () => {
    const { part } = live()
    part.take(plain(0))
    part.advance(400 * 48)
    part.take({ ...plain(1), ssrc: 8 })
    part.advance(420 * 48)
    assert.strictEqual(part.counts.written, 2)
    part.take({ ...plain(1), arrival: 100 * 48 })
    part.advance(450 * 48)
    assert.strictEqual(part.counts.written, 2)
    part.advance(500 * 48)
    assert.strictEqual(part.counts.written, 3)
  })

  it("puts a late packet at the nearest unit, even while silence is written up to it", () => {
    const { given, part } = live()
    part.take(plain(0))
    const time = 99_990
    part.take({ ...plain(1), timestamp: time, payload: Speaker.sound(77), arrival: time + 50 * 48 })
    // silence does not wait for a packet that still waits for its predecessors
    part.advance(time + 420 * 48)
    part.advance(time + 500 * 48)
    const place = given.find(({ data, sound }) => sound && Speaker.numberOf(data) === 77)?.at
    assert.strictEqual(place, 99_960)
  })

  it("reports how much is waiting, including packets that fit nothing yet", () => {
    const { part } = live()
    part.take(plain(0))
    part.take({ ...plain(1), timestamp: 100_000_000 })
    assert.deepStrictEqual(part.waiting(), { packets: 2, bytes: 2 * plain(0).payload.length })
  })

  it("counts lost packets among those that there is no room for", () => {
    let isOpen = true
    const { part } = live(undefined, { isOpen: () => isOpen })
    part.take(plain(0))
    part.advance(400 * 48)
    isOpen = false
    for (const n of [1, 4, 5]) part.take(plain(n))
    part.advance(1_000 * 48)
    assert.deepInclude(part.counts, { written: 1, lost: 2, dropped: 3 })
  })

  it("keeps a packet that began before the start and ends after it", () => {
    const { given, part } = live()
    part.take({ ...plain(0), arrival: -900 })
    part.finish(1_000)
    assert.deepStrictEqual(given.filter(({ sound }) => sound).map(({ at }) => at), [0])
  })

  it("leaves out what was said before the start", () => {
    const { given, part } = live()
    part.take({ ...plain(0), arrival: -1_000 })
    part.finish(1_000)
    assert.isTrue(given.every(({ sound }) => !sound))
    assert.strictEqual(part.written(), 1_080, "whole units, and no less than the length")
  })

  it("records dropped packets where they belong, when there is room again or at the end", () => {
    for (const roomAt of [4, Infinity]) {
      const packets = Speaker.speak({ speech: [[1, 3]] })
      const { part } = Speaker.record(packets, {
        length: 6 * 48_000,
        isOpen: (now) => now < 2 * 48_000 || now >= roomAt * 48_000
      })
      assert.lengthOf(part.gaps, 1)
      const [gap] = part.gaps
      assert.deepInclude(gap, { cause: "dropped", packets: part.counts.dropped })
      assert.closeTo(gap?.at ?? 0, 2 * 48_000, 24_000)
      // with the next turn, up to what may still come
      assert.closeTo((gap?.at ?? 0) + (gap?.samples ?? 0), Math.min(roomAt - 0.4, 6) * 48_000, 10_000)
    }
  })

  it("does not mistake the distance between packets out of order for a pause", () => {
    const { part } = live()
    for (const n of [50, 35, 51]) part.take(plain(n))
    // the first two wait for their predecessors, and the third one follows
    part.advance(50 * 960 + 400 * 48)
    assert.strictEqual(part.counts.written, 3)
  })

  it("finds the place of a sender that stood still, whatever another SSRC says of the time", () => {
    const { given, part } = live()
    const other = (n: number) => ({ ...plain(n), ssrc: 8 })
    for (let n = 0; n < 5; n++) part.take(other(n))
    for (let n = 0; n < 10; n++) part.take({ ...plain(n), arrival: 48_000 + n * 960 })
    part.advance(80_000)
    const arrival = 96_000 + 10 * 960
    part.take({ ...plain(10), payload: Speaker.sound(1_000), arrival })
    part.take(other(arrival / 960))
    part.finish(150_000)
    const place = given.find(({ data, sound }) => sound && Speaker.numberOf(data) === 1_000)?.at
    assert.closeTo(place ?? 0, arrival, unit)
  })
})
