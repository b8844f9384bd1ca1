import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/driver/Line.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as Utterances from "../../src/receive/Utterances.ts"
import { VoiceActivity } from "../../src/receive/VoiceActivity.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

/** Everything is speech. */
const Voiced = Layer.succeed(VoiceActivity, { make: () => Effect.succeed(() => true) })

describe("Utterances of those who leave", () => {
  it.effect("have what was still on its way, and nothing of them stays", () =>
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
})
