/**
 * Publishes metadata that changes while a source is read, such as the titles of a station.
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
  /** Publishes tags; the same tags as before are not a change. */
  readonly publish: (tags: Tags) => void
  /** The current tags, if there were any, and each change. A reader that falls 64 behind loses the oldest. */
  readonly stream: Stream.Stream<Tags>
}

const capacity = 64

/**
 * Starts from `before`, the tags that are already known, which are not published. Default none. With "unknown", the first
 * tags are published in any case.
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
