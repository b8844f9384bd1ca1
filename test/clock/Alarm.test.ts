import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { systemAlarm } from "../../src/clock/Alarm.ts"

/** The alarm of a process whose clock is set by hand. Timers ring when told to, even a little early. */
const rig = () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  let nowMs = 0
  vi.spyOn(performance, "now").mockImplementation(() => nowMs)
  const rings: Array<string> = []
  const alarm = systemAlarm()
  return {
    rings,
    alarm,
    ring: (name: string) => () => void rings.push(`${name} ${nowMs}`),
    timers: () => vi.getTimerCount(),
    /** Rings the next timer at that time. */
    fire: (atMs: number) => {
      nowMs = atMs
      vi.advanceTimersToNextTimer()
    }
  }
}

describe("the alarm of a running process", () => {
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  it("rings once, at its time", () => {
    const { alarm, fire, ring, rings, timers } = rig()
    alarm.set(10, ring("it"))
    fire(10.2)
    assert.deepStrictEqual(rings, ["it 10.2"])
    assert.strictEqual(timers(), 0)
  })

  it("waits for the remaining time if a timer rings early, and can still be cleared then", () => {
    const { alarm, fire, ring, rings, timers } = rig()
    alarm.set(10, ring("it"))
    fire(9.4)
    assert.deepStrictEqual(rings, [])
    fire(10)
    assert.deepStrictEqual(rings, ["it 10"])
    alarm.set(20, ring("it"))
    fire(19.4)
    alarm.clear()
    assert.strictEqual(timers(), 0)
  })

  it("rings only for the last request", () => {
    const { alarm, fire, ring, rings, timers } = rig()
    alarm.set(10, ring("former"))
    alarm.set(20, ring("latter"))
    assert.strictEqual(timers(), 1)
    fire(20)
    assert.deepStrictEqual(rings, ["latter 20"])
    alarm.set(30, ring("it"))
    alarm.clear()
    assert.strictEqual(timers(), 0)
  })
})
