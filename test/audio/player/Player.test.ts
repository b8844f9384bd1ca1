import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import * as Place from "../../../src/audio/player/Place.ts"
import * as Player from "../../../src/audio/player/Player.ts"
import type * as Seat from "../../../src/audio/player/Seat.ts"
import * as Track from "../../../src/audio/Track.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import type { Observer } from "../../../src/VoiceDriver.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as Hearing from "../../mixer/hearing.ts"
import * as FakeConnection from "../FakeConnection.ts"
import { play, sourceOf } from "../numbers.ts"
import { ringOf } from "../seats.ts"
import { mixerOf, outletOf } from "./mixes.ts"

const error = VoiceError.make(new VoiceError.EncodeFailed({ codec: "mixer", detail: "said by the test" }))

const media = (): Seat.Media => ({ format: "opus", ring: ringOf(10) })
const options: Seat.AttachOptions = { cutIn: false, remainingMs: () => undefined }

/** A player whose mixes and driver are made by hand. */
const rig = Effect.gen(function*() {
  const { log, outlet } = outletOf()
  const made = mixerOf()
  const gate = yield* Latch.make(true)
  let refusal: VoiceError.VoiceError | undefined
  let number = 0
  const broken: Array<(error: VoiceError.VoiceError) => void> = []
  let observer: Observer<Seat.Happening> | undefined
  const player = yield* Player.make(
    {
      ...outlet,
      attach: (ring, more) =>
        Effect.tap(outlet.attach(ring, more), (given) => Effect.sync(() => void (number = given))),
      awaitEnd: Effect.never,
      observe: (who) => Effect.sync(() => void (observer = who))
    },
    {
      ...made.mixer,
      open: (more) =>
        Effect.andThen(
          Latch.await(gate),
          Effect.suspend(() => {
            broken.push(more.onBroken)
            return refusal === undefined ? made.mixer.open(more) : Effect.fail(refusal)
          })
        )
    },
    () => ({})
  )
  const alone: Place.PlaceOptions = { gain: 1, fadeInMs: 0, duck: undefined, after: undefined, crossfadeMs: 0 }
  return {
    /** Breaks the mix that was opened as the first, the second and so on. */
    breaks: (at: number) => broken[at] ?? assert.fail("there is no such mix"),
    gate,
    happens: (event: Seat.Happening) => observer?.onEvent(event),
    /** The number of the latest attachment to the driver. */
    last: () => number,
    log,
    made,
    over: (why: VoiceError.VoiceError) => observer?.onOver(why),
    place: (more: Partial<Place.PlaceOptions> = {}) => player.place({ ...alone, ...more }),
    player,
    refuse: (why: VoiceError.VoiceError) => {
      refusal = why
    }
  }
})

describe("Player", () => {
  it.effect("keeps nothing of a track once the one after it plays", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const place = fake.place()
      const track = yield* Track.make(sourceOf(100), place)
      const next = fake.place({ after: place })
      const following = yield* Track.make(sourceOf(100), next)
      yield* play(fake, 10)
      assert.isDefined(Place.seatOf(next)?.after)
      yield* track.stop
      yield* play(fake, 10)
      assert.isAbove(yield* following.position, 0)
      assert.isUndefined(Place.seatOf(next)?.after)
    }))

  it.effect("lets even the shortest PCM wait for its turn without starving", () =>
    Effect.gen(function*() {
      const fake = yield* FakeConnection.make
      const place = fake.place()
      yield* Track.make(sourceOf(1_000), place)
      const click = Hearing.pcm(Hearing.sine(1_000), 10)
      const waiting = yield* Track.make(click, fake.place({ after: place }), { starveTimeout: "5 seconds" })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* waiting.state, { _tag: "Buffering" })
    }))

  it.effect("silences the rest of a mix whose tracks have ended, and closes it", () =>
    Effect.gen(function*() {
      const { happens, last, made, place, player } = yield* rig
      const one = place({ gain: 0.5 })
      yield* one.attach(media(), options)
      // the time of its last frame is over, but the mix may still produce something, such as an echo
      made.writer.begin(0)
      made.writer.write(0, 0, 1, 20, Heard.Flag.Playing | Heard.Flag.Over)
      made.ring.write(Uint8Array.of(0), 960)
      made.ring.discard()
      happens({ _tag: "TrackStarving", track: last() })
      assert.strictEqual(made.state.open, 1)
      yield* player.silence
      yield* TestClock.adjust(0)
      assert.strictEqual(made.state.open, 0)
    }))

  it.effect("plays nothing of a track that has ended meanwhile, or after which another one is already heard", () =>
    Effect.gen(function*() {
      const { log, place } = yield* rig
      const [ended, followed] = [place(), place()]
      yield* ended.leave
      const seat = Place.seatOf(followed) ?? assert.fail("it has none")
      seat.isFollowed = true
      for (const one of [ended, followed]) yield* one.attach(media(), options)
      assert.deepStrictEqual(log, [])
    }))

  it.effect("starts a track paused if it was paused while another one was being attached", () =>
    Effect.gen(function*() {
      const { gate, place } = yield* rig
      yield* Latch.close(gate)
      const [one, other] = [place({ gain: 0.5 }), place()]
      const opening = yield* Effect.forkChild(one.attach(media(), options), { startImmediately: true })
      const attaching = yield* Effect.forkChild(other.attach(media(), options), { startImmediately: true })
      yield* other.setPaused(true)
      yield* Latch.open(gate)
      yield* Fiber.joinAll([opening, attaching])
      assert.isTrue(Place.seatOf(other)?.entry?.isPaused)
    }))

  it.effect("tells the caller why a track could not be mixed, and passes the next one through", () =>
    Effect.gen(function*() {
      const { log, made, place, refuse } = yield* rig
      refuse(error)
      assert.strictEqual(yield* Effect.flip(place({ gain: 0.5 }).attach(media(), options)), error)
      yield* place().attach(media(), options)
      assert.deepStrictEqual([log, made.state.open], [[["attach", { paused: false }]], 0])
    }))

  it.effect("tells the tracks of a mix that breaks and closes it, without affecting a later mix", () =>
    Effect.gen(function*() {
      const { breaks, made, place } = yield* rig
      const told: Array<VoiceError.VoiceError> = []
      const play = Effect.gen(function*() {
        const one = place({ gain: 0.5 })
        yield* one.observe({ onEvent: () => {}, onOver: (why) => void told.push(why) })
        yield* one.attach(media(), options)
      })
      yield* play
      breaks(0)(error)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([told, made.state.open], [[error], 0])
      yield* play
      breaks(0)(error)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([told, made.state.open], [[error], 1])
    }))

  it.effect("closes a mix after its last frame, and tells later tracks that the connection is over", () =>
    Effect.gen(function*() {
      const { happens, last, made, over, place } = yield* rig
      yield* place({ gain: 0.5 }).attach(media(), options)
      happens({ _tag: "TrackDrained", track: last() })
      yield* TestClock.adjust(0)
      // what was not heard of it gets another mix
      assert.strictEqual(made.state.open, 1)
      const told: Array<VoiceError.VoiceError> = []
      over(error)
      yield* place().observe({ onEvent: () => {}, onOver: (why) => void told.push(why) })
      assert.deepStrictEqual(told, [error])
    }))

  it.effect("passes unchanged tracks through, one after the other, and mixes everything else", () =>
    Effect.gen(function*() {
      const { log, made, place } = yield* rig
      const first = place()
      const next = place({ after: first })
      yield* next.attach(media(), options)
      assert.deepStrictEqual(log, [])
      yield* first.attach(media(), { ...options, remainingMs: () => 500 })
      assert.deepStrictEqual(log.splice(0), [
        ["attach", { paused: false }],
        ["attach", { paused: false, after: "drained" }]
      ])
      assert.deepStrictEqual([first, next, place(), place({ gain: 0.5 })].map((one) => one.isMixed()), [
        false,
        false,
        true,
        true
      ])
      yield* next.setPaused(true)
      assert.deepStrictEqual(log.splice(0), [["pause", 102, true]])
      assert.strictEqual(made.state.open, 0)
      yield* first.setGain(0.5, 100)
      assert.strictEqual(made.state.open, 1)
      yield* first.setGain(0.25, 300)
      yield* first.setEffects([{ _tag: "Rotation", hz: 1 }])
      assert.deepStrictEqual(made.commands.slice(-2), [
        { _tag: "Gain", input: 1, gain: 0.25, rampMs: 300 },
        { _tag: "Effects", input: 1, effects: [{ _tag: "Rotation", hz: 1 }] }
      ])
      // after a seek, less is left to play, but the track is no shorter
      yield* first.attach(media(), { ...options, remainingMs: () => 100 })
      assert.strictEqual(Place.seatOf(first)?.lengthMs, 500)
      yield* next.leave
      yield* first.leave
      assert.strictEqual(made.state.open, 0)
    }))

  it.effect("mixes two simultaneous tracks, cuts one out of the mix, and closes the mix with both", () =>
    Effect.gen(function*() {
      for (const both of [false, true]) {
        const { log, made, place, player } = yield* rig
        const [one, other] = [place(), place()]
        for (const each of [one, other]) yield* each.attach(media(), options)
        assert.strictEqual(made.state.open, 1)
        for (const frame of [0, 1]) {
          made.writer.begin(frame)
          made.ring.write(Uint8Array.of(0), 960)
          made.ring.discard()
        }
        log.length = 0
        yield* player.cut(both ? [one, other] : [one])
        assert.strictEqual(made.state.open, both ? 0 : 1)
        if (!both) assert.deepStrictEqual(log, [["attach", { after: 3 }]])
      }
    }))

  it.effect("tells a track that waited for another one that it cannot be mixed", () =>
    Effect.gen(function*() {
      const { place, refuse } = yield* rig
      const told: Array<VoiceError.VoiceError> = []
      const first = place()
      const next = place({ after: first, gain: 0.5 })
      yield* next.observe({ onEvent: () => {}, onOver: (why) => void told.push(why) })
      yield* first.attach(media(), options)
      yield* next.attach(media(), options)
      refuse(error)
      yield* first.leave
      assert.deepStrictEqual(told, [error])
    }))
})
