import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import * as Datagram from "../../src/protocol/Datagram.ts"
import { Pings } from "../../src/udp/Pings.ts"

/** Pings whose replies come from the test. */
const rig = Effect.map(Clock.Clock, (clock) => {
  const sequences: Array<number> = []
  const pings = new Pings({
    send: (packet) => {
      sequences.push(Result.getOrThrow(Datagram.decodePing(packet)))
      return true
    }
  }, clock)
  return { pings, sequences, reply: (sequence: number) => pings.onDatagram(Datagram.encodePong(sequence)) }
})

describe("Pings", () => {
  it.effect("are counted, and the last round trip is measured", () =>
    Effect.gen(function*() {
      const { pings, reply, sequences } = yield* rig
      pings.ping()
      yield* TestClock.adjust("5 seconds")
      pings.ping()
      assert.deepStrictEqual(sequences, [0, 1])
      assert.isUndefined(pings.roundTripMs())
      yield* TestClock.adjust("30 millis")
      assert.isTrue(reply(1))
      assert.strictEqual(pings.roundTripMs(), 30)
      assert.deepStrictEqual([pings.sent(), pings.replies()], [2, 1])
    }))

  it.effect("accept one reply each, to the last sixteen", () =>
    Effect.gen(function*() {
      const { pings, reply } = yield* rig
      for (let n = 0; n < 17; n++) pings.ping()
      assert.isFalse(reply(0))
      assert.isTrue(reply(1))
      assert.isFalse(reply(1))
      assert.isFalse(reply(17))
      assert.isFalse(pings.onDatagram(Datagram.encodePing(2)))
      assert.strictEqual(pings.replies(), 1)
    }))

  it.effect("count as no longer answered at the fifth look in a row, but only if they ever were", () =>
    Effect.gen(function*() {
      const { pings, reply } = yield* rig
      for (let n = 0; n < 20; n++) assert.isFalse(pings.look())
      pings.ping()
      reply(0)
      assert.deepStrictEqual(Array.from({ length: 5 }, () => pings.look()), [false, false, false, false, true])
    }))
})
