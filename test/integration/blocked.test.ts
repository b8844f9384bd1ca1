/**
 * Timing as others see it: a bot in its own process, and a sink in another process that notes when the bot's packets
 * arrive.
 *
 * Any machine may suspend either process at any moment, so nothing here asks for a packet at a certain time. What holds
 * everywhere: a packet leaves at its due time or less than three frames later (a packet that is later than that is
 * given a new due time), plus the time that the system held it, which the sender notes; it arrives between the two
 * times that the sink notes; and RTP timestamps state the due times. A process that sleeps only widens the bounds.
 *
 * In place of our sender, @discordjs/voice 0.19.2 fails all of these tests: after the block it sends 170 packets within
 * 400 ms, after a step forward 207, and its timestamps advance by 20 ms a packet through the block and the steps,
 * whenever the packets come.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Foreign from "../interop/Foreign.ts"
import type { Blocked, Log, Packet, Report, Stepped } from "./blocked/messages.ts"

const frameMs = 20
const samplesPerMs = 48

/** Packets that are late by less than this are still sent, all of them at once. */
const catchUpMs = 3 * frameMs

/** Both processes share one clock, but they read it a moment apart, and timers count in whole milliseconds. */
const readingMs = 2

/** Packets of a sender that noted how long the system held some of them. */
interface Seen {
  readonly packets: ReadonlyArray<Packet>
  readonly held: ReadonlyMap<number, number>
}

const heldMs = ({ held }: Seen, packet: Packet | undefined) => packet === undefined ? 0 : held.get(packet.sequence) ?? 0

/** How many milliseconds the timestamp of each packet is ahead of the one before. */
const steps = ({ packets }: Seen) =>
  packets.slice(1).map(({ timestamp }, i) => ((timestamp - (packets[i]?.timestamp ?? 0)) >>> 0) / samplesPerMs)

/** The greatest number of packets that were certainly sent within `windowMs`. */
const most = (seen: Seen, windowMs: number) =>
  seen.packets.reduce((greatest, first, i) => {
    const after = seen.packets.slice(i)
    const inside = after.findIndex(({ atMs }) => atMs - first.sinceMs + heldMs(seen, first) + readingMs >= windowMs)
    return Math.max(greatest, inside === -1 ? after.length : inside)
  }, 0)

/**
 * How many packets can be sent within `windowMs`: those due in it, and those that were due less than `catchUpMs` before
 * it.
 */
const mostWithin = (windowMs: number) => (windowMs + catchUpMs) / frameMs

/** Pairs of packets that are certainly closer together, or farther apart, than their timestamps say. */
const untruthful = (seen: Seen) => {
  const { packets } = seen
  const media = steps(seen)
  return packets.flatMap((one, i) => {
    let mediaMs = 0
    return packets.slice(i + 1).flatMap((other, n) => {
      mediaMs += media[i + n] ?? 0
      const atMost = other.atMs - one.sinceMs
      const atLeast = other.sinceMs - one.atMs
      return atMost < mediaMs - catchUpMs - heldMs(seen, one) - readingMs ||
          atLeast > mediaMs + catchUpMs + heldMs(seen, other) + readingMs
        ? [{ from: i, to: i + 1 + n, mediaMs, atLeast, atMost }]
        : []
    })
  })
}

/** What holds for every sender that keeps to the clock, whatever happened to its process. */
const assertTruthful = (seen: Seen) => {
  const sequences = seen.packets.map(({ sequence }) => sequence)
  const first = sequences[0] ?? 0
  assert.deepStrictEqual(sequences, sequences.map((_, i) => (first + i) & 0xffff))
  assert.deepStrictEqual(steps(seen).filter((ms) => ms < frameMs || ms % frameMs !== 0), [])
  for (const windowMs of [frameMs, 1_000]) assert.isAtMost(most(seen, windowMs), mostWithin(windowMs))
  assert.deepStrictEqual(untruthful(seen).slice(0, 3), [])
}

const heartbeatMs = 1_500

/**
 * The largest step that timestamps can make after no timer of the process ran for `stallMs`: its own slot is a frame
 * away.
 */
const stepAfter = (stallMs: number) => stallMs + 3 * frameMs

// the scripts in `blocked/` send the messages that `messages.ts` defines
const isReport = (told: Foreign.Told): told is Foreign.Told & Report => told._tag === "Report"
const isLog = (told: Foreign.Told): told is Foreign.Told & Log => told._tag === "Log"
const isBlocked = (told: Foreign.Told): told is Foreign.Told & Blocked => told._tag === "Blocked"
const isStepped = (told: Foreign.Told): told is Foreign.Told & Stepped => told._tag === "Stepped"

/** A sender that plays, and a sink that hears it. */
const playing = Effect.gen(function*() {
  const sink = yield* Foreign.start("../integration/blocked/sink.ts", { args: { heartbeatMs } })
  const { endpoint } = yield* sink.untilTag("Listening")
  const sender = yield* Foreign.start("../integration/blocked/sender.ts", {
    args: { endpoint },
    execArgv: ["--import", fileURLToPath(new URL("blocked/date.ts", import.meta.url))]
  })
  let heard = 0
  /** Waits for this many more packets, and until this many heartbeats have arrived in total. */
  const hear = Effect.fnUntraced(function*(packets: number, beats = 0) {
    const told = sink.told().length
    yield* sink.tell({ _tag: "Await", packets: heard + packets, beats })
    heard = Number((yield* sink.untilTag("Heard", told))["packets"])
  })
  const judge = Effect.gen(function*() {
    yield* sender.tell({ _tag: "Log" })
    const log = yield* sender.until(isLog)
    yield* hear(0, log.beats.length)
    yield* sink.tell({ _tag: "Report" })
    const report = yield* sink.until(isReport)
    return { log, report, seen: { packets: report.packets, held: new Map(log.held) } }
  })
  return { sender, hear, judge }
})

describe("a sender whose event loop is blocked for three seconds", () => {
  it.live(
    "continues with the next packet, at the same pace, with the timestamp that the clock says",
    () =>
      Effect.gen(function*() {
        const { hear, judge, sender } = yield* playing
        yield* hear(75)
        yield* sender.tell({ _tag: "Block", ms: 3_000 })
        const { fromMs, untilMs } = yield* sender.until(isBlocked)
        yield* hear(200)
        const { log, report, seen } = yield* judge
        assertTruthful(seen)
        const jump = Math.max(...steps(seen))
        assert.isAtLeast(jump, untilMs - fromMs)
        assert.isAtMost(jump, stepAfter(log.longestStallMs))
        assert.strictEqual(report.connections, 1)
      }).pipe(Effect.scoped)
  )
})

describe("moving the wall clock", () => {
  it.live.each([4_000, -4_000])("by %i ms changes nothing", (ms) =>
    Effect.gen(function*() {
      const { hear, judge, sender } = yield* playing
      yield* hear(75)
      yield* sender.tell({ _tag: "Step", ms })
      const { after, before } = yield* sender.until(isStepped)
      assert.strictEqual(Math.sign(after - before), Math.sign(ms))
      yield* hear(250)
      const { log, report, seen } = yield* judge
      assertTruthful(seen)
      // there is a gap only if the process did nothing at all for that long
      assert.isAtMost(Math.max(...steps(seen)), stepAfter(log.longestStallMs))

      const beats = log.beats.slice(1).map(({ atMs, packets }, i) => ({
        ms: atMs - (log.beats[i]?.atMs ?? 0),
        packets: packets - (log.beats[i]?.packets ?? 0)
      }))
      assert.isAtLeast(beats.length, 2)
      // a heartbeat is early or doubled by the clock; it is missed if the process sent packets in the meantime but no
      // heartbeat
      assert.deepStrictEqual(beats.filter((beat) => beat.ms < heartbeatMs - readingMs), [])
      assert.deepStrictEqual(beats.filter(({ packets }) => packets > heartbeatMs / frameMs + 25), [])
      assert.lengthOf(report.nonces, log.beats.length)
      assert.deepStrictEqual(report.nonces.filter((nonce, i) => nonce <= (report.nonces[i - 1] ?? 0)), [])
      assert.strictEqual(report.connections, 1)
    }).pipe(Effect.scoped))
})

describe("the checks of the tests above", () => {
  /** Packets of a sender with these due times, seen by a sink that never sleeps. */
  const sent = (packets: ReadonlyArray<{ readonly dueMs: number; readonly atMs: number }>): Seen => ({
    packets: packets.map(({ atMs, dueMs }, i) => ({
      sequence: i,
      timestamp: dueMs * samplesPerMs,
      sinceMs: atMs - 0.5,
      atMs
    })),
    held: new Map()
  })
  const until = (blockedMs: number, i: number) => i < 50 ? 0 : blockedMs

  it("accept a sender that follows the clock, and reject one that catches up or states wrong times", () => {
    const at = (i: number) => i * frameMs
    const truthful = sent(Array.from({ length: 200 }, (_, i) => {
      const dueMs = at(i) + until(3_000, i)
      return { dueMs, atMs: dueMs + (i * 7) % 20 }
    }))
    assertTruthful(truthful)
    // after each stall of slightly less than three frames, three packets are late and one is on time
    const stalling = sent(Array.from({ length: 200 }, (_, i) => {
      const dueMs = at(i) + until(3_000, i)
      return { dueMs, atMs: i % 4 < 3 ? dueMs + (3 - i % 4) * frameMs - 0.5 : dueMs }
    }))
    assertTruthful(stalling)
    assert.strictEqual(most(stalling, frameMs), mostWithin(frameMs))
    const catchingUp = sent(Array.from({ length: 300 }, (_, i) => ({
      dueMs: at(i),
      atMs: i < 50 ? at(i) : Math.max(at(i), 4_000 + i)
    })))
    for (const windowMs of [frameMs, 1_000]) assert.isAbove(most(catchingUp, windowMs), mostWithin(windowMs))
    assert.isNotEmpty(untruthful(catchingUp))
    const standing = sent(Array.from({ length: 200 }, (_, i) => ({ dueMs: at(i), atMs: at(i) + until(3_000, i) })))
    assert.isAtMost(most(standing, frameMs), mostWithin(frameMs))
    assert.isNotEmpty(untruthful(standing))
  })
})
