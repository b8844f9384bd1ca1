/**
 * Removes entries from what the driver reads, while others continue.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { VoiceConnection } from "../../VoiceDriver.ts"
import type * as VoiceError from "../../VoiceError.ts"
import * as Lane from "./Lane.ts"
import * as OnAir from "./OnAir.ts"
import type * as Seat from "./Seat.ts"

type Outlet = Pick<VoiceConnection, "attach" | "detach">

/**
 * Removes an entry from what plays.
 *
 * @internal
 */
export const remove = (outlet: Outlet, air: OnAir.OnAir, entry: Seat.Entry): Effect.Effect<void> =>
  Effect.gen(function*() {
    const former = air.lane
    const { place: before } = entry
    const others = OnAir.live(air).filter((other) => other !== entry)
    OnAir.leaveOut(air, entry)
    if (former._tag === "direct") {
      if (former.next?.entry === entry) {
        const { number } = former.next
        former.next = undefined
        return yield* outlet.detach(number)
      }
      if (former.entry !== entry) return
      if (former.next !== undefined) yield* outlet.detach(former.next.number)
      air.lane = { _tag: "nothing" }
      Lane.leaving(former, entry, before)
      return yield* outlet.detach(former.number)
    }
    if (former._tag !== "mix" || before !== "mix") return
    if (former.successor?.entry === entry || others.length === 0) {
      air.lane = { _tag: "nothing" }
      Lane.leaving(former, entry, before)
      return yield* Lane.close(outlet, former)
    }
    // another entry of its track follows
    if (!entry.seat.isOver && others.some(({ place, seat }) => place === "mix" && seat.after === entry.seat)) {
      former.desk.hold(entry)
    } else former.desk.remove(entry)
    Lane.fading(former, entry)
  })

/**
 * Removes an entry from what plays, for another one of the same track that follows at once.
 *
 * @internal
 */
export const makeRoom = (outlet: Outlet, air: OnAir.OnAir, entry: Seat.Entry): Effect.Effect<void> => {
  const { lane } = air
  if (lane._tag === "direct" && lane.entry === entry) {
    // what is attached next takes its place, and that of what waits
    OnAir.leaveOut(air, entry)
    air.lane = { _tag: "nothing" }
    return Effect.void
  }
  if (lane._tag === "mix" && entry.place === "mix" && lane.successor?.entry !== entry && !lane.desk.isEnded()) {
    OnAir.leaveOut(air, entry)
    // what follows may have to wait, and this must not begin in the meantime
    if (entry.seat.after === undefined) lane.desk.leave(entry)
    else lane.desk.hold(entry)
    return Effect.void
  }
  return remove(outlet, air, entry)
}

/**
 * Removes the tracks of a mix that are cut. Does nothing if nothing would then be left to be heard.
 *
 * @internal
 */
export const cutMix = (
  outlet: Outlet,
  air: OnAir.OnAir,
  isCut: (entry: Seat.Entry) => boolean
): Effect.Effect<void, VoiceError.VoiceError> =>
  Effect.gen(function*() {
    const mix = air.lane
    if (mix._tag !== "mix" || (mix.successor !== undefined && isCut(mix.successor.entry))) return
    const those = OnAir.live(air).filter((entry) => entry.place === "mix" && isCut(entry))
    if (those.length === 0 || OnAir.live(air).every(isCut)) return
    for (const entry of those) OnAir.leaveOut(air, entry)
    yield* Lane.cut(outlet, mix, those)
  })
