import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Sound from "../../../src/receive/utterance/Sound.ts"

const piece = (...samples: ReadonlyArray<number>) => Int16Array.from(samples)

describe("Sound", () => {
  it.effect("is read from its beginning by any number of readers, before and after its end", () =>
    Effect.gen(function*() {
      const sound = Sound.make()
      const early = yield* Effect.forkChild(Stream.runCollect(sound.stream), { startImmediately: true })
      sound.add(piece(1, 2))
      yield* Effect.yieldNow
      const late = yield* Effect.forkChild(Stream.runCollect(sound.stream), { startImmediately: true })
      sound.add(piece(3))
      sound.add(piece(4))
      sound.end()
      sound.add(piece(5))
      const all = [piece(1, 2), piece(3), piece(4)]
      assert.deepStrictEqual(yield* Fiber.join(early), all)
      assert.deepStrictEqual(yield* Fiber.join(late), all)
      assert.deepStrictEqual(yield* Stream.runCollect(sound.stream), all)
    }))

  it.effect("is empty if nothing came, and forgets readers that no longer wait", () =>
    Effect.gen(function*() {
      const sound = Sound.make()
      const gone = yield* Effect.forkChild(Stream.runDrain(sound.stream), { startImmediately: true })
      const stays = yield* Effect.forkChild(Stream.runCollect(sound.stream), { startImmediately: true })
      yield* Fiber.interrupt(gone)
      sound.end()
      assert.deepStrictEqual(yield* Fiber.join(stays), [])
    }))
})
