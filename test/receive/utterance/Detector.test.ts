import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Detector from "../../../src/receive/utterance/Detector.ts"

const limits: Detector.Limits = { silence: 400, minimum: 100, maximum: 2_000, preRoll: 200 }

/** Sound of which each window says by its first sample whether it is voiced. */
const make = (own: Partial<Detector.Limits> = {}) => {
  const started: Array<number> = []
  const ended: Array<Detector.Stretch> = []
  const discarded: Array<readonly [number, number]> = []
  const detector = Detector.make({
    rate: 16_000,
    limits: { ...limits, ...own },
    activity: (window) => window[0] === 1,
    onStart: (startMs) => started.push(startMs),
    onEnd: (stretch) => ended.push(stretch),
    onDiscard: (startMs, endMs) => discarded.push([startMs, endMs])
  })
  let at = 0
  /** Frames of 20 ms: a letter is 10 ms, `x` is voiced. */
  const say = (pattern: string): void => {
    for (let i = 0; i < pattern.length; i += 2) {
      const pcm = new Int16Array(320)
      if (pattern[i] === "x") pcm.fill(1, 0, 160)
      if (pattern[i + 1] === "x") pcm.fill(1, 160)
      detector.hear(
        { timestamp: at, samples: 960, atMs: 1_000 + at / 48, pcm, data: Uint8Array.of(i) },
        1_020 + at / 48
      )
      at += 960
    }
  }
  const rest = (ms: number): void => {
    detector.hear(
      { timestamp: at, samples: ms * 48, atMs: 1_000 + at / 48, pcm: new Int16Array(), data: undefined },
      1_020 + at / 48
    )
    at += ms * 48
  }
  return { say, rest, detector, started, ended, discarded, skip: (samples: number) => at += samples }
}

/** The decoder's look-ahead. */
const delay = 6.5

describe("Detector", () => {
  it("begins with the third of four windows that are voiced", () => {
    const { say, started } = make()
    say("....x...x...xx..")
    assert.lengthOf(started, 0)
    say("....................................")
    say("..xx.x")
    assert.deepStrictEqual(started, [1_000 + 520 + 20 - delay])
  })

  it("counts the burst of a plosive in, which comes before", () => {
    const { ended, say, started } = make()
    say("......xx............xxxxxxxxxx")
    say(".".repeat(42))
    assert.deepStrictEqual(started, [1_060 - delay])
    assert.deepStrictEqual(ended.map(({ endMs, startMs }) => [startMs, endMs]), [[1_060 - delay, 1_300 - delay]])
  })

  it("ends when it was silent for so long, by what is heard, by a pause, or by time that passes", () => {
    const heard = make()
    heard.say("xxxxxxxxxxxxxxxxxxxx")
    heard.say(".".repeat(38))
    assert.lengthOf(heard.ended, 0)
    heard.say("..")
    assert.deepStrictEqual(heard.ended.map(({ endMs, reason }) => [endMs, reason]), [[1_200 - delay, "silence"]])

    const paused = make()
    paused.say("xxxxxxxxxxxxxxxxxxxx")
    paused.rest(380)
    assert.lengthOf(paused.ended, 0)
    paused.rest(20)
    assert.deepStrictEqual(paused.ended.map(({ endMs }) => endMs), [1_200 - delay])

    const passed = make()
    passed.say("xxxxxxxxxxxxxxxxxxxx")
    passed.detector.pass(1_200 + 399)
    assert.lengthOf(passed.ended, 0)
    passed.detector.pass(1_200 + 400)
    assert.deepStrictEqual(passed.ended.map(({ endMs }) => endMs), [1_200 - delay])
    // and once only, whatever comes
    passed.rest(5_000)
    passed.detector.end("left")
    assert.lengthOf(passed.ended, 1)
  })

  it("has sound before and behind, as much as there is", () => {
    const { ended, say } = make()
    say("......xxxxxxxxxxxxxx")
    say(".".repeat(40))
    const [first] = ended
    assert.strictEqual(first?.audioStartMs, 1_000 - delay)
    assert.strictEqual(first?.pcm.length, (60 + 140 + 200) * 16)
    assert.deepStrictEqual([first?.pcm[60 * 16 - 1], first?.pcm[60 * 16]], [0, 1])
    assert.lengthOf(first?.frames ?? [], 20)
  })

  it("begins anew where frames were lost on the way to it", () => {
    const { ended, say, skip } = make()
    say("xxxxxxxxxxxxxxxxxxxx")
    skip(4_800)
    say("xxxxxxxxxxxxxxxxxxxx")
    assert.deepStrictEqual(ended.map(({ endMs }) => endMs), [1_200 - delay])
  })

  it.prop("cuts what is long without losing or repeating a sample", {
    maximum: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 200, maximum: 900 }))),
    frames: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 60, maximum: 200 })))
  }, ({ frames, maximum }) => {
    const { detector, ended, say } = make({ maximum, minimum: 0 })
    say("xx".repeat(frames))
    detector.end("left")
    const samples = ended.reduce((sum, { pcm }) => sum + pcm.length, 0)
    assert.strictEqual(samples, frames * 320)
    assert.isTrue(ended.slice(0, -1).every(({ reason }) => reason === "maximum"))
  })

  it("leaves out of its packets what it leaves out of its sound, however long the pause before was", () => {
    for (const pause of [1_000, 3_000, 8_000]) {
      const { ended, rest, say } = make()
      say("x".repeat(40) + ".".repeat(100))
      rest(pause)
      say("x".repeat(40) + ".".repeat(100))
      assert.lengthOf(ended, 2)
      for (const { frames, pcm } of ended) {
        const opus = frames.reduce((sum, { samples }) => sum + samples, 0)
        assert.closeTo(opus, 3 * pcm.length, 2 * 960)
        for (const { samples } of frames) assert.strictEqual(samples % 120, 0)
      }
      const [first] = ended[1]?.frames ?? []
      assert.closeTo((first?.atMs ?? 0) - delay, ended[1]?.audioStartMs ?? NaN, 20)
    }
  })
})
