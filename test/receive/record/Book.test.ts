import { assert, describe, it } from "@effect/vitest"
import type { AudioPacket } from "../../../src/driver/Line.ts"
import { ChannelId, Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as Book from "../../../src/receive/record/Book.ts"
import * as UserFile from "../../../src/receive/record/UserFile.ts"
import * as Speaker from "./speaker.ts"

const ada = UserId.make("100000000000000001")
const bob = UserId.make("100000000000000002")
const seconds = 48_000
const tick = seconds / 10

const rig = (
  options: {
    readonly isWanted?: (userId: UserId) => boolean
    readonly isOpen?: () => boolean
    readonly afford?: (bytes: number) => boolean
  } = {}
) => {
  const placed: Array<Book.Placed> = []
  const made: Array<Book.Placed> = []
  const book = Book.make({
    files: { ...UserFile.make("none", { create: () => assert.fail("there are no files") }, {}), least: () => 500 },
    afford: options.afford ?? (() => true),
    now: () => 0,
    hold: 0.4 * seconds,
    isWanted: options.isWanted ?? (() => true),
    isOpen: options.isOpen ?? (() => true),
    onPlaced: (one) => {
      if (one.sound) placed.push(one)
      made.push(one)
    }
  })
  const present = () => book.manifest(10 * seconds).users.map(({ present }) => present)
  /** `made` also contains the silence. */
  return { book, made, placed, present }
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
  it("writes no packet to the file of a user who left when another user takes the SSRC", () => {
    const { book, placed } = rig()
    book.name(7, ada)
    book.take(packet(0), 0)
    book.left(ada, tick)
    book.take(packet(0), 2 * tick)
    book.name(7, bob)
    book.finish(seconds)
    assert.deepStrictEqual(placed.map(({ userId }) => userId), [ada, bob])
  })

  it("places nothing before what is settled when a user first speaks after hours", () => {
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
    // and continues once the user has caught up
    assert.isAbove(settled, from + 9 * seconds)
  })

  it("takes no packet and begins no file that there is no room for", () => {
    let room = 0
    const { book, placed } = rig({ afford: (bytes) => bytes <= room })
    for (const bytes of [0, 499]) {
      room = bytes
      book.take(packet(0, { userId: ada }), 0)
      assert.strictEqual(book.files(), 0)
    }
    room = 500
    book.take(packet(1, { userId: ada }), 960)
    room = 1
    book.take(packet(2, { userId: ada }), 2 * 960)
    book.finish(seconds)
    assert.strictEqual(book.files(), 1)
    assert.lengthOf(placed, 1)
  })

  it("has no file for a user who speaks only during a pause", () => {
    const { book, placed } = rig()
    book.pause(0)
    book.take(packet(0, { userId: ada }), 960)
    book.resume(2 * 960)
    book.take(packet(2, { userId: bob }), 2 * 960)
    book.finish(seconds)
    assert.strictEqual(book.files(), 1)
    assert.deepStrictEqual(placed.map(({ userId }) => userId), [bob])
    assert.deepStrictEqual(book.manifest(seconds).users.map(({ userId }) => userId), [ada, bob])
  })

  it("closes the stay of a user who is gone after an interruption when the interruption began", () => {
    const { book } = rig()
    const lobby = ChannelId.make("300000000000000001")
    book.connected(lobby, [ada, bob], 0)
    book.disconnected(5 * seconds)
    book.connected(lobby, [bob], 8 * seconds)
    const { interruptions, users } = book.manifest(9 * seconds)
    assert.deepStrictEqual(interruptions, [{ fromMs: 5_000, toMs: 8_000 }])
    assert.deepStrictEqual(users.map(({ present }) => present), [[{ fromMs: 0, toMs: 5_000 }], [{ fromMs: 0 }]])
  })

  it("puts the first words of a user named late where they were said, while another speaks", () => {
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

  it("tells who was present when, to a tenth of a millisecond, with a new entry on each return", () => {
    const { book, present } = rig()
    book.joined(ada, 100)
    book.joined(ada, 200)
    book.left(ada, seconds)
    book.left(ada, 2 * seconds)
    book.joined(ada, 3 * seconds)
    // in transit when the recording began
    book.take(packet(0, { userId: bob }), -480)
    assert.deepStrictEqual(present(), [[{ fromMs: 2.1, toMs: 1_000 }, { fromMs: 3_000 }], [{ fromMs: 0 }]])
    assert.strictEqual(book.manifest(100).durationMs, 2.1)
  })

  it("has nobody leave before they came, and only one interruption at a time", () => {
    const { book, present } = rig()
    const lobby = ChannelId.make("300000000000000001")
    book.connected(lobby, [], 0)
    book.disconnected(5 * seconds)
    book.disconnected(6 * seconds)
    book.joined(ada, 7 * seconds)
    book.connected(lobby, [], 8 * seconds)
    assert.deepStrictEqual(present(), [[{ fromMs: 7_000, toMs: 7_000 }]])
    book.connected(ChannelId.make("300000000000000002"), [], 9 * seconds)
    const { channels, interruptions } = book.manifest(10 * seconds)
    assert.deepStrictEqual(interruptions, [{ fromMs: 5_000, toMs: 8_000 }])
    assert.deepStrictEqual(channels.map(({ fromMs }) => fromMs), [0, 9_000])
  })

  it("records the users that are wanted, and nothing of others", () => {
    const { book, placed } = rig({ isWanted: (userId) => userId === bob })
    for (const [ssrc, userId] of [[7, ada], [8, bob]] as const) {
      book.joined(userId, 0)
      book.take(packet(0, { userId, ssrc: Ssrc.make(ssrc) }), 0)
    }
    book.finish(seconds)
    assert.deepStrictEqual(placed.map(({ userId }) => userId), [bob])
    assert.deepStrictEqual(book.manifest(seconds).users.map(({ userId }) => userId), [bob])
    assert.strictEqual(book.files(), 1)
  })

  it("forgets the SSRCs of a former connection, and counts packets that nobody is named for", () => {
    const { book, placed } = rig()
    const unknown = () => book.manifest(seconds).unknownPackets
    book.name(7, ada)
    book.disconnected(seconds)
    book.take(packet(0), 2 * seconds)
    book.advance(7 * seconds)
    assert.strictEqual(unknown(), 0)
    book.advance(7 * seconds + tick)
    assert.strictEqual(unknown(), 1)
    book.take(packet(1), 8 * seconds)
    book.finish(9 * seconds)
    assert.strictEqual(unknown(), 2)
    assert.deepStrictEqual(placed, [])
  })

  it("does not wait longer than a second for a user whose file accepts nothing", () => {
    let isOpen = true
    const { book } = rig({ isOpen: () => isOpen })
    book.take(packet(0, { userId: ada }), 0)
    book.advance(seconds)
    isOpen = false
    assert.strictEqual(book.settled(seconds), 0.6 * seconds)
    assert.strictEqual(book.settled(1.5 * seconds), 0.6 * seconds)
    assert.strictEqual(book.settled(10 * seconds), 8.6 * seconds)
  })

  it("ends a file with a packet of its own, even if sound reaches beyond the end", () => {
    const { book, made } = rig()
    for (let n = 0; n < 10; n++) book.take(packet(n, { userId: ada }), n * 960)
    book.advance(seconds)
    const before = made.length
    book.finish(2_000)
    assert.isAbove(made.length, before)
    assert.isFalse(made.at(-1)?.sound)
  })

  it("leaves out what reaches into a pause by when it was said, not by when it came", () => {
    const { book, placed } = rig()
    const from = seconds
    const to = 2 * seconds
    const say = (n: number, later = 0) => book.take(packet(n, { userId: ada }), n * 960 + later)
    for (let n = 0; n < 49; n++) say(n)
    book.advance(from)
    book.pause(from)
    // 300 ms in transit: one was said before the pause, the other during it
    say(49, 0.3 * seconds)
    for (let n = 50; n < 99; n++) say(n)
    book.advance(to)
    book.resume(to)
    say(99, 0.3 * seconds)
    for (let n = 100; n < 150; n++) say(n)
    book.finish(4 * seconds)
    const said = placed.map(({ data }) => Speaker.numberOf(data))
    assert.deepStrictEqual(said, Array.from({ length: 150 }, (_, n) => n).filter((n) => n < 50 || n >= 100))
    assert.deepStrictEqual(placed.filter(({ at, samples }) => at < to - 60 && at + samples > from + 60), [])
    const { pauses, users } = book.manifest(4 * seconds)
    assert.deepStrictEqual(pauses, [{ fromMs: 1_000, toMs: 2_000 }])
    assert.deepStrictEqual([users[0]?.packets.lost, users[0]?.gaps], [0, []])
  })
})
