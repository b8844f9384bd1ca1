import { assert, describe, it } from "@effect/vitest"
import * as Random from "../../../src/emulator/core/Random.ts"
import * as Timers from "../../../src/emulator/core/Timers.ts"

describe("Timers", () => {
  it("runs actions in order of their due times, and in order of registration at equal times", () => {
    const timers = Timers.make(100)
    const ran: Array<string> = []
    timers.at(130, () => ran.push("c"))
    timers.at(110, () => ran.push("a1"))
    timers.at(110, () => ran.push("a2"))
    timers.at(120, () => ran.push("b"))
    assert.strictEqual(timers.nextDueMs(), 110)
    timers.advance(120)
    assert.deepStrictEqual(ran, ["a1", "a2", "b"])
    assert.strictEqual(timers.nextDueMs(), 130)
    timers.advance(1000)
    assert.deepStrictEqual(ran, ["a1", "a2", "b", "c"])
    assert.strictEqual(timers.nextDueMs(), undefined)
  })

  it("sets the clock to the due time, runs what an action adds, and never goes back", () => {
    const timers = Timers.make(0)
    const times: Array<number> = []
    timers.at(10, () => {
      times.push(timers.now())
      timers.at(15, () => times.push(timers.now()))
      // Already due: runs immediately, at the current time.
      timers.at(5, () => times.push(timers.now()))
    })
    timers.advance(20)
    assert.deepStrictEqual(times, [10, 10, 15])
    assert.strictEqual(timers.now(), 20)
    timers.advance(3)
    assert.strictEqual(timers.now(), 20)
  })

  it("cancels timers, from within an action and twice as well", () => {
    const timers = Timers.make(0)
    const ran: Array<string> = []
    const cancelB = timers.at(1, () => ran.push("never"))
    timers.at(0, () => {
      ran.push("a")
      cancelB()
      cancelB()
    })
    timers.advance(5)
    assert.deepStrictEqual(ran, ["a"])
    assert.strictEqual(timers.nextDueMs(), undefined)
  })

  it("runs everything in sorted order, whatever is canceled", () => {
    const random = Random.make(3)
    const timers = Timers.make(0)
    const expected: Array<readonly [at: number, id: number]> = []
    const ran: Array<number> = []
    const cancels: Array<() => void> = []
    for (let id = 0; id < 3000; id++) {
      const at = random.int(500)
      const cancel = timers.at(at, () => ran.push(id))
      if (random.int(3) === 0) expected.push([at, id])
      else cancels.push(cancel)
    }
    for (const cancel of cancels) cancel()
    for (let now = 0; now <= 500; now += 7) timers.advance(now)
    timers.advance(500)
    expected.sort(([a], [b]) => a - b)
    assert.deepStrictEqual(ran, expected.map(([, id]) => id))
  })
})
