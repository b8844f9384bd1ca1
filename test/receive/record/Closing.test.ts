import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Closing from "../../../src/receive/record/Closing.ts"
import type { Manifest } from "../../../src/receive/record/Manifest.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as Kit from "./kit.ts"

const full = VoiceError.make(
  new VoiceError.RecordingFailed({ path: "/folder", kind: "DiskFull", detail: "by the test" })
)

// nothing in it is looked at here
const manifest = { users: [] } as unknown as Manifest

const rig = Effect.fnUntraced(function*(writing: Effect.Effect<never, VoiceError.VoiceError>) {
  const disk = Kit.disk()
  const state = { closed: 0, done: 0, refuses: false }
  const close = Effect.suspend(() => {
    state.closed++
    return state.refuses ? Effect.fail(full) : Effect.void
  })
  const fiber = yield* Effect.forkChild(writing, { startImmediately: true })
  return {
    closing: Closing.make(disk, "/folder", { done: () => state.done, drained: Effect.never, close }, fiber),
    disk,
    state
  }
})

describe("Closing", () => {
  it.effect("reports at once why nothing more is written", () =>
    Effect.gen(function*() {
      const { closing } = yield* rig(Effect.fail(full))
      assert.strictEqual(yield* Effect.flip(closing.drain), full)
    }))

  it.effect("gives up on a disk that accepts nothing for ten seconds", () =>
    Effect.gen(function*() {
      const { closing } = yield* rig(Effect.never)
      const draining = yield* Effect.forkChild(Effect.flip(closing.drain), { startImmediately: true })
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(draining.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepInclude((yield* Fiber.join(draining)).reason, { _tag: "RecordingFailed", kind: "Failed" })
    }))

  it.effect("waits for a slow disk as long as it makes progress", () =>
    Effect.gen(function*() {
      const { closing, state } = yield* rig(Effect.never)
      const draining = yield* Effect.forkChild(Effect.flip(closing.drain), { startImmediately: true })
      for (; state.done < 5; state.done++) yield* TestClock.adjust("9 seconds")
      assert.isUndefined(draining.pollUnsafe())
      yield* TestClock.adjust("20 seconds")
      assert.deepInclude((yield* Fiber.join(draining)).reason, { _tag: "RecordingFailed", kind: "Failed" })
    }))

  it.effect("reports nothing as complete if the disk has not kept all of it", () =>
    Effect.gen(function*() {
      const { closing, disk, state } = yield* rig(Effect.never)
      state.refuses = true
      assert.strictEqual(yield* Effect.flip(closing.seal(manifest)), full)
      assert.strictEqual(disk.files.size, 0)
      state.refuses = false
      yield* closing.seal(manifest)
      assert.strictEqual(disk.files.size, 1)
    }))

  it.effect("closes what has failed, whether or not the manifest can be written", () =>
    Effect.gen(function*() {
      const { closing, disk, state } = yield* rig(Effect.fail(full))
      yield* closing.abandon(manifest)
      assert.deepStrictEqual([state.closed, disk.files.size], [1, 1])
      disk.room = 0
      yield* closing.abandon(manifest)
      assert.strictEqual(state.closed, 2)
    }))
})
