import { assert, describe, it } from "@effect/vitest"
import { makeWorld } from "../voice/kit.ts"
import { assertTogether, makeDaveClient, settle } from "./kit.ts"

const pair = () => {
  const world = makeWorld()
  const a = makeDaveClient(world, "1")
  const b = makeDaveClient(world, "2")
  a.enter()
  settle(a)
  b.enter()
  settle(a, b)
  return { world, a, b }
}

describe("Group", () => {
  it("brings two members together at epoch 1, with transition 0", () => {
    const { a, b, world } = pair()
    assertTogether(world, 1, a, b)
    assert.deepStrictEqual(world.violations(), [])
    assert.deepStrictEqual([a.errors, b.errors], [[], []])
    assert.sameMembers([...a.ops(), ...b.ops()], [25, 27, 29, 25, 27, 30])
    assert.strictEqual(world.counter("dave-commit-dropped"), 1)
  })

  it("adds a third member and removes one", () => {
    const { a, b, world } = pair()
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    assertTogether(world, 2, a, b, c)
    assert.deepStrictEqual(c.ops(), [25, 30, 22])
    a.drop(1000)
    const before = a.ops()
    settle(b, c)
    assertTogether(world, 3, b, c)
    assert.deepStrictEqual(a.ops(), before)
    assert.deepStrictEqual(b.ops().slice(-3), [27, 29, 22])
    assert.deepStrictEqual(world.violations(), [])
  })

  it("adds a member again that had left", () => {
    const { a, b, world } = pair()
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    a.drop(1000)
    settle(b, c)
    const again = makeDaveClient(world, "1")
    again.enter()
    settle(b, c, again)
    assertTogether(world, 4, b, c, again)
    assert.deepStrictEqual(world.violations(), [])
  })
})
