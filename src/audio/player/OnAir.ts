/**
 * What is on the air of a player: the entries that play or wait, and what the driver reads of them.
 *
 * @since 0.1.0
 */
import type { VoiceError } from "../../VoiceError.ts"
import type * as Lane from "./Lane.ts"
import * as Seat from "./Seat.ts"

/** @internal */
export interface OnAir {
  lane: Lane.Lane
  readonly entries: Set<Seat.Entry>
}

/** @internal */
export const make = (): OnAir => ({ lane: { _tag: "nothing" }, entries: new Set() })

/** How many entries it waits for, one after another. */
const depthOf = ({ seat }: Seat.Entry): number => {
  let depth = 0
  for (let { after } = seat; after !== undefined; { after } = after) depth++
  return depth
}

/**
 * The entries that do not wait for the driver or a mix to reach them. They are ordered: a mix has to have an entry before
 * those that begin after it.
 *
 * @internal
 */
export const live = ({ entries }: OnAir): Array<Seat.Entry> =>
  Array.from(entries).filter(({ place }) => place !== "waiting").toSorted((one, other) => depthOf(one) - depthOf(other))

/** @internal */
export const waiting = ({ entries }: OnAir): Array<Seat.Entry> =>
  Array.from(entries).filter(({ place }) => place === "waiting")

/**
 * The entries that come up in a mix while this one fades to its end.
 *
 * @internal
 */
export const crossing = ({ entries }: OnAir, seat: Seat.Seat): Array<Seat.Entry> =>
  Array.from(entries).filter((entry) => entry.place === "mix" && entry.seat.crossing === seat)

/**
 * How much of its media was heard, in milliseconds; for an entry that is out, until the driver took no more of it.
 *
 * @internal
 */
export const heardMs = ({ lane }: OnAir, entry: Seat.Entry): number => {
  if (entry.place === "out") {
    // brings it up to date
    Seat.isSettled(entry)
  } else if (entry.place === "mix" && lane._tag === "mix") {
    const isPassed = lane.from?.entry === entry
    entry.heardMs = lane.desk.heardMs(entry) ?? (isPassed ? entry.media.ring.positionMs() : entry.heardMs)
  } else entry.heardMs = entry.media.ring.positionMs()
  return entry.heardMs
}

/**
 * Records what was heard of an entry and sent, and removes it. What the driver reads is not changed.
 *
 * @internal
 */
export const leaveOut = (air: OnAir, entry: Seat.Entry): void => {
  heardMs(air, entry)
  if (entry.place === "direct" || (air.lane._tag === "mix" && air.lane.from?.entry === entry)) Seat.count(entry)
  entry.place = "out"
  air.entries.delete(entry)
}

/**
 * Nothing can be mixed: what is not passed through does not play, and its tracks fail with the reason.
 *
 * @internal
 */
export const fail = (air: OnAir, error: VoiceError): void => {
  const direct = air.lane._tag === "direct" ? air.lane.entry : undefined
  for (const entry of live(air)) {
    if (entry === direct) continue
    leaveOut(air, entry)
    Seat.fail(entry.seat, error)
  }
}
