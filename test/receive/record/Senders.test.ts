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
  it("keeps packets until their sender is named, and gives them in order", () => {
    const { given, senders } = rig()
    senders.take(packet(1), 0)
    senders.take(packet(2), 0)
    assert.deepStrictEqual(given, [])
    senders.name(7, ada)
    senders.take(packet(3), 0)
    assert.deepStrictEqual(given, [[ada, 1], [ada, 2], [ada, 3]])
    assert.strictEqual(senders.unknown(), 0)
  })

  it("gives waiting packets before the packet that names their sender", () => {
    const { given, senders } = rig()
    senders.take(packet(1), 0)
    senders.take(packet(2, ada), 0)
    assert.deepStrictEqual(given, [[ada, 1], [ada, 2]])
    senders.expire(6 * seconds)
    assert.strictEqual(senders.unknown(), 0)
  })

  it("does not mistake the next user of an SSRC for the one who left", () => {
    const { given, senders } = rig()
    senders.name(7, ada)
    senders.take(packet(1), 0)
    senders.left(ada)
    senders.take(packet(2), 0)
    assert.deepStrictEqual(given, [[ada, 1]])
    senders.name(7, bob)
    assert.deepStrictEqual(given, [[ada, 1], [bob, 2]])
    // when the former user leaves, the name of the present one stays
    senders.left(ada)
    senders.take(packet(3), 0)
    assert.deepStrictEqual(given.at(-1), [bob, 3])
  })

  it("gives up after 5 seconds, and holds at most 256 packets from each of 64 senders", () => {
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

  it("forgets all names on another connection", () => {
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

  it("passes on waiting packets with the time at which they arrived", () => {
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
