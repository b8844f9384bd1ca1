import { assert, describe, it } from "@effect/vitest"
import type * as Seat from "../../../src/audio/player/Seat.ts"
import * as Succession from "../../../src/audio/player/Succession.ts"
import * as PcmRing from "../../../src/mixer/PcmRing.ts"
import { entryOf, ringOf, seatOf } from "../seats.ts"

const opus = (frames: number): Seat.Media => ({ format: "opus", ring: ringOf(frames) })

/** Opus that was read to its end: what is left of it is known. */
const endedOpus = (frames: number): Seat.Media => {
  const media = opus(frames)
  media.ring.end()
  return media
}

const aheadMs = 60

/** Whether an entry that waits for `playing` is due, and which entry begins to fade. */
const look = (playing: Seat.Entry | undefined, waiting: Partial<Seat.Seat>, media: Seat.Media = opus(10)) => {
  const former = playing?.seat ?? seatOf()
  const seat = seatOf({ after: former, ...waiting })
  const faded: Array<Seat.Entry> = []
  const isDue = Succession.isDue(entryOf({ seat, media, place: "waiting" }), aheadMs, (entry) => faded.push(entry))
  return { isDue, seat, former, faded }
}

describe("the point where a mix takes over a ring", () => {
  it("is 160 ms ahead, or at the end of the ring if that is sooner", () => {
    for (
      const [frames, frameMs, expected] of [[50, 20, 8], [50, 60, 3], [100, 2.5, 64], [3, 20, 3], [0, 20, 0]] as const
    ) {
      assert.strictEqual(
        Succession.changeOverAt(ringOf(frames, frameMs), false),
        expected,
        `${frames} of ${frameMs} ms`
      )
    }
    const read = ringOf(50)
    for (let i = 0; i < 5; i++) read.discard()
    assert.strictEqual(Succession.changeOverAt(read, false), 13)
  })

  it("is the current frame if nothing of the ring is being sent", () => {
    const ring = ringOf(50)
    for (let i = 0; i < 5; i++) ring.discard()
    assert.strictEqual(Succession.changeOverAt(ring, true), 5)
  })
})

describe("an entry is plain", () => {
  it("if it is Opus that is unchanged from its first sample on", () => {
    assert.isTrue(Succession.isPlain(entryOf()))
    assert.isFalse(Succession.isPlain(entryOf({ seat: seatOf({ level: { gain: 0.5, rampMs: 0 } }) })))
    assert.isFalse(Succession.isPlain(entryOf({ seat: seatOf({ fadeInMs: 20 }) })))
    assert.isFalse(Succession.isPlain(entryOf({ seat: seatOf({ fadeOutMs: 20 }) })))
    assert.isFalse(Succession.isPlain(entryOf({ seat: seatOf({ effects: [{ _tag: "Rotation", hz: 1 }] }) })))
    assert.isFalse(Succession.isPlain(entryOf({ media: { format: "pcm", ring: PcmRing.make(100) } })))
  })
})

describe("an entry that waits for another one", () => {
  it("is due if the other one is over, or if it waits for none", () => {
    assert.isTrue(look(undefined, { after: undefined }).isDue)
    assert.isTrue(look(entryOf({ seat: seatOf({ isOver: true }), place: "out" }), {}).isDue)
    assert.isTrue(look(entryOf({ seat: seatOf({ isOver: true }) }), { crossfadeMs: 1_000 }).isDue)
  })

  it("is not due while the other one has not begun, is waiting, or is out of the player", () => {
    for (const crossfadeMs of [0, 60_000]) {
      assert.isFalse(look(undefined, { crossfadeMs }).isDue)
      for (const place of ["waiting", "out"] as const) {
        assert.isFalse(
          look(entryOf({ place, media: endedOpus(2) }), { crossfadeMs, level: { gain: 0.5, rampMs: 0 } }).isDue
        )
      }
    }
  })

  describe("without a crossfade", () => {
    it("goes into the mix as soon as the other one was read to its end", () => {
      for (const place of ["mix", "direct"] as const) {
        assert.isFalse(look(entryOf({ place }), { level: { gain: 0.5, rampMs: 0 } }).isDue)
        assert.isTrue(look(entryOf({ place, media: endedOpus(10) }), { level: { gain: 0.5, rampMs: 0 } }).isDue)
      }
      assert.isTrue(look(entryOf({ place: "mix", media: endedOpus(10) }), {}).isDue)
      assert.isTrue(
        look(entryOf({ place: "direct", media: endedOpus(10) }), {}, { format: "pcm", ring: PcmRing.make(100) }).isDue
      )
    })

    it("does not need a mix if both are passed through", () => {
      assert.isFalse(look(entryOf({ place: "direct", media: endedOpus(10) }), {}).isDue)
    })
  })

  describe("with a crossfade", () => {
    it("is due that long before the end, plus the time that a mix needs to begin", () => {
      // if the other one is passed through, a mix has to take over first: 160 ms and one more look
      for (
        const [place, leftMs, expected] of [
          ["direct", 1_181, false],
          ["direct", 1_180, true],
          // what was mixed ahead can no longer change
          ["mix", 1_081, false],
          ["mix", 1_080, true]
        ] as const
      ) {
        const { faded, former, isDue, seat } = look(
          entryOf({ place, remainingMs: () => leftMs }),
          { crossfadeMs: 1_000 }
        )
        assert.strictEqual(isDue, expected, `${place} ${leftMs}`)
        assert.lengthOf(faded, expected ? 1 : 0)
        if (!expected) continue
        assert.deepStrictEqual([former.level.gain, former.fadeOutMs], [1, 1_000])
        assert.deepStrictEqual([seat.fadeInMs, seat.curve, seat.after], [1_000, "power", undefined])
        assert.strictEqual(seat.crossing, former)
      }
    })

    it("fades for the time that is left, if that is shorter than the crossfade", () => {
      const { former, seat } = look(entryOf({ place: "direct", remainingMs: () => 680 }), { crossfadeMs: 1_000 })
      assert.deepStrictEqual([former.fadeOutMs, seat.fadeInMs], [500, 500])
      const mixed = look(entryOf({ place: "mix", remainingMs: () => 580 }), { crossfadeMs: 1_000 })
      assert.deepStrictEqual([mixed.former.fadeOutMs, mixed.seat.fadeInMs], [500, 500])
      const late = look(entryOf({ place: "direct", remainingMs: () => 100 }), { crossfadeMs: 1_000 })
      assert.deepStrictEqual([late.former.fadeOutMs, late.seat.fadeInMs], [20, 20])
    })

    it("fades for at most half of either track, and waits for one that is about to begin", () => {
      for (const [lengthMs, ofNext] of [[600, Infinity], [Infinity, 600]] as const) {
        const left = (leftMs: number) =>
          look(entryOf({ place: "mix", remainingMs: () => leftMs, seat: seatOf({ lengthMs }) }), {
            crossfadeMs: 1_000,
            lengthMs: ofNext
          })
        assert.isFalse(left(381).isDue)
        const { former, isDue, seat } = left(380)
        assert.isTrue(isDue)
        assert.deepStrictEqual([former.fadeOutMs, seat.fadeInMs], [300, 300])
      }
      assert.isFalse(look(entryOf({ place: "ready", remainingMs: () => 100 }), { crossfadeMs: 1_000 }).isDue)
    })

    it("waits while the other one is paused", () => {
      for (const place of ["direct", "mix"] as const) {
        const playing = entryOf({ place, isPaused: true, remainingMs: () => 500 })
        assert.isFalse(look(playing, { crossfadeMs: 1_000 }).isDue)
      }
    })

    it("goes by the rest in the ring if all was read, and waits if the end is unknown", () => {
      const read = look(entryOf({ place: "direct", media: endedOpus(34), remainingMs: () => 60_000 }), {
        crossfadeMs: 1_000
      })
      assert.isTrue(read.isDue)
      assert.strictEqual(read.seat.fadeInMs, 500)
      // at another speed, the mix has taken more from the ring than it has played
      const effects = [{ _tag: "Timescale", speed: 2, pitch: 1 }] as const
      const media = endedOpus(34)
      for (let i = 0; i < 10; i++) if (media.format === "opus") media.ring.discard()
      const fast = look(entryOf({ place: "mix", media, heardMs: 80, seat: seatOf({ effects }) }), {
        crossfadeMs: 1_000
      })
      assert.strictEqual(fast.seat.fadeInMs, (680 - 80) / 2 - aheadMs - 20)
      // more of it is still to come
      const going = opus(34)
      const rest = { media: going, remainingMs: () => 60_000, seat: seatOf({ effects }) }
      assert.isFalse(look(entryOf({ place: "mix", ...rest }), { crossfadeMs: 1_000 }).isDue)
      // while it is passed through, all that is left is in the ring
      const passed = look(entryOf({ place: "direct", media, seat: seatOf({ effects }) }), { crossfadeMs: 1_000 })
      assert.strictEqual(passed.seat.fadeInMs, 480 - 160 - 20)
      for (const place of ["direct", "mix"] as const) {
        assert.isFalse(look(entryOf({ place }), { crossfadeMs: 1_000 }).isDue)
      }
    })
  })
})
