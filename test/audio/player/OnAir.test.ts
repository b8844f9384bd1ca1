import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as OnAir from "../../../src/audio/player/OnAir.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import { entryOf, ringOf, seatOf } from "../seats.ts"
import { mixOf } from "./mixes.ts"

describe("OnAir", () => {
  it("distinguishes waiting tracks from playing ones", () => {
    const air = OnAir.make()
    const [playing, waiting] = [entryOf({ place: "direct" }), entryOf({ place: "waiting" })]
    air.entries.add(playing).add(waiting)
    assert.deepStrictEqual(OnAir.live(air), [playing])
    assert.deepStrictEqual(OnAir.waiting(air), [waiting])
  })

  it("lists a track before those that wait for it, even if it was added later", () => {
    const air = OnAir.make()
    const seats = [seatOf()]
    for (let i = 1; i < 3; i++) seats.push(seatOf({ after: seats[i - 1] }))
    const entries = seats.map((seat) => entryOf({ seat }))
    const other = entryOf()
    for (const entry of [entries[2], other, entries[1], entries[0]]) if (entry !== undefined) air.entries.add(entry)
    assert.deepStrictEqual(OnAir.live(air), [other, entries[0], entries[1], entries[2]])
  })

  it("keeps the position and counts the sent frames of a track that it leaves out", () => {
    const air = OnAir.make()
    const ring = ringOf(10)
    const entry = entryOf({ place: "direct", media: { format: "opus", ring } })
    air.entries.add(entry)
    air.lane = { _tag: "direct", entry, number: 1, next: undefined }
    ring.discard()
    assert.strictEqual(OnAir.heardMs(air, entry), 20)
    for (let i = 0; i < 2; i++) ring.discard()
    OnAir.leaveOut(air, entry)
    assert.strictEqual(entry.place, "out")
    assert.strictEqual(entry.seat.sent, 3)
    assert.strictEqual(air.entries.size, 0)
    // what is read from its ring afterwards no longer counts
    ring.discard()
    assert.strictEqual(OnAir.heardMs(air, entry), 60)
  })

  it("lets the passed-through track go on if nothing can be mixed", () => {
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

  it.effect("takes the position of a passed-through track from its ring, and that of a mixed one from the mix", () =>
    Effect.gen(function*() {
      const [passed, mixed] = [entryOf(), entryOf()]
      const { mix, ring, writer } = yield* mixOf([passed, mixed], { from: { entry: passed, number: 1 } })
      const air = OnAir.make()
      air.entries.add(passed).add(mixed)
      air.lane = mix
      mixed.heardMs = 80
      for (const { media } of [passed, mixed]) if (media.format === "opus") media.ring.discard()
      assert.deepStrictEqual([passed, mixed].map((entry) => OnAir.heardMs(air, entry)), [20, 80])
      writer.begin(0)
      writer.write(0, mixed.slot, mixed.input, 100, Heard.Flag.Playing)
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      assert.strictEqual(OnAir.heardMs(air, mixed), 100)
      // what a mix takes from a ring is counted when it is heard
      for (const entry of [passed, mixed]) OnAir.leaveOut(air, entry)
      assert.deepStrictEqual([passed.seat.sent, mixed.seat.sent], [1, 0])
    }))

  it("updates the position of a removed track while the driver takes more of it", () => {
    const entry = entryOf({ place: "out", heardMs: 40 })
    entry.settle = () => {
      entry.heardMs += 20
      return entry.heardMs === 80
    }
    const air = OnAir.make()
    assert.deepStrictEqual([1, 2, 3].map(() => OnAir.heardMs(air, entry)), [60, 80, 80])
  })

  it("lists the tracks that already fade in against another one, without those not yet in the mix", () => {
    const [fading, other] = [seatOf(), seatOf()]
    const coming = entryOf({ place: "mix", seat: seatOf({ crossing: fading }) })
    const ready = entryOf({ place: "ready", seat: seatOf({ crossing: fading }) })
    const apart = entryOf({ place: "mix", seat: seatOf({ crossing: other }) })
    const air = OnAir.make()
    air.entries.add(coming).add(ready).add(apart)
    assert.deepStrictEqual(OnAir.crossing(air, fading), [coming])
  })
})
