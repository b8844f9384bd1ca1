import { describe, it } from "@effect/vitest"
import { seedBlocks } from "../integration/seeds.ts"
import * as TalkCheck from "./talkCheck.ts"

describe("a simulated call, many times", () => {
  it.live.each(seedBlocks({ from: 1_000, count: 600 }, 25))(
    "puts each word everywhere once, whole and on time: $count seeds from $from",
    ({ count, from }) => TalkCheck.playAll(from, count)
  )
})
