/**
 * Invariants of a queue under random requests at random times, some of them interrupted: the track that was last
 * reported as started and not as ended is the one that plays, and every open track is paused exactly if the queue is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as TrackQueue from "../../../src/audio/TrackQueue.ts"
import type { VoiceError } from "../../../src/VoiceError.ts"
import { source } from "../FakePlayer.ts"
import * as Deck from "./deck.ts"

const records: ReadonlyArray<readonly [name: string, record: Deck.Record]> = [
  ["long", { lengthMs: 8_000, opensMs: 0 }],
  ["station", { lengthMs: 4_000, opensMs: 300, live: true }],
  ["slow", { lengthMs: 5_000, opensMs: 700 }],
  ["short", { lengthMs: 600, opensMs: 20 }],
  ["blip", { lengthMs: 100, opensMs: 0 }],
  ["empty", { lengthMs: 0, opensMs: 0, says: "is empty" }],
  ["missing", { lengthMs: 1_000, opensMs: 100, says: "fails" }],
  ["broken", { lengthMs: 2_000, opensMs: 0, says: "breaks" }],
  ["hanging", { lengthMs: 1_000, opensMs: 3_000, says: "fails" }]
]

/** One of the elements, if there are any. */
const one = <A>(of: ReadonlyArray<A>) =>
  Effect.map(Random.nextIntBetween(0, Math.max(1, of.length), { halfOpen: true }), (i) => of[i])

const anyRecord = Effect.map(one(records), (record) => record ?? assert.fail("there are some"))

const run = Effect.gen(function*() {
  const deck = yield* Deck.make((name) => new Map(records).get(name) ?? assert.fail(name))
  const crossfade = (yield* one([0, 500, 1_500])) ?? 0
  const queue = yield* TrackQueue.make(deck.player, { crossfade, openAhead: "2 seconds" })
  const log: Array<string> = []
  let playing: number | undefined
  let strange: string | undefined
  yield* queue.events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        log.push("entry" in event ? `${event._tag} ${event.entry.id} ${event.entry.name}` : event._tag)
        if (event._tag === "Started") {
          if (playing !== undefined) strange ??= `${event.entry.id} has started while ${playing} plays`
          playing = event.entry.id
        } else if (event._tag === "Ended") {
          if (playing !== event.entry.id) strange ??= `${event.entry.id} has ended while ${playing} plays`
          playing = undefined
        }
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  const waiting = Effect.flatMap(queue.contents, ({ upcoming }) => Effect.map(one(upcoming), (entry) => entry?.id ?? 0))
  const operations: ReadonlyArray<readonly [name: string, times: number, effect: Effect.Effect<unknown, VoiceError>]> =
    [
      ["add", 8, Effect.flatMap(anyRecord, ([name]) => queue.add(source(name)))],
      ["add first", 2, Effect.flatMap(anyRecord, ([name]) => queue.add(source(name), { at: 0 }))],
      ["skip", 4, queue.skip],
      ["back", 3, queue.back],
      ["remove", 2, Effect.flatMap(waiting, queue.remove)],
      ["move", 2, Effect.flatMap(waiting, (id) => queue.move(id, 0))],
      ["shuffle", 1, queue.shuffle],
      ["clear", 1, queue.clear],
      ["stop", 1, queue.stop],
      ["pause", 1, queue.pause],
      ["resume", 3, queue.resume],
      ["one", 1, queue.setRepeat("one")],
      ["all", 1, queue.setRepeat("all")],
      ["off", 3, queue.setRepeat("off")],
      [
        "seek",
        8,
        Effect.gen(function*() {
          const track = yield* queue.current
          if (track === undefined) return
          const endMs = track.durationMs ?? 0
          yield* track.seek(
            (yield* one([0, endMs / 2, endMs - 1_000, endMs - 300, endMs - 100].filter((ms) => ms >= 0))) ?? 0
          )
        })
      ]
    ]
  const choices = operations.flatMap((operation) => Array.from({ length: operation[1] }, () => operation))
  const check = Effect.gen(function*() {
    // everything that takes no time is done, and reported
    for (let told = -1; told < log.length;) {
      told = log.length
      for (let i = 0; i < 5; i++) yield* TestClock.adjust(0)
    }
    assert.isUndefined(strange, log.join(", "))
    const { current, history, paused, upcoming } = yield* queue.contents
    assert.isTrue(deck.are(paused), log.join(", "))
    assert.strictEqual(current?.entry.id, playing, log.join(", "))
    const waits = upcoming.map(({ id }) => id)
    assert.strictEqual(new Set(waits).size, waits.length, `${waits}: ${log.join(", ")}`)
    if (current !== undefined) assert.notInclude(waits, current.entry.id, log.join(", "))
    assert.isAtMost(history.length, 100)
  })
  for (let i = 0; i < 60; i++) {
    const [name, , effect] = (yield* one(choices)) ?? assert.fail("there are some")
    log.push(`(${name})`)
    const asking = yield* Effect.forkScoped(effect, { startImmediately: true })
    if ((yield* Random.nextIntBetween(0, 8)) === 0) {
      yield* Effect.forkScoped(Fiber.interrupt(asking), { startImmediately: true })
    }
    // only sometimes: concurrent requests are all carried out
    if (yield* Random.nextBoolean) {
      yield* TestClock.adjust((yield* one([0, 50, 100, 400, 1_000])) ?? 0)
      yield* check
    }
  }
  yield* queue.resume
  yield* queue.setRepeat("off").pipe(Effect.forkScoped({ startImmediately: true }))
  const isIdle = Effect.map(queue.contents, ({ current, upcoming }) => current === undefined && upcoming.length === 0)
  for (let i = 0; i < 100 && !(yield* isIdle); i++) yield* TestClock.adjust("5 seconds")
  yield* check
  const idle = yield* Effect.forkScoped(queue.awaitIdle, { startImmediately: true })
  yield* TestClock.adjust(0)
  assert.isDefined(idle.pollUnsafe(), log.join(", "))
  assert.strictEqual(deck.open(), 0, log.join(", "))
}).pipe(Effect.scoped)

describe("a queue under random requests at random times", () => {
  it.effect("reports only the track that plays as started", () =>
    Effect.forEach(
      Array.from({ length: 150 }, (_, seed) => seed),
      (seed) =>
        run.pipe(
          Random.withSeed(`queue ${seed}`),
          Effect.catchDefect((defect) => Effect.die(new Error(`of seed ${seed}: ${defect}`, { cause: defect })))
        ),
      { discard: true }
    ), 60_000)
})
