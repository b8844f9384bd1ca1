/**
 * Silences a player at once, also in the middle of its work. What was silenced is removed from it before anything else is
 * done.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { VoiceConnection } from "../../VoiceDriver.ts"
import * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import type * as Seat from "./Seat.ts"

/** @internal */
export interface Silencing {
  /** Silences everything that plays now, including what is left to be heard of tracks that have ended. */
  readonly all: Effect.Effect<void>
  /** Silences the track that is passed through. */
  readonly passed: (direct: Lane.Direct) => Effect.Effect<void>
  /** How often something was silenced. */
  readonly times: () => number
  /** Removes what was silenced. */
  readonly clear: Effect.Effect<void>
}

type Outlet = Pick<VoiceConnection, "attach" | "detach">

/** @internal */
export const make = (outlet: Outlet, air: OnAir.OnAir): Silencing => new AtOnce(outlet, air)

class AtOnce implements Silencing {
  readonly #outlet: Outlet
  readonly #air: OnAir.OnAir
  #times = 0
  #silenced: ReadonlyArray<Seat.Entry> = none
  /** What is left to be heard of tracks that have ended was silenced, too. */
  #isHushed = false

  constructor(outlet: Outlet, air: OnAir.OnAir) {
    this.#outlet = outlet
    this.#air = air
  }

  get all(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#times++
      this.#silenced = [...this.#air.entries]
      this.#isHushed = true
      return Lane.detach(this.#outlet, this.#air.lane)
    })
  }

  passed(direct: Lane.Direct): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#times++
      this.#silenced = [...this.#silenced, direct.entry]
      return Lane.detach(this.#outlet, direct)
    })
  }

  times(): number {
    return this.#times
  }

  get clear(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#silenced.length === 0 && !this.#isHushed) return Effect.void
      this.#isHushed = false
      const former = this.#air.lane
      for (const entry of this.#silenced) {
        if (!this.#air.entries.has(entry)) continue
        const { place } = entry
        OnAir.leaveOut(this.#air, entry)
        Lane.leaving(former, entry, place)
      }
      this.#silenced = none
      this.#air.lane = { _tag: "nothing" }
      return Lane.close(this.#outlet, former)
    })
  }
}

const none: ReadonlyArray<never> = []
