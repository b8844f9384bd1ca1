import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Lane from "../../../src/audio/player/Lane.ts"
import { entryOf } from "../seats.ts"
import { mixOf, outletOf } from "./mixes.ts"

describe("Lane", () => {
  it.effect("takes away what waits first, so that it does not begin instead", () =>
    Effect.gen(function*() {
      const { log, outlet } = outletOf()
      const follower = (number: number) => ({ entry: entryOf(), number })
      yield* Lane.detach(outlet, { _tag: "nothing" })
      yield* Lane.detach(outlet, { _tag: "direct", ...follower(1), next: follower(2) })
      const { mix } = yield* mixOf([], { from: follower(3), number: 4, successor: follower(5) })
      yield* Lane.detach(outlet, mix)
      assert.deepStrictEqual(log, [2, 1, 5, 4, 3].map((number) => ["detach", number]))
    }))

  it.effect("closes a mix that is taken away for good", () =>
    Effect.gen(function*() {
      const { log, outlet } = outletOf()
      const { mix, state } = yield* mixOf([])
      assert.strictEqual(state.open, 1)
      yield* Lane.close(outlet, mix)
      assert.deepStrictEqual([state.open, log], [0, [["detach", 1]]])
    }))

  it.effect("goes on behind what is cut of a mix, at once where it is in front of it", () =>
    Effect.gen(function*() {
      const [passed, cut] = [entryOf(), entryOf()]
      const { log, outlet } = outletOf()
      const waiting = yield* mixOf([passed, cut], { from: { entry: passed, number: 9 }, after: 5 })
      yield* Lane.cut(outlet, waiting.mix, [cut])
      assert.strictEqual(waiting.mix.from?.entry, passed)
      yield* Lane.cut(outlet, waiting.mix, [passed])
      assert.isUndefined(waiting.mix.from)

      const begun = yield* mixOf([entryOf(), cut], { successor: { entry: passed, number: 8 } })
      begun.ring.write(Uint8Array.of(0), 960)
      begun.ring.discard()
      yield* Lane.cut(outlet, begun.mix, [cut])
      assert.isUndefined(begun.mix.successor, "it is handed over anew")
      assert.deepStrictEqual(log, [["attach", { after: 5 }], ["attach", {}], ["attach", { after: 3 }]])
      assert.strictEqual(begun.mix.number, 103)
    }))
})
