/**
 * What a track tells to whoever listens: the state that it is in, and what happens to it. Both end behind `Ended`.
 *
 * @since 0.1.0
 */
import * as Stream from "effect/Stream"
import * as Broadcast from "./Broadcast.ts"
import type { TrackEnd, TrackEvent, TrackState } from "./TrackEvent.ts"

/** @internal */
export interface TrackBroadcast {
  readonly state: () => TrackState
  readonly isOver: () => boolean
  readonly become: (next: TrackState) => void
  readonly tell: (event: TrackEvent) => void
  /** The last state, and the last event. */
  readonly end: (how: TrackEnd) => void
  /** The state now and each one after it. */
  readonly changes: Stream.Stream<TrackState>
  /** Those of before, as far as they are kept, and each one after them. */
  readonly events: Stream.Stream<TrackEvent>
}

const eventsKept = 64

/** @internal */
export const make = (first: TrackState): TrackBroadcast => {
  const states = Broadcast.make<TrackState>(1)
  const events = Broadcast.make<TrackEvent>(eventsKept, eventsKept)
  let state = first
  const become = (next: TrackState): void => {
    state = next
    states.publish(next)
  }
  become(first)
  return {
    state: () => state,
    isOver: () => state._tag === "Ended",
    become,
    tell: events.publish,
    end: (how) => {
      become({ _tag: "Ended", end: how })
      events.publish({ _tag: "Ended", end: how })
    },
    changes: Stream.suspend(() => Stream.takeUntil(states.stream(), (now) => now._tag === "Ended")),
    events: Stream.suspend(() => Stream.takeUntil(events.stream(), (event) => event._tag === "Ended"))
  }
}
