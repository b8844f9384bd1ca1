import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Comparison from "../../../src/cli/demo/Comparison.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"
import { packet } from "../../audio/samples.ts"
import * as Hearing from "../../mixer/hearing.ts"
import { closing, frames, hear, silence } from "./heard.ts"

describe("Comparison", () => {
  it("is intact when everything is heard, with or without closing silence", () => {
    const sent = frames(50)
    for (const heard of [hear(sent), hear([...sent, ...closing])]) {
      assert.deepStrictEqual(Comparison.compare(sent, heard), {
        sent: 50,
        heard: 50,
        foreign: 0,
        repeated: 0,
        largestGapMs: 20,
        delayP50Ms: 0,
        delayP99Ms: 0,
        delayMaxMs: 0,
        ratioDb: undefined,
        intact: true
      })
      assert.strictEqual(Comparison.exitCode(Comparison.compare(sent, heard)), 0)
    }
  })

  it("finds every lost frame", () => {
    const sent = frames(30)
    for (let lost = 0; lost < 30; lost++) {
      const heard = hear([...sent, ...closing]).filter((_, i) => i !== lost)
      const comparison = Comparison.compare(sent, heard)
      assert.deepStrictEqual([comparison.heard, comparison.foreign, comparison.intact], [29, 0, false])
      assert.strictEqual(Comparison.exitCode(comparison), 1)
    }
  })

  it("sorts the frames of each connection separately, wherever its sequence numbers begin", () => {
    const sent = frames(20)
    for (const sequence of [500, 1_004, 40_000]) {
      const before = hear(sent.slice(0, 8), { sequence: 1_000 })
      const after = hear(sent.slice(8), { ssrc: 9, sequence, atMs: 1_000 })
      const { foreign, heard, intact, repeated } = Comparison.compare(sent, [...before, ...after])
      assert.deepStrictEqual({ foreign, heard, intact, repeated }, { foreign: 0, heard: 20, intact: true, repeated: 0 })
    }
  })

  it("finds every changed frame without losing its position", () => {
    const sent = frames(30)
    for (let changed = 0; changed < 30; changed++) {
      const heard = hear(sent)
      const payload = heard[changed]?.payload ?? new Uint8Array(1)
      payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1
      const comparison = Comparison.compare(sent, heard)
      assert.deepStrictEqual([comparison.heard, comparison.foreign, comparison.intact], [29, 1, false])
    }
  })

  it("finds repeated frames and foreign frames", () => {
    const sent = frames(10)
    const heard = hear(sent)
    const twice = Comparison.compare(sent, [...heard.slice(0, 4), ...heard.slice(3)])
    assert.deepStrictEqual([twice.heard, twice.repeated, twice.intact], [10, 1, false])
    const foreign = Comparison.compare(sent, hear([...sent.slice(0, 5), packet(999), ...sent.slice(5)]))
    assert.deepStrictEqual([foreign.heard, foreign.foreign, foreign.intact], [10, 1, false])
  })

  it("sorts frames that were reordered, across the wrap of the sequence number", () => {
    const sent = frames(12)
    const heard = hear(sent, { sequence: 65_533 })
    const swapped = [2, 1, 0, 3, 5, 4, 6, 7, 8, 9, 11, 10].flatMap((i) => heard.slice(i, i + 1))
    assert.isTrue(Comparison.compare(sent, swapped).intact)
  })

  it("ignores silence that bridges a stall, but counts silence of the source", () => {
    const sent = frames(10)
    const stalled = hear([...sent.slice(0, 5), ...closing, ...sent.slice(5)])
    assert.isTrue(Comparison.compare(sent, stalled).intact)
    const quiet = [...sent.slice(0, 5), ...closing, ...sent.slice(5)]
    assert.isTrue(Comparison.compare(quiet, hear([...quiet, ...closing])).intact)
    assert.isTrue(Comparison.compare(quiet, hear([...sent.slice(0, 2), ...closing, ...quiet.slice(2)])).intact)
    const comparison = Comparison.compare(quiet, hear(quiet).filter((_, i) => i !== 7))
    assert.deepStrictEqual([comparison.heard, comparison.intact], [14, false])
    assert.isTrue(Comparison.compare([{ data: silence, samples: 960 }], hear(closing)).intact)
  })

  it("measures gaps and delays of frames of any length", () => {
    const sent = frames(200)
    const heard = hear(sent).map((frame, i) =>
      Object.assign(frame, { arrivalMs: frame.arrivalMs + (i === 100 ? 9 : Number(i % 4 === 1)) })
    )
    const comparison = Comparison.compare(sent, heard)
    assert.deepStrictEqual([comparison.delayP50Ms, comparison.delayP99Ms, comparison.delayMaxMs], [0, 1, 9])
    assert.strictEqual(comparison.largestGapMs, 29)
  })

  it("fails if nothing was heard", () => {
    const nothing = Comparison.compare(frames(3), [])
    assert.deepStrictEqual([nothing.heard, nothing.largestGapMs, nothing.delayP99Ms], [0, 0, 0])
    assert.strictEqual(Comparison.exitCode(nothing), 1)
    assert.strictEqual(Comparison.exitCode(Comparison.compare([], hear(closing))), 1)
  })

  it("uses nearest-rank percentiles", () => {
    const values = [5, 1, 4, 2, 3]
    assert.deepStrictEqual([0, 0.2, 0.21, 0.5, 0.99, 1].map((p) => Comparison.percentile(values, p)), [
      1,
      1,
      2,
      3,
      5,
      5
    ])
    assert.strictEqual(Comparison.percentile([], 0.5), 0)
  })

  it.effect("compares encoded audio with the samples of the source", () =>
    Effect.gen(function*() {
      const pcm = [Hearing.samplesOf(Hearing.music, 70), Hearing.samplesOf(Hearing.music, 130, 70)]
      assert.strictEqual(Comparison.framesOf(pcm), 10)
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 128_000 })
      const packets = yield* Effect.forEach(Array.from({ length: 10 }, (_, frame) => frame), (frame) =>
        encoder.encode(
          // As in the mixer, ahead by the delay of the encoder.
          Int16Array.from(
            Hearing.samplesOf(Hearing.music, 20, frame * 20 + 6.5),
            (sample) => Math.round(sample * 0x7fff)
          )
        ))
      const compare = (list: ReadonlyArray<Uint8Array>) =>
        Effect.flatMap(
          Effect.flatMap(OpusDecoder.OpusDecoder, (decoders) => decoders.make()),
          ({ decode }) => Comparison.compareSound(pcm, hear(list.map((data) => ({ data, samples: 960 }))), decode)
        )
      const whole = yield* compare(packets)
      assert.isTrue(whole.intact)
      assert.isAbove(whole.ratioDb ?? 0, 10)
      assert.deepStrictEqual([whole.sent, whole.heard, whole.foreign], [10, 10, 0])
      const withSilence = yield* compare([...packets.slice(0, 5), silence, silence, ...packets.slice(5)])
      assert.deepStrictEqual([withSilence.heard, withSilence.ratioDb, withSilence.intact], [10, whole.ratioDb, true])
      assert.isFalse((yield* compare(packets.slice(1))).intact)
      assert.isFalse((yield* compare(packets.toReversed())).intact)
      assert.strictEqual((yield* compare([...packets, packets[0] ?? silence])).foreign, 1)
    }).pipe(Effect.scoped, Effect.provide([OpusEncoder.layer, OpusDecoder.layer])))
})
