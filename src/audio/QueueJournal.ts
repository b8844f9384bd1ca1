/**
 * What has happened in a queue: its events, and what could not be played.
 *
 * @since 0.1.0
 */
import type * as Stream from "effect/Stream"
import type { VoiceError } from "../VoiceError.ts"
import type { AudioSource } from "./AudioSource.ts"
import * as Broadcast from "./Broadcast.ts"
import type { Track, TrackEnd } from "./Track.ts"

/**
 * One place in a queue. `id` is unique in its queue, so that the same source can stand in it twice.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: number
  readonly name: string
}

/**
 * What happens in a queue. `Failed`: a source could not be opened; it is left out. `Changed`: entries came, went or moved, or
 * the repetition was set. `Idle`: nothing is left to play.
 *
 * @category models
 * @since 0.1.0
 */
export type QueueEvent =
  | { readonly _tag: "Started"; readonly entry: Entry; readonly track: Track }
  | { readonly _tag: "Ended"; readonly entry: Entry; readonly end: TrackEnd }
  | { readonly _tag: "Failed"; readonly entry: Entry; readonly error: VoiceError }
  | { readonly _tag: "Changed" }
  | { readonly _tag: "Idle" }

/**
 * An entry that could not be played, and why.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly entry: Entry
  readonly error: VoiceError
}

/**
 * An entry with what it plays.
 *
 * @category models
 * @since 0.1.0
 */
export interface Item<R> extends Entry {
  readonly source: AudioSource<R>
}

/**
 * An entry with its track.
 *
 * @category models
 * @since 0.1.0
 */
export interface Playing<R> {
  readonly item: Item<R>
  readonly track: Track
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Journal {
  readonly started: (item: Entry, track: Track) => void
  readonly ended: (item: Entry, end: TrackEnd) => void
  readonly failed: (item: Entry, error: VoiceError) => void
  readonly changed: () => void
  readonly idle: () => void
  /** The latest last: a hundred at most. */
  readonly failures: () => ReadonlyArray<Failure>
  /** All events (the last 64), and each one from then on. */
  readonly events: () => Stream.Stream<QueueEvent>
}

const eventsKept = 64
const failuresKept = 100

/**
 * What is told of an entry: all but its source.
 *
 * @category conversions
 * @since 0.1.0
 */
export const entryOf = ({ id, name }: Entry): Entry => ({ id, name })

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Journal => {
  const events = Broadcast.make<QueueEvent>(eventsKept)
  const failures: Array<Failure> = []
  return {
    started: (item, track) => events.publish({ _tag: "Started", entry: entryOf(item), track }),
    ended: (item, end) => events.publish({ _tag: "Ended", entry: entryOf(item), end }),
    failed: (item, error) => {
      failures.push({ entry: entryOf(item), error })
      if (failures.length > failuresKept) failures.shift()
      events.publish({ _tag: "Failed", entry: entryOf(item), error })
    },
    changed: () => events.publish({ _tag: "Changed" }),
    idle: () => events.publish({ _tag: "Idle" }),
    failures: () => [...failures],
    events: events.stream
  }
}
