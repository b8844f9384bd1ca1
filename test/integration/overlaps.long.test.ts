import { describe, it } from "@effect/vitest"
import * as Overlaps from "./overlaps.ts"
import { seedBlocks } from "./seeds.ts"

describe("whatever happens at the same time, many times", () => {
  it.effect.each(seedBlocks({ from: 10_000, count: 10_000 }, 500))(
    "a session is where Discord has it, shown as it wants, and heard: $count seeds from $from",
    ({ count, from }) => Overlaps.playAll(from, count)
  )
})
