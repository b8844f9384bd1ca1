import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as ChangeOver from "../../../src/audio/player/ChangeOver.ts"
import * as OnAir from "../../../src/audio/player/OnAir.ts"
import * as Seat from "../../../src/audio/player/Seat.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import { entryOf, seatOf } from "../seats.ts"
import { mixerOf, mixOf, outletOf } from "./mixes.ts"

const rig = Effect.fnUntraced(function*(...entries: ReadonlyArray<Seat.Entry>) {
  const air = OnAir.make()
  for (const entry of entries) air.entries.add(entry)
  const state = { silences: 0 }
  const { log, outlet } = outletOf()
  const made = mixerOf()
  const broken: { error: VoiceError.VoiceError | undefined } = { error: undefined }
  /** The errors of mixes that broke after they were open. */
  const late: Array<VoiceError.VoiceError> = []
  let onBroken: (error: VoiceError.VoiceError) => void = () => {}
  const gate = yield* Deferred.make<void>()
  const changeOver = ChangeOver.make({
    outlet,
    air,
    scope: yield* Effect.scope,
    // opening one takes a while
    mixer: {
      ...made.mixer,
      open: (options) =>
        Effect.tap(Effect.andThen(Deferred.await(gate), made.mixer.open(options)), () =>
          Effect.sync(() => {
            onBroken = options.onBroken
            if (broken.error !== undefined) options.onBroken(broken.error)
          }))
    },
    encoder: () => ({}),
    silences: () => state.silences,
    onBroken: (_desk, error) => void late.push(error)
  })
  return {
    air,
    breaks: (error: VoiceError.VoiceError) => onBroken(error),
    broken,
    changeOver,
    gate,
    late,
    log,
    made,
    outlet,
    state
  }
})

describe("a change to a mix", () => {
  it.effect("is dropped if nothing plays any more, or if something was silenced, by the time the mix is open", () =>
    Effect.gen(function*() {
      for (const what of ["gone", "silenced"] as const) {
        const entry = entryOf()
        const { air, changeOver, gate, log, made, state } = yield* rig(entry)
        const opening = yield* Effect.forkChild(changeOver.toMix, { startImmediately: true })
        if (what === "gone") air.entries.delete(entry)
        else state.silences++
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(opening)
        assert.deepStrictEqual([made.state.open, air.lane._tag, log], [0, "nothing", []], what)
      }
    }))

  it.effect("lets the track that is passed through go on meanwhile, and applies a pause from that time", () =>
    Effect.gen(function*() {
      const entry = entryOf()
      const next = entryOf({ place: "waiting", seat: seatOf({ after: entry.seat }) })
      const { air, changeOver, gate, log, made } = yield* rig(entry, next)
      assert(entry.media.format === "opus")
      yield* changeOver.pass(entry, entry.media.ring)
      const { lane } = air
      assert(lane._tag === "direct")
      yield* changeOver.prepareNext(lane)
      assert.strictEqual(lane.next?.entry, next)
      const opening = yield* Effect.forkChild(changeOver.toMix, { startImmediately: true })
      entry.isPaused = true
      log.length = 0
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(opening)
      assert.deepStrictEqual(log, [["pause", 101, true], ["attach", { after: 0 }]])
      assert.strictEqual(next.place, "waiting")
      assert.deepInclude(air.lane, { _tag: "mix", from: lane })
      assert.strictEqual(made.state.open, 1)
    }))
})

describe("a mix that takes over", () => {
  it.effect("takes over the passed-through track from the driver's current frame, and adds the others once", () =>
    Effect.gen(function*() {
      const [entry, other] = [entryOf(), entryOf()]
      const { air, changeOver, gate, log, made } = yield* rig(entry, other)
      assert(entry.media.format === "opus")
      yield* changeOver.pass(entry, entry.media.ring)
      log.length = 0
      yield* Deferred.succeed(gate, undefined)
      yield* changeOver.toMix
      assert.deepStrictEqual(
        made.commands.map((command) => command._tag === "Add" ? [command.input.input, command.input.from] : []),
        [[1, 8], [2, undefined]]
      )
      assert.deepStrictEqual(log.at(-1), ["attach", { after: 8 }])
      assert.deepInclude(air.lane, { _tag: "mix", after: 8 })
    }))

  it.effect("does not take over a track that was removed while the mix was being opened", () =>
    Effect.gen(function*() {
      const [entry, other] = [entryOf(), entryOf()]
      const { air, changeOver, gate, log, made } = yield* rig(entry, other)
      assert(entry.media.format === "opus")
      yield* changeOver.pass(entry, entry.media.ring)
      air.entries.delete(entry)
      log.length = 0
      yield* Deferred.succeed(gate, undefined)
      yield* changeOver.toMix
      assert.lengthOf(made.commands, 1)
      assert.deepStrictEqual(log, [["attach", { after: undefined }]])
      assert.deepInclude(air.lane, { _tag: "mix", from: undefined })
    }))

  it.effect("drops a track that cannot be mixed, and tells it so", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const seat = seatOf({
        observers: new Set([{ onEvent: () => {}, onOver: (error) => told.push(error.reason._tag) }])
      })
      const unshared = entryOf({ media: { format: "opus", ring: FrameRing.make({ shared: false }) }, seat })
      const other = entryOf()
      const { air, changeOver, gate } = yield* rig(unshared, other)
      yield* Deferred.succeed(gate, undefined)
      yield* changeOver.toMix
      assert.deepStrictEqual([told, unshared.place, other.place], [["Unsupported"], "out", "mix"])
      assert.deepStrictEqual([...air.entries], [other])
    }))
})

describe("a track that is passed through", () => {
  it.effect("keeps its pause, and is not counted again for frames that a mix has already sent", () =>
    Effect.gen(function*() {
      const entry = entryOf({ isPaused: true, seat: seatOf({ after: seatOf() }) })
      const { changeOver, log } = yield* rig(entry)
      assert(entry.media.format === "opus")
      const { ring } = entry.media
      for (let i = 0; i < 3; i++) ring.discard()
      yield* changeOver.pass(entry, ring)
      assert.deepStrictEqual(log, [["attach", { paused: true }]])
      assert.isUndefined(entry.seat.after, "each would keep the one before it")
      ring.discard()
      Seat.count(entry)
      assert.strictEqual(entry.seat.sent, 1)
    }))
})

describe("a mix that breaks", () => {
  it.effect("is reported once it is on the air", () =>
    Effect.gen(function*() {
      const { breaks, changeOver, gate, late } = yield* rig(entryOf())
      yield* Deferred.succeed(gate, undefined)
      yield* changeOver.toMix
      const error = VoiceError.make(new VoiceError.EncodeFailed({ codec: "mixer", detail: "said by the test" }))
      breaks(error)
      assert.deepStrictEqual(late, [error])
    }))

  it.effect("fails the change if it breaks on opening, and leaves nothing open", () =>
    Effect.gen(function*() {
      const { air, broken, changeOver, gate, log, made } = yield* rig(entryOf())
      broken.error = VoiceError.make(new VoiceError.CodecUnavailable({ codec: "mixer", detail: "said by the test" }))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Effect.flip(changeOver.toMix), broken.error)
      assert.deepStrictEqual([made.state.open, air.lane._tag, log], [0, "nothing", []])
    }))
})

describe("a change back from a mix", () => {
  it.effect("waits until the mix is heard, and only happens for an entry that is still there", () =>
    Effect.gen(function*() {
      const entry = entryOf({ isPaused: true })
      const { air, changeOver, log } = yield* rig(entry)
      const { mix, ring, writer } = yield* mixOf([entry])
      air.lane = mix
      writer.end(entry.input)
      yield* changeOver.handOver(mix)
      assert.deepStrictEqual(log, [])
      ring.write(Uint8Array.of(0), 960)
      ring.discard()
      air.entries.delete(entry)
      yield* changeOver.handOver(mix)
      assert.deepStrictEqual(log, [])
      air.entries.add(entry)
      yield* changeOver.handOver(mix)
      assert.deepStrictEqual(log, [["attach", { paused: true, after: "drained" }]])
      assert.strictEqual(mix.successor?.entry, entry)
    }))
})

describe("a track that follows without a gap", () => {
  it.effect("is prepared if it waits for the current one, at unchanged level and without a crossfade", () =>
    Effect.gen(function*() {
      const entry = entryOf()
      const waiting = (seat: Partial<Seat.Seat>) =>
        entryOf({ place: "waiting", isPaused: true, seat: seatOf({ after: entry.seat, ...seat }) })
      const { air, changeOver, log } = yield* rig(entry)
      assert(entry.media.format === "opus")
      yield* changeOver.pass(entry, entry.media.ring)
      const lane = air.lane
      assert(lane._tag === "direct")
      log.length = 0
      for (const seat of [{ crossfadeMs: 100 }, { level: { gain: 0.5, rampMs: 0 } }, { after: seatOf() }]) {
        const other = waiting(seat)
        air.entries.add(other)
        yield* changeOver.prepareNext(lane)
        assert.deepStrictEqual([log, lane.next], [[], undefined])
        air.entries.delete(other)
      }
      const next = waiting({})
      air.entries.add(next)
      yield* changeOver.prepareNext(lane)
      assert.deepStrictEqual(log.splice(0), [["attach", { paused: true, after: "drained" }]])
      // preparing it again changes nothing, unless it has got a level of its own
      yield* changeOver.prepareNext(lane)
      assert.deepStrictEqual(log, [])
      next.seat.level = { gain: 0.5, rampMs: 0 }
      yield* changeOver.prepareNext(lane)
      assert.deepStrictEqual([log.splice(0), lane.next, next.place], [[["detach", 102]], undefined, "waiting"])
      next.seat.level = { gain: 1, rampMs: 0 }
      yield* changeOver.prepareNext(lane)
      // nor does one stay prepared that is no longer there
      air.entries.delete(next)
      log.length = 0
      yield* changeOver.prepareNext(lane)
      assert.deepStrictEqual([log, lane.next], [[["detach", 103]], undefined])
    }))
})
