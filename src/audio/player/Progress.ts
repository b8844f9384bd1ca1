/**
 * How far the driver has come in what it reads for a player: what begins, starves and ends because of that, and what is on
 * the air after something has ended. Plain code, in the middle of the driver's work.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import type * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import * as Seat from "./Seat.ts"

/** @internal */
export class Progress {
  readonly #air: OnAir.OnAir
  readonly #clock: Clock.Clock

  constructor(air: OnAir.OnAir, clock: Clock.Clock) {
    this.#air = air
    this.#clock = clock
  }

  /** Processes what was heard of a mix, if one is on the air. */
  look(): void {
    const { lane } = this.#air
    if (lane._tag === "mix") lane.desk.look(this.#nowMs(), this.#drained)
  }

  /** Processes an event of the driver. Returns what is drained, if the event says so: something else is then on the air. */
  onEvent({ _tag, track }: Seat.Happening): Lane.Direct | Lane.Mix | undefined {
    const { lane } = this.#air
    if (track === undefined || lane._tag === "nothing" || track !== lane.number) return undefined
    return lane._tag === "direct" ? this.#onDirect(_tag, lane) : this.#onMix(_tag, lane)
  }

  #nowMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  /** A bound function, since it is passed on in each check of a mix. */
  readonly #drained = (entry: Seat.Entry): void => {
    OnAir.leaveOut(this.#air, entry)
    Seat.tell(entry, "TrackDrained")
  }

  #onDirect(_tag: string, direct: Lane.Direct): Lane.Direct | undefined {
    const { entry, next } = direct
    if (_tag !== "TrackDrained") {
      if (_tag === "TrackStarving") Seat.starving(entry, this.#nowMs())
      else Seat.flowing(entry, this.#nowMs())
      return undefined
    }
    if (next === undefined) this.#air.lane = { _tag: "nothing" }
    else {
      next.entry.place = "direct"
      Seat.follow(next.entry.seat)
      this.#air.lane = { _tag: "direct", ...next, next: undefined }
    }
    this.#drained(entry)
    return direct
  }

  #onMix(_tag: string, mix: Lane.Mix): Lane.Mix | undefined {
    if (mix.from !== undefined) {
      Seat.count(mix.from.entry)
      // an entry that fades has no more of its ring to be taken
      if (Seat.isSettled(mix.from.entry)) mix.desk.own(mix.from.entry)
      mix.from = undefined
    }
    mix.desk.look(this.#nowMs(), this.#drained)
    if (_tag === "TrackStarving") mix.desk.starving(this.#nowMs(), this.#drained)
    if (_tag !== "TrackDrained") return undefined
    mix.desk.drain(this.#drained)
    const { successor } = mix
    if (successor === undefined) this.#air.lane = { _tag: "nothing" }
    else {
      const { entry } = successor
      entry.place = "direct"
      if (entry.media.format === "opus") entry.counted = entry.media.ring.framesRead()
      this.#air.lane = { _tag: "direct", ...successor, next: undefined }
    }
    // what came too late for this mix gets another one
    for (const entry of OnAir.live(this.#air)) if (entry.place === "mix") entry.place = "ready"
    return mix
  }
}
