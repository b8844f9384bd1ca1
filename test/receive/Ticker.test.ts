import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import type { ReceivedFrame, Tick } from "../../src/receive/ReceivedFrame.ts"
import * as Ticker from "../../src/receive/Ticker.ts"

const user = UserId.make("100000000000000001")
const other = UserId.make("100000000000000002")

const frame = (atMs: number, options: Partial<ReceivedFrame> = {}): ReceivedFrame => ({
  userId: user,
  ssrc: Ssrc.make(1),
  sequence: 0,
  timestamp: 0,
  samples: 960,
  atMs,
  kind: "audio",
  data: Uint8Array.of(0xfc),
  packets: 1,
  ...options
})

const make = (participants: Iterable<UserId> = [user]) => {
  const ticks: Array<Tick> = []
  const ticker = Ticker.make({
    startMs: 1_000,
    delayMs: 100,
    participants: () => participants,
    onTick: (tick) => ticks.push(tick)
  })
  return { ticker, ticks, part: (index: number, of = user) => ticks[index]?.participants.get(of) }
}

describe("Ticker", () => {
  it("emits every tick once, even if it is called late", () => {
    const { ticker, ticks } = make()
    ticker.advance(1_019)
    assert.lengthOf(ticks, 0)
    ticker.advance(1_020)
    ticker.advance(1_025)
    ticker.advance(1_333)
    assert.deepStrictEqual(ticks.map(({ index }) => index), Array.from({ length: 16 }, (_, i) => i))
    assert.deepStrictEqual(ticks.map(({ atMs }) => atMs), Array.from({ length: 16 }, (_, i) => 900 + i * 20))
    assert.strictEqual(ticker.nextMs(), 1_340)
  })

  it("puts a frame into the tick that begins nearest to it", () => {
    for (const [atMs, index] of [[909, 0], [911, 1], [920, 1], [929, 1], [931, 2]] as const) {
      const { part, ticker } = make()
      ticker.onFrame(frame(atMs))
      ticker.advance(1_060)
      assert.strictEqual(part(index)?.kind, "audio", `${atMs}`)
      assert.lengthOf(part(index)?.frames ?? [], 1)
    }
  })

  it("collects short frames in one tick, and lets a long one last for several", () => {
    const { part, ticker } = make([user, other])
    for (let i = 0; i < 16; i++) ticker.onFrame(frame(900 + i * 2.5, { samples: 120 }))
    for (let i = 0; i < 2; i++) ticker.onFrame(frame(900 + i * 60, { userId: other, samples: 2_880 }))
    ticker.advance(1_140)
    assert.deepStrictEqual([0, 1].map((i) => part(i)?.frames.length), [8, 8])
    assert.deepStrictEqual([0, 1, 2, 3, 4, 5].map((i) => part(i, other)?.frames.length), [1, 0, 0, 1, 0, 0])
    assert.deepStrictEqual([0, 1, 2].map((i) => part(i, other)?.aheadSamples), [1_920, 960, 0])
    assert.deepStrictEqual([0, 1, 2, 3, 4, 5].map((i) => part(i, other)?.kind), [
      "audio",
      "audio",
      "audio",
      "audio",
      "audio",
      "audio"
    ])
  })

  it("reports a missing frame, and treats it as a pause after 100 ms", () => {
    const { part, ticker } = make()
    ticker.onFrame(frame(900))
    ticker.advance(1_180)
    assert.deepStrictEqual(
      Array.from({ length: 9 }, (_, i) => part(i)?.kind),
      ["audio", "missing", "missing", "missing", "missing", "missing", "silence", "silence", "silence"]
    )
    ticker.onFrame(frame(1_080))
    ticker.advance(1_200)
    assert.strictEqual(part(9)?.kind, "audio")
  })

  it("waits the full time again after a frame that follows a gap, and after a pause", () => {
    const { part, ticker } = make()
    ticker.onFrame(frame(900))
    ticker.advance(1_080)
    ticker.onFrame(frame(980))
    ticker.advance(1_240)
    const kinds = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => part(from + i)?.kind)
    assert.deepStrictEqual(
      kinds(0, 12),
      ["audio", ...Array(3).fill("missing"), "audio", ...Array(5).fill("missing"), "silence", "silence"]
    )
    // half a tick, of which the rest never comes
    ticker.onFrame(frame(1_140, { samples: 480 }))
    ticker.advance(1_400)
    assert.deepStrictEqual(kinds(12, 19), [...Array(5).fill("missing"), "silence", "silence"])
    assert.lengthOf(part(12)?.frames ?? [], 1)
  })

  it("treats time that a sender has skipped as silence", () => {
    const { part, ticker } = make()
    ticker.onFrame(frame(900))
    ticker.onFrame(frame(920, { kind: "silence", samples: 4_800, packets: 0 }))
    ticker.onFrame(frame(1_020))
    ticker.advance(1_140)
    assert.deepStrictEqual(
      Array.from({ length: 7 }, (_, i) => part(i)?.kind),
      ["audio", ...Array(5).fill("silence"), "audio"]
    )
  })

  it("waits for one tick when a sender's clock is slow", () => {
    const { part, ticker } = make()
    for (let i = 0; i < 25; i++) ticker.onFrame(frame(900 + i * 21))
    ticker.advance(1_500)
    const kinds = Array.from({ length: 25 }, (_, i) => part(i)?.kind)
    assert.deepStrictEqual(kinds, [...Array(16).fill("audio"), "missing", ...Array(8).fill("audio")])
    assert.strictEqual(kinds.flatMap((_, i) => part(i)?.frames ?? []).length, 24)
  })

  it("recognizes a pause by the silence before it", () => {
    const { part, ticker } = make()
    ticker.onFrame(frame(900))
    ticker.onFrame(frame(920, { kind: "silence" }))
    ticker.advance(1_080)
    assert.deepStrictEqual([0, 1, 2, 3].map((i) => part(i)?.kind), ["audio", "silence", "silence", "silence"])
    assert.strictEqual(part(1)?.frames.length, 1)
  })

  it("catches up with late frames without losing any", () => {
    const { part, ticker } = make()
    ticker.onFrame(frame(900))
    ticker.advance(1_060)
    for (const atMs of [920, 940, 960]) ticker.onFrame(frame(atMs))
    ticker.advance(1_080)
    assert.deepStrictEqual([0, 1, 2, 3].map((i) => part(i)?.frames.length), [1, 0, 0, 3])
    assert.strictEqual(part(3)?.aheadSamples, 0)
    for (const atMs of [980, 1_000]) ticker.onFrame(frame(atMs))
    ticker.advance(1_120)
    assert.deepStrictEqual([4, 5].map((i) => part(i)?.frames.length), [1, 1])
  })

  it("leaves no gap after long frames that come closer and closer together", () => {
    for (const [lengthMs, apartMs] of [[20, 18], [40, 36], [60, 54], [120, 110]] as const) {
      const { part, ticker } = make()
      const frames = 20
      for (let i = 0; i < frames; i++) ticker.onFrame(frame(900 + i * apartMs, { samples: lengthMs * 48 }))
      ticker.advance(1_000 + frames * apartMs)
      const parts = Array.from({ length: Math.floor(frames * apartMs / 20) }, (_, i) => part(i))
      assert.deepStrictEqual(parts.filter((part) => part?.kind !== "audio"), [])
      // nor is any of them heard much later than its time
      for (const [i, part] of parts.entries()) {
        const { atMs = 0, samples = 0 } = part?.frames.at(-1) ?? {}
        if (samples > 0) {
          assert.isAtMost(Math.abs(920 + i * 20 + (part?.aheadSamples ?? 0) / 48 - atMs - samples / 48), 15)
        }
      }
    }
  })

  it("lists silent participants, and plays the remaining frames of those who have left", () => {
    const { part, ticker, ticks } = make([other])
    ticker.onFrame(frame(900))
    ticker.advance(1_040)
    assert.strictEqual(part(0)?.kind, "audio")
    assert.strictEqual(part(0, other)?.kind, "silence")
    assert.isUndefined(part(1), "nothing is missing of who has left")
    ticker.advance(1_400)
    assert.isFalse(ticks.at(-1)?.participants.has(user))

    // a frame of three ticks
    ticker.onFrame(frame(1_300, { samples: 2_880 }))
    ticker.advance(1_520)
    assert.deepStrictEqual([19, 20, 21, 22, 23, 24].map((i) => part(i)?.kind), [
      undefined,
      "audio",
      "audio",
      "audio",
      undefined,
      undefined
    ])
  })

  it.prop("emits each frame once and in order, whenever it comes", [
    Schema.Array(Schema.Struct({
      gapMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 })),
      lateMs: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 })),
      samples: Schema.Literals([120, 480, 960, 2_880])
    }))
  ], ([list]) => {
    const { ticker, ticks } = make()
    let atMs = 900
    let nowMs = 1_000
    list.forEach(({ gapMs, lateMs, samples }, sequence) => {
      nowMs = Math.max(nowMs, atMs + lateMs)
      ticker.advance(nowMs)
      ticker.onFrame(frame(atMs, { sequence, samples }))
      atMs += samples / 48 + gapMs
    })
    ticker.advance(nowMs + 10_000)
    const given = ticks.flatMap(({ participants }) => participants.get(user)?.frames ?? [])
    assert.deepStrictEqual(given.map(({ sequence }) => sequence), list.map((_, i) => i))
    assert.isTrue(ticks.every(({ index }, i) => index === i))
  })
})
