/**
 * Queues: sources that play one after another. The next source is opened ahead, and begins where the one before it ends,
 * without a gap or with a crossfade. Waiting entries are plain data, which can be shown and changed while the queue plays.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as VoiceError from "../VoiceError.ts"
import * as QueueAssembly from "./queue/QueueAssembly.ts"
import type { Again, Player, QueueOptions, Stored as StoredQueue, TrackQueue } from "./queue/QueueHandle.ts"
import type { Entry } from "./queue/QueueJournal.ts"
import * as StoredQueues from "./queue/Stored.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Entry,
  /**
   * @category models
   * @since 0.1.0
   */
  Failure,
  /**
   * @category models
   * @since 0.1.0
   */
  QueueEvent
} from "./queue/QueueJournal.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Repeat
} from "./queue/LineUp.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Added,
  /**
   * @category models
   * @since 0.1.0
   */
  AddOptions,
  /**
   * @category models
   * @since 0.1.0
   */
  Again,
  /**
   * @category models
   * @since 0.1.0
   */
  Contents,
  /**
   * @category models
   * @since 0.1.0
   */
  Former,
  /**
   * @category models
   * @since 0.1.0
   */
  Player,
  /**
   * @category models
   * @since 0.1.0
   */
  QueueOptions,
  /**
   * @category models
   * @since 0.1.0
   */
  TrackQueue
} from "./queue/QueueHandle.ts"

/**
 * The part of `Contents` that is needed to go on with a queue after a restart.
 *
 * @category models
 * @since 0.1.0
 */
export type Stored<A = unknown> = StoredQueue<A>

/**
 * The schema of what {@link restore} takes, given the schema of the data of the entries. It also encodes the `contents` of a
 * queue, and leaves out what is not needed later, such as failures.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { TrackQueue } from "effect-discord-voice"
 *
 * const Stored = Schema.fromJsonString(TrackQueue.Stored(Schema.Struct({ url: Schema.String })))
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Stored = StoredQueues.Stored

/**
 * Makes an empty queue. It ends with its scope, which stops what plays. Fails with `Unsupported` for an invalid gain or time.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AudioSource, TrackQueue, type VoiceSession } from "effect-discord-voice"
 *
 * const playAll = (session: VoiceSession.VoiceSession, files: ReadonlyArray<string>) =>
 *   Effect.gen(function*() {
 *     const queue = yield* TrackQueue.make(session, { crossfade: "3 seconds" })
 *     yield* Effect.forEach(files, (file) => queue.add(AudioSource.fromFile(file)))
 *     yield* queue.awaitIdle
 *   }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R = never, A = unknown>(
  player: Player,
  options: QueueOptions<NoInfer<R>, NoInfer<A>> = {}
): Effect.Effect<TrackQueue<R, A>, VoiceError.VoiceError, R | Scope.Scope> => QueueAssembly.make<R, A>(player, options)

/**
 * Makes a queue that goes on where another one was, such as that of the program before a restart. `stored` is what the
 * `contents` of the other one were; {@link Stored} is its schema. `again` makes the source of an entry from its `data`, and
 * gives the options that the entry was added with; an entry for which it gives `undefined` is left out.
 *
 * - What played, or was playing when the session was lost, goes on at its position, unless it is live. If it is repeated, or
 *   somebody goes back to it, it begins at its `from`.
 * - Entries keep their ids. Repetition, level, effects and the pause of the whole queue are as they were.
 * - This returns as `add` does: when the first source is open, has failed, or its `starveTimeout` is over. An entry that
 *   cannot be played is among the `failures`, and the next one plays.
 *
 * Fails as {@link make} does.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { AudioSource, TrackQueue, type VoiceSession } from "effect-discord-voice"
 *
 * const Stored = Schema.fromJsonString(TrackQueue.Stored(Schema.Struct({ url: Schema.String })))
 *
 * const resume = (session: VoiceSession.VoiceSession, json: string) =>
 *   Effect.gen(function*() {
 *     const stored = yield* Schema.decodeEffect(Stored)(json)
 *     return yield* TrackQueue.restore(session, stored, ({ data }) => data && { source: AudioSource.fromUrl(data.url) })
 *   })
 *
 * const store = (queue: TrackQueue.TrackQueue<never, { readonly url: string }>) =>
 *   Effect.flatMap(queue.contents, Schema.encodeEffect(Stored))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const restore = <A, R = never>(
  player: Player,
  stored: StoredQueue<A>,
  again: (entry: Entry<A>) => Again<R> | undefined,
  options: Omit<QueueOptions, "history" | "repeat" | "paused" | "gain" | "effects"> = {}
): Effect.Effect<TrackQueue<R, A>, VoiceError.VoiceError, R | Scope.Scope> => {
  const { effects, gain, paused, repeat } = stored
  return QueueAssembly.make<R, A>(player, { ...options, effects, gain, paused, repeat }, { stored, again })
}
