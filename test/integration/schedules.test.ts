import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FaultSchedule from "../../src/emulator/core/FaultSchedule.ts"
import * as Schedules from "./schedules.ts"

describe("whatever faults do to a bot", () => {
  it.effect("nothing of it is held against it", () =>
    Effect.gen(function*() {
      const happened = yield* Schedules.runAll(1, 16)
      const wanted = FaultSchedule.kinds.filter((kind) => !FaultSchedule.finalKinds.includes(kind))
      assert.sameMembers([...happened.keys()], wanted)
    }), 120_000)
})
