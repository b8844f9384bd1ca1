import { assert, describe, it } from "@effect/vitest"
import type { AudioPacket } from "../../../src/driver/Line.ts"
import { ChannelId, Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as Book from "../../../src/receive/record/Book.ts"
import * as Speaker from "./speaker.ts"

const ada = UserId.make("100000000000000001")
const bob = UserId.make("100000000000000002")
const seconds = 48_000
const tick = seconds / 10

const rig = () => {
  const placed: Array<Book.Placed> = []
  const book = Book.make({
    outputs: {
      create: (name) => ({ append: () => {}, overwrite: () => {}, written: () => ({ name, bytes: 0 }) })
    },
    hold: 0.4 * seconds,
    isWanted: () => true,
    isOpen: () => true,
    tags: {},
    onPlaced: (one) => {
      if (one.sound) placed.push(one)
    }
  })
  return { book, placed }
}

const packet = (n: number, more: Partial<AudioPacket> = {}): AudioPacket => ({
  ssrc: Ssrc.make(7),
  sequence: n & 0xffff,
  timestamp: (n * 960) >>> 0,
  payload: Speaker.sound(n),
  arrivalMs: 0,
  ...more
})

describe("Book", () => {
  it("writes nothing into the file of somebody who has left, whose SSRC another has", () => {
    const { book, placed } = rig()
    book.name(7, ada)
    book.take(packet(0), 0)
    book.left(ada, tick)
    book.take(packet(0), 2 * tick)
    book.name(7, bob)
    book.finish(seconds)
    assert.deepStrictEqual(placed.map(({ userId }) => userId), [ada, bob])
  })

  it("does not settle what somebody has yet to say who speaks first after hours", () => {
    const { book, placed } = rig()
    const from = 5 * 3_600 * seconds
    book.take(packet(0, { userId: ada }), 0)
    // a long time in which nobody speaks
    for (let now = 0; now < from; now += 300 * seconds) book.advance(now)
    let settled = book.settled(from)
    let stood = 0
    for (let now = from; now < from + 10 * seconds; now += tick) {
      for (let n = 0; n < 5; n++) {
        book.take(packet((now + n * 960) / 960, { ssrc: Ssrc.make(8), userId: bob }), now + n * 960)
      }
      const before = placed.length
      book.advance(now + tick)
      for (const { at } of placed.slice(before)) assert.isAtLeast(at, settled)
      const next = Math.max(settled, book.settled(now + tick))
      if (next === settled) stood++
      settled = next
    }
    assert.isAbove(placed.length, 450)
    assert.isAbove(stood, 20)
    // and goes on where they have caught up
    assert.isAbove(settled, from + 9 * seconds)
  })

  it("closes the stay of who is not there any more behind an interruption, when it began", () => {
    const { book } = rig()
    const lobby = ChannelId.make("300000000000000001")
    book.connected(lobby, [ada, bob], 0)
    book.disconnected(5 * seconds)
    book.connected(lobby, [bob], 8 * seconds)
    const { interruptions, users } = book.manifest(9 * seconds)
    assert.deepStrictEqual(interruptions, [{ fromMs: 5_000, toMs: 8_000 }])
    assert.deepStrictEqual(users.map(({ present }) => present), [[{ fromMs: 0, toMs: 5_000 }], [{ fromMs: 0 }]])
  })

  it("puts the first words of somebody who is named late where they were said, while another speaks", () => {
    const { book, placed } = rig()
    const said = seconds
    for (let n = 0; n < 10; n++) book.take(packet(n), said + n * 960)
    for (let n = 0; n < 150; n++) {
      const now = n * 960
      if (now > 0) book.take(packet(n, { ssrc: Ssrc.make(8), userId: bob }), now)
      if (n % 5 === 0) book.advance(now)
      // two seconds later
      if (now === 3 * seconds - 960) book.name(7, ada)
    }
    book.finish(4 * seconds)
    const places = placed.filter(({ userId }) => userId === ada).map(({ at }) => at)
    assert.lengthOf(places, 10)
    places.forEach((at, n) => assert.closeTo(at, said + n * 960, 480))
    const user = book.manifest(4 * seconds).users.find(({ userId }) => userId === ada)
    assert.closeTo(user?.present[0]?.fromMs ?? 0, 1_000, 1)
  })
})
