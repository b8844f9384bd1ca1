import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Habits from "../../../src/cli/emulator/Habits.ts"
import { today, year2022 } from "../../../src/emulator/core/Profile.ts"

const textOf = (value: unknown) => typeof value === "string" ? value : JSON.stringify(value)

describe("Habits", () => {
  it("cover every field of a profile except its name", () => {
    for (const { name: _, ...fields } of [today, year2022]) {
      const texts = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, textOf(value)]))
      assert.deepStrictEqual(Habits.read(texts), Result.succeed(fields))
    }
  })

  it("are read as numbers, words, booleans and lists", () => {
    assert.deepStrictEqual(
      Habits.read({ maxPadding: "255", paddingRate: "0.5", e2ee: "false", voiceCloseOrder: "random", versions: "[8]" }),
      Result.succeed({ maxPadding: 255, paddingRate: 0.5, e2ee: false, voiceCloseOrder: "random", versions: [8] })
    )
  })

  it("default to those of a profile, with a gap between the two voice events", () => {
    assert.deepStrictEqual(Habits.usual("today"), { ...today, voiceEventGapMs: 100 })
    assert.deepStrictEqual(Habits.usual("2022"), { ...year2022, voiceEventGapMs: 100 })
  })

  it("that are unknown or have an invalid value are refused by name", () => {
    const wrong: ReadonlyArray<readonly [string, string]> = [
      ["name", "mine"],
      ["padding", "1"],
      ["toString", "1"],
      ["maxPadding", "256"],
      ["maxPadding", "much"],
      ["paddingRate", "1.5"],
      ["heartbeatTimeoutCode", "4014"],
      ["modes", "[]"],
      ["voiceHeartbeatIntervalMs", "0"]
    ]
    for (const [name, text] of wrong) {
      const read = Habits.read({ [name]: text })
      assert.include(Result.isFailure(read) ? read.failure : "", `--habit ${name}`, `${name}=${text}`)
    }
  })
})
