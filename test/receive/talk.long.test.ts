import { describe, it } from "@effect/vitest"
import { seedBlocks } from "../integration/seeds.ts"
import * as TalkCheck from "./talkCheck.ts"

describe("what is said in a call, many times", () => {
  it.live.each(seedBlocks({ from: 1_000, count: 600 }, 25))(
    "$count seeds from $from",
    ({ count, from }) => TalkCheck.playAll(from, count)
  )
})
