import { assert, describe, it } from "@effect/vitest"
import { invalidForm } from "../../../../src/emulator/core/http/FormProblems.ts"
import * as Refusals from "../../../../src/emulator/core/rest/Refusals.ts"

const rig = () => {
  const counted: Array<string> = []
  const state = { nowMs: 1_000 }
  const refusals = Refusals.make({ count: (name) => void counted.push(name), now: () => state.nowMs })
  const problem = (path: string) => ({ path, code: "X", message: `no ${path}` })
  return { counted, problem, refusals, state }
}

describe("Refusals", () => {
  it("are described with their first three errors and their age", () => {
    const { counted, problem, refusals, state } = rig()
    assert.isUndefined(refusals.last())
    const request = { method: "POST", path: "/channels/123456789012345678/messages" }
    refusals.add(request, undefined, { status: 200, body: {} })
    assert.isUndefined(refusals.last())
    refusals.add(request, undefined, invalidForm(...["a", "b.c", "d", "e"].map(problem)))
    state.nowMs = 1_250
    assert.deepStrictEqual(refusals.last(), {
      detail: "POST /channels/:/messages: 400 50035 Invalid Form Body (a: no a b.c: no b.c d: no d)",
      agoMs: 250
    })
    assert.deepStrictEqual(counted, ["rest-refused:50035"])
  })

  it("contain no token, and are counted by status if they have no code", () => {
    const { counted, refusals } = rig()
    const token = "0123456789abcdef".repeat(2)
    refusals.add({ method: "GET", path: `/webhooks/1/${token}/messages` }, undefined, { status: 404, body: undefined })
    assert.strictEqual(refusals.last()?.detail, "GET /webhooks/1/:/messages: 404")
    assert.deepStrictEqual(counted, ["rest-refused:404"])
  })
})
