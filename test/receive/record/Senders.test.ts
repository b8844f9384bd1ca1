import { assert, describe, it } from "@effect/vitest"
import { Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as Senders from "../../../src/receive/record/Senders.ts"

const ada = UserId.make("100000000000000001")
const bob = UserId.make("100000000000000002")
const seconds = 48_000

const packet = (sequence: number, userId?: UserId, ssrc = 7) => ({
  ssrc: Ssrc.make(ssrc),
  ...(userId === undefined ? {} : { userId }),
  sequence,
  timestamp: sequence * 960,
  payload: Uint8Array.of(0xf8, 1),
  arrivalMs: 0
})

const rig = () => {
  const given: Array<[UserId, number]> = []
  const senders = Senders.make((userId, { sequence }) => given.push([userId, sequence]))
  return { given, senders }
}

describe("Senders", () => {
  it("lets packets wait for a name, and gives them in order", () => {
    const { given, senders } = rig()
    senders.take(packet(1), 0)
    senders.take(packet(2), 0)
    assert.deepStrictEqual(given, [])
    senders.name(7, ada)
    senders.take(packet(3), 0)
    assert.deepStrictEqual(given, [[ada, 1], [ada, 2], [ada, 3]])
    assert.strictEqual(senders.unknown(), 0)
  })

  it("gives what has waited before the packet that comes with the name", () => {
    const { given, senders } = rig()
    senders.take(packet(1), 0)
    senders.take(packet(2, ada), 0)
    assert.deepStrictEqual(given, [[ada, 1], [ada, 2]])
    senders.expire(6 * seconds)
    assert.strictEqual(senders.unknown(), 0)
  })

  it("does not take another who is given the SSRC of somebody who has left for them", () => {
    const { given, senders } = rig()
    senders.name(7, ada)
    senders.take(packet(1), 0)
    senders.left(ada)
    senders.take(packet(2), 0)
    assert.deepStrictEqual(given, [[ada, 1]])
    senders.name(7, bob)
    assert.deepStrictEqual(given, [[ada, 1], [bob, 2]])
    // who left before does not take the name away from who has it now
    senders.left(ada)
    senders.take(packet(3), 0)
    assert.deepStrictEqual(given.at(-1), [bob, 3])
  })

  it("gives up after 5 seconds, and holds no more than 256 packets of 64 senders", () => {
    const { given, senders } = rig()
    for (let n = 0; n < 300; n++) senders.take(packet(n), 0)
    assert.strictEqual(senders.unknown(), 44)
    for (let ssrc = 8; ssrc < 80; ssrc++) senders.take(packet(0, undefined, ssrc), seconds)
    assert.strictEqual(senders.unknown(), 44 + 72 - 63)
    senders.expire(5 * seconds)
    assert.strictEqual(senders.unknown(), 44 + 72 - 63)
    senders.expire(5 * seconds + 1)
    assert.strictEqual(senders.unknown(), 44 + 72 - 63 + 256)
    senders.name(7, ada)
    assert.deepStrictEqual(given, [])
  })

  it("knows nobody on another connection", () => {
    const { given, senders } = rig()
    senders.name(7, ada)
    senders.take(packet(1, undefined, 9), 0)
    senders.forget()
    senders.take(packet(2), 0)
    senders.name(9, bob)
    senders.name(7, bob)
    assert.deepStrictEqual(given, [[bob, 2]])
    assert.strictEqual(senders.unknown(), 1)
  })

  it("gives what has waited on with the time at which it came", () => {
    const given: Array<readonly [number, number]> = []
    const senders = Senders.make((_, { sequence }, arrival) => given.push([sequence, arrival]))
    senders.take(packet(1), 100)
    senders.take(packet(2), 200)
    senders.take(packet(1, bob, 8), seconds)
    senders.name(7, ada)
    senders.take(packet(3), 2 * seconds)
    assert.deepStrictEqual(given, [[1, seconds], [1, 100], [2, 200], [3, 2 * seconds]])
  })
})
