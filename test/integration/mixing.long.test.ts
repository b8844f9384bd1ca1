import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { timestampDelta } from "../../src/protocol/RtpPacket.ts"
import * as Hearing from "../mixer/hearing.ts"
import { randomOverlaps, randomPlays, randomRaces } from "./mixingRandom.ts"
import * as Rig from "./rig.ts"

describe("mixing for a long time", () => {
  for (const seed of [1, 2, 3, 4]) {
    it.effect(`leaves nothing behind after 500 random plays, seed ${seed}`, () => randomPlays(500, seed))
  }

  for (const seed of [11, 12, 13, 14, 15, 16]) {
    it.effect(`lets nothing stall: 300 overlapping plays, seed ${seed}`, () => randomOverlaps(300, seed))
  }

  for (const seed of [21, 22, 23, 24]) {
    it.effect(`carries out concurrent requests: 200 rounds, seed ${seed}`, () => randomRaces(200, seed))
  }

  it.effect("keeps time over an hour of pauses and gaps", () =>
    Effect.gen(function*() {
      const hourMs = 3_600_000
      const heard = yield* Rig.run(
        Effect.gen(function*() {
          const guest = yield* Rig.guest()
          const session = yield* Rig.join("lobby", { encoder: { complexity: 0 } })
          for (let ms = 0; ms < hourMs; ms += 45_000) {
            const track = yield* session.play(Hearing.pcm(Hearing.sine(200), 20_000))
            yield* Effect.sleep("7 seconds")
            yield* track.pause
            yield* Effect.sleep("13777 millis")
            yield* track.resume
            yield* track.awaitEnd
            yield* Effect.sleep("11 seconds")
          }
          return yield* guest.heard
        }),
        2 * hourMs
      )
      const [first] = heard
      const last = heard.at(-1)
      assert.isDefined(first)
      assert.isDefined(last)
      assert.isAbove(last.arrivalMs - first.arrivalMs, 0.95 * hourMs)
      let timestamp = 0
      heard.forEach((frame, i) => {
        timestamp += timestampDelta(frame.timestamp, (heard[i - 1] ?? first).timestamp)
        assert.closeTo(timestamp / 48, frame.arrivalMs - first.arrivalMs, 0.05)
      })
    }).pipe(Effect.provide(Rig.memory())))
})
