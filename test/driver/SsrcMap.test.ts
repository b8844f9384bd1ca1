import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as SsrcMap from "../../src/driver/SsrcMap.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"

const anna = UserId.make("1")
const bert = UserId.make("2")
const one = Ssrc.make(1)
const two = Ssrc.make(2)

const Step = Schema.Struct({
  forget: Schema.Boolean,
  user: Schema.Literals(["1", "2", "3"]),
  ssrc: Schema.Literals([1, 2, 3])
})

describe("SsrcMap", () => {
  it("follows a user to a new SSRC, and an SSRC to a new user", () => {
    const users = SsrcMap.make()
    assert.isUndefined(users.userOf(one))
    users.assign(one, anna)
    assert.strictEqual(users.userOf(one), anna)
    users.assign(two, anna)
    assert.isUndefined(users.userOf(one))
    users.assign(two, bert)
    assert.strictEqual(users.userOf(two), bert)
    users.forget(anna)
    assert.strictEqual(users.userOf(two), bert)
    users.forget(bert)
    users.forget(bert)
    assert.isUndefined(users.userOf(two))
  })

  it("remembers for a second that an SSRC was freed, and reports when one is", () => {
    let nowMs = 0
    const freed: Array<number> = []
    const users = SsrcMap.make({ now: () => nowMs, onFreed: (ssrc) => freed.push(ssrc) })
    assert.isFalse(users.isFreed(one))
    users.assign(one, anna)
    users.assign(one, anna)
    assert.deepStrictEqual(freed, [])
    users.forget(anna)
    assert.deepStrictEqual(freed, [1])
    nowMs = 999
    assert.isTrue(users.isFreed(one))
    assert.isFalse(users.isFreed(two))
    nowMs++
    assert.isFalse(users.isFreed(one))
    users.assign(one, anna)
    users.forget(anna)
    users.assign(one, bert)
    assert.isFalse(users.isFreed(one))
    // taken over by anna, and left for another one
    users.assign(one, anna)
    assert.isFalse(users.isFreed(one))
    users.assign(two, anna)
    assert.isTrue(users.isFreed(one))
    assert.deepStrictEqual(freed, [1, 1, 1, 1])
    for (let i = 10; i < 1_000; i++) users.assign(Ssrc.make(i), bert)
    assert.isFalse(users.isFreed(one))
    assert.isTrue(users.isFreed(Ssrc.make(998)))
  })

  it("remembers the 256 SSRCs that were freed last", () => {
    const users = SsrcMap.make({ now: () => 0 })
    const leave = (ssrc: number) => {
      users.assign(Ssrc.make(ssrc), anna)
      users.forget(anna)
    }
    for (let ssrc = 1; ssrc <= 256; ssrc++) leave(ssrc)
    leave(1)
    assert.isTrue(users.isFreed(two))
    leave(257)
    assert.isFalse(users.isFreed(two))
    assert.isTrue(users.isFreed(one))
    assert.isTrue(users.isFreed(Ssrc.make(3)))
  })

  it.prop("never gives an SSRC two users, nor a user two SSRCs", [Schema.Array(Step)], ([steps]) => {
    const users = SsrcMap.make()
    const last = new Map<string, number>()
    for (const { forget, ssrc, user } of steps) {
      if (forget) {
        users.forget(UserId.make(user))
        last.delete(user)
      } else {
        users.assign(Ssrc.make(ssrc), UserId.make(user))
        for (const [other, its] of last) if (its === ssrc) last.delete(other)
        last.set(user, ssrc)
      }
      for (const known of [1, 2, 3]) {
        const owner = [...last].find(([, its]) => its === known)?.[0]
        assert.strictEqual<string | undefined>(users.userOf(Ssrc.make(known)), owner)
      }
    }
  })

  it("remembers at most 100,000 users, and forgets those it has known longest", () => {
    const users = SsrcMap.make()
    for (let i = 0; i < 120_000; i++) users.assign(Ssrc.make(i), UserId.make(String(i)))
    const known = Array.from({ length: 120_000 }, (_, i) => users.userOf(Ssrc.make(i))).filter((id) => id !== undefined)
    assert.strictEqual(known.length, 100_000)
    assert.strictEqual(known[0], "20000")
  })
})
