/**
 * Publishes the state of a track and its events. Both end after `Ended`.
 *
 * @since 0.1.0
 */
import * as Stream from "effect/Stream"
import * as Broadcast from "../Broadcast.ts"
import type { TrackEnd, TrackEvent, TrackState } from "./TrackEvent.ts"

/** @internal */
export interface TrackBroadcast {
  readonly state: () => TrackState
  readonly isOver: () => boolean
  readonly become: (next: TrackState) => void
  readonly tell: (event: TrackEvent) => void
  /** Publishes the last state and the last event. */
  readonly end: (how: TrackEnd) => void
  /** The current state and every later one. */
  readonly changes: Stream.Stream<TrackState>
  /** Earlier events, as far as they are kept, and every later one. */
  readonly events: Stream.Stream<TrackEvent>
}

const eventsKept = 64

/** @internal */
export const make = (first: TrackState): TrackBroadcast => new Telling(first)

class Telling implements TrackBroadcast {
  readonly #states = Broadcast.make<TrackState>(1)
  readonly #events = Broadcast.make<TrackEvent>(eventsKept, eventsKept)
  #state: TrackState

  constructor(first: TrackState) {
    this.#state = first
    this.#states.publish(first)
  }

  state(): TrackState {
    return this.#state
  }

  isOver(): boolean {
    return this.#state._tag === "Ended"
  }

  become(next: TrackState): void {
    this.#state = next
    this.#states.publish(next)
  }

  tell(event: TrackEvent): void {
    this.#events.publish(event)
  }

  end(how: TrackEnd): void {
    this.become({ _tag: "Ended", end: how })
    this.#events.publish({ _tag: "Ended", end: how })
  }

  get changes(): Stream.Stream<TrackState> {
    return Stream.suspend(() => Stream.takeUntil(this.#states.stream(), (now) => now._tag === "Ended"))
  }

  get events(): Stream.Stream<TrackEvent> {
    return Stream.suspend(() => Stream.takeUntil(this.#events.stream(), (event) => event._tag === "Ended"))
  }
}
