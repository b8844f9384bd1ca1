import { assert, describe, it } from "@effect/vitest"
import * as Audience from "../../src/driver/Audience.ts"
import type * as Line from "../../src/driver/Line.ts"
import { UserId } from "../../src/protocol/Identifier.ts"

const [first, second] = [UserId.make("31"), UserId.make("32")]

const make = () => {
  const told: Array<Line.Command> = []
  return { told, audience: Audience.make((command) => told.push(command)) }
}

describe("Audience", () => {
  it("keeps listening for one of two listeners who want the same when the other leaves", () => {
    const { audience, told } = make()
    const everybody = () => undefined
    const leave = audience.join(everybody)
    const leaveLast = audience.join(everybody)
    leave()
    assert.deepStrictEqual(told, [{ _tag: "Listen", on: true }])
    leaveLast()
    assert.deepStrictEqual(told.slice(1), [{ _tag: "Listen", on: false }])
  })

  it("tells the driver when other users are wanted, even if their number is the same", () => {
    const { audience, told } = make()
    let wanted = new Set([first])
    audience.join(() => wanted)
    wanted = new Set([second])
    audience.refresh()
    assert.deepStrictEqual(told, [
      { _tag: "Listen", on: true, users: [first] },
      { _tag: "Listen", on: true, users: [second] }
    ])
  })
})
