/**
 * What a source says of itself while it is read, such as the titles of a station, for whoever wants to know.
 *
 * @since 0.1.0
 */
import type * as Stream from "effect/Stream"
import { isDeepStrictEqual } from "node:util"
import * as Broadcast from "./Broadcast.ts"
import type { Tags } from "./OpenSource.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface TagChanges {
  /** The same as before is no change. */
  readonly publish: (tags: Tags) => void
  /** What holds, if anything was said, and each change. A reader that falls 64 behind loses the oldest. */
  readonly stream: Stream.Stream<Tags>
}

const capacity = 64

/**
 * `before` is what was told already. Default nothing, so that nothing is told of it; where that is "unknown", the first counts in any
 * case.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (before: Tags | "unknown" = {}): TagChanges => {
  const told = Broadcast.make<Tags>(1, capacity)
  let last = before
  return {
    publish: (tags) => {
      if (isDeepStrictEqual(tags, last)) return
      last = tags
      told.publish(tags)
    },
    stream: told.stream()
  }
}
