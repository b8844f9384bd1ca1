import { assert, describe, it } from "@effect/vitest"
import * as Seat from "../../../src/audio/player/Seat.ts"
import * as PcmRing from "../../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import { entryOf, ringOf, seatOf } from "../seats.ts"

/** An entry that has not begun, and the events that are told of it. */
const make = (change: Partial<Seat.Entry> = {}) => {
  const told: Array<string> = []
  const seat = seatOf({
    observers: new Set([{
      onEvent: ({ _tag, track }) => void told.push(`${_tag} ${track}`),
      onOver: ({ reason }) => void told.push(reason._tag)
    }])
  })
  const media = { format: "opus", ring: FrameRing.make() } as const
  const entry = entryOf({ number: 5, media, seat, place: "direct", slot: -1, ...change })
  return { entry, seat, told }
}

describe("Seat", () => {
  it("reports once that it has begun, and each time that it starves and recovers", () => {
    const { entry, told } = make()
    Seat.starving(entry, 0)
    assert.deepStrictEqual(told, [], "what has not begun does not starve")
    Seat.flowing(entry, 100)
    Seat.flowing(entry, 120)
    Seat.starving(entry, 200)
    Seat.starving(entry, 220)
    assert.strictEqual(entry.starvingMs, 200)
    Seat.flowing(entry, 300)
    Seat.starving(entry, 400)
    assert.deepStrictEqual(told, ["TrackStarted 5", "TrackStarving 5", "TrackRecovered 5", "TrackStarving 5"])
  })

  it("drops what it waited for once it has begun", () => {
    const { entry, seat } = make()
    seat.after = seatOf()
    Seat.flowing(entry, 0)
    assert.isUndefined(seat.after)
  })

  it("reports that it has recovered even if it was paused meanwhile", () => {
    const { entry, seat, told } = make({ isStarted: true })
    Seat.starving(entry, 0)
    // as a place does it
    entry.isPaused = true
    entry.starvingMs = undefined
    entry.isPaused = false
    Seat.starving(entry, 1_000)
    Seat.flowing(entry, 1_040)
    Seat.flowing(entry, 1_060)
    assert.deepStrictEqual(told, ["TrackStarving 5", "TrackRecovered 5"])
    assert.strictEqual(seat.late, 2)
  })

  it("does not starve while it is paused", () => {
    const { entry, told } = make({ isStarted: true, isPaused: true })
    Seat.starving(entry, 0)
    assert.deepStrictEqual(told, [])
  })

  it("counts late frames, unless a mix does", () => {
    for (const [place, late] of [["direct", 5], ["mix", 0]] as const) {
      const { entry, seat } = make({ isStarted: true, place })
      Seat.starving(entry, 1_000)
      Seat.flowing(entry, 1_051)
      Seat.starving(entry, 2_000)
      Seat.flowing(entry, 2_040)
      assert.strictEqual(seat.late, late)
    }
  })

  it("reports that nothing plays any more", () => {
    const { seat, told } = make()
    Seat.fail(seat, VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" })))
    assert.deepStrictEqual(told, ["NotConnected"])
  })

  it("marks what it waited for as followed once it has begun", () => {
    const { entry, seat } = make()
    const former = seatOf()
    seat.after = former
    Seat.flowing(entry, 0)
    assert.isTrue(former.isFollowed)
  })

  it("is fed if a mix could take something: whole frames of samples, or the rest at the end", () => {
    const ring = PcmRing.make(100)
    const media = { format: "pcm", ring } as const
    const write = (samples: number) => ring.write(new Float32Array(samples * 2), 0)
    write(959)
    assert.isFalse(Seat.isFed(media))
    write(1)
    assert.isTrue(Seat.isFed(media))
    ring.read(new Float32Array(958 * 2), 0, 958)
    assert.isFalse(Seat.isFed(media))
    ring.end()
    assert.isTrue(Seat.isFed(media))
    ring.read(new Float32Array(4), 0, 2)
    assert.isFalse(Seat.isFed(media))
    assert.isTrue(Seat.isFed({ format: "opus", ring: ringOf(1, 2.5) }))
  })

  it("is held along with the track that it crossfades with, until that is over", () => {
    const crossing = seatOf({ isPaused: true })
    const { entry, seat } = make()
    assert.isFalse(Seat.isHeld(entry))
    seat.crossing = crossing
    assert.isTrue(Seat.isHeld(entry))
    crossing.isOver = true
    assert.isFalse(Seat.isHeld(entry))
    entry.isPaused = true
    assert.isTrue(Seat.isHeld(entry))
  })

  it("counts each frame that the driver has taken once", () => {
    const ring = ringOf(10)
    const { entry, seat } = make({ media: { format: "opus", ring } })
    for (const frames of [2, 0, 3]) {
      for (let i = 0; i < frames; i++) ring.discard()
      Seat.count(entry)
    }
    assert.strictEqual(seat.sent, 5)
  })
})
