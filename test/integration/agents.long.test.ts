import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Agents from "./agents.ts"

describe("a voice agent", () => {
  it.live(
    "keeps nothing of an hour of turns, of which many went wrong",
    () =>
      Agents.play((scene) =>
        Effect.gen(function*() {
          const turns = yield* Agents.talk(scene, 1, 3_600_000)
          assert.isAbove(turns, 500)
        }), 4_200_000),
    600_000
  )
})
