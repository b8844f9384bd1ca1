import { assert, describe, it } from "@effect/vitest"
import * as Davey from "../../src/dave/Davey.ts"
import { ChannelId, UserId } from "../../src/protocol/Identifier.ts"

const ann = UserId.make("1001")
const bob = UserId.make("1002")
const frame = Uint8Array.of(0xfc, 1, 2, 3)

const make = () => {
  const engine = Davey.make(ann, ChannelId.make("3001"))
  return "failure" in engine ? assert.fail(engine.failure) : engine
}

describe("Davey", () => {
  it("encrypts and reads nothing without a group, and says so instead of failing", () => {
    const engine = make()
    const nothing = () => {
      assert.isUndefined(engine.encrypt(frame))
      assert.strictEqual(engine.decrypt(bob, frame), "NotMember")
      assert.isUndefined(engine.membership())
    }
    nothing()
    engine.create(1)
    nothing()
    engine.close()
    nothing()
    assert.throws(() => engine.commit(frame), "NoGroup")
  })

  it("leaves out the sentence around the engine's own word", () => {
    assert.strictEqual(Davey.causeOf(new Error("Failed to process commit: NoGroup")), "NoGroup")
    assert.strictEqual(Davey.causeOf("a: b"), "a: b")
  })
})
