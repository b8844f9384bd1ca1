import { assert, describe, it } from "@effect/vitest"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as LivePauses from "../../src/receive/LivePauses.ts"
import type { ReceivedFrame } from "../../src/receive/ReceivedFrame.ts"

/** Frames of one user, and everything that is reported for them. */
const make = () => {
  const pauses = LivePauses.make()
  const told: Array<ReceivedFrame> = []
  let at = 0
  const hear = (nowMs: number, samples = 960, packets = 1) => {
    const frame: ReceivedFrame = {
      userId: UserId.make("1"),
      ssrc: Ssrc.make(1),
      sequence: 1,
      timestamp: at,
      samples,
      atMs: at / 48,
      kind: packets === 0 ? "silence" : "audio",
      data: packets === 0 ? new Uint8Array() : Uint8Array.of(1),
      packets
    }
    at += samples
    const placed = pauses.hear(frame, nowMs)
    if (placed !== undefined) told.push(placed)
  }
  const pass = (nowMs: number) => {
    const pause = pauses.pass(nowMs)
    if (pause !== undefined) told.push(pause)
    return pause?.samples ?? 0
  }
  /** Each frame begins where the one before it ended. */
  const assertWhole = () => {
    for (const [i, { samples, timestamp }] of told.entries()) {
      const next = told[i + 1]
      if (next !== undefined) assert.strictEqual(next.timestamp, timestamp + samples)
    }
    return told.reduce((sum, { samples }) => sum + samples, 0)
  }
  return { pauses, told, hear, pass, assertWhole }
}

describe("LivePauses", () => {
  it("reports nothing while frames come, nor before the first one", () => {
    const { hear, pass, told } = make()
    assert.strictEqual(pass(1_000), 0)
    for (let ms = 0; ms < 500; ms += 20) {
      hear(ms)
      assert.strictEqual(pass(ms + 19), 0)
    }
    // longer frames, and one that is slightly late
    hear(500, 5_760)
    assert.strictEqual(pass(640), 0)
    assert.isTrue(told.every(({ kind }) => kind === "audio"))
  })

  it("reports a pause while it lasts, and no more of it after its end", () => {
    const { assertWhole, hear, pass, pauses, told } = make()
    hear(0)
    assert.strictEqual(pauses.nextMs(), 100)
    assert.strictEqual(pass(99), 0)
    assert.strictEqual(pass(100), 960)
    assert.strictEqual(pauses.nextMs(), 120)
    // somewhat late
    assert.strictEqual(pass(185), 4 * 960)
    assert.deepInclude(told.at(-1), { kind: "silence", packets: 0, atMs: 40 })
    // 200 ms were silent
    hear(220, 200 * 48, 0)
    hear(220)
    assert.strictEqual(assertWhole(), 240 * 48)
    assert.deepStrictEqual(told.map(({ samples }) => samples / 960), [1, 1, 4, 5, 1])
    // and nothing of a pause that was already reported in full
    assert.strictEqual(pass(300 + 100), 5 * 960)
    hear(400, 100 * 48, 0)
    assert.strictEqual(told.at(-1)?.kind, "silence")
    hear(400)
    assert.strictEqual(assertWhole(), 360 * 48)
  })

  it("has something to report at the time it announces, whatever the fraction of a millisecond", () => {
    for (const nowMs of [1_002.469134, 1_003.703701, 12_345.678901, 1e9 + 0.123456]) {
      const { hear, pass, pauses } = make()
      hear(nowMs)
      for (let i = 0; i < 50; i++) assert.strictEqual(pass(pauses.nextMs()), 960, `at ${nowMs}`)
    }
  })

  it("omits no frame that was held up, and shortens the next pause instead", () => {
    const { assertWhole, hear, pass, told } = make()
    hear(0)
    assert.strictEqual(pass(280), 10 * 960)
    // it was not a pause: all frames come at once
    for (let i = 0; i < 10; i++) hear(280)
    assert.strictEqual(assertWhole(), 21 * 960)
    assert.lengthOf(told.filter(({ kind }) => kind === "audio"), 11)
    hear(700, 500 * 48, 0)
    assert.strictEqual(told.at(-1)?.samples, 300 * 48)
    hear(700)
    // back in its place
    assert.strictEqual(assertWhole(), (12 * 20 + 500) * 48)
    assert.strictEqual(told.at(-1)?.timestamp, (11 * 20 + 500) * 48)
  })
})
