import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Agents from "./agents.ts"

describe("a voice agent", () => {
  for (const trouble of Agents.troubles) {
    it.live(`answers the turn that follows this trouble: ${trouble}`, () =>
      Agents.play(({ ada, bob, ended, services, session }) =>
        Effect.gen(function*() {
          services.trouble = trouble
          services.hz = 500
          yield* ada.speak(yield* Agents.words(300, 1))
          yield* Effect.sleep("4 seconds")
          const before = (yield* bob.heard).length
          services.trouble = "none"
          services.hz = 700
          yield* bob.speak(yield* Agents.words(320, 1))
          yield* Effect.sleep("4 seconds")
          assert.isUndefined(ended())
          const heard = (yield* ada.heard).slice(-200).filter(({ userId }) => userId === session.userId)
          assert.isAbove(yield* Agents.msOf(heard, 700), 1_900)
          assert.isAbove((yield* bob.heard).length, before + 100)
          assert.deepStrictEqual(yield* session.tracks, [])
        }), 60_000))
  }

  it.live("leaves nothing behind after turns that went wrong", () =>
    Agents.play((scene) => Effect.map(Agents.talk(scene, 7, 60_000), (turns) => assert.isAbove(turns, 10)), 300_000))

  it.live("falls silent in time when interrupted, and knows how much was heard", () =>
    Agents.play(({ ada, bob, ended, services, session, spoken }) =>
      Effect.gen(function*() {
        for (const [index, waitMs] of [700, 1_150, 1_333, 2_001].entries()) {
          services.hz = 500 + 100 * index
          services.seconds = 5
          const from = (yield* ada.heard).length
          yield* bob.speak(yield* Agents.words(300, 0.6))
          yield* Effect.sleep(600 + waitMs)
          services.hz = 2_000
          services.seconds = 0.2
          const beganMs = yield* Agents.nowMs
          yield* bob.speak(yield* Agents.words(320, 1))
          yield* Effect.sleep("3 seconds")
          const heard = (yield* ada.heard).slice(from).filter(({ userId }) => userId === session.userId)
          const told = spoken[index] ?? assert.fail("it was not interrupted")
          assert.strictEqual(told.hz, 500 + 100 * index)
          const first = heard.filter(({ arrivalMs, silence }) => !silence && arrivalMs < beganMs + 1_000)
          const lastMs = (first.at(-1)?.arrivalMs ?? 0) + 20
          assert.closeTo(yield* Agents.msOf(first, told.hz), told.positionMs, 20)
          assert.isAtMost(lastMs - beganMs, 500)
          assert.closeTo(first.length * 20, told.positionMs, 20.1)
        }
        assert.isUndefined(ended())
      }), 120_000))
})
