import { assert, describe, it } from "@effect/vitest"
import * as Wheel from "../../src/clock/Wheel.ts"

const entry = (due: number): Wheel.Entry => ({ due, slot: Wheel.noSlot })

/** A wheel that records what was taken and when. */
const rig = (startMs = 0) => {
  const wheel = Wheel.make<Wheel.Entry>(startMs)
  const taken: Array<{ readonly atMs: number; readonly due: ReadonlyArray<number> }> = []
  return {
    wheel,
    taken,
    insert: (due: number) => {
      const made = entry(due)
      wheel.insert(made)
      return made
    },
    turn: (toMs: number) => wheel.turn(toMs, (due) => taken.push({ atMs: wheel.at(), due: due.map(({ due }) => due) }))
  }
}

describe("Wheel", () => {
  it("delivers due entries millisecond by millisecond, in the order of insertion", () => {
    const { insert, taken, turn, wheel } = rig()
    for (const due of [3, 1, 3, 2]) insert(due)
    turn(2)
    assert.deepStrictEqual(taken, [{ atMs: 1, due: [1] }, { atMs: 2, due: [2] }])
    assert.isFalse(wheel.isEmpty())
    turn(3)
    assert.deepStrictEqual(taken.at(-1), { atMs: 3, due: [3, 3] })
    assert.isTrue(wheel.isEmpty())
  })

  it("delivers overdue entries with the next millisecond", () => {
    const { insert, taken, turn } = rig(1_000)
    insert(10)
    insert(1_000)
    turn(1_001)
    assert.deepStrictEqual(taken, [{ atMs: 1_001, due: [10, 1_000] }])
  })

  it("says when to turn it next: when an entry is due, or when a long slot with entries begins", () => {
    const { insert, turn, wheel } = rig()
    assert.strictEqual(wheel.next(), Infinity)
    insert(1_000)
    assert.strictEqual(wheel.next(), 768)
    insert(256)
    assert.strictEqual(wheel.next(), 256)
    turn(768)
    assert.strictEqual(wheel.next(), 1_000)
    turn(1_000)
    assert.strictEqual(wheel.next(), Infinity)
  })

  it("extracts entries from near and far slots, and ignores entries in no slot", () => {
    for (const due of [5, 500, 1_000_000]) {
      const { insert, taken, turn, wheel } = rig()
      const one = insert(due)
      wheel.extract(one)
      wheel.extract(one)
      wheel.extract(entry(due))
      assert.strictEqual(one.slot, Wheel.noSlot)
      assert.isTrue(wheel.isEmpty())
      turn(due)
      assert.deepStrictEqual(taken, [])
    }
  })

  it("with an entry beyond its span, need not be turned before its last slot begins", () => {
    const { insert, taken, turn, wheel } = rig()
    insert(70_000)
    assert.strictEqual(wheel.next(), 255 * 256)
    turn(255 * 256)
    assert.strictEqual(wheel.next(), 273 * 256)
    turn(69_999)
    assert.deepStrictEqual(taken, [])
    turn(70_000)
    assert.deepStrictEqual(taken, [{ atMs: 70_000, due: [70_000] }])
  })

  it("takes each slot only once after a stall, and clears the slot of the entries that it takes", () => {
    const { insert, taken, turn } = rig()
    const one = insert(5)
    insert(16)
    // Only the last 256 ms are walked: there, 9,989 falls on the slot of 5, and the last millisecond on that of 16.
    turn(10_000)
    assert.deepStrictEqual(taken, [{ atMs: 9_989, due: [5] }, { atMs: 10_000, due: [16] }])
    assert.strictEqual(one.slot, Wheel.noSlot)
  })

  it("skips ahead without taking anything, and never goes back", () => {
    const { insert, taken, turn, wheel } = rig()
    wheel.skip(1_000_000)
    wheel.skip(7)
    assert.strictEqual(wheel.at(), 1_000_000)
    turn(999_999)
    assert.strictEqual(wheel.at(), 1_000_000)
    insert(1_000_003)
    turn(1_000_003)
    assert.deepStrictEqual(taken, [{ atMs: 1_000_003, due: [1_000_003] }])
  })

  it("allows its callback to insert the taken entries again and to extract others", () => {
    const { insert, wheel } = rig()
    const calls: Array<number> = []
    insert(1)
    const later = insert(2)
    wheel.turn(10, (due) => {
      for (const one of due) {
        calls.push(wheel.at())
        one.due = wheel.at() + 4
        if (calls.length < 3) wheel.insert(one)
      }
      wheel.extract(later)
    })
    assert.deepStrictEqual(calls, [1, 5, 9])
    assert.isTrue(wheel.isEmpty())
  })

  it("continues with the next millisecond after its callback throws", () => {
    const { insert, taken, turn, wheel } = rig()
    insert(1)
    insert(2)
    assert.throws(() =>
      wheel.turn(2, () => {
        throw new Error("broken")
      }), "broken")
    turn(2)
    assert.deepStrictEqual(taken, [{ atMs: 2, due: [2] }])
  })

  it("delivers everything once and never early, however it is turned", () => {
    // numbers that look random, but are the same each time
    let seed = 1
    const below = (bound: number) => (seed = (seed * 48_271) % 2_147_483_647) % bound
    for (let round = 0; round < 15; round++) {
      const startMs = below(1_000)
      const { insert, turn, taken, wheel } = rig(startMs)
      const wanted = Array.from({ length: 100 }, () => insert(startMs + 1 + below(10 ** (1 + below(6)))).due)
      while (!wheel.isEmpty()) {
        // on time, or after a stall
        const nextMs = wheel.next()
        turn(below(4) === 0 ? nextMs + below(100_000) : nextMs)
      }
      const times = taken.flatMap(({ atMs, due }) => due.map((dueMs) => ({ atMs, dueMs })))
      const numbers = (a: number, b: number) => a - b
      assert.deepStrictEqual(times.map(({ dueMs }) => dueMs).toSorted(numbers), wanted.toSorted(numbers))
      for (const { atMs, dueMs } of times) assert.isAtLeast(atMs, dueMs)
    }
  })

  it("delivers nothing early where short and long slots meet", () => {
    for (const startMs of [0, 1, 254, 255, 256]) {
      const { insert, taken, turn } = rig(startMs)
      for (let due = startMs + 1; due <= startMs + 600; due++) insert(due)
      for (let ms = startMs + 1; ms <= startMs + 600; ms++) turn(ms)
      assert.deepStrictEqual(
        taken,
        Array.from({ length: 600 }, (_, i) => ({ atMs: startMs + 1 + i, due: [startMs + 1 + i] }))
      )
    }
  })

  it("delivers everything due after a stall of any length", () => {
    for (const startMs of [0, 1, 255, 256]) {
      for (const stallMs of [254, 255, 256, 257, 65_279, 65_280, 65_535, 65_536, 65_537, 100_000]) {
        const { insert, taken, turn } = rig(startMs)
        const step = stallMs < 1_000 ? 1 : 101
        let wanted = 0
        for (let ms = 1; ms <= stallMs + 1_000; ms += step) {
          insert(startMs + ms)
          if (ms <= stallMs) wanted++
        }
        turn(startMs + stallMs)
        assert.strictEqual(taken.reduce((sum, { due }) => sum + due.length, 0), wanted)
      }
    }
  })

  it("delivers each entry at its exact millisecond if turned at the times that it asks for", () => {
    const { insert, turn, taken, wheel } = rig(77)
    for (let due = 78; due < 200_000; due += 997) insert(due)
    while (!wheel.isEmpty()) turn(wheel.next())
    for (const { atMs, due } of taken) assert.deepStrictEqual(due, [atMs])
    assert.strictEqual(taken.length, Math.ceil((200_000 - 78) / 997))
  })
})
