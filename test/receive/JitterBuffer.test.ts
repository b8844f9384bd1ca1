import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as JitterBuffer from "../../src/receive/JitterBuffer.ts"
import * as Schedule from "./schedule.ts"

const user = UserId.make("100000000000000001")

const perfect: Schedule.Network = { loss: 0, duplicate: 0, jitterMs: 0, reorders: false, seed: 1 }

const numbers = (given: ReadonlyArray<Schedule.Given>) =>
  given.filter(({ output }) => output.kind === "audio").map(({ output }) => Schedule.numberOf(output.data))

/** What holds for every stream that comes out. */
const check = (given: ReadonlyArray<Schedule.Given>, statistics: JitterBuffer.Statistics) => {
  given.forEach(({ output, nowMs }, i) => {
    const before = given[i - 1]?.output ?? { ...output, samples: 0, packets: 0 }
    const { atMs, data, kind, packets, sequence, timestamp } = output
    // asserting each field of a hundred thousand frames separately would take too long
    const holds = timestamp === before.timestamp + before.samples && sequence === before.sequence + before.packets &&
      atMs >= before.atMs && atMs <= nowMs &&
      (data.length > 0) === (kind === "audio" || (packets === 1 && kind === "silence"))
    if (!holds) assert.fail(`frame ${i}: ${JSON.stringify([before, output, nowMs])}`)
  })
  const { delivered, duplicates, late, malformed, overflowed, received, strays, waiting } = statistics
  assert.strictEqual(delivered + duplicates + late + malformed + overflowed + strays + waiting, received)
  assert.strictEqual(given.filter(({ output }) => output.data.length > 0).length, delivered)
  assert.strictEqual(
    given.reduce((sum, { output }) => output.kind === "lost" ? sum + output.packets : sum, 0),
    statistics.lost
  )
}

const run = (
  arrivals: ReadonlyArray<Schedule.Arrival>,
  options?: Partial<JitterBuffer.Options>,
  how?: Parameters<typeof Schedule.play>[2]
) => {
  const buffer = JitterBuffer.make(user, options)
  const given = Schedule.play(buffer, arrivals, how)
  const statistics = buffer.statistics()
  check(given, statistics)
  return { buffer, given, statistics }
}

describe("JitterBuffer", () => {
  it("waits just as long for a missing packet when packets have become shorter", () => {
    const buffer = JitterBuffer.make(user)
    const push = (sequence: number, timestamp: number, samples: number, arrivalMs: number) =>
      buffer.push({ ssrc: Ssrc.make(1), sequence, timestamp, payload: Schedule.opus(samples, sequence) }, arrivalMs)
    const popped = (nowMs: number) => {
      const kinds: Array<string> = []
      for (let frame = buffer.pop(nowMs); frame !== undefined; frame = buffer.pop(nowMs)) kinds.push(frame.kind)
      return kinds
    }
    push(0, 0, 2_880, 0)
    assert.deepStrictEqual(popped(60), ["audio"])
    push(2, 3_840, 960, 80)
    assert.deepStrictEqual(popped(99), [])
    // 40 ms late, but its time has not come yet
    push(1, 2_880, 960, 100)
    assert.deepStrictEqual(popped(200), ["audio", "audio"])
    assert.strictEqual(buffer.statistics().lost, 0)
  })

  it("does not mistake a packet that waited elsewhere and comes between others for a pause", () => {
    const buffer = JitterBuffer.make(user)
    const push = (sequence: number, arrivalMs: number) =>
      buffer.push(
        { ssrc: Ssrc.make(1), sequence, timestamp: sequence * 960, payload: Schedule.opus(960, sequence) },
        arrivalMs
      )
    const popped = (nowMs: number) => {
      const times: Array<number> = []
      for (let frame = buffer.pop(nowMs); frame !== undefined; frame = buffer.pop(nowMs)) times.push(frame.atMs)
      return times
    }
    for (let n = 0; n <= 20; n++) if (n !== 10) push(n, n * 20)
    assert.strictEqual(popped(500).at(-1), 400)
    // its key came late
    push(10, 200)
    // a shorter delay, which the clock follows slowly while somebody speaks
    push(21, 405)
    assert.deepStrictEqual(popped(600), [420])
    push(22, 425)
    assert.deepStrictEqual(popped(700), [438])
  })

  for (const samples of [120, 240, 480, 960, 1920, 2880, 5760]) {
    it(`gives packets of ${samples / 48} ms in order, on time and complete`, () => {
      const sent = Schedule.many(200, { sequence: 65_500, timestamp: 0xffff_f000 }, samples)
      const { given, statistics } = run(Schedule.through(sent, perfect), undefined, { stepMs: 1 })
      assert.deepStrictEqual(numbers(given), sent.map(({ number }) => number))
      given.forEach(({ nowMs, output }, i) => {
        assert.strictEqual(output.samples, samples)
        assert.strictEqual(output.kind, "audio")
        // 5 ms in transit
        assert.closeTo(output.atMs, (sent[i]?.sentMs ?? 0) + 5, 1e-3)
        assert.isAtMost(nowMs - output.atMs, 61 + 1)
        assert.isAtLeast(nowMs - output.atMs, 40)
      })
      assert.deepInclude(statistics, { delivered: 200, late: 0, lost: 0, duplicates: 0, resyncs: 0, waiting: 0 })
    })
  }

  it("starts at a depth of 60 ms and comes down to the minimum when there is no jitter", () => {
    const { buffer, given } = run(Schedule.through(Schedule.many(1_000), perfect), undefined, { stepMs: 1 })
    assert.isAtLeast((given[0]?.nowMs ?? 0) - (given[0]?.output.atMs ?? 0), 59)
    assert.strictEqual(buffer.statistics().depthMs, 40)
  })

  it("reports lost packets, one frame for each, and whether the next packet can recover them", () => {
    const sent = Schedule.many(50)
    const gone = new Set([10, 20, 21, 22])
    const { given, statistics } = run(
      Schedule.through(sent.filter(({ number }) => !gone.has(number)), perfect)
    )
    const lost = given.filter(({ output }) => output.kind === "lost").map(({ output }) => output)
    assert.deepStrictEqual(lost.map(({ sequence }) => sequence), [10, 20, 21, 22])
    assert.deepStrictEqual(lost.map(({ samples }) => samples), [960, 960, 960, 960])
    assert.deepStrictEqual(
      lost.map(({ recovery }) => recovery === undefined ? undefined : Schedule.numberOf(recovery)),
      [11, undefined, undefined, 23]
    )
    assert.deepInclude(statistics, { lost: 4, recoverable: 2, delivered: 46 })
  })

  it("gives up a packet only when its time is over, and accepts it until then", () => {
    const buffer = JitterBuffer.make(user)
    const sent = Schedule.many(6)
    const [, , missing] = sent
    for (const packet of sent) if (packet !== missing) buffer.push(Schedule.inputOf(packet), packet.sentMs)
    const take = (nowMs: number) => {
      const out: Array<string> = []
      for (let next = buffer.pop(nowMs); next !== undefined; next = buffer.pop(nowMs)) out.push(next.kind)
      return out
    }
    assert.deepStrictEqual(take(99.9), ["audio", "audio"])
    assert.isDefined(missing)
    buffer.push(Schedule.inputOf(missing), 99.9)
    // a packet this late makes the buffer deeper
    assert.deepStrictEqual(take(40 + 99.9 - 40 + 5), ["audio"])
    assert.strictEqual(buffer.statistics().lost, 0)
    assert.isAbove(buffer.statistics().depthMs, 60)
  })

  it("counts a packet that comes after it was given up as late, and a repeated one as a duplicate", () => {
    const sent = Schedule.many(100)
    const arrivals = Schedule.through(sent, perfect)
    const late = arrivals.map(({ atMs, sent }) => ({ sent, atMs: sent.number === 30 ? atMs + 400 : atMs }))
    const twice = arrivals.filter(({ sent }) => sent.number === 50 || sent.number === 51).map(({ atMs, sent }) => ({
      sent,
      atMs: atMs + 300
    }))
    const { given, statistics } = run([...late, ...twice].toSorted((a, b) => a.atMs - b.atMs))
    assert.deepInclude(statistics, { late: 1, duplicates: 2, lost: 1, delivered: 99 })
    assert.strictEqual(numbers(given).length, 99)
  })

  it("reports a gap in the timestamps as silence, not as loss", () => {
    const from = Schedule.sender()
    const sent = Array.from({ length: 10 }, () => from.send(960))
    from.pause(48_000)
    for (let i = 0; i < 10; i++) sent.push(from.send(960))
    const { given, statistics } = run(Schedule.through(sent, perfect))
    const silence = given.filter(({ output }) => output.kind === "silence")
    assert.deepStrictEqual(silence.map(({ output }) => [output.samples, output.packets]), [[48_000, 0]])
    assert.deepInclude(statistics, { lost: 0, delivered: 20, resyncs: 0 })
  })

  it("remembers the network delay across a pause: a late first packet does not shift the clock", () => {
    const from = Schedule.sender()
    const sent = Array.from({ length: 100 }, () => from.send(960))
    from.pause(60 * 48_000)
    const late = from.send(960)
    const arrivals = Schedule.through([...sent, late], perfect).map(({ atMs, sent }) => ({
      sent,
      atMs: sent === late ? atMs + 100 : atMs
    }))
    const { given } = run(arrivals)
    // the clocks may have drifted apart by 12 ms in a minute
    assert.closeTo(given.at(-1)?.output.atMs ?? 0, late.sentMs + 5, 13)
  })

  it("remembers the jitter across a pause: few packets after it are late", () => {
    const from = Schedule.sender()
    const sent = Array.from({ length: 500 }, () => from.send(960))
    for (let stretch = 0; stretch < 5; stretch++) {
      from.pause(20 * 48_000)
      sent.push(...Array.from({ length: 100 }, () => from.send(960)))
    }
    const { statistics } = run(Schedule.through(sent, { ...perfect, jitterMs: 120, reorders: true, seed: 3 }))
    // the packets of the very first words, before anything is known
    const first =
      run(Schedule.through(sent.slice(0, 500), { ...perfect, jitterMs: 120, reorders: true, seed: 3 })).statistics
    assert.isAtMost(statistics.late, first.late + 3)
  })

  it("realigns to the clock a sender whose timestamps stand still while it pauses", () => {
    const first = Schedule.many(10)
    const buffer = JitterBuffer.make(user)
    const arrivals = first.map((sent) => ({ sent, atMs: sent.sentMs }))
    const given = [...Schedule.play(buffer, arrivals, { tailMs: 0 })]
    const input = { ssrc: Ssrc.make(7), payload: OpusPacket.silenceFrame() }
    buffer.push({ ...input, sequence: 10, timestamp: 9_600 }, 200)
    const later = Schedule.sender({ sequence: 11, timestamp: 10_560, startMs: 5_000 })
    given.push(...Schedule.play(
      buffer,
      Array.from({ length: 5 }, () => later.send(960)).map((sent) => ({
        sent,
        atMs: sent.sentMs
      }))
    ))
    check(given, buffer.statistics())
    const gap = given.find(({ output }) => output.packets === 0)
    assert.closeTo(gap?.output.samples ?? 0, 4_780 * 48, 60)
    assert.closeTo(given.at(-1)?.output.atMs ?? 0, 5_080, 3)
    assert.deepInclude(buffer.statistics(), { lost: 0, delivered: 16 })
  })

  it("continues on one timeline when a sender restarts, and when its SSRC changes", () => {
    const one = Schedule.many(50, { sequence: 100, timestamp: 5_000 })
    const two = Schedule.many(50, { sequence: 40_000, timestamp: 9_999_000, startMs: 2_000 })
    const three = Schedule.many(50, { sequence: 7, timestamp: 77, startMs: 4_000, ssrc: Ssrc.make(8) })
    const { given, statistics } = run(Schedule.through([...one, ...two, ...three], perfect))
    assert.strictEqual(numbers(given).length, 150)
    assert.deepInclude(statistics, { delivered: 150, resyncs: 2, strays: 0, lost: 0 })
    for (const [i, sent] of [[0, one], [50, two], [100, three]] as const) {
      const audio = given.filter(({ output }) => output.kind === "audio")
      assert.closeTo(audio[i]?.output.atMs ?? 0, (sent[0]?.sentMs ?? 0) + 5, 3)
    }
  })

  it("puts the first packets of another SSRC in order when they arrive out of order", () => {
    const from = Schedule.sender({ ssrc: Ssrc.make(8), sequence: 65_530, startMs: 1_000 })
    const [first, second, third, ...rest] = Array.from({ length: 20 }, () => from.send(960))
    assert(first !== undefined && second !== undefined && third !== undefined)
    const { given, statistics } = run([
      ...Schedule.many(20).map((sent) => ({ sent, atMs: sent.sentMs })),
      { sent: third, atMs: 1_041 },
      { sent: first, atMs: 1_042 },
      { sent: second, atMs: 1_043 },
      ...rest.map((sent) => ({ sent, atMs: sent.sentMs }))
    ])
    const all = Array.from({ length: 20 }, (_, i) => i)
    assert.deepStrictEqual(numbers(given), [...all, ...all])
    assert.deepInclude(statistics, { lost: 0, late: 0, duplicates: 0, resyncs: 1 })
  })

  it("does not accept a packet of another SSRC after its successors were given out", () => {
    const from = Schedule.sender({ ssrc: Ssrc.make(8), startMs: 1_000 })
    const [first, ...rest] = Array.from({ length: 20 }, () => from.send(960))
    assert(first !== undefined)
    const { given, statistics } = run([
      ...Schedule.many(20).map((sent) => ({ sent, atMs: sent.sentMs })),
      ...rest.map((sent) => ({ sent, atMs: sent.sentMs })),
      { sent: first, atMs: 1_200 }
    ].toSorted((a, b) => a.atMs - b.atMs))
    assert.deepInclude(statistics, { lost: 0, delivered: 39 })
    // a packet of the former SSRC was given out in its place
    assert.strictEqual(statistics.late + statistics.duplicates, 1)
    assert.strictEqual(numbers(given).length, 39)
  })

  it("follows a sender that restarts slightly behind where it was", () => {
    const one = Schedule.many(50, { sequence: 100, timestamp: 500_000 })
    const two = Schedule.many(50, { sequence: 90, timestamp: 470_000, startMs: 5_000 })
    const { given, statistics } = run(Schedule.through([...one, ...two], perfect))
    // two packets could still be stragglers
    assert.deepInclude(statistics, { delivered: 98, resyncs: 1, lost: 0 })
    assert.strictEqual(statistics.late + statistics.duplicates, 2)
    const audio = given.filter(({ output }) => output.kind === "audio")
    assert.closeTo(audio[50]?.output.atMs ?? 0, (two[2]?.sentMs ?? 0) + 5, 3)
  })

  it("throws a stray packet away, and continues", () => {
    const sent = Schedule.many(50)
    const [stray] = Schedule.many(1, { sequence: 30_000, timestamp: 1 })
    assert.isDefined(stray)
    const arrivals = [...Schedule.through(sent, perfect), { sent: stray, atMs: 505 }]
    const { given, statistics } = run(arrivals.toSorted((a, b) => a.atMs - b.atMs))
    assert.deepInclude(statistics, { strays: 1, resyncs: 0, delivered: 50 })
    assert.deepStrictEqual(numbers(given), sent.map(({ number }) => number))
  })

  it("counts payloads that are not Opus as malformed, and reports their places as lost", () => {
    const buffer = JitterBuffer.make(user)
    const sent = Schedule.many(20)
    const given: Array<Schedule.Given> = []
    for (const packet of sent) {
      const input = Schedule.inputOf(packet)
      const bad = packet.number % 10 === 5
      buffer.push(bad ? { ...input, payload: Uint8Array.of(0xff, 0xff) } : input, packet.sentMs)
      for (let output = buffer.pop(packet.sentMs); output !== undefined; output = buffer.pop(packet.sentMs)) {
        given.push({ output, nowMs: packet.sentMs })
      }
    }
    for (let output = buffer.pop(1_000); output !== undefined; output = buffer.pop(1_000)) {
      given.push({ output, nowMs: 1_000 })
    }
    check(given, buffer.statistics())
    assert.deepInclude(buffer.statistics(), { malformed: 2, lost: 2, delivered: 18 })
  })

  it("reports a long run of lost packets in one frame", () => {
    const sent = Schedule.many(500).filter(({ number }) => number < 10 || number >= 400)
    const { given, statistics } = run(Schedule.through(sent, perfect))
    const lost = given.filter(({ output }) => output.kind === "lost")
    assert.deepStrictEqual(lost.map(({ output }) => [output.packets, output.samples]), [[390, 390 * 960]])
    assert.strictEqual(statistics.lost, 390)
  })

  it("reports up to 25 lost packets one by one, and more in a single frame", () => {
    for (const [count, frames] of [[25, 25], [26, 1]] as const) {
      const sent = Schedule.many(100).filter(({ number }) => number < 10 || number >= 10 + count)
      const { given, statistics } = run(Schedule.through(sent, perfect))
      assert.lengthOf(given.filter(({ output }) => output.kind === "lost"), frames)
      assert.strictEqual(statistics.lost, count)
    }
  })

  it("gives lost packets no more time than they had, and the rest to the pause after them", () => {
    for (const lost of [1, 30]) {
      const from = Schedule.sender()
      const sent = Array.from({ length: 10 + lost }, () => from.send(480)).slice(0, 10)
      from.pause(24_000)
      sent.push(...Array.from({ length: 10 }, () => from.send(480)))
      const { given, statistics } = run(Schedule.through(sent, perfect))
      assert.deepStrictEqual(
        given.filter(({ output }) => output.kind !== "audio").map(({ output }) => [
          output.kind,
          output.samples,
          output.packets
        ]),
        [["lost", 480 * lost, lost], ["silence", 24_000, 0]]
      )
      // a packet after a pause cannot recover what was lost before the pause
      assert.deepInclude(statistics, { lost, recoverable: 0 })
    }
  })

  it("gives up packets missing after a pause just before the packet that has come is due", () => {
    const buffer = JitterBuffer.make(user)
    for (const sent of Schedule.many(10)) buffer.push(Schedule.inputOf(sent), sent.sentMs)
    while (buffer.pop(600) !== undefined);
    buffer.push(
      { ssrc: Ssrc.make(7), sequence: 13, timestamp: 13 * 960 + 24_000, payload: Schedule.opus(960, 13) },
      760
    )
    assert.closeTo(buffer.nextDueMs(), 760 - 3 * 20 + buffer.statistics().depthMs, 1e-6)
  })

  it("divides the time of lost packets into valid lengths when they were shorter than those before", () => {
    const from = Schedule.sender()
    const sent = [960, 960, 240, 120, 960, 960].map((samples) => from.send(samples))
    const { given } = run(Schedule.through(sent.filter(({ samples }) => samples === 960), perfect))
    const lost = given.filter(({ output }) => output.kind === "lost")
    assert.deepStrictEqual(lost.map(({ output }) => output.samples), [120, 240])
  })

  const changes = [
    { from: 2_880, to: 120 },
    { from: 120, to: 2_880 },
    { from: 960, to: 2_880 },
    { from: 2_880, to: 960 }
  ]
  for (const { from: before, to: after } of changes) {
    for (const [former, latter] of [[1, 0], [0, 1], [1, 2], [3, 3], [20, 20]] as const) {
      const what = `${former} of ${before / 48} ms and ${latter} of ${after / 48} ms`
      it(`gives lost packets the times they had when the packet length changes among them: ${what}`, () => {
        const from = Schedule.sender()
        const samples = [
          ...Array.from({ length: 5 + former }, () => before),
          ...Array.from({ length: latter + 5 }, () => after)
        ]
        const sent = samples.map((length) => from.send(length))
        const count = former + latter
        const { given, statistics } = run(
          Schedule.through(sent.filter((_, i) => i < 5 || i >= 5 + count), perfect),
          undefined,
          { stepMs: 1 }
        )
        const lost = given.filter(({ output }) => output.kind === "lost").map(({ output }) => output.samples)
        const told = sent.slice(5, 5 + count).map(({ samples: length }) => length)
        assert.deepStrictEqual(lost, count > 25 ? [told.reduce((sum, length) => sum + length)] : told)
        assert.deepStrictEqual(given.filter(({ output }) => output.kind === "silence"), [])
        assert.deepInclude(statistics, { lost: count, delivered: 10, late: 0 })
      })
    }
  }

  it("waits its full time for a packet missing after a pause when packets have become shorter", () => {
    const from = Schedule.sender()
    const words = Array.from({ length: 20 }, () => from.send(2_880))
    from.pause(24_000)
    words.push(...Array.from({ length: 20 }, () => from.send(120)))
    // overtaken by others, but in time
    const arrivals = Schedule.through(words, perfect).map(({ atMs, sent }): Schedule.Arrival => ({
      sent,
      atMs: sent.number === 20 ? atMs + 25 : atMs
    })).toSorted((one, other) => one.atMs - other.atMs)
    const { given, statistics } = run(arrivals, undefined, { stepMs: 1 })
    assert.deepInclude(statistics, { lost: 0, late: 0, delivered: 40 })
    assert.deepStrictEqual(numbers(given), words.map(({ number }) => number))
  })

  it("finds no recovery for a lost packet in the silence after it", () => {
    const buffer = JitterBuffer.make(user)
    const [first, , third] = Schedule.many(3)
    assert(first !== undefined && third !== undefined)
    buffer.push(Schedule.inputOf(first), 0)
    buffer.push({ ...Schedule.inputOf(third), payload: OpusPacket.silenceFrame() }, 40)
    const given = [buffer.pop(500), buffer.pop(500), buffer.pop(500)]
    assert.deepStrictEqual(given.map((output) => output?.kind), ["audio", "lost", "silence"])
    assert.isUndefined(given[1]?.recovery)
    assert.strictEqual(buffer.statistics().recoverable, 0)
  })

  it("puts first packets that arrive out of order in the right order", () => {
    const buffer = JitterBuffer.make(user)
    const [one, two, three] = Schedule.many(3, { sequence: 65_534, timestamp: 0 })
    assert(one !== undefined && two !== undefined && three !== undefined)
    for (const sent of [three, one, two]) buffer.push(Schedule.inputOf(sent), 40)
    const given = [buffer.pop(500), buffer.pop(500), buffer.pop(500)]
    assert.deepStrictEqual(given.map((output) => Schedule.numberOf(output?.data ?? new Uint8Array())), [0, 1, 2])
    assert.deepInclude(buffer.statistics(), { delivered: 3, late: 0 })
  })

  it("recognizes duplicates of packets it gave out long ago", () => {
    const buffer = JitterBuffer.make(user)
    const sent = Schedule.many(120)
    const gone = 20
    for (const packet of sent) if (packet.number !== gone) buffer.push(Schedule.inputOf(packet), packet.sentMs)
    while (buffer.pop(10_000) !== undefined);
    for (const packet of sent) buffer.push(Schedule.inputOf(packet), 2_400)
    assert.deepInclude(buffer.statistics(), { delivered: 119, duplicates: 119, late: 1 })
  })

  it("counts packets it is not yet sure of as waiting", () => {
    const buffer = JitterBuffer.make(user)
    const [first] = Schedule.many(1)
    const [stray] = Schedule.many(1, { sequence: 30_000 })
    assert(first !== undefined && stray !== undefined)
    buffer.push(Schedule.inputOf(first), 0)
    buffer.push(Schedule.inputOf(stray), 5)
    assert.deepInclude(buffer.statistics(), { received: 2, waiting: 2 })
  })

  it("is never deeper than its maximum", () => {
    const [first, second] = Schedule.many(2)
    assert(first !== undefined && second !== undefined)
    const buffer = JitterBuffer.make(user)
    buffer.push(Schedule.inputOf(first), 0)
    buffer.push(Schedule.inputOf(second), 420)
    assert.strictEqual(buffer.statistics().depthMs, 200)
  })

  for (const samples of [120, 960]) {
    it(`follows a shorter delay gradually, and at once after a pause, with ${samples / 48} ms packets`, () => {
      const from = Schedule.sender()
      const slow = Array.from({ length: 100 }, () => from.send(samples))
      const fast = Array.from({ length: 19_200 / samples }, () => from.send(samples))
      from.pause(12_000)
      const faster = Array.from({ length: 10 }, () => from.send(samples))
      const { given } = run([
        ...slow.map((sent) => ({ sent, atMs: sent.sentMs + 35 })),
        ...fast.map((sent) => ({ sent, atMs: sent.sentMs + 15 })),
        ...faster.map((sent) => ({ sent, atMs: sent.sentMs }))
      ].toSorted((a, b) => a.atMs - b.atMs))
      const audio = given.filter(({ output }) => output.kind === "audio").map(({ output }) => output)
      const steps = audio.slice(1, slow.length + fast.length).map(({ atMs }, i) => atMs - (audio[i]?.atMs ?? 0))
      const frameMs = samples / 48
      for (const step of steps) assert.isAtLeast(step, frameMs * 0.9 - 1e-6)
      assert.isAtMost(Math.min(...steps), frameMs * 0.9 + 1e-6)
      assert.closeTo(audio[slow.length + fast.length - 1]?.atMs ?? 0, (fast.at(-1)?.sentMs ?? 0) + 15, 1e-3)
      faster.forEach(({ sentMs }, i) => {
        assert.closeTo(audio[slow.length + fast.length + i]?.atMs ?? 0, sentMs, 1e-3)
      })
    })
  }

  it("gives out nothing ahead of its time after a delay that exceeded its maximum depth", () => {
    const from = Schedule.sender()
    const slow = Array.from({ length: 50 }, () => from.send(960))
    const fast = Array.from({ length: 50 }, () => from.send(960))
    // `run` checks for each frame that `atMs` is not ahead of the clock
    const { statistics } = run([
      ...slow.map((sent) => ({ sent, atMs: sent.sentMs + 500 })),
      ...fast.map((sent) => ({ sent, atMs: sent.sentMs }))
    ].toSorted((a, b) => a.atMs - b.atMs))
    assert.strictEqual(statistics.depthMs, 200)
    assert.strictEqual(statistics.delivered + statistics.late, 100)
  })

  it("holds packets no longer than the former delay took when the delay becomes shorter", () => {
    const from = Schedule.sender()
    const slow = Array.from({ length: 50 }, () => from.send(960))
    const fast = Array.from({ length: 50 }, () => from.send(960))
    const { given, statistics } = run([
      ...slow.map((sent) => ({ sent, atMs: sent.sentMs + 150 })),
      ...fast.map((sent) => ({ sent, atMs: sent.sentMs }))
    ].toSorted((a, b) => a.atMs - b.atMs))
    assert.deepInclude(statistics, { lost: 0, late: 0, delivered: 100 })
    const longest = (those: ReadonlyArray<Schedule.Sent>) =>
      Math.max(...those.map(({ number, sentMs }) => (given[number]?.nowMs ?? Infinity) - sentMs))
    assert.isAtMost(longest(slow), 150 + JitterBuffer.defaults.startDepthMs)
    assert.isAtMost(longest(fast), 150 + 10)
  })

  it("keeps to the clock when timestamps advance by less than the packets hold", () => {
    const buffer = JitterBuffer.make(user)
    let last = -Infinity
    for (let n = 0; n < 100; n++) {
      buffer.push({ ssrc: Ssrc.make(7), sequence: n, timestamp: n * 480, payload: Schedule.opus(960, n) }, n * 10)
      for (let output = buffer.pop(n * 10); output !== undefined; output = buffer.pop(n * 10)) {
        assert.strictEqual(output.kind, "audio")
        last = Math.max(last, Math.abs(output.atMs - output.sequence * 10))
      }
    }
    assert.closeTo(last, 0, 1e-3)
  })

  it("holds no more packets than its capacity", () => {
    const buffer = JitterBuffer.make(user, { capacity: 10 })
    for (const sent of Schedule.many(30)) buffer.push(Schedule.inputOf(sent), 0)
    assert.deepInclude(buffer.statistics(), { waiting: 10, overflowed: 20 })
  })

  it("survives a stall of the network: nothing is lost, and the timing is right again afterwards", () => {
    const sent = Schedule.many(1_500)
    const arrivals = Schedule.through(sent, perfect).map(({ atMs, sent }) => ({
      sent,
      atMs: atMs > 2_000 && atMs < 2_700 ? 2_700 : atMs
    }))
    const { given, statistics } = run(arrivals)
    assert.deepInclude(statistics, { lost: 0, late: 0, delivered: 1_500, resyncs: 0 })
    given.forEach(({ output }, i) => assert.closeTo(output.atMs, (sent[i]?.sentMs ?? 0) + 5, 1e-3))
  })

  for (const ppm of [100, -100]) {
    it(`does not drift within an hour when the sender's clock is off by ${ppm} ppm`, () => {
      const sent = Schedule.many(60_000, { ppm, sequence: 60_000, timestamp: 0xff00_0000 }, 2_880)
      const arrivals = Schedule.through(sent, { ...perfect, jitterMs: 20, seed: 3 })
      const { given, statistics } = run(arrivals, undefined, { stepMs: 20 })
      assert.deepInclude(statistics, { lost: 0, late: 0, delivered: 60_000, resyncs: 0 })
      let worst = 0
      given.forEach(({ nowMs, output }, i) => {
        worst = Math.max(worst, Math.abs(output.atMs - (sent[i]?.sentMs ?? 0) - 5))
        if (nowMs - output.atMs > 90) assert.fail(`${nowMs - output.atMs} ms deep at ${i}`)
      })
      assert.isBelow(worst, 20)
    })
  }

  const Network = Schema.Struct({
    loss: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })),
    duplicate: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
    jitterMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 })),
    reorders: Schema.Boolean,
    seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
    sizes: Schema.Array(Schema.Literals([120, 480, 960, 960, 960, 2880])).check(Schema.isMinLength(1)),
    pauses: Schema.Boolean
  })

  it.prop("accounts for every packet, whatever the network does", [Network], ([network]) => {
    const { duplicate, jitterMs, loss, pauses, reorders, seed, sizes } = network
    const next = Schedule.dice(seed)
    const from = Schedule.sender({ sequence: 65_400, timestamp: 0xffff_0000 })
    const sent: Array<Schedule.Sent> = []
    // several packets of one size at a time, as senders do
    for (const samples of sizes.slice(0, 4)) {
      for (let i = 0; i < 150; i++) sent.push(from.send(samples))
      if (pauses && next() < 0.7) from.pause(Math.round(next() * 400) * 120)
    }
    const arrivals = Schedule.through(sent, {
      loss: loss / 100,
      duplicate: duplicate / 100,
      jitterMs,
      reorders,
      seed
    })
    const { given, statistics } = run(arrivals, { maxDepthMs: 240 })
    const audio = given.filter(({ output }) => output.kind === "audio")
    const bySent = new Map(sent.map((packet) => [packet.number, packet]))
    const heard = numbers(given)
    // what comes out is what went in, once and in order
    assert.isTrue(heard.every((number, i) => number > (heard[i - 1] ?? -1)))
    for (const { output } of audio) {
      assert.deepStrictEqual(
        output.data,
        Schedule.opus(output.samples, Schedule.numberOf(output.data))
      )
      const { sentMs } = bySent.get(Schedule.numberOf(output.data)) ?? assert.fail("nobody has sent this")
      assert.isAtLeast(output.atMs, sentMs + 5 - 1e-3)
      assert.isAtMost(output.atMs, sentMs + 5 + jitterMs + 1e-3)
    }
    assert.strictEqual(statistics.resyncs, 0)
    if (loss === 0 && !reorders) assert.strictEqual(heard.length, sent.length)
  })

  it("survives anything that can be pushed", () => {
    const next = Schedule.dice(42)
    const buffer = JitterBuffer.make(user)
    let nowMs = 0
    const given: Array<Schedule.Given> = []
    for (let i = 0; i < 20_000; i++) {
      nowMs += next() * 30
      const near = next() < 0.7
      buffer.push({
        ssrc: Ssrc.make(next() < 0.99 ? 1 : 2),
        sequence: near ? (i + Math.floor(next() * 8)) & 0xffff : Math.floor(next() * 0x1_0000),
        timestamp: near ? (i * 960) >>> 0 : Math.floor(next() * 0x1_0000_0000),
        payload: next() < 0.9
          ? Schedule.opus(960, i)
          : Uint8Array.from({ length: Math.floor(next() * 5) }, () => next() * 256)
      }, nowMs - next() * 10)
      for (let output = buffer.pop(nowMs); output !== undefined; output = buffer.pop(nowMs)) {
        given.push({ output, nowMs })
      }
    }
    check(given.map((one) => ({ ...one, nowMs: Infinity })), buffer.statistics())
    assert.isAbove(given.length, 1_000)
  })
})
