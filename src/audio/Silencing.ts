/**
 * Silences a player at once, also in the middle of what it does. What was silenced is taken out of it before anything else is
 * done.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { VoiceConnection } from "../VoiceDriver.ts"
import * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import type * as Seat from "./Seat.ts"

/** @internal */
export interface Silencing {
  /** Nothing of what plays now is heard any more, nor what is left to be heard of tracks that have ended. */
  readonly all: Effect.Effect<void>
  /** Nothing of the track that is passed through is heard any more. */
  readonly passed: (direct: Lane.Direct) => Effect.Effect<void>
  /** How often something was silenced. */
  readonly times: () => number
  /** Takes out what was silenced. */
  readonly clear: Effect.Effect<void>
}

/** @internal */
export const make = (outlet: Pick<VoiceConnection, "attach" | "detach">, air: OnAir.OnAir): Silencing => {
  let times = 0
  let silenced: Array<Seat.Entry> = []
  /** What is left to be heard of tracks that have ended was silenced, too. */
  let isHushed = false
  return {
    all: Effect.suspend(() => {
      times++
      silenced.push(...air.entries)
      isHushed = true
      return Lane.detach(outlet, air.lane)
    }),
    passed: (direct) =>
      Effect.suspend(() => {
        times++
        silenced.push(direct.entry)
        return Lane.detach(outlet, direct)
      }),
    times: () => times,
    clear: Effect.suspend(() => {
      if (silenced.length === 0 && !isHushed) return Effect.void
      isHushed = false
      for (const entry of silenced) if (air.entries.has(entry)) OnAir.leaveOut(air, entry)
      silenced = []
      const former = air.lane
      air.lane = { _tag: "nothing" }
      return Lane.close(outlet, former)
    })
  }
}
