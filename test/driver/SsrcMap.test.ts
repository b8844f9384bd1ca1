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
})
