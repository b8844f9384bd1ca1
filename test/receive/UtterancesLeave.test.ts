import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/driver/Line.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import type { Happening } from "../../src/receive/Hub.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import { VoiceActivity } from "../../src/receive/VoiceActivity.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

/** Treats everything as speech. */
const Voiced = Layer.succeed(VoiceActivity, { make: () => Effect.succeed(() => true) })

describe("Utterances of users who leave", () => {
  it.effect("contain the packets that were still on their way, and leave nothing behind", () =>
    Effect.gen(function*() {
      const mock = yield* MockOpusDecoder.MockOpusDecoder
      const hand = Intake.make()
      const happenings = yield* Queue.unbounded<Event>()
      const receive = yield* Receive.make(hand.intake)
      const told: Array<Utterances.Event> = []
      yield* Utterances.events({ receive, events: Effect.succeed(Stream.fromQueue(happenings)) }).pipe(
        Stream.runForEach((event) => Effect.sync(() => told.push(event))),
        Effect.forkScoped({ startImmediately: true })
      )
      for (let user = 1; user <= 20; user++) {
        const userId = UserId.make(String(100_000_000_000_000_000 + user))
        for (let n = 0; n < 30; n++) {
          const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1e6
          hand.push({
            ssrc: Ssrc.make(user),
            userId,
            sequence: n,
            timestamp: n * 960,
            payload: Schedule.opus(960, n),
            arrivalMs
          })
          yield* TestClock.adjust(20)
        }
        const gone = { _tag: "UserDisconnected", userId } as const
        hand.tell(gone)
        Queue.offerUnsafe(happenings, gone)
        yield* TestClock.adjust(1_000)
      }
      assert.strictEqual(yield* mock.live, 0)
      assert.deepStrictEqual(
        told.map(({ _tag }) => _tag),
        Array.from({ length: 20 }, () => ["Started", "Confirmed", "Ended"]).flat()
      )
      for (const event of told) {
        if (event._tag !== "Ended") continue
        assert.strictEqual(event.utterance.reason, "left")
        assert.lengthOf(event.utterance.opus, 30)
      }
    }).pipe(Effect.provide(Layer.merge(MockOpusDecoder.layer, Voiced))))

  it.effect("end for no other event, and contain silence in place of lost packets", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const happenings = yield* Queue.unbounded<Happening>()
      const receive = yield* Receive.make(hand.intake)
      const ended: Array<Utterances.Utterance> = []
      yield* Utterances.make({ receive, events: Effect.succeed(Stream.fromQueue(happenings)) }).pipe(
        Stream.runForEach((utterance) => Effect.sync(() => ended.push(utterance))),
        Effect.forkScoped({ startImmediately: true })
      )
      const [userId, other] = [UserId.make("100000000000000001"), UserId.make("100000000000000002")]
      for (let n = 0; n < 100; n++) {
        if (n === 20) Queue.offerUnsafe(happenings, { _tag: "Speaking", userId, ssrc: Ssrc.make(1), flags: 1 })
        if (n === 30) Queue.offerUnsafe(happenings, { _tag: "UserDisconnected", userId: other })
        if (n === 40) Queue.offerUnsafe(happenings, { _tag: "Restricted" })
        // some packets are lost: first one, then ten in a row
        const isLost = n === 50 || (n >= 60 && n < 70)
        const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1e6
        if (!isLost) {
          hand.push({
            ssrc: Ssrc.make(1),
            userId,
            sequence: n,
            timestamp: n * 960,
            payload: Schedule.opus(960, n),
            arrivalMs
          })
        }
        yield* TestClock.adjust(20)
      }
      assert.deepStrictEqual(ended, [])
      Queue.offerUnsafe(happenings, { _tag: "Moved" })
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(ended.map(({ reason }) => reason), ["left"])
      const opus = ended[0]?.opus ?? []
      // silence stands in for the lost packets
      assert.strictEqual(opus.reduce((sum, { samples }) => sum + samples, 0), 100 * 960)
      for (const { data, samples } of opus) assert.strictEqual(OpusPacket.samples(data), samples)
      assert.strictEqual(opus.filter(({ data }) => Schedule.numberOf(data) >= 0 && data.at(-1) === 0x55).length, 89)
      assert.strictEqual(ended[0]?.pcm.length, 100 * 320)
    }).pipe(Effect.provide(Layer.merge(MockOpusDecoder.layer, Voiced))))

  it.effect("do not end in a pause that is shorter than `silence`", () =>
    Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const ended: Array<Utterances.Utterance> = []
      yield* Utterances.make({ receive, events: Effect.succeed(Stream.never) }, { silence: "20 seconds" }).pipe(
        Stream.runForEach((utterance) => Effect.sync(() => ended.push(utterance))),
        Effect.forkScoped({ startImmediately: true })
      )
      const userId = UserId.make("100000000000000001")
      const say = Effect.fnUntraced(function*(from: number, later: number) {
        for (let n = from; n < from + 20; n++) {
          const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1e6
          hand.push({
            ssrc: Ssrc.make(1),
            userId,
            sequence: n,
            timestamp: (n + later) * 960,
            payload: Schedule.opus(960, n),
            arrivalMs
          })
          yield* TestClock.adjust(20)
        }
      })
      yield* say(0, 0)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(ended, [])
      yield* say(20, 750)
      yield* TestClock.adjust("21 seconds")
      assert.deepStrictEqual(ended.map(({ reason }) => reason), ["silence"])
      assert.isAbove((ended[0]?.endMs ?? 0) - (ended[0]?.startMs ?? 0), 15_000)
    }).pipe(Effect.provide(Layer.merge(MockOpusDecoder.layer, Voiced))))
})
