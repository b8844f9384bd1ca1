import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as FaultSchedule from "../../../../src/emulator/core/faults/FaultSchedule.ts"

const options = { seed: 1, users: ["ann", "bob"], meanIntervalMs: 1_000, durationMs: 600_000 }

describe("FaultSchedule", () => {
  it("draws the same schedule from the same seed, and a different one from another", () => {
    assert.deepStrictEqual(FaultSchedule.draw(options), FaultSchedule.draw(options))
    assert.notDeepEqual(FaultSchedule.draw(options), FaultSchedule.draw({ ...options, seed: 2 }))
  })

  it("draws incidents in order at the given mean interval, for each user and of every kind that is not final", () => {
    const schedule = FaultSchedule.draw(options)
    assert.isTrue(schedule.length > 500 && schedule.length < 700, `${schedule.length}`)
    assert.deepStrictEqual(schedule.map(({ atMs }) => atMs), schedule.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
    assert.isTrue(schedule.every(({ atMs }) => atMs <= options.durationMs))
    assert.sameMembers([...new Set(schedule.map(({ incident }) => incident.user))], options.users)
    const wanted = FaultSchedule.kinds.filter((kind) => !FaultSchedule.finalKinds.includes(kind))
    assert.sameMembers([...new Set(schedule.map(({ incident }) => incident._tag))], wanted)
  })

  it("draws only the requested kinds, including the final ones", () => {
    for (const kind of FaultSchedule.kinds) {
      const drawn = FaultSchedule.draw({ ...options, users: "ann", durationMs: 20_000, kinds: [kind] })
      assert.isAbove(drawn.length, 5)
      assert.isTrue(drawn.every(({ incident }) => incident._tag === kind && incident.user === "ann"))
    }
  })

  it("is plain data", () => {
    const schedule = FaultSchedule.draw(options)
    const text = JSON.stringify(schedule)
    assert.deepStrictEqual(Schema.decodeUnknownSync(FaultSchedule.Schedule)(JSON.parse(text)), schedule)
    assert.throws(() =>
      Schema.decodeUnknownSync(FaultSchedule.Schedule)([{ atMs: 1, incident: { _tag: "Earthquake", user: "ann" } }])
    )
  })

  it("is empty when there is nothing to draw from", () => {
    assert.deepStrictEqual(FaultSchedule.draw({ ...options, users: [] }), [])
    assert.deepStrictEqual(FaultSchedule.draw({ ...options, kinds: [] }), [])
    assert.deepStrictEqual(FaultSchedule.draw({ ...options, durationMs: 0 }), [])
    assert.deepStrictEqual(FaultSchedule.draw({ ...options, meanIntervalMs: 0 }), [])
  })
})
