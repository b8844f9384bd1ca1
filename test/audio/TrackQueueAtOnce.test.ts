import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as TrackQueue from "../../src/audio/TrackQueue.ts"
import type * as SoundEffect from "../../src/SoundEffect.ts"
import { makePlayer, source } from "./FakePlayer.ts"

const lowPass: SoundEffect.SoundEffect = { _tag: "LowPass", hz: 500 }

/** Two open tracks of a player that takes a second for each change. A change that has begun is completed. */
const slowly = Effect.gen(function*() {
  const { player } = makePlayer({ a: { lengthMs: undefined }, b: { lengthMs: undefined } })
  const states = new Map<string, { paused: boolean; gain: number; effects: number }>()
  const play: TrackQueue.Player["play"] = (source, options) =>
    Effect.map(player.play(source, options), (track) => {
      const state = { paused: options.paused === true, gain: options.gain ?? 1, effects: 0 }
      states.set(source.name, state)
      const change = (to: Partial<typeof state>) =>
        Effect.uninterruptible(Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => Object.assign(state, to))))
      return {
        ...track,
        pause: change({ paused: true }),
        resume: change({ paused: false }),
        volume: (gain) => change({ gain }),
        setEffects: (effects) => change({ effects: effects.length })
      }
    })
  const queue = yield* TrackQueue.make({ play })
  // the second one is opened at once because the end of the first is unknown
  for (const name of ["a", "b"]) yield* queue.add(source(name))
  yield* TestClock.adjust("1 second")
  assert.deepStrictEqual([...states.keys()], ["a", "b"])
  return { queue, states: () => [...states.values()] }
})

describe("a change to the whole queue", () => {
  it.effect("reaches every track even if its caller is interrupted", () =>
    Effect.gen(function*() {
      const { queue, states } = yield* slowly
      for (const change of [queue.pause, queue.setGain(0.5), queue.setEffects([lowPass])]) {
        const asking = yield* Effect.forkChild(change, { startImmediately: true })
        yield* Effect.forkChild(Fiber.interrupt(asking), { startImmediately: true })
        yield* TestClock.adjust("10 seconds")
      }
      assert.deepStrictEqual(states(), [
        { paused: true, gain: 0.5, effects: 1 },
        { paused: true, gain: 0.5, effects: 1 }
      ])
    }))
})
