/**
 * What has happened in a queue: its events, and the entries that could not be played.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as Broadcast from "../Broadcast.ts"
import type { AudioSource } from "../OpenSource.ts"
import type { Track, TrackEnd } from "../Track.ts"

/**
 * An entry of a queue. `id` is unique in its queue, so that the same source can be in it twice. `data` is what it was added
 * with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry<A = unknown> {
  readonly id: number
  readonly name: string
  readonly data?: A | undefined
}

/**
 * An event of a queue.
 *
 * - `Started`: the entry begins to play. It has `Ended` before another has `Started`.
 * - `Failed`: the source could not be opened; the entry is left out.
 * - `Changed`: entries were added, removed or moved, or the repetition, the level, the effects or the pause of the whole queue
 *   was set.
 * - `Idle`: nothing is left to play.
 * - `Halted`: the player takes no more tracks, because its session has ended. Waiting entries stay in the queue.
 *
 * @category models
 * @since 0.1.0
 */
export type QueueEvent<A = unknown> =
  | { readonly _tag: "Started"; readonly entry: Entry<A>; readonly track: Track }
  | { readonly _tag: "Ended"; readonly entry: Entry<A>; readonly end: TrackEnd }
  | { readonly _tag: "Failed"; readonly entry: Entry<A>; readonly error: VoiceError }
  | { readonly _tag: "Changed" }
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Halted"; readonly error: VoiceError }

/**
 * An entry that could not be played, and why.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure<A = unknown> {
  readonly entry: Entry<A>
  readonly error: VoiceError
}

/**
 * An entry with its source, which part of it to play, and how loud.
 *
 * @category models
 * @since 0.1.0
 */
export interface Item<R, A = unknown> extends Entry<A> {
  readonly source: AudioSource<R>
  readonly gain: number
  readonly from?: Duration.Input | undefined
  readonly until?: Duration.Input | undefined
  /** Where it begins the next time that it is opened, until it has `Started`. */
  startAt?: Duration.Input | undefined
  readonly starveTimeout?: Duration.Input | undefined
  readonly refill?: Duration.Input | undefined
}

/**
 * An entry with its track.
 *
 * @category models
 * @since 0.1.0
 */
export interface Playing<R, A = unknown> {
  readonly item: Item<R, A>
  readonly track: Track
  /** Where in its source the track began. */
  readonly startAt: Duration.Input
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Journal<A> {
  readonly started: (item: Entry<A>, track: Track) => void
  readonly ended: (item: Entry<A>, end: TrackEnd) => void
  readonly failed: (item: Entry<A>, error: VoiceError) => void
  readonly changed: () => void
  readonly idle: () => void
  readonly halted: (error: VoiceError) => void
  /** The failures, the latest last: a hundred at most. */
  readonly failures: () => ReadonlyArray<Failure<A>>
  /** All events so far (the last 64), and every later one. */
  readonly events: () => Stream.Stream<QueueEvent<A>>
}

const eventsKept = 64
const failuresKept = 100

/**
 * The public part of an entry: everything but its source.
 *
 * @category conversions
 * @since 0.1.0
 */
export const entryOf = <A>({ data, id, name }: Entry<A>): Entry<A> =>
  data === undefined ? { id, name } : { id, name, data }

/**
 * The current entry for printing, if its track can tell at once: the track may belong to another player.
 *
 * @category conversions
 * @since 0.1.0
 */
export const printed = (
  playing: {
    readonly item: Pick<Entry, "id" | "name">
    readonly track: Pick<Track, "state" | "position" | "durationMs">
  } | undefined,
  context: Context.Context<never>
): object => {
  if (playing === undefined) return {}
  const { item: { id, name }, track } = playing
  const run = Effect.runForkWith(context)
  const look = <Shown>(effect: Effect.Effect<Shown>): Exit.Exit<Shown> | undefined => {
    const fiber = run(effect)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.interruptUnsafe()
    return exit
  }
  const state = look(track.state)
  const position = look(track.position)
  return {
    current: {
      id,
      name,
      ...(state !== undefined && Exit.isSuccess(state) ? { state: state.value } : {}),
      ...(position !== undefined && Exit.isSuccess(position) ? { positionMs: position.value } : {}),
      ...(track.durationMs === undefined ? {} : { durationMs: track.durationMs })
    }
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(): Journal<A> => {
  const events = Broadcast.make<QueueEvent<A>>(eventsKept)
  const failures: Array<Failure<A>> = []
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
    halted: (error) => events.publish({ _tag: "Halted", error }),
    failures: () => [...failures],
    events: () => events.stream()
  }
}
