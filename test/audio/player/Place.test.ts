import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Place from "../../../src/audio/player/Place.ts"
import type * as Seat from "../../../src/audio/player/Seat.ts"
import * as PcmRing from "../../../src/mixer/PcmRing.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import * as VoiceError from "../../../src/VoiceError.ts"

const broken = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))

/** A player that records what its places ask of it. */
const make = () => {
  const log: Array<string> = []
  const entries: Array<Seat.Entry> = []
  const seats: Array<Seat.Seat> = []
  const playing = new Set<Seat.Entry>()
  const state = { refuses: false }
  /** The answers to the next requests for another level. */
  const answers: Array<Deferred.Deferred<void, VoiceError.VoiceError>> = []
  /** The answers to the next requests for other effects. */
  const shapes: typeof answers = []
  const asked = (by: typeof answers) => {
    const answer = Deferred.makeUnsafe<void, VoiceError.VoiceError>()
    by.push(answer)
    return answer
  }
  const levelling = () => asked(answers)
  const shaping = () => asked(shapes)
  const answer = Effect.suspend(() => state.refuses ? Effect.fail(broken) : Effect.void)
  const say = (line: string) => Effect.sync(() => void log.push(line))
  const host: Place.Host = {
    awaitEnd: Effect.fail(broken),
    enter: (entry) =>
      Effect.sync(() => {
        entry.seat.entry = entry
        entries.push(entry)
        playing.add(entry)
      }),
    remove: (entry) =>
      Effect.sync(() => {
        playing.delete(entry)
        log.push("remove")
      }),
    pausing: ({ isPaused }) => say(`pausing ${isPaused}`),
    levelling: (seat) =>
      Effect.suspend(() => {
        log.push(`levelling ${seat.level.gain}`)
        const next = answers.shift()
        return next === undefined ? answer : Effect.uninterruptible(Deferred.await(next))
      }),
    shaping: (seat) =>
      Effect.suspend(() => {
        log.push(`shaping ${seat.effects.length}`)
        const next = shapes.shift()
        return next === undefined ? answer : Effect.uninterruptible(Deferred.await(next))
      }),
    left: (seat) => Effect.andThen(Effect.sync(() => seats.push(seat)), say(`left ${seat.isOver}`)),
    heardMs: ({ heardMs }) => heardMs,
    isMixed: () => false,
    isIn: (entry) => playing.has(entry),
    observe: (seat, observer) => Effect.sync(() => void seat.observers.add(observer))
  }
  const place = (options: Partial<Place.PlaceOptions> = {}) =>
    Place.make(host, { gain: 1, fadeInMs: 0, duck: undefined, after: undefined, crossfadeMs: 0, ...options })
  return { entries, levelling, log, place, playing, seats, shaping, state }
}

const media = (): Seat.Media & { readonly format: "opus" } => ({ format: "opus", ring: FrameRing.make() })
const options: Seat.AttachOptions = { cutIn: true, remainingMs: () => 7 }

/** The first of the recorded values. */
const first = <A>(values: ReadonlyArray<A>): A => values[0] ?? assert.fail("there is none")

describe("Place", () => {
  it.effect("plays a ring under its own number, with all counters at their start", () =>
    Effect.gen(function*() {
      const { entries, place } = make()
      const [one, other] = [place({ gain: 0.5, fadeInMs: 30, crossfadeMs: 40 }), place()]
      const ring = media()
      const number = yield* one.attach(ring, options)
      assert.isAbove(yield* other.attach(media(), options), number)
      const { seat, ...entry } = first(entries)
      assert.deepStrictEqual(entry, {
        ...options,
        number,
        media: ring,
        isPaused: false,
        place: "ready",
        input: 0,
        slot: -1,
        isStarted: false,
        starvingMs: undefined,
        isStalled: false,
        overAt: undefined,
        counted: 0,
        heardMs: 0,
        settle: undefined
      })
      assert.deepInclude(seat, {
        level: { gain: 0.5, rampMs: 0 },
        fadeInMs: 30,
        crossfadeMs: 40,
        isOver: false,
        after: undefined
      })
      assert.deepStrictEqual(one.metrics(), { sent: 0, late: 0, missed: 0, concealed: 0 })
    }))

  it.effect("waits for the track of another place", () =>
    Effect.gen(function*() {
      const { entries, place } = make()
      const before = place()
      const after = place({ after: before })
      yield* before.attach(media(), options)
      yield* after.attach(media(), options)
      assert.strictEqual(entries[1]?.seat.after, first(entries).seat)
    }))

  it.effect("detaches what plays, and nothing that no longer plays", () =>
    Effect.gen(function*() {
      const { entries, log, place, playing } = make()
      const one = place()
      const former = yield* one.attach(media(), options)
      const number = yield* one.attach(media(), options)
      const entry = entries[1] ?? assert.fail("it does not play")
      entry.heardMs = 60
      assert.deepStrictEqual([one.heardMs(former), one.heardMs(number)], [undefined, 60])
      yield* one.detach(former)
      assert.deepStrictEqual(log, [])
      yield* one.detach(number)
      assert.deepStrictEqual(log, ["remove"])
      yield* one.detach(number)
      yield* one.setPaused(true)
      assert.deepStrictEqual(log, ["remove"])
      assert.strictEqual(playing.size, 1)
      assert.isFalse(entry.isPaused)
    }))

  it.effect("is paused along with what plays and with what is attached later", () =>
    Effect.gen(function*() {
      const { entries, log, place } = make()
      const one = place()
      yield* one.setPaused(true)
      yield* one.attach(media(), options)
      const entry = first(entries)
      assert.isTrue(entry.isPaused)
      entry.starvingMs = 5
      yield* one.setPaused(false)
      assert.strictEqual(entry.starvingMs, 5)
      // a paused track does not starve
      yield* one.setPaused(true)
      assert.isUndefined(entry.starvingMs)
      assert.deepStrictEqual(log, ["pausing false", "pausing true"])
    }))

  it.effect("has the gain that was set last, and keeps the former one if that is refused", () =>
    Effect.gen(function*() {
      const { entries, log, place, state } = make()
      const one = place()
      yield* one.attach(media(), options)
      yield* one.setGain(0.5, 300)
      assert.strictEqual(one.gain(), 0.5)
      assert.deepStrictEqual(first(entries).seat.level, { gain: 0.5, rampMs: 300 })
      state.refuses = true
      assert.strictEqual(yield* Effect.flip(one.setGain(2, 0)), broken)
      assert.strictEqual(one.gain(), 0.5)
      assert.deepStrictEqual(log, ["levelling 0.5", "levelling 2"])
    }))

  it.effect("has the last gain that was not refused, even with concurrent and interrupted requests", () =>
    Effect.gen(function*() {
      const { entries, levelling, place } = make()
      const its = place({ gain: 0.75 })
      yield* its.attach(media(), options)
      const { seat } = first(entries)
      const before = seat.level
      const [one, other] = [levelling(), levelling()]
      const asking = yield* Effect.forkChild(its.setGain(0.5, 100), { startImmediately: true })
      const asking2 = yield* Effect.forkChild(its.setGain(2, 200), { startImmediately: true })
      yield* Deferred.fail(one, broken)
      yield* Fiber.await(asking)
      // the other request may still succeed
      assert.strictEqual(its.gain(), 2)
      yield* Deferred.fail(other, broken)
      yield* Fiber.await(asking2)
      assert.deepStrictEqual([its.gain(), seat.level], [0.75, before])
      // the caller no longer waits
      const last = levelling()
      const left = yield* Effect.forkChild(its.setGain(3, 300), { startImmediately: true })
      const leaving = yield* Effect.forkChild(Fiber.interrupt(left), { startImmediately: true })
      yield* Deferred.fail(last, broken)
      yield* Fiber.join(leaving)
      assert.deepStrictEqual([its.gain(), seat.level], [0.75, before])
    }))

  it.effect("has the effects that were set last, and keeps the former ones if those are refused", () =>
    Effect.gen(function*() {
      const { entries, log, place, state } = make()
      const one = place({ effects: [{ _tag: "Rotation", hz: 1 }] })
      yield* one.attach(media(), options)
      assert.lengthOf(first(entries).seat.effects, 1)
      yield* one.setEffects([])
      assert.deepStrictEqual(one.effects(), [])
      state.refuses = true
      assert.strictEqual(yield* Effect.flip(one.setEffects([{ _tag: "Rotation", hz: 2 }])), broken)
      assert.deepStrictEqual(one.effects(), [])
      assert.deepStrictEqual(log, ["shaping 0", "shaping 1"])
    }))

  it.effect("counts what the driver took from its ring while nothing else reads it", () =>
    Effect.gen(function*() {
      const { entries, place } = make()
      const one = place()
      assert.strictEqual(one.metrics().sent, 0)
      const { format, ring } = media()
      yield* one.attach({ format, ring }, options)
      const entry = first(entries)
      const send = () => {
        ring.write(Uint8Array.of(1), 960)
        ring.discard()
      }
      send()
      // the mix does its own counting
      entry.place = "mix"
      assert.strictEqual(one.metrics().sent, 0)
      entry.place = "direct"
      assert.strictEqual(one.metrics().sent, 1)
      send()
      send()
      assert.strictEqual(one.metrics().sent, 3)
      assert.strictEqual(one.metrics().sent, 3)
      entry.counted = 0
      entry.seat.sent = 0
      yield* one.attach({ format: "pcm", ring: PcmRing.make(20) }, options)
      const pcm = entries[1] ?? assert.fail("it does not play")
      pcm.place = "direct"
      assert.strictEqual(one.metrics().sent, 0)
    }))

  it.effect("reports that its track has ended", () =>
    Effect.gen(function*() {
      const { log, place, seats } = make()
      yield* place().leave
      assert.deepStrictEqual(log, ["left true"])
      assert.isTrue(first(seats).isOver)
    }))

  it.effect("has the last effects that were not refused, even with concurrent requests", () =>
    Effect.gen(function*() {
      const { place, shaping } = make()
      const [before, soft, loud] = [1, 2, 3].map((hz) => [{ _tag: "Rotation", hz } as const])
      assert(before !== undefined && soft !== undefined && loud !== undefined)
      const its = place({ effects: before })
      yield* its.attach(media(), options)
      const [one, other] = [shaping(), shaping()]
      const asking = yield* Effect.forkChild(its.setEffects(soft), { startImmediately: true })
      const asking2 = yield* Effect.forkChild(its.setEffects(loud), { startImmediately: true })
      yield* Deferred.fail(one, broken)
      yield* Fiber.await(asking)
      // the other request may still succeed
      assert.strictEqual(its.effects(), loud)
      yield* Deferred.fail(other, broken)
      yield* Fiber.await(asking2)
      assert.strictEqual(its.effects(), before)
    }))

  it.effect("ducks other tracks as told, and says whether another track is heard after it", () =>
    Effect.gen(function*() {
      const { entries, place } = make()
      const duck = { gain: 0.5, attackMs: 0, releaseMs: 0, holdMs: 0, threshold: 0 }
      const one = place({ duck })
      yield* one.attach(media(), options)
      const { seat } = first(entries)
      assert.strictEqual(seat.duck, duck)
      yield* one.leave
      assert.isFalse(one.isFollowed())
      seat.isFollowed = true
      assert.isTrue(one.isFollowed())
    }))

  it.effect("waits up to half a second for the driver to take no more of it", () =>
    Effect.gen(function*() {
      const { entries, place } = make()
      const [none, one, other] = [place(), place(), place()]
      yield* one.attach(media(), options)
      yield* other.attach(media(), options)
      assert.isTrue(Place.isSettled(none))
      assert.isTrue(Place.isSettled(one))
      let isLeft = false
      first(entries).settle = () => isLeft
      assert.isFalse(Place.isSettled(one))
      const waiting = yield* Effect.forkChild(Place.settled([other, one]), { startImmediately: true })
      yield* TestClock.adjust("400 millis")
      assert.isUndefined(waiting.pollUnsafe())
      isLeft = true
      yield* TestClock.adjust("2 millis")
      assert.isDefined(waiting.pollUnsafe())
      first(entries).settle = () => false
      const inVain = yield* Effect.forkChild(Place.settled([one]), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      assert.isDefined(inVain.pollUnsafe())
    }))

  it.effect("keeps its entry until it is settled, for at most a minute", () =>
    Effect.gen(function*() {
      const { place } = make()
      for (const isLeftBehind of [true, false]) {
        const one = place()
        yield* one.attach(media(), options)
        const seat = Place.seatOf(one) ?? assert.fail("it has none")
        let isLeft = false
        let noted: Seat.Entry | undefined
        if (seat.entry !== undefined) seat.entry.settle = () => isLeft
        const releasing = yield* Effect.forkChild(
          Place.release(one, () => {
            noted = seat.entry
          }),
          { startImmediately: true }
        )
        yield* TestClock.adjust("30 seconds")
        assert.isDefined(seat.entry)
        isLeft = isLeftBehind
        yield* TestClock.adjust(isLeftBehind ? "1 second" : "31 seconds")
        assert.isDefined(releasing.pollUnsafe())
        assert.isDefined(noted, "looked at before it is forgotten")
        assert.isUndefined(seat.entry)
      }
    }))
})
