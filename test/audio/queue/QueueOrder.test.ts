import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as TrackQueue from "../../../src/audio/TrackQueue.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import { makePlayer, minute, names, setup, shown, source } from "../FakePlayer.ts"
import * as Deck from "./deck.ts"

const openings = (log: ReadonlyArray<string>) => log.filter((line) => line.startsWith("opening"))

/** The events so far. */
const told = (queue: TrackQueue.TrackQueue) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const fiber = yield* queue.events.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => seen.push("entry" in event ? `${event._tag} ${event.entry.name}` : event._tag))
      ),
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust(0)
    yield* Fiber.interrupt(fiber)
    return seen
  })

const over = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))

describe("a queue and its player", () => {
  it.effect("halts when the player is lost or dies, but not when it is closed or interrupted", () =>
    Effect.gen(function*() {
      for (
        const [closing, halts] of [[Effect.fail(over), true], [Effect.die(new Error("dead")), true], [
          Effect.void,
          false
        ], [Effect.interrupt, false]] as const
      ) {
        const rig = makePlayer({ a: minute })
        const closed = yield* Deferred.make<void, VoiceError.VoiceError>()
        const queue = yield* TrackQueue.make({ ...rig.player, awaitClosed: Deferred.await(closed) })
        assert.deepStrictEqual(yield* told(queue), [])
        yield* Deferred.complete(closed, closing)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(yield* told(queue), halts ? ["Halted"] : [])
      }
    }))

  it.effect("plays entries at its own gain times theirs, and adjusts all open tracks on a change", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: minute, b: minute, c: minute })
      const queue = yield* TrackQueue.make(rig.player, { gain: 0.5 })
      yield* queue.add(source("a"), { gain: 0.5 })
      yield* queue.add(source("b"), { gain: 2 })
      yield* queue.add(source("c"))
      yield* TestClock.adjust("55 seconds")
      // 1 is the default gain of a track
      assert.deepStrictEqual(rig.asked, [
        { name: "a", gain: 0.25, crossfade: undefined },
        { name: "b", gain: undefined, crossfade: 0 }
      ])
      yield* queue.setGain(3)
      assert.deepStrictEqual(rig.log.filter((line) => line.startsWith("volume")), ["volume a 1.5", "volume b 6"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(rig.asked.at(-1), { name: "c", gain: 3, crossfade: 0 })
    }))

  it.effect("applies a change of gain or effects to a track that is still opening", () =>
    Effect.gen(function*() {
      const slow = { lengthMs: 60_000, opensMs: 4_000 }
      const { log, player } = makePlayer({ a: slow, b: slow })
      const queue = yield* TrackQueue.make(player)
      const changes = () => log.filter((line) => /^(volume|effects)/.test(line))
      yield* Effect.forkChild(queue.add(source("a"), { gain: 2 }), { startImmediately: true })
      yield* queue.add(source("b"))
      yield* TestClock.adjust("1 second")
      yield* queue.setEffects([{ _tag: "Rotation" }])
      yield* queue.setGain(0.5)
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(changes(), ["volume a 1", "effects a Rotation"])
      // b is opened ahead meanwhile
      yield* TestClock.adjust("51 seconds")
      assert.strictEqual(log.at(-1), "opening b")
      yield* queue.setEffects([])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(changes().slice(2), ["effects a ", "effects b "])
      // nor to a track that has ended
      yield* TestClock.adjust("10 seconds")
      yield* queue.setGain(1)
      assert.deepStrictEqual(changes().slice(4), ["volume b 1"])
    }))

  it.effect("opens the next track ahead by `openAhead` plus the current crossfade, which it passes on", () =>
    Effect.gen(function*() {
      const { asked, log, queue } = yield* setup({ a: minute, b: minute }, { openAhead: "30 seconds" })
      yield* queue.setCrossfade("5 seconds")
      yield* TestClock.adjust("1 minute")
      assert.include(log, "open b at 25000")
      assert.deepStrictEqual(asked.at(-1), { name: "b", gain: undefined, crossfade: 5_000 })
    }))

  it.effect("continues a request whose caller is interrupted", () =>
    Effect.gen(function*() {
      const slow = { lengthMs: 60_000, opensMs: 4_000 }
      const { log, player } = makePlayer({ a: slow, b: slow, c: slow })
      const queue = yield* TrackQueue.make(player)
      const impatient = <A>(effect: Effect.Effect<A>) =>
        Effect.gen(function*() {
          const asking = yield* Effect.forkChild(effect, { startImmediately: true })
          yield* TestClock.adjust("1 second")
          yield* Fiber.interrupt(asking)
          yield* TestClock.adjust("4 seconds")
          return yield* shown(queue)
        })
      assert.strictEqual(yield* impatient(queue.add(source("a"))), "|a|")
      yield* queue.add(source("b"))
      yield* queue.add(source("c"))
      assert.strictEqual(yield* impatient(queue.skip), "a|b|c")
      assert.strictEqual(yield* impatient(queue.back), "|a|bc")
      assert.deepStrictEqual(openings(log), ["a", "b", "a"].map((name) => `opening ${name}`))
      yield* TestClock.adjust("5 minutes")
      yield* queue.awaitIdle
    }))

  it.effect("dies if the player dies, instead of reporting an entry as added", () =>
    Effect.gen(function*() {
      const queue = yield* TrackQueue.make({ play: () => Effect.die("a bug of the player") })
      const exit = yield* Effect.exit(queue.add(source("a")))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }))

  it.effect("opens each entry only once, whatever is added and removed meanwhile", () =>
    Effect.gen(function*() {
      const slow = { lengthMs: 60_000, opensMs: 4_000 }
      const rig = makePlayer({ a: slow, b: slow, c: slow, d: slow })
      const queue = yield* TrackQueue.make(rig.player)
      yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const b = yield* queue.add(source("b"))
      const c = yield* queue.add(source("c"))
      yield* queue.move(c.id, 0)
      yield* queue.remove(c.id)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* shown(queue), "|a|b")
      assert.deepStrictEqual(openings(rig.log), ["opening a"])
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(openings(rig.log), ["opening a", "opening b"])
      const d = yield* queue.add(source("d"))
      yield* queue.remove(d.id)
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(openings(rig.log), ["opening a", "opening b"])
      assert.deepStrictEqual([...rig.open], ["a", "b"])
      // it is no longer next
      assert.isTrue(yield* queue.remove(b.id))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([...rig.open], ["a"])
    }))
})

describe("a queue and its order", () => {
  it.effect("does not wait for an entry that is removed while it is opening", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: { lengthMs: undefined, says: "hangs" }, b: minute })
      const queue = yield* TrackQueue.make(rig.player)
      const adding = yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      const idle = yield* Effect.forkChild(queue.awaitIdle, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(idle.pollUnsafe())
      yield* queue.add(source("b"))
      assert.isTrue(yield* queue.remove((yield* queue.contents).upcoming[0]?.id ?? 0))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(adding)).name, "a")
      assert.strictEqual(yield* shown(queue), "|b|")
    }))

  it.effect("goes back while another entry is opening, which is next then", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: minute, b: { lengthMs: undefined, says: "hangs" } })
      const queue = yield* TrackQueue.make(player)
      yield* queue.add(source("a"))
      yield* TestClock.adjust("61 seconds")
      yield* Effect.forkChild(queue.add(source("b")), { startImmediately: true })
      assert.strictEqual((yield* queue.back)?.name, "a")
      assert.strictEqual(yield* shown(queue), "|a|b")
    }))

  it.effect("does not repeat a track that was stopped directly", () =>
    Effect.gen(function*() {
      for (const repeat of ["one", "all"] as const) {
        const { log, open, queue } = yield* setup({ a: minute, b: minute }, { repeat })
        // the next one is open by then
        yield* TestClock.adjust("55 seconds")
        yield* Effect.flatMap(queue.current, (track) => track?.stop ?? assert.fail("nothing plays"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* shown(queue), "a|b|")
        assert.deepStrictEqual([...open], ["b"], log.join())
      }
    }))

  it.effect("does not begin a repeated track once more when it is skipped", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, b: minute }, { repeat: "one" })
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual((yield* queue.skip)?.name, "b")
      assert.deepStrictEqual(log.filter((line) => line.startsWith("play")), ["play a at 0", "play b at 55000"])
    }))

  it.effect("adds an entry that is skipped while opening to the history, but not one removed before", () =>
    Effect.gen(function*() {
      const hanging = { lengthMs: undefined, says: "hangs" } as const
      const { player } = makePlayer({ a: hanging, b: hanging })
      const queue = yield* TrackQueue.make(player)
      yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* queue.skip
      assert.deepStrictEqual(yield* told(queue), ["Changed", "Changed", "Idle"])
      yield* Effect.forkChild(queue.add(source("b")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const removing = yield* Effect.forkChild(queue.remove(2), { startImmediately: true })
      yield* queue.skip
      assert.isTrue(yield* Fiber.join(removing))
      assert.strictEqual(yield* shown(queue), "a|-|")
    }))

  it.effect("is not idle while it goes back", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: { lengthMs: 60_000, opensMs: 4_000 } })
      const queue = yield* TrackQueue.make(player, { history: [{ source: source("a") }] })
      yield* queue.awaitIdle
      yield* Effect.forkChild(queue.back, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const idle = yield* Effect.forkChild(queue.awaitIdle, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(idle.pollUnsafe())
      yield* TestClock.adjust("70 seconds")
      yield* Fiber.join(idle)
    }))

  it.effect("opens nothing more once it is being stopped, even during a skip", () =>
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
      yield* Effect.forkChild(queue.skip, { startImmediately: true })
      yield* TestClock.adjust(100)
      const stopping = yield* Effect.forkChild(queue.stop, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(stopping)
      assert.notInclude(rig.log.join(), "open b")
      assert.strictEqual(yield* shown(queue), "a|-|")
    }))

  it.effect("is idle once its scope has closed, whatever it was doing", () =>
    Effect.gen(function*() {
      for (const disc of [minute, { lengthMs: undefined, says: "hangs" } as const]) {
        const { player } = makePlayer({ a: disc })
        const scope = yield* Scope.make()
        const queue = yield* Scope.provide(TrackQueue.make(player), scope)
        const adding = yield* Effect.forkChild(queue.add(source("a")), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        const idle = yield* Effect.forkChild(queue.awaitIdle, { startImmediately: true })
        assert.isUndefined(idle.pollUnsafe())
        yield* Scope.close(scope, Exit.void)
        yield* TestClock.adjust("1 second")
        assert.isDefined(idle.pollUnsafe())
        const isOpened = disc.lengthMs !== undefined
        assert.strictEqual((yield* Fiber.join(adding)).error?.reason._tag, isOpened ? undefined : "NotConnected")
        assert.strictEqual((yield* queue.add(source("a"))).error?.reason._tag, "NotConnected")
        assert.deepStrictEqual((yield* queue.contents).upcoming, [])
        yield* queue.back
        const after = yield* Effect.forkChild(queue.awaitIdle, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.isDefined(after.pollUnsafe())
      }
    }))

  it.effect("reports only once that it is idle, whatever is asked of it then", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ a: minute })
      const queue = yield* TrackQueue.make(player)
      const idle = () => Effect.map(told(queue), (seen) => seen.filter((tag) => tag === "Idle").length)
      const ask = Effect.all([queue.skip, queue.stop, queue.clear, queue.back, queue.setRepeat("off")])
      yield* ask
      assert.strictEqual(yield* idle(), 0)
      yield* queue.add(source("a"))
      yield* queue.stop
      yield* ask
      assert.strictEqual(yield* idle(), 1)
      yield* queue.add(source("a"))
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(yield* idle(), 2)
    }))

  it.effect("reports missing entries without changing anything", () =>
    Effect.gen(function*() {
      const { id, queue } = yield* setup({ a: minute, b: minute, c: minute })
      // nothing was played before a, which is not waiting itself
      assert.strictEqual((yield* queue.back)?.name, "a")
      assert.isFalse(yield* queue.move(id("a"), 0))
      assert.isFalse(yield* queue.move(99, 0))
      assert.isFalse(yield* queue.remove(id("a")))
      assert.strictEqual(yield* shown(queue), "|a|bc")
      assert.isTrue(yield* queue.move(id("c"), 0))
      assert.strictEqual(yield* shown(queue), "|a|cb")
      yield* queue.stop
      assert.strictEqual(yield* queue.skip, undefined)
      const empty = yield* TrackQueue.make(makePlayer({}).player)
      assert.strictEqual(yield* empty.back, undefined)
      yield* empty.awaitIdle
    }))

  it.effect("repeats a skipped entry in mode \"all\", even the very first one", () =>
    Effect.gen(function*() {
      const { queue } = yield* setup({ a: minute, b: minute }, { repeat: "all" })
      assert.strictEqual((yield* queue.skip)?.name, "b")
      assert.strictEqual(yield* shown(queue), "a|b|a")
      assert.strictEqual((yield* queue.skip)?.name, "a")
      assert.strictEqual(yield* shown(queue), "ab|a|b")
    }))

  it.effect("keeps the track that was opened ahead only if a shuffle leaves it next", () =>
    Effect.gen(function*() {
      const discs = Object.fromEntries("abcdefgh".split("").map((name) => [name, minute]))
      const { open, queue } = yield* setup(discs)
      yield* TestClock.adjust("55 seconds")
      assert.deepStrictEqual([...open], ["a", "b"])
      for (let i = 0; i < 5; i++) {
        yield* queue.shuffle
        yield* TestClock.adjust(0)
        const [first] = (yield* queue.contents).upcoming
        assert.deepStrictEqual([...open], ["a", first?.name ?? ""])
      }
    }))
})

describe("a queue and its events", () => {
  it.effect("reports a track that breaks after it was opened ahead, and opens the next one instead", () =>
    Effect.gen(function*() {
      const { log, queue } = yield* setup({ a: minute, b: { lengthMs: 60_000, says: "rots" }, c: minute })
      yield* TestClock.adjust("55 seconds")
      assert.include(log, "open c at 51000")
      const { failures, upcoming } = yield* queue.contents
      assert.strictEqual(names(failures.map(({ entry }) => entry)), "b")
      assert.strictEqual(names(upcoming), "c")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* shown(queue), "a|c|")
      assert.include(log, "play c at 60000")
    }))

  it.effect("reports when the upcoming entries change, and when an entry starts and ends", () =>
    Effect.gen(function*() {
      const { id, queue } = yield* setup({ a: minute, b: minute, c: minute })
      assert.deepStrictEqual(yield* told(queue), ["Changed", "Started a", "Changed", "Changed"])
      yield* queue.move(id("c"), 0)
      yield* queue.shuffle
      yield* queue.setRepeat("off")
      yield* queue.skip
      yield* queue.back
      yield* queue.stop
      assert.deepStrictEqual((yield* told(queue)).slice(4).map((line) => line.split(" ")[0]), [
        "Changed",
        "Changed",
        "Changed",
        "Ended",
        "Started",
        "Changed",
        "Ended",
        "Started",
        "Changed",
        "Ended",
        "Idle"
      ])
    }))

  it.effect("starts nothing before the current track has ended, even if the next one is over by then", () =>
    Effect.gen(function*() {
      const { player } = yield* Deck.make((name) => ({ lengthMs: name === "b" ? 600 : 60_000, opensMs: 0 }))
      const queue = yield* TrackQueue.make(player, { crossfade: 1_500 })
      for (const name of ["a", "b", "c"]) yield* queue.add(source(name))
      const track = (yield* queue.current) ?? assert.fail("nothing plays")
      yield* track.seek(59_500)
      yield* TestClock.adjust(400)
      yield* track.seek(10_000)
      const played = (events: ReadonlyArray<string>) => events.filter((event) => event !== "Changed").join(", ")
      const before = yield* told(queue)
      assert.strictEqual(yield* shown(queue), "|a|bc")
      yield* TestClock.adjust("5 seconds")
      // the upcoming entries and the history have changed
      assert.deepStrictEqual(yield* told(queue), [...before, "Changed"])
      assert.strictEqual(played(before), "Started a")
      assert.strictEqual(yield* shown(queue), "b|a|c")
      yield* queue.skip
      assert.strictEqual(played(yield* told(queue)), "Started a, Ended a, Started b, Ended b, Started c")
    }))

  it.effect("repeats an entry that was over before the current one ended, in mode \"all\"", () =>
    Effect.gen(function*() {
      const { player } = yield* Deck.make((name) => ({ lengthMs: name === "b" ? 600 : 60_000, opensMs: 0 }))
      const queue = yield* TrackQueue.make(player, { crossfade: 1_500, repeat: "all" })
      for (const name of ["a", "b", "c"]) yield* queue.add(source(name))
      const track = (yield* queue.current) ?? assert.fail("nothing plays")
      yield* track.seek(59_500)
      yield* TestClock.adjust(400)
      yield* track.seek(10_000)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* shown(queue), "b|a|cb")
    }))

  it.effect("leaves a repeated entry out of the history, even if its repetition is over before it has ended", () =>
    Effect.gen(function*() {
      const { player } = yield* Deck.make(() => ({ lengthMs: 3_000, opensMs: 0 }))
      const queue = yield* TrackQueue.make(player, { crossfade: "2 seconds", repeat: "one" })
      yield* queue.add(source("a"))
      const track = (yield* queue.current) ?? assert.fail("nothing plays")
      // it begins again in its second half, and then the current one is sent back
      yield* TestClock.adjust("2 seconds")
      yield* track.seek(0)
      yield* TestClock.adjust(2_800)
      assert.strictEqual(yield* shown(queue), "|a|")
      assert.strictEqual(yield* queue.current, track)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* shown(queue), "|a|")
      assert.notStrictEqual(yield* queue.current, track)
    }))

  it.effect("keeps the last 64 events, and the last hundred failures", () =>
    Effect.gen(function*() {
      const { player } = makePlayer({ x: { lengthMs: 0, says: "fails" } })
      const queue = yield* TrackQueue.make(player)
      for (let i = 0; i < 105; i++) yield* queue.add(source("x"))
      const { failures } = yield* queue.contents
      assert.deepStrictEqual(failures.map(({ entry }) => entry.id), Array.from({ length: 100 }, (_, i) => i + 6))
      assert.strictEqual((yield* told(queue)).length, 64)
    }))

  it.effect("halts once if the session ends while the next track is already open, which waits", () =>
    Effect.gen(function*() {
      const { log, lose, queue } = yield* setup({ a: minute, b: minute })
      yield* TestClock.adjust("55 seconds")
      assert.include(log, "open b at 50000")
      yield* lose(over)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        (yield* told(queue)).filter((line) => line !== "Changed"),
        ["Started a", "Ended a", "Halted"]
      )
      assert.strictEqual(yield* Effect.flip(queue.awaitIdle), over)
      const { failures, upcoming } = yield* queue.contents
      assert.deepStrictEqual(failures, [])
      assert.strictEqual(names(upcoming), "b")
      // and only what was asked for is removed
      assert.strictEqual(yield* queue.skip, undefined)
      assert.strictEqual(names((yield* queue.contents).upcoming), "b")
    }))

  it.effect("leaves out an entry that cannot be played, for any reason, and goes on", () =>
    Effect.gen(function*() {
      for (
        const reason of [
          new VoiceError.Unsupported({ feature: "it", detail: "it is odd" }),
          new VoiceError.CodecUnavailable({ codec: "mp3", detail: "it is not installed" }),
          new VoiceError.EncodeFailed({ codec: "opus", detail: "it is broken" })
        ]
      ) {
        const rig = makePlayer({ b: minute })
        const play: TrackQueue.Player["play"] = (source, options) =>
          source.name === "a" ? VoiceError.fail(reason) : rig.player.play(source, options)
        const queue = yield* TrackQueue.make({ play })
        assert.strictEqual((yield* queue.add(source("a"))).error?.reason, reason)
        yield* queue.add(source("b"))
        assert.strictEqual(yield* shown(queue), "|b|")
      }
    }))

  it.effect("halts only after the end of the current track, and starts nothing after it", () =>
    Effect.gen(function*() {
      const rig = makePlayer({ a: minute, b: minute })
      const closed = yield* Deferred.make<void, VoiceError.VoiceError>()
      const ended = yield* Deferred.make<void>()
      const play: TrackQueue.Player["play"] = (source, options) =>
        Effect.map(rig.player.play(source, options), (track) =>
          source.name === "b" ? track : Object.assign(track, {
            awaitEnd: Effect.as(Deferred.await(ended), { _tag: "Failed", error: over } as const)
          }))
      const queue = yield* TrackQueue.make({ play, awaitClosed: Deferred.await(closed) })
      yield* queue.add(source("a"))
      yield* queue.add(source("b"))
      yield* TestClock.adjust("55 seconds")
      assert.deepStrictEqual([...rig.open], ["a", "b"])
      yield* Deferred.fail(closed, VoiceError.make(new VoiceError.NotConnected({ operation: "later" })))
      yield* TestClock.adjust("1 second")
      assert.notInclude(yield* told(queue), "Halted")
      yield* Deferred.succeed(ended, undefined)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* told(queue)).slice(-2), ["Ended a", "Halted"])
      assert.strictEqual(yield* Effect.flip(queue.awaitIdle), over)
      assert.deepStrictEqual([...rig.open], ["a"])
    }))

  it.effect("halts once if it finds that the session has ended when it opens the next track", () =>
    Effect.gen(function*() {
      const { end, lose, queue } = yield* setup({ a: minute, b: minute })
      end(over)
      yield* TestClock.adjust("55 seconds")
      assert.deepStrictEqual((yield* told(queue)).at(-1), "Halted")
      const later = VoiceError.make(new VoiceError.NotConnected({ operation: "later" }))
      yield* lose(later)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* told(queue)).filter((line) => line === "Halted"), ["Halted"])
      assert.strictEqual(yield* Effect.flip(queue.awaitIdle), over)
      assert.strictEqual(yield* queue.skip, undefined)
      // it waits with the others, to be taken to the next session
      assert.strictEqual((yield* queue.add(source("a"))).error, over)
      assert.strictEqual(names((yield* queue.contents).upcoming), "ba")
    }))
})
