import { assert, describe, it } from "@effect/vitest"
import { UserId } from "../../src/protocol/Identifier.ts"
import * as Mixdown from "../../src/receive/Mixdown.ts"
import type { PcmPart, PcmTick } from "../../src/receive/ReceivedFrame.ts"

const users = Array.from({ length: 10 }, (_, i) => UserId.make(`10000000000000000${i}`))
const [ada = UserId.make("1"), bob = UserId.make("2")] = users

const tickOf = (parts: ReadonlyArray<Int16Array | PcmPart>, index = 0): PcmTick => ({
  index,
  atMs: index * 20,
  participants: new Map(
    parts.map((part, i) => [users[i] ?? ada, part instanceof Int16Array ? { kind: "audio", pcm: part } : part])
  )
})

const usual = (length: number, channels = 1) => Mixdown.make({ length, channels, gainOf: () => 1 })

/** A mix with adjustable gains, and for each voice 20 ms of one constant value at 48 kHz. */
const desk = (channels: number, ...values: ReadonlyArray<number>) => {
  const gains = new Map<UserId, number>()
  const length = 960 * channels
  const mix = Mixdown.make({ length, channels, gainOf: (userId) => gains.get(userId) ?? 1 })
  const parts = values.map((value) => new Int16Array(length).fill(value))
  return { gains, next: () => mix(tickOf(parts)) }
}

/** The largest step between neighboring samples of the first channel. */
const steepest = (pcm: ReadonlyArray<number>, channels: number) =>
  pcm.reduce((most, value, i) => i < channels ? most : Math.max(most, Math.abs(value - (pcm[i - channels] ?? 0))), 0)

describe("Mixdown", () => {
  it("adds quiet voices exactly, sample by sample", () => {
    const tick = tickOf([
      Int16Array.of(300, -300, 16_000, 0),
      Int16Array.of(200, -200, 8_000, 0),
      { kind: "silence", pcm: new Int16Array(4) }
    ])
    const mixed = usual(4)(tick)
    assert.deepStrictEqual(mixed.pcm, Int16Array.of(500, -500, 24_000, 0))
    assert.lengthOf(mixed.speakers, 2)
    assert.notProperty(mixed, "dropped")
    assert.strictEqual(usual(4)({ ...tick, dropped: 3 }).dropped, 3)
  })

  it("leaves a single speaker untouched, and never wraps around with many", () => {
    const loud = Int16Array.of(32_767, -32_768, 32_767, -32_768)
    const tick = (count: number) => tickOf(Array.from({ length: count }, () => loud))
    assert.deepStrictEqual(usual(4)(tick(1)).pcm, loud)
    for (const value of usual(4)(tick(9)).pcm) assert.strictEqual(Math.abs(value), 32_767)
    assert.deepStrictEqual(usual(4)(tick(0)).pcm, new Int16Array(4))
    assert.lengthOf(usual(4)(tick(3)).speakers, 3)
  })

  it("multiplies, rounds, and compresses what exceeds full scale", () => {
    const mix = Mixdown.make({ length: 4, channels: 1, gainOf: (userId) => userId === ada ? 0.5 : 3 })
    assert.deepStrictEqual(
      mix(tickOf([Int16Array.of(1_001, -1_001, 3, -32_768)])).pcm,
      Int16Array.of(501, -501, 2, -16_384)
    )
    const alone: PcmTick = {
      ...tickOf([]),
      participants: new Map([[bob, { kind: "audio", pcm: Int16Array.of(100, 8_000, 32_767, -32_768) }]])
    }
    const { pcm } = mix(alone)
    assert.deepStrictEqual(pcm.subarray(0, 2), Int16Array.of(300, 24_000))
    for (const value of pcm.subarray(2)) assert.isAtLeast(Math.abs(value), 32_000)
    assert.isAbove(pcm[2] ?? 0, 0)
    assert.isBelow(pcm[3] ?? 0, 0)
  })

  for (const channels of [1, 2]) {
    it(`reaches a new gain within one tick and without a step, with ${channels} channels`, () => {
      const { gains, next } = desk(channels, 20_000)
      const heard = [...next().pcm]
      gains.set(ada, 0)
      const falling = next()
      assert.deepStrictEqual(falling.speakers, [ada])
      assert.strictEqual(falling.pcm.at(-1), 0)
      heard.push(...falling.pcm)
      const muted = next()
      assert.deepStrictEqual(muted.speakers, [])
      heard.push(...muted.pcm)
      gains.set(ada, 1)
      const rising = next()
      assert.strictEqual(rising.pcm.at(-1), 20_000)
      heard.push(...rising.pcm, ...next().pcm)
      assert.isAtMost(steepest(heard, channels), Math.ceil(20_000 / 960) + 1)
      assert.strictEqual(heard.at(-1), 20_000)
    })
  }

  it("makes no step when a voice of a compressed sum is muted, or a single voice is made louder", () => {
    const { gains, next } = desk(1, 30_000, 9_000)
    const both = [...next().pcm]
    for (const gain of [0, 0, 1, 0.5, 2, 1]) {
      gains.set(bob, gain)
      both.push(...next().pcm)
    }
    assert.isBelow(steepest(both, 1), 100)
    const { gains: gainsOfOne, next: nextOfOne } = desk(1, 32_767)
    const one = [...nextOfOne().pcm]
    for (const gain of [1.001, 4, 1, 0.2]) {
      gainsOfOne.set(ada, gain)
      one.push(...nextOfOne().pcm)
    }
    assert.isBelow(steepest(one, 1), 200)
  })

  it("makes no step when another voice starts or stops next to a loud one", () => {
    const loud = new Int16Array(960).fill(32_000)
    const quiet = new Int16Array(960).fill(10)
    const mix = usual(960)
    const heard: Array<number> = []
    for (const [index, parts] of [[loud], [loud, quiet], [loud, quiet], [loud], [loud]].entries()) {
      heard.push(...mix(tickOf(parts, index)).pcm)
    }
    assert.isBelow(steepest(heard, 1), 20)
    assert.isBelow(heard[2 * 960] ?? NaN, 31_000)
    assert.strictEqual(heard[4 * 960], 32_000)
    // a voice that starts after silence is heard at its usual level
    const two = usual(960)
    two(tickOf([], 0))
    const half = new Int16Array(960).fill(15_000)
    const began = two(tickOf([half, half], 1)).pcm
    assert.deepStrictEqual(began, two(tickOf([half, half], 2)).pcm)
    assert.isBelow(began[0] ?? NaN, 30_000)
  })

  it("lets speech fade in the tick after it, without naming a speaker", () => {
    const trail: PcmPart = { kind: "silence", pcm: Int16Array.of(900, 100, 0, 0) }
    const mix = usual(4)
    assert.deepStrictEqual(mix(tickOf([trail])).pcm, new Int16Array(4))
    mix(tickOf([Int16Array.of(1, 2, 3, 1_000)], 1))
    const { pcm, speakers } = mix(tickOf([trail], 2))
    assert.deepStrictEqual(pcm, trail.pcm)
    assert.deepStrictEqual(speakers, [])
    assert.deepStrictEqual(mix(tickOf([trail], 3)).pcm, new Int16Array(4))
  })

  it("starts at the current gain of a user who comes or comes back", () => {
    const mix = Mixdown.make({ length: 2, channels: 1, gainOf: () => 0.5 })
    assert.deepStrictEqual(mix(tickOf([Int16Array.of(100, 100)])).pcm, Int16Array.of(50, 50))
    mix(tickOf([], 1))
    assert.deepStrictEqual(mix(tickOf([Int16Array.of(100, 100)], 2)).pcm, Int16Array.of(50, 50))
  })
})
