import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import { makePlayer, minute, names, setup, shown, source } from "./FakePlayer.ts"

describe("TrackQueue", () => {
  it.effect("plays in order, opens the next ahead, and is idle at the end", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, b: minute, c: minute })
      const idle = yield* Effect.forkChild(queue.awaitIdle, { startImmediately: true })
      assert.strictEqual(yield* shown(queue), "|a|bc")
      yield* TestClock.adjust("55 seconds")
      assert.deepStrictEqual(log, ["open a at 0", "play a at 0", "open b at 50000"])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* shown(queue), "a|b|c")
      const { current } = yield* queue.contents
      assert.strictEqual(current?.positionMs, 5_000)
      assert.strictEqual(current?.durationMs, 60_000)
      assert.isUndefined(idle.pollUnsafe())
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(idle)
      assert.strictEqual(yield* shown(queue), "abc|-|")
      assert.deepStrictEqual(log.slice(2), [
        "open b at 50000",
        "Finished a",
        "play b at 60000",
        "open c at 110000",
        "Finished b",
        "play c at 120000",
        "Finished c"
      ])
    }))

  it.effect("is printed with its current track, counts, repeat mode and gain", () =>
    Effect.gen(function*() {
      const { queue } = yield* setup({ a: minute, b: minute, c: minute })
      yield* TestClock.adjust("65 seconds")
      const shown = {
        _id: "TrackQueue",
        current: { id: 2, name: "b", state: { _tag: "Playing" }, positionMs: 5_000, durationMs: 60_000 },
        upcoming: 1,
        history: 1,
        failures: 0,
        repeat: "off",
        gain: 1
      }
      assert.deepStrictEqual(JSON.parse(JSON.stringify(queue)), shown)
      assert.strictEqual(inspect(queue), inspect(shown))
      yield* queue.stop
      assert.include(`${queue}`, `"upcoming":0`)
    }))

  it.effect("opens the next track ten seconds of listening time ahead, at any playback speed", () =>
    Effect.gen(function*() {
      for (const speed of [0.5, 1, 2]) {
        const { log, queue } = yield* setup({ a: { ...minute, speed }, b: minute })
        yield* TestClock.adjust("55 seconds")
        assert.strictEqual((yield* queue.contents).current?.durationMs, speed * 60_000)
        assert.match(log[2] ?? "", /^open b at/)
        const openedMs = Number(log[2]?.split(" at ")[1]) - Number(log[1]?.split(" at ")[1])
        assert.isAtLeast(openedMs, 50_000)
        assert.isAtMost(openedMs, 50_020)
        yield* queue.stop
      }
    }))

  it.effect("publishes its last failure before it is idle, and keeps it", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ z: { ...minute, says: "fails" } })
      const seen: Array<string> = []
      const queue = yield* Effect.scoped(Effect.gen(function*() {
        const queue = yield* TrackQueue.make(player)
        yield* queue.events.pipe(
          Stream.runForEach(({ _tag }) => Effect.sync(() => seen.push(_tag))),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* queue.add(source("z"))
        yield* queue.awaitIdle
        return queue
      }))
      assert.deepStrictEqual(seen, ["Changed", "Failed", "Idle"])
      const { failures, history } = yield* queue.contents
      assert.deepStrictEqual(history, [])
      assert.deepStrictEqual(failures.map(({ entry, error }) => [entry.name, error.reason._tag]), [[
        "z",
        "SourceFailed"
      ]])
    }))

  it.effect("plays what is added while it is idle, and becomes idle again", () =>
    Effect.gen(function*() {
      const { queue } = yield* setup({ a: minute })
      yield* TestClock.adjust("61 seconds")
      yield* queue.awaitIdle
      yield* queue.add(source("a"))
      const idle = yield* Effect.forkChild(queue.awaitIdle, { startImmediately: true })
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(idle.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(idle)
    }))

  it.effect("opens the next track at once if the end of the current one is unknown", () =>
    Effect.gen(function*() {
      const { log } = yield* setup({ a: { lengthMs: undefined }, b: minute })
      yield* TestClock.adjust("1 second")
      assert.include(log, "open b at 0")
    }))

  it.effect("skips to a track that was opened ahead, and opens others when it skips to them", () =>
    Effect.gen(function*() {
      const { log, open, queue } = yield* setup({ a: minute, b: minute, c: minute })
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual((yield* queue.skip)?.name, "b")
      assert.strictEqual((yield* queue.skip)?.name, "c")
      assert.strictEqual(yield* queue.skip, undefined)
      assert.strictEqual(yield* shown(queue), "abc|-|")
      assert.strictEqual(log.filter((line) => line.startsWith("open")).length, 3)
      assert.deepStrictEqual([...open], [])
      assert.strictEqual((yield* queue.back)?.name, "c")
      assert.strictEqual((yield* queue.back)?.name, "b")
      assert.strictEqual(yield* shown(queue), "a|b|c")
    }))

  it.effect("closes a track that was opened ahead once it is no longer the next", () =>
    Effect.gen(function*() {
      const { id, log, open, queue } = yield* setup({ a: minute, b: minute, c: minute, d: minute })
      yield* TestClock.adjust("55 seconds")
      assert.deepStrictEqual([...open], ["a", "b"])
      yield* queue.move(id("d"), 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...open], ["a", "d"])
      assert.isTrue(yield* queue.remove(id("d")))
      assert.isFalse(yield* queue.remove(id("d")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...open], ["a", "b"])
      yield* queue.clear
      assert.deepStrictEqual([...open], ["a"])
      yield* TestClock.adjust("1 minute")
      yield* queue.awaitIdle
      assert.notInclude(log.join(), "play b")
    }))

  it.effect("repeats one track, and all tracks", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, b: minute }, { repeat: "one" })
      yield* TestClock.adjust("150 seconds")
      const played = () => log.filter((line) => line.startsWith("play")).map((line) => line[5]).join("")
      assert.strictEqual(played(), "aaa")
      assert.strictEqual((yield* queue.skip)?.name, "b")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(played(), "aaabb")
      yield* queue.setRepeat("all")
      yield* queue.add(source("a"))
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual(played().slice(0, 9), "aaabbabab")
    }))

  it.effect("begins an entry once at its `startAt`, and then at its `from`", () =>
    Effect.gen(function*() {
      for (const repeat of ["one", "all"] as const) {
        const { player } = makePlayer({ a: minute })
        const queue = yield* TrackQueue.make(player, { repeat })
        yield* queue.add(source("a"), { startAt: "50 seconds", from: "20 seconds" })
        for (const positionMs of [55_000, 20_000, 25_000]) {
          yield* TestClock.adjust("5 seconds")
          assert.strictEqual((yield* queue.contents).current?.positionMs, positionMs)
        }
      }
    }).pipe(Effect.scoped))

  it.effect("keeps the `startAt` of an entry that was opened ahead and has not begun", () =>
    Effect.gen(function*() {
      const { log, player } = makePlayer({ a: minute, b: minute, c: minute })
      const queue = yield* TrackQueue.make(player)
      yield* queue.add(source("a"))
      const { id } = yield* queue.add(source("b"), { startAt: "55 seconds" })
      yield* queue.add(source("c"))
      yield* TestClock.adjust("55 seconds")
      // it is opened once more
      yield* queue.move(id, 1)
      yield* queue.move(id, 0)
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(log.filter((line) => line.startsWith("open b")).length, 2)
      assert.include(log, "play c at 65000")
      // begun and gone back to, it plays from its start
      yield* queue.back
      assert.strictEqual((yield* queue.contents).current?.positionMs, 0)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* queue.contents).current?.entry.name, "b")
    }).pipe(Effect.scoped))

  it.effect("goes back to the track before a repeated one, however often that has repeated", () =>
    Effect.gen(function*() {
      for (const repeat of ["one", "all"] as const) {
        const { queue } = yield* setup({ a: minute, b: minute })
        yield* TestClock.adjust("61 seconds")
        yield* queue.setRepeat(repeat)
        yield* TestClock.adjust("150 minutes")
        if (repeat === "one") assert.strictEqual(yield* shown(queue), "a|b|")
        assert.strictEqual((yield* queue.back)?.name, "a", repeat)
        yield* queue.setRepeat("off")
        yield* queue.skip
        yield* queue.skip
        assert.strictEqual(yield* shown(queue), "ab|-|", "it is there once it is over")
      }
    }))

  it.effect("leaves out tracks that fail to open or break, even when it repeats", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup(
        {
          x: { lengthMs: 0, says: "fails" },
          a: minute,
          y: { lengthMs: 0, says: "fails" },
          z: { lengthMs: 10, says: "breaks" }
        },
        { repeat: "all" }
      )
      yield* TestClock.adjust("61 seconds")
      const events = yield* queue.events.pipe(Stream.takeUntil(({ _tag }) => _tag === "Ended"), Stream.runCollect)
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "Failed" ? [event.entry.name] : []),
        ["x", "y"]
      )
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(log.filter((line) => line.startsWith("Failed")), ["Failed z"])
      assert.strictEqual(yield* shown(queue), "az|a|")
    }))

  it.effect("does not loop without end if no track that it repeats delivers anything", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: { lengthMs: 0 }, b: { lengthMs: 0 } }, { repeat: "all" })
      yield* TestClock.adjust("1 minute")
      yield* queue.awaitIdle
      assert.isBelow(log.length, 20)
    }))

  it.effect("does not repeat an empty track, even if it was found to be empty ahead of its turn", () =>
    Effect.gen(function*() {
      const { queue } = yield* setup({ a: minute, b: { lengthMs: 0, says: "is empty" } }, { repeat: "all" })
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual(yield* shown(queue), "|a|")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* shown(queue), "b|a|")
    }))

  it.effect("does not wait for a hanging open once the queue is cleared", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: { lengthMs: undefined, says: "hangs" } })
      const queue = yield* TrackQueue.make(player)
      const adding = yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* queue.clear
      yield* TestClock.adjust(0)
      assert.isDefined(adding.pollUnsafe())
      yield* queue.awaitIdle
      assert.strictEqual(yield* shown(queue), "|-|")
    }))

  it.effect("leaves the gain unchanged if the gain or its ramp is invalid", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute })
      for (const [gain, ramp] of [[-1, 20], [NaN, undefined], [0.5, -20], [0.5, NaN]] as const) {
        const { reason } = yield* Effect.flip(queue.setGain(gain, { ramp }))
        assert.strictEqual(reason._tag, "Unsupported")
        assert.strictEqual((yield* queue.contents).gain, 1)
      }
      assert.deepStrictEqual(log.filter((line) => line.startsWith("volume")), [])
    }))

  it.effect("does not report a skip while it is being stopped", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: minute, b: minute })
      const play: TrackQueue.Player["play"] = (source, options) =>
        Effect.map(rig.player.play(source, options), (track) => {
          const { stop } = track
          return Object.assign(track, { stop: Effect.andThen(Effect.sleep("1 second"), stop) })
        })
      const queue = yield* TrackQueue.make({ play })
      yield* queue.add(source("a"))
      yield* queue.add(source("b"))
      const stopping = yield* Effect.forkChild(queue.stop, { startImmediately: true })
      const skipping = yield* Effect.forkChild(queue.skip, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(stopping)
      assert.isUndefined(yield* Fiber.join(skipping))
      assert.strictEqual(yield* shown(queue), "|-|")
    }))

  it.effect("stops a track that refuses a gain set while it was opening, and records the failure", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: { lengthMs: 60_000, opensMs: 4_000 } })
      const error = VoiceError.make(new VoiceError.Unsupported({ feature: "its level", detail: "it has none" }))
      const play: TrackQueue.Player["play"] = (source, options) =>
        Effect.map(rig.player.play(source, options), (track) => Object.assign(track, { volume: () => error }))
      const queue = yield* TrackQueue.make({ play })
      const adding = yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      yield* queue.setGain(0.5)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(adding)
      assert.strictEqual(rig.log.at(-1), "Stopped a")
      assert.deepStrictEqual((yield* queue.contents).failures, [{ entry: { id: 1, name: "a" }, error }])
    }))

  it.effect("keeps its waiting entries when the session has ended, and fails `awaitIdle`", () =>
    Effect.gen(function*() {
      const rig = yield* setup({ a: minute, b: minute })
      const over = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))
      rig.end(over)
      const idle = yield* Effect.forkChild(Effect.flip(rig.queue.awaitIdle), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* Fiber.join(idle), over)
      assert.strictEqual(yield* shown(rig.queue), "a|-|b")
    }))

  it.effect("returns with each entry the data that it was added with", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: minute, b: minute })
      const queue = yield* TrackQueue.make<never, { readonly by: string }>(player)
      const seen: Array<string | undefined> = []
      yield* queue.events.pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => {
            if (event._tag === "Started" || event._tag === "Ended") seen.push(event.entry.data?.by)
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )
      const entry = yield* queue.add(source("a"), { data: { by: "ada" } })
      assert.deepStrictEqual(entry, { id: 1, name: "a", data: { by: "ada" } })
      assert.deepStrictEqual(yield* queue.add(source("b")), { id: 2, name: "b" })
      yield* TestClock.adjust("90 seconds")
      assert.deepStrictEqual(seen, ["ada", "ada", undefined])
      assert.deepStrictEqual((yield* queue.contents).history, [entry])
    }))

  it.effect("returns the error from `add` if the entry had already failed by then", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: minute, z: { ...minute, says: "fails" } })
      const queue = yield* TrackQueue.make(player)
      const failed = yield* queue.add(source("z"))
      assert.strictEqual(failed.error, (yield* queue.contents).failures[0]?.error)
      assert.strictEqual(failed.error?.reason._tag, "SourceFailed")
      assert.deepStrictEqual(yield* queue.add(source("a")), { id: 2, name: "a" })
      // it is opened later
      assert.deepStrictEqual(yield* queue.add(source("z")), { id: 3, name: "z" })
      assert.deepStrictEqual((yield* queue.contents).failures[0]?.entry, { id: 1, name: "z" })
    }))

  it.effect("starts with a given history, and can go back to it", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: minute, b: minute, c: minute })
      const queue = yield* TrackQueue.make(player, {
        history: [{ source: source("a") }, { source: source("b"), data: "it", from: "10 seconds" }]
      })
      assert.strictEqual(yield* shown(queue), "ab|-|")
      yield* queue.awaitIdle
      assert.strictEqual((yield* queue.add(source("c"))).id, 3)
      assert.deepStrictEqual(yield* queue.back, { id: 2, name: "b", data: "it" })
      assert.strictEqual((yield* queue.contents).current?.positionMs, 10_000)
      assert.strictEqual(yield* shown(queue), "a|b|c")

      const many = yield* TrackQueue.make(player, {
        history: Array.from({ length: 150 }, () => ({ source: source("a") }))
      })
      const { history } = yield* many.contents
      assert.deepStrictEqual([history.length, history.at(-1)?.id], [100, 150])
    }))

  it.effect("does not play its given history on its own, whatever the repeat mode", () =>
    Effect.gen(function*() {
      for (const repeat of ["one", "all"] as const) {
        const { player } = makePlayer({ a: minute })
        const queue = yield* TrackQueue.make(player, { history: [{ source: source("a") }], repeat })
        yield* queue.setRepeat(repeat)
        assert.strictEqual(yield* shown(queue), "a|-|")
      }
    }))

  it.effect("changes the gain with the given ramp", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: minute })
      const ramps: Array<unknown> = []
      const play: TrackQueue.Player["play"] = (source, options) =>
        Effect.map(rig.player.play(source, options), (track) =>
          Object.assign(track, {
            volume: (gain: number, { ramp }: { readonly ramp?: unknown } = {}) =>
              Effect.sync(() => void ramps.push([gain, ramp]))
          }))
      const queue = yield* TrackQueue.make({ play })
      yield* queue.add(source("a"), { gain: 0.5 })
      yield* queue.setGain(0.5, { ramp: "3 seconds" })
      yield* queue.setGain(1)
      assert.deepStrictEqual(ramps, [[0.25, "3 seconds"], [0.5, undefined]])
    }))

  it.effect("reports each change of its pause, level and effects, once that is in its contents", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({})
      const queue = yield* TrackQueue.make(player)
      const seen: Array<string> = []
      yield* queue.events.pipe(
        Stream.mapEffect(({ _tag }) =>
          Effect.map(queue.contents, ({ effects, gain, paused }) => `${_tag} ${paused} ${gain} ${effects.length}`)
        ),
        Stream.runForEach((line) => Effect.sync(() => seen.push(line))),
        Effect.forkScoped({ startImmediately: true })
      )
      const steps = [
        queue.pause,
        queue.pause,
        queue.setGain(0.5),
        queue.setGain(0.5),
        Effect.flip(queue.setGain(-1)),
        queue.setEffects([{ _tag: "Rotation" }]),
        queue.resume
      ]
      for (const step of steps) {
        yield* step
        yield* TestClock.adjust(1)
      }
      assert.deepStrictEqual(seen, [
        "Changed true 1 0",
        "Changed true 0.5 0",
        "Changed true 0.5 1",
        "Changed false 0.5 1"
      ])
    }).pipe(Effect.scoped))

  it.effect("is printed as paused while it is paused", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({})
      const queue = yield* TrackQueue.make(player, { paused: true })
      assert.include(`${queue}`, `"paused":true`)
      yield* queue.resume
      assert.notInclude(`${queue}`, "paused")
    }))

  it.effect("opens the next track ahead of the crossfade that was set last", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, b: minute, c: minute }, { crossfade: "5 seconds" })
      yield* TestClock.adjust("39 seconds")
      yield* queue.setCrossfade("10 seconds")
      yield* TestClock.adjust("1 second")
      // ten seconds before the crossfade, which begins ten seconds before the end
      assert.include(log, "open b at 40000")
    }))

  it.effect("does not let a hanging open block skip, stop, remove or add", () =>
    Effect.gen(function*() {
      const hanging = { lengthMs: undefined, says: "hangs" } as const
      const endless = { lengthMs: undefined }
      const scope = yield* Scope.make()
      const { id, log, queue } = yield* setup({ a: endless, b: hanging, c: endless, d: hanging, e: endless }).pipe(
        Scope.provide(scope)
      )
      yield* TestClock.adjust("1 second")
      const skipping = yield* Effect.forkChild(queue.skip, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* shown(queue), "a|-|bcde")
      // b is being opened, and skip passes over it
      assert.strictEqual((yield* queue.skip)?.name, "c")
      assert.strictEqual((yield* Fiber.join(skipping))?.name, "c")
      // d is being opened ahead
      assert.strictEqual((yield* queue.add(source("c"))).name, "c")
      assert.isTrue(yield* queue.remove(id("d")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* shown(queue), "ab|c|ec")
      assert.include(log, "open e at 2000")
      yield* queue.add(source("b"), { at: 0 })
      yield* queue.stop
      assert.strictEqual(yield* shown(queue), "ab|-|")
      yield* queue.awaitIdle
      const adding = yield* Effect.forkChild(queue.add(source("b")), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(adding)
      assert.strictEqual(yield* shown(queue), "ab|-|")
    }))

  it.effect("goes back to a track that was skipped while it was opening, but does not repeat it", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: { ...minute, opensMs: 5_000 }, b: minute })
      const queue = yield* TrackQueue.make(player, { repeat: "all" })
      yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      assert.isUndefined(yield* queue.skip)
      assert.strictEqual(yield* shown(queue), "a|-|")
      yield* queue.add(source("b"))
      const back = yield* Effect.forkChild(queue.back, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(back))?.name, "a")
      assert.strictEqual(yield* shown(queue), "|a|b")
    }))

  it.effect("still opens the next track after a `back` that had nothing to go back to", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, b: { ...minute, opensMs: 3_000 } })
      yield* TestClock.adjust("51 seconds")
      // there is nothing before it
      assert.strictEqual((yield* queue.back)?.name, "a")
      yield* TestClock.adjust("10 seconds")
      assert.include(log, "play b at 60000")
    }))

  it.effect("moves on when opening a track times out, and does not make `add` wait for it", () =>
    Effect.gen(function*() {
      const hanging = { lengthMs: undefined, says: "hangs" } as const
      const { log, player } = makePlayer({ a: hanging, b: minute, c: hanging, d: minute })
      const queue = yield* TrackQueue.make(player, { starveTimeout: "5 seconds" })
      const failed = () => Effect.map(queue.contents, ({ failures }) => names(failures.map(({ entry }) => entry)))
      const adding = yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      yield* queue.add(source("b"))
      yield* queue.add(source("c"), { starveTimeout: "12 seconds" })
      yield* queue.add(source("d"))
      assert.strictEqual(yield* shown(queue), "|-|abcd")
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(adding)
      assert.deepStrictEqual([yield* shown(queue), yield* failed()], ["|b|cd", "a"])
      // c was opened ten seconds ahead
      yield* TestClock.adjust("62 seconds")
      assert.deepStrictEqual([yield* shown(queue), yield* failed()], ["b|d|", "ac"])
      assert.include(log, "play d at 67000")
      const none = yield* Effect.flip(TrackQueue.make(player, { starveTimeout: -1 }))
      assert.strictEqual(none.reason._tag, "Unsupported")
    }))

  it.effect("passes its `refill` to each track, unless the entry has one", () =>
    Effect.gen(function*() {
      const { player, refills } = makePlayer({ a: minute, b: minute, c: minute })
      const queue = yield* TrackQueue.make(player, { refill: "2 seconds" })
      yield* queue.add(source("a"))
      yield* queue.add(source("b"), { refill: 0 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(refills, ["2 seconds", 0])
      const plain = yield* TrackQueue.make(player)
      yield* plain.add(source("c"))
      assert.deepStrictEqual(refills, ["2 seconds", 0, undefined])
      const none = yield* Effect.flip(TrackQueue.make(player, { refill: NaN }))
      assert.strictEqual(none.reason._tag, "Unsupported")
    }))

  it.effect("stops its tracks when it is stopped and when its scope closes", () =>
    Effect.gen(function*() {
      const { open, queue } = yield* setup({ a: minute, b: minute })
      yield* TestClock.adjust("55 seconds")
      yield* queue.stop
      assert.deepStrictEqual([...open], [])
      yield* queue.awaitIdle
      const scope = yield* Scope.make()
      const other = yield* setup({ a: minute, b: minute }).pipe(Scope.provide(scope))
      yield* TestClock.adjust("55 seconds")
      assert.deepStrictEqual([...other.open], ["a", "b"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([...other.open], [])
    }))

  it.effect("shuffles the upcoming entries without losing any", () =>
    Effect.gen(function*() {
      const discs = Object.fromEntries("abcdefgh".split("").map((name) => [name, minute]))
      const { queue } = yield* setup(discs)
      yield* queue.shuffle
      const { upcoming } = yield* queue.contents
      assert.deepStrictEqual([...names(upcoming)].toSorted().join(""), "bcdefgh")
    }))
})
