import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import { makePlayer, minute, names, shown, source } from "./FakePlayer.ts"

const Wish = Schema.Struct({ name: Schema.String })
const Stored = Schema.fromJsonString(TrackQueue.Stored(Wish))

const discs = {
  a: minute,
  b: minute,
  c: minute,
  radio: { lengthMs: undefined, live: true },
  z: { ...minute, says: "fails" }
} as const

const add = (queue: TrackQueue.TrackQueue<never, typeof Wish.Type>, all: string) =>
  Effect.forEach(all, (name) => queue.add(source(name), { data: { name } }))

const again = ({ data }: TrackQueue.Entry<typeof Wish.Type>) => data && { source: source(data.name) }

/** The queue of the next program. */
const restart = (queue: TrackQueue.TrackQueue<never, typeof Wish.Type>, how = again) =>
  Effect.gen(function*() {
    const json = yield* Schema.encodeEffect(Stored)(yield* queue.contents)
    yield* queue.stop
    const { log, player } = makePlayer(discs)
    return { json, log, queue: yield* TrackQueue.restore(player, yield* Schema.decodeEffect(Stored)(json), how) }
  })

const begun = Effect.fnUntraced(function*(all: string, options?: TrackQueue.QueueOptions) {
  const queue = yield* TrackQueue.make<never, typeof Wish.Type>(makePlayer(discs).player, options)
  yield* add(queue, all)
  return queue
})

describe("a queue that is restored", () => {
  it.effect("goes on with what played, where it was, and with what waits", () =>
    Effect.gen(function*() {
      const before = yield* begun("abc")
      yield* TestClock.adjust("85 seconds")
      const { queue } = yield* restart(before)
      assert.strictEqual(yield* shown(queue), "a|b|c")
      assert.strictEqual((yield* queue.contents).current?.positionMs, 25_000)
      yield* TestClock.adjust("36 seconds")
      assert.strictEqual(yield* shown(queue), "ab|c|")
      yield* queue.back
      assert.strictEqual(yield* shown(queue), "a|b|c")
      assert.strictEqual((yield* queue.contents).current?.positionMs, 0)
      yield* queue.back
      assert.strictEqual(yield* shown(queue), "|a|bc")
    }).pipe(Effect.scoped))

  it.effect("has an entry that is repeated once, though it was played and waits again", () =>
    Effect.gen(function*() {
      const before = yield* begun("abc", { repeat: "all" })
      yield* before.skip
      assert.strictEqual(yield* shown(before), "a|b|ca")
      const { queue } = yield* restart(before)
      assert.strictEqual(yield* shown(queue), "a|b|ca")
      yield* queue.back
      assert.strictEqual(yield* shown(queue), "|a|bc")
    }).pipe(Effect.scoped))

  it.effect("keeps ids, repetition, level, effects and pause, and gives other ids to what is added", () =>
    Effect.gen(function*() {
      const before = yield* begun("abc", { gain: 0.5, effects: [{ _tag: "Rotation" }], repeat: "one", paused: true })
      // the ids that are left are greater than their number
      yield* before.remove(2)
      const { current, effects, upcoming } = yield* before.contents
      const { queue } = yield* restart(before)
      const contents = yield* queue.contents
      assert.deepStrictEqual(contents.current?.entry, current?.entry)
      assert.deepStrictEqual(contents.upcoming, upcoming)
      assert.deepStrictEqual(contents.effects, effects)
      assert.deepStrictEqual([contents.gain, contents.repeat, contents.paused], [0.5, "one", true])
      assert.strictEqual((yield* queue.add(source("c"))).id, 4)
      assert.isTrue(yield* queue.remove(upcoming[0]?.id ?? 0))
    }).pipe(Effect.scoped))

  it.effect("begins a live source anew", () =>
    Effect.gen(function*() {
      const { player } = makePlayer(discs)
      const entry = { id: 7, name: "radio", data: { name: "radio" } }
      const asked: Array<unknown> = []
      const spy: TrackQueue.Player = {
        play: (wanted, options) => {
          asked.push(options.startAt)
          return player.play(wanted, options)
        }
      }
      for (const live of [true, false]) {
        const stored = {
          current: { entry, positionMs: 9_000, live },
          upcoming: [],
          history: [],
          repeat: "off",
          paused: false,
          gain: 1,
          effects: []
        } as const
        yield* TrackQueue.restore(spy, stored, again)
      }
      assert.deepStrictEqual(asked, [undefined, 9_000])
    }).pipe(Effect.scoped))

  it.effect("leaves out entries without a source, and goes on if one cannot be opened", () =>
    Effect.gen(function*() {
      const before = yield* begun("abc")
      yield* before.skip
      const { json, queue } = yield* restart(before, (entry) =>
        entry.data?.name === "b" ? { source: source("z") } : entry.data?.name === "a" ? undefined : again(entry))
      assert.notInclude(json, "failures")
      assert.strictEqual(yield* shown(queue), "|c|")
      assert.deepStrictEqual(
        names((yield* queue.contents).failures.map(({ entry }) =>
          entry
        )),
        "z"
      )
    }).pipe(Effect.scoped))

  it.effect("is empty and idle if the other one was", () =>
    Effect.gen(function*() {
      const { queue } = yield* restart(yield* begun(""))
      yield* queue.awaitIdle
      assert.strictEqual(yield* shown(queue), "|-|")
      yield* add(queue, "a")
      assert.strictEqual((yield* queue.contents).current?.entry.id, 1)
    }).pipe(Effect.scoped))
})
