import { assert, describe, it } from "@effect/vitest"
import * as OnAir from "../../../src/audio/player/OnAir.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import { entryOf, ringOf, seatOf } from "../seats.ts"

describe("OnAir", () => {
  it("tells those that wait from those that play", () => {
    const air = OnAir.make()
    const [playing, waiting] = [entryOf({ place: "direct" }), entryOf({ place: "waiting" })]
    air.entries.add(playing).add(waiting)
    assert.deepStrictEqual(OnAir.live(air), [playing])
    assert.deepStrictEqual(OnAir.waiting(air), [waiting])
  })

  it("has those first for which others wait, also where they came in later", () => {
    const air = OnAir.make()
    const seats = [seatOf()]
    for (let i = 1; i < 3; i++) seats.push(seatOf({ after: seats[i - 1] }))
    const entries = seats.map((seat) => entryOf({ seat }))
    const other = entryOf()
    for (const entry of [entries[2], other, entries[1], entries[0]]) if (entry !== undefined) air.entries.add(entry)
    assert.deepStrictEqual(OnAir.live(air), [other, entries[0], entries[1], entries[2]])
  })

  it("keeps what was heard and counts what was sent of what is left out", () => {
    const air = OnAir.make()
    const ring = ringOf(10)
    const entry = entryOf({ place: "direct", media: { format: "opus", ring } })
    air.entries.add(entry)
    air.lane = { _tag: "direct", entry, number: 1, next: undefined }
    for (let i = 0; i < 3; i++) ring.discard()
    assert.strictEqual(OnAir.heardMs(air, entry), 60)
    OnAir.leaveOut(air, entry)
    assert.strictEqual(entry.place, "out")
    assert.strictEqual(entry.seat.sent, 3)
    assert.strictEqual(air.entries.size, 0)
    // what is read of its ring afterwards is not its own
    ring.discard()
    assert.strictEqual(OnAir.heardMs(air, entry), 60)
  })

  it("lets what is passed through go on where nothing can be mixed", () => {
    const air = OnAir.make()
    const error = VoiceError.make(new VoiceError.CodecUnavailable({ codec: "Opus", detail: "said by the test" }))
    const failed: Array<string> = []
    const observed = (name: string, place: "direct" | "ready" | "waiting") =>
      entryOf({ place, seat: seatOf({ observers: new Set([{ onEvent: () => {}, onOver: () => failed.push(name) }]) }) })
    const [entry, other, waiting] = [observed("direct", "direct"), observed("ready", "ready"), observed("w", "waiting")]
    air.entries.add(entry).add(other).add(waiting)
    air.lane = { _tag: "direct", entry, number: 1, next: undefined }
    OnAir.fail(air, error)
    assert.deepStrictEqual(failed, ["ready"])
    assert.deepStrictEqual([...air.entries], [entry, waiting])
  })
})
