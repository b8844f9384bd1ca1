import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import * as QueueJournal from "../../../src/audio/queue/QueueJournal.ts"
import type * as Track from "../../../src/audio/Track.ts"

/** What is printed of a track, without its methods. */
const shown = (state: Track.Track["state"]): Pick<Track.Track, "state" | "position" | "durationMs"> => ({
  state,
  position: Effect.succeed(20),
  durationMs: 60
})

describe("QueueJournal", () => {
  it("prints the state that a track reports at once, and does not wait for a slow one", () => {
    const playing = (state: Track.Track["state"]) => ({ item: { id: 1, name: "it" }, track: shown(state) })
    let interrupted = 0
    const slow = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
    const current = { id: 1, name: "it", positionMs: 20, durationMs: 60 }
    assert.deepStrictEqual(
      QueueJournal.printed(playing(Effect.succeed({ _tag: "Playing" })), Context.empty()),
      { current: { ...current, state: { _tag: "Playing" } } }
    )
    assert.strictEqual(interrupted, 0)
    assert.deepStrictEqual(QueueJournal.printed(playing(slow), Context.empty()), { current })
    assert.strictEqual(interrupted, 1)
    assert.deepStrictEqual(QueueJournal.printed(undefined, Context.empty()), {})
  })
})
