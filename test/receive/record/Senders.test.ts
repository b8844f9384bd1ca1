import { assert, describe, it } from "@effect/vitest"
import type { AudioPacket } from "../../../src/driver/Line.ts"
import { Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as Senders from "../../../src/receive/record/Senders.ts"

const ada = UserId.make("1")

const packet = (ssrc: number, sequence: number, userId?: UserId): AudioPacket => ({
  ssrc: Ssrc.make(ssrc),
  sequence,
  timestamp: 0,
  payload: new Uint8Array(),
  arrivalMs: 0,
  ...userId === undefined ? {} : { userId }
})

const make = () => {
  const given: Array<readonly [UserId, number]> = []
  return { given, senders: Senders.make((userId, { sequence }) => given.push([userId, sequence])) }
}

describe("Senders", () => {
  it("gives on what waited when its sender is named, by word or by a packet", () => {
    const { given, senders } = make()
    senders.take(packet(7, 1), 0)
    senders.take(packet(8, 2), 0)
    senders.name(7, ada)
    senders.take(packet(7, 3), 0)
    senders.take(packet(8, 4, ada), 0)
    assert.deepStrictEqual(given, [[ada, 1], [ada, 3], [ada, 2], [ada, 4]])
    assert.strictEqual(senders.unknown(), 0)
  })

  it("gives up what nobody names in time, and what is too much", () => {
    const { given, senders } = make()
    for (let i = 0; i < 300; i++) senders.take(packet(7, i), 0)
    assert.strictEqual(senders.unknown(), 44)
    for (let i = 0; i < 100; i++) senders.take(packet(100 + i, i), 0)
    assert.strictEqual(senders.unknown(), 44 + 37)
    senders.expire(5 * 48_000)
    assert.strictEqual(senders.unknown(), 44 + 37)
    senders.expire(5 * 48_000 + 1)
    assert.strictEqual(senders.unknown(), 400)
    senders.name(7, ada)
    assert.deepStrictEqual(given, [])
  })

  it("forgets names with the connection that gave them", () => {
    const { given, senders } = make()
    senders.name(7, ada)
    senders.forget()
    senders.take(packet(7, 1), 0)
    assert.deepStrictEqual(given, [])
  })
})
