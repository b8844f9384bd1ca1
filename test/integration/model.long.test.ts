import { describe, it } from "@effect/vitest"
import * as Model from "./model.ts"
import { seedBlocks } from "./seeds.ts"

describe("whatever happens to a bot, many times", () => {
  it.effect.each(seedBlocks({ from: 10_000, count: 20_000 }, 500))(
    "it recovers or ends for a reason: $count seeds from $from",
    ({ count, from }) => Model.playAll(from, count)
  )
})
