import { assert, describe, it } from "@effect/vitest"
import * as limits from "../../src/codec/limits.ts"

describe("limits", () => {
  it("accepts gaps in multiples of 2.5 ms, up to the longest packet", () => {
    for (const samples of [120, 240, 360, 600, 960, 5_640, 5_760]) assert.isUndefined(limits.gapProblem(samples))
    for (const samples of [0, -120, 119, 121, 180, 5_700, 5_880, 120.5, Number.NaN]) {
      assert.match(limits.gapProblem(samples) ?? "", /not a multiple of 120 up to 5760/, `${samples}`)
    }
  })

  it("accepts numbers from the minimum to the maximum, both included", () => {
    const cases = [
      [limits.bitrateProblem, 500, 512_000],
      [limits.lossProblem, 0, 100],
      [limits.packetProblem, 1, 61_440]
    ] as const
    for (const [problem, least, most] of cases) {
      for (const value of [least, most]) assert.isUndefined(problem(value))
      for (const value of [least - 1, most + 1, least + 0.5]) assert.isDefined(problem(value))
    }
  })

  it("accepts the bitrate \"auto\" in settings, but still checks the others", () => {
    assert.isUndefined(limits.settingsProblem({ bitrate: "auto", complexity: 5 }))
    assert.isUndefined(limits.settingsProblem({ bitrate: 64_000 }))
    assert.match(limits.settingsProblem({ bitrate: 1 }) ?? "", /the bitrate is 1/)
    assert.match(limits.settingsProblem({ bitrate: "auto", complexity: 11 }) ?? "", /the complexity is 11/)
  })
})
