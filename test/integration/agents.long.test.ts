import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Agents from "./agents.ts"

describe("a voice agent", () => {
  it.live(
    "leaves nothing behind after an hour of turns, many of which went wrong",
    () =>
      Agents.play((scene) =>
        Effect.gen(function*() {
          const turns = yield* Agents.talk(scene, 1, 3_600_000)
          assert.isAbove(turns, 500)
        }), 4_200_000),
    600_000
  )
})
