import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, type Duration, Effect, Exit, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Ssrc } from "../../src/protocol/Identifier.ts"
import type { Happening } from "../../src/receive/Hub.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"
import * as Voiced from "./voiced.ts"

const nowMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** A user who speaks, and the events about that user. */
const listening = Effect.fnUntraced(function*<R = never>(options: Utterances.Options<R>) {
  const hand = Intake.make()
  const happenings = yield* Queue.unbounded<Happening>()
  const receive = yield* Receive.make(hand.intake)
  const told: Array<{ readonly event: Utterances.Event; readonly atMs: number }> = []
  const session = { receive, events: Effect.succeed(Stream.fromQueue(happenings)) }
  const reading = yield* Utterances.events(session, options).pipe(
    Stream.runForEach((event) => Effect.map(nowMs, (atMs) => told.push({ event, atMs }))),
    Effect.forkScoped({ startImmediately: true })
  )
  let sequence = 0
  let timestamp = 0
  const say = Effect.fnUntraced(function*(frames: number) {
    for (let n = 0; n < frames; n++, sequence++, timestamp += 960) {
      const payload = Schedule.opus(960, sequence)
      hand.push({ ssrc: Ssrc.make(1), userId: Voiced.userId, sequence, timestamp, payload, arrivalMs: yield* nowMs })
      yield* TestClock.adjust(20)
    }
  })
  const pause = Effect.fnUntraced(function*(ms: number) {
    timestamp += ms * 48
    for (let passed = 0; passed < ms; passed += 20) yield* TestClock.adjust(20)
  })
  const ended = () => told.flatMap(({ atMs, event }) => event._tag === "Ended" ? [{ ...event.utterance, atMs }] : [])
  return {
    say,
    pause,
    ended,
    reading,
    tags: () => told.map(({ event }) => event._tag),
    leave: Effect.sync(() => void Queue.offerUnsafe(happenings, { _tag: "UserDisconnected", userId: Voiced.userId }))
  }
})

/** How long each utterance was that `turn` was asked about. */
const lengths = (asked: ReadonlyArray<Utterances.Utterance>) => asked.map(({ endMs, startMs }) => endMs - startMs)

describe("the turns of utterances", () => {
  it.effect("span everything that is said, including pauses for thought", () =>
    Effect.gen(function*() {
      const asked: Array<Utterances.Utterance> = []
      const answers: Array<Duration.Input> = ["2 seconds", "1 second", 0]
      const { ended, pause, say, tags } = yield* listening({
        turn: (soFar) => Effect.sync(() => answers[asked.push(soFar) - 1] ?? 0)
      })
      yield* say(30)
      yield* pause(1_800)
      yield* say(30)
      yield* pause(600)
      yield* say(30)
      yield* pause(1_000)
      assert.deepStrictEqual(tags(), ["Started", "Confirmed", "Ended"])
      const [utterance] = ended()
      const totalMs = 3 * 600 + 1_800 + 600
      assert.closeTo((utterance?.endMs ?? 0) - (utterance?.startMs ?? 0), totalMs, 20)
      assert.strictEqual(utterance?.pcm.length, totalMs * 16)
      assert.strictEqual(utterance?.opus.reduce((sum, { samples }) => sum + samples, 0), totalMs * 48)
      assert.strictEqual(utterance?.reason, "silence")
      // as soon as `turn` declared it over
      assert.isAtMost((utterance?.atMs ?? 0) - (utterance?.endMs ?? 0), 400 + 100)
      assert.deepStrictEqual(lengths(asked), [600, 600 + 1_800 + 600, totalMs])
      // each question contains the beginning of the utterance
      for (const { pcm } of asked) assert.deepStrictEqual([...pcm], [...utterance?.pcm.slice(0, pcm.length) ?? []])
    }).pipe(Effect.provide(Voiced.layer)))

  it.effect("end when nothing follows for as long as `turn` asked to wait", () =>
    Effect.gen(function*() {
      const { ended, pause, say } = yield* listening({
        turn: () => Effect.delay(Effect.succeed("1 second"), "300 millis")
      })
      yield* say(30)
      yield* pause(3_000)
      const [utterance] = ended()
      // counted from the question, not from the answer, plus the depth of the jitter buffer
      assert.closeTo((utterance?.atMs ?? 0) - (utterance?.endMs ?? 0), 400 + 1_000 + 70, 30)
      yield* say(30)
      yield* pause(3_000)
      assert.lengthOf(ended(), 2)
    }).pipe(Effect.provide(Voiced.layer)))

  it.effect("may need services to decide, and are interrupted when more is said or the user leaves", () =>
    Effect.gen(function*() {
      class Model extends Context.Service<Model, { readonly isDone: Effect.Effect<boolean> }>()("test/Model") {}
      let interrupted = 0
      const isDone = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      const { ended, leave, pause, say, tags } = yield* listening({
        turn: () => Model.pipe(Effect.flatMap((model) => model.isDone), Effect.map((done) => done ? 0 : "1 second"))
      }).pipe(Effect.provideService(Model, { isDone }))
      yield* say(30)
      yield* pause(1_000)
      assert.strictEqual(interrupted, 0)
      yield* say(30)
      assert.strictEqual(interrupted, 1)
      yield* pause(1_000)
      yield* leave
      yield* pause(1_000)
      assert.strictEqual(interrupted, 2)
      assert.deepStrictEqual(tags(), ["Started", "Confirmed", "Ended"])
      assert.deepStrictEqual(ended().map(({ reason }) => reason), ["left"])
    }).pipe(Effect.provide(Voiced.layer)))

  it.effect("are cut at the maximum if no answer comes, and are abandoned when nobody reads any more", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const { ended, pause, reading, say } = yield* listening({
        maximum: "15 seconds",
        turn: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
      })
      yield* say(30)
      yield* pause(14_000)
      assert.lengthOf(ended(), 0)
      yield* pause(1_000)
      assert.deepStrictEqual(ended().map(({ pcm, reason }) => [reason, pcm.length]), [["maximum", 600 * 16]])
      assert.strictEqual(interrupted, 1)
      yield* say(30)
      yield* pause(1_000)
      assert.lengthOf(ended(), 1)
      yield* Fiber.interrupt(reading)
      assert.strictEqual(interrupted, 2)
    }).pipe(Effect.provide(Voiced.layer)))

  it.effect("are not decided for a cough, and a defect in `turn` ends the reader", () =>
    Effect.gen(function*() {
      let asked = 0
      const { pause, reading, say, tags } = yield* listening({
        minimum: "200 millis",
        turn: () => {
          asked++
          throw new Error("no model")
        }
      })
      yield* say(5)
      yield* pause(1_000)
      assert.deepStrictEqual(tags(), ["Started", "Discarded"])
      assert.strictEqual(asked, 0)
      yield* say(30)
      yield* pause(1_000)
      const exit = yield* Fiber.await(reading)
      assert.include(Exit.isFailure(exit) ? String(exit.cause) : "", "no model")
    }).pipe(Effect.provide(Voiced.layer)))
})
