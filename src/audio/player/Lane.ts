/**
 * What the driver reads for a player: nothing, the ring of one track, or a mix.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { TrackNumber } from "../../driver/Line.ts"
import type { VoiceConnection } from "../../VoiceDriver.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type * as Desk from "./Desk.ts"
import * as Seat from "./Seat.ts"
import * as Splice from "./Splice.ts"

/**
 * An entry whose ring is passed through before or after something else.
 *
 * @internal
 */
export interface Follower {
  readonly entry: Seat.Entry
  readonly number: TrackNumber
}

/** @internal */
export interface Direct {
  readonly _tag: "direct"
  readonly entry: Seat.Entry
  readonly number: TrackNumber
  next: Follower | undefined
}

/** @internal */
export interface Mix {
  readonly _tag: "mix"
  readonly desk: Desk.Desk
  readonly scope: Scope.Closeable
  number: TrackNumber
  /** What is passed through before, until the mix takes over. */
  from: Follower | undefined
  /** The frame of it with which the mix takes over. */
  readonly after: number | undefined
  /** The entry that is passed through afterwards. */
  successor: Follower | undefined
}

/** @internal */
export type Lane = { readonly _tag: "nothing" } | Direct | Mix

/** The driver reads the ring of an entry until it reaches the point where it was told to switch. */
const passing = (entry: Seat.Entry): () => boolean => () => {
  const { ring } = entry.media
  const isLeft = entry.media.format !== "opus" || Splice.isLeft(entry.media.ring)
  // after that, it may have been mixed
  entry.heardMs = Math.max(entry.heardMs, ring.positionMs())
  Seat.count(entry)
  return isLeft
}

/**
 * The driver is told to take no more of an entry that was removed from its place: what it takes until then still counts.
 *
 * @internal
 */
export const leaving = (lane: Lane, entry: Seat.Entry, place: Seat.Entry["place"]): void => {
  if (lane._tag === "direct") entry.settle = passing(entry)
  if (lane._tag !== "mix" || place !== "mix") return
  lane.desk.leaving(entry)
  if (lane.from?.entry === entry) alsoPassed(entry)
}

/**
 * An entry was removed from a mix that continues with others: what it has been mixed into is sent.
 *
 * @internal
 */
export const fading = (mix: Mix, entry: Seat.Entry): void => {
  mix.desk.fading(entry)
  if (mix.from?.entry === entry) alsoPassed(entry)
}

const alsoPassed = (entry: Seat.Entry): void => {
  const { settle: mixed } = entry
  const passed = passing(entry)
  entry.settle = () => {
    const isLeft = passed()
    return mixed?.() !== false && isLeft
  }
}

type Outlet = Pick<VoiceConnection, "attach" | "detach">

/**
 * Makes the driver stop reading.
 *
 * @internal
 */
export const detach = (outlet: Outlet, lane: Lane): Effect.Effect<void> => {
  if (lane._tag === "nothing") return Effect.void
  // what waits goes first, so that nothing begins instead of what is removed
  const parts = lane._tag === "direct" ? [lane.next, lane] : [lane.successor, lane, lane.from]
  return Effect.forEach(
    parts.filter((part) => part !== undefined),
    ({ number }) => outlet.detach(number),
    { discard: true }
  )
}

/**
 * Does the same permanently: a mix is closed, too.
 *
 * @internal
 */
export const close = (outlet: Outlet, lane: Lane): Effect.Effect<void> =>
  lane._tag === "mix" ? Effect.andThen(detach(outlet, lane), Scope.close(lane.scope, Exit.void)) : detach(outlet, lane)

/**
 * Removes entries from a mix, and from what was mixed of them ahead. The others continue where they are.
 *
 * @internal
 */
export const cut = Effect.fnUntraced(function*(
  outlet: Outlet,
  mix: Mix,
  entries: ReadonlyArray<Seat.Entry>
): Effect.fn.Return<void, VoiceError.VoiceError> {
  const { desk, from } = mix
  const isWaiting = from !== undefined && !desk.isBegun()
  const isPassing = from !== undefined && entries.includes(from.entry)
  const following = desk.cut(entries)
  if (isPassing) {
    alsoPassed(from.entry)
    mix.from = undefined
  }
  // what waited is replaced, and will be handed over again
  mix.successor = undefined
  // a mix that has not begun then begins at once, instead of what is cut
  const options = isWaiting && isPassing ? {} : { after: isWaiting ? mix.after : following.from }
  mix.number = yield* outlet.attach(following.ring, options)
})
