/** A user whose every frame is speech. */
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import { VoiceActivity } from "../../src/receive/VoiceActivity.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import type * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

export const userId = UserId.make("100000000000000001")

/** Treats everything as speech, and decodes it with a mock. */
export const layer = Layer.merge(
  MockOpusDecoder.layer,
  Layer.succeed(VoiceActivity, { make: () => Effect.succeed(() => true) })
)

/** Says this many frames of 20 ms, each on time, after everything that was said before. */
export const speaker = (hand: ReturnType<typeof Intake.make>) => {
  let sequence = 0
  return Effect.fnUntraced(function*(frames: number) {
    for (let n = 0; n < frames; n++, sequence++) {
      const arrivalMs = Number(yield* Clock.monotonicTimeNanos) / 1e6
      const payload = Schedule.opus(960, sequence)
      hand.push({ ssrc: Ssrc.make(1), userId, sequence, timestamp: sequence * 960, payload, arrivalMs })
      yield* TestClock.adjust(20)
    }
  })
}
