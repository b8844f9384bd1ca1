/**
 * How a queue opens its entries, one at a time. Other operations do not have to wait for a slow source.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { VoiceError } from "../../VoiceError.ts"
import type { Track } from "../Track.ts"
import type { Item, Playing } from "./QueueJournal.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<R, A> {
  /** Plays an entry. With `after`, the track begins where that one ends. */
  readonly play: (item: Item<R, A>, after: Track | undefined) => Effect.Effect<Track, VoiceError>
  readonly onFailure: (item: Item<R, A>, error: VoiceError) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Opening<R, A> {
  /**
   * Opens an entry. `undefined`: it cannot be played. It may be `left` by an operation that wants something else, which then
   * takes care of what follows.
   */
  readonly open: (item: Item<R, A>, after: Track | undefined) => Effect.Effect<Playing<R, A> | "left" | undefined>
  /** The entry that is being opened. */
  readonly item: () => Item<R, A> | undefined
  /** Stops waiting for what is being opened. */
  readonly leave: () => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = <R, A>({ onFailure, play }: Options<R, A>): Opening<R, A> => {
  let opening: { readonly item: Item<R, A>; readonly leave: Deferred.Deferred<"left"> } | undefined
  return {
    open: (item, after) =>
      Effect.suspend(() => {
        const leave = Deferred.makeUnsafe<"left">()
        opening = { item, leave }
        const { from = 0, startAt = from } = item
        return play(item, after).pipe(
          Effect.flatMap((track): Effect.Effect<Playing<R, A> | "left"> =>
            Deferred.isDoneUnsafe(leave)
              ? Effect.as(track.stop, "left")
              : Effect.succeed({ item, track, startAt })
          ),
          Effect.catch((error) =>
            Effect.sync(() => {
              onFailure(item, error)
              return undefined
            })
          ),
          Effect.raceFirst(Deferred.await(leave)),
          Effect.ensuring(Effect.sync(() => {
            opening = undefined
          }))
        )
      }),
    item: () => opening?.item,
    leave: () => {
      if (opening !== undefined) Deferred.doneUnsafe(opening.leave, Effect.succeed("left"))
    }
  }
}
