import { assert, describe, it } from "@effect/vitest"
import * as E2eeVersions from "../../../src/driver/e2ee/E2eeVersions.ts"

const make = () => {
  const clock = { nowMs: 1_000_000 }
  const encrypting: Array<boolean> = []
  const versions = E2eeVersions.make(() => clock.nowMs, (isEncrypting) => encrypting.push(isEncrypting))
  return { clock, encrypting, versions, takesPlain: () => versions.takesPlain(clock.nowMs) }
}

describe("E2eeVersions", () => {
  it("accepts plain frames in a plain call, and none in an encrypted one", () => {
    const { takesPlain, versions } = make()
    assert.isTrue(takesPlain())
    versions.begin(1)
    assert.isFalse(takesPlain())
    versions.begin(0)
    assert.isTrue(takesPlain())
  })

  it("does not accept plain frames again for a transition between encrypted versions", () => {
    const { clock, takesPlain, versions } = make()
    versions.begin(1)
    versions.announce(5, 1)
    versions.execute(5)
    assert.isFalse(takesPlain())
    versions.begin(0)
    versions.enforce(1)
    clock.nowMs += 9_000
    versions.announce(0, 1)
    clock.nowMs += 1_001
    assert.isFalse(takesPlain())
  })

  it("tells at once when frames have to be encrypted, and when they no longer do", () => {
    const { encrypting, versions } = make()
    versions.begin(0)
    assert.deepStrictEqual(encrypting, [])
    versions.begin(1)
    assert.deepStrictEqual(encrypting, [true])
    versions.announce(5, 0)
    versions.enforce(2)
    assert.deepStrictEqual(encrypting, [true])
    versions.execute(5)
    assert.deepStrictEqual(encrypting, [true, false])
    versions.announce(0, 1)
    assert.deepStrictEqual(encrypting, [true, false, true])
  })

  it("executes an announced transition once, and transition 0 at once", () => {
    const { versions } = make()
    versions.begin(1)
    assert.isTrue(versions.announce(0, 1))
    assert.isFalse(versions.announce(3, 1))
    assert.isFalse(versions.announce(4, 0))
    assert.deepStrictEqual(versions.announced(), [3, 4])
    assert.isFalse(versions.execute(9))
    assert.isTrue(versions.execute(3))
    assert.isFalse(versions.execute(3))
    assert.deepStrictEqual([versions.inForce(), versions.lastExecuted(), versions.executions()], [1, 3, 2])
  })

  it("accepts plain frames from the announcement of a downgrade until ten seconds after an upgrade", () => {
    const { clock, takesPlain, versions } = make()
    versions.begin(1)
    versions.announce(3, 1)
    versions.announce(4, 0)
    assert.isTrue(takesPlain())
    versions.execute(3)
    clock.nowMs += 10_001
    assert.isTrue(takesPlain(), "it is still to come")
    versions.announce(5, 1)
    versions.execute(4)
    assert.deepStrictEqual(versions.announced(), [], "what it overtakes is over")
    assert.strictEqual(versions.inForce(), 0)
    versions.announce(6, 1)
    assert.isTrue(takesPlain())
    versions.execute(6)
    clock.nowMs += 10_000
    assert.isTrue(takesPlain())
    clock.nowMs += 1
    assert.isFalse(takesPlain())
  })

  it("forgets what was announced in the call before", () => {
    const { versions } = make()
    versions.begin(1)
    versions.announce(3, 1)
    versions.announce(4, 0)
    versions.begin(0)
    assert.deepStrictEqual(versions.announced(), [])
    versions.execute(3)
    assert.strictEqual(versions.inForce(), 0)
  })

  it("forgets the transitions of a group, but a downgrade only with the call", () => {
    const { versions } = make()
    versions.begin(1)
    versions.announce(3, 1)
    versions.announce(4, 0)
    versions.forget(false)
    assert.deepStrictEqual(versions.announced(), [4])
    versions.forget(true)
    assert.deepStrictEqual(versions.announced(), [])
  })

  it("remembers the latest transitions, however many are never executed", () => {
    const { versions } = make()
    versions.begin(1)
    for (let id = 1; id <= 5_000; id++) versions.announce(id, 1)
    assert.lengthOf(versions.announced(), 100)
    // what is announced again is no longer the first
    versions.announce(4_901, 1)
    versions.announce(5_001, 1)
    assert.deepStrictEqual([versions.announced()[0], versions.announced().length], [4_903, 100])
    assert.isTrue(versions.execute(4_901))
    assert.isTrue(versions.execute(5_001))
    assert.isFalse(versions.execute(4_902))
  })
})
