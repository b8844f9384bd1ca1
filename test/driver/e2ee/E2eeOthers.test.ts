import { assert, describe, it } from "@effect/vitest"
import { E2eeOthers } from "../../../src/driver/e2ee/E2eeOthers.ts"
import { UserId } from "../../../src/protocol/Identifier.ts"

const user = (number: number) => UserId.make(`${100_000_000_000_000_000n + BigInt(number)}`)

describe("E2eeOthers", () => {
  it("are all users but the bot, until they leave", () => {
    const others = new E2eeOthers(user(0))
    others.add([user(0)])
    assert.isTrue(others.isEmpty())
    others.add([user(1), user(0), user(2)])
    others.remove(user(1))
    assert.isFalse(others.isEmpty())
    assert.deepStrictEqual(others.all(), [user(0), user(2)])
    others.remove(user(2))
    assert.isTrue(others.isEmpty())
  })

  it("are ten thousand at most, and lose those who were added first", () => {
    const others = new E2eeOthers(user(0))
    others.add(Array.from({ length: 10_002 }, (_, i) => user(i + 1)))
    const all = others.all()
    assert.deepStrictEqual([all.length, all[0], all[1]], [10_001, user(0), user(3)])
  })
})
