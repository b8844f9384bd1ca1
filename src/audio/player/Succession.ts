/**
 * When a track that waits for the end of another is to begin.
 *
 * @since 0.1.0
 */
import type * as FrameRing from "../../ring/FrameRing.ts"
import * as SoundEffect from "../../SoundEffect.ts"
import type * as Seat from "./Seat.ts"

/**
 * How long a ring is passed through until a mix takes over, in milliseconds: its decoder adapts in the meantime.
 *
 * @internal
 */
export const leadMs = 160

/**
 * How often what was heard is checked, in milliseconds.
 *
 * @internal
 */
export const lookMs = 20

/**
 * The frame of a ring that is passed through with which a mix can take over.
 *
 * @internal
 */
export const changeOverAt = (ring: FrameRing.FrameRing, isPaused: boolean): number => {
  const read = ring.framesRead()
  const ahead = ring.framesWritten() - read
  if (isPaused || ahead === 0) return read
  return read + Math.min(ahead, Math.ceil((leadMs * ahead) / ring.bufferedMs()))
}

/**
 * Whether Opus at a seat sounds as its source does.
 *
 * @internal
 */
export const isPlainSeat = (seat: Seat.Seat): boolean =>
  seat.level.gain === 1 && seat.fadeInMs === 0 && seat.fadeOutMs === undefined && seat.effects.length === 0

/**
 * Whether an entry sounds as its source does.
 *
 * @internal
 */
export const isPlain = ({ media, seat }: Seat.Entry): boolean => media.format === "opus" && isPlainSeat(seat)

/** The media time to the end of what plays at a seat, in milliseconds, as far as it is known. */
const remainingMs = (playing: Seat.Entry, aheadMs: number): number => {
  const { media: { ring }, seat } = playing
  const scale = seat.effects.some(({ _tag }) => _tag === "Timescale")
  // what it has taken from the ring is not all mixed yet
  if (ring.isEnded() && scale && playing.place === "mix") {
    return (ring.positionMs() + ring.bufferedMs() - playing.heardMs) / SoundEffect.speedOf(seat.effects) - aheadMs
  }
  if (ring.isEnded()) return ring.bufferedMs()
  const left = playing.remainingMs() ?? Infinity
  // what was mixed and not heard can no longer be changed
  return playing.place === "mix" ? left - aheadMs : left
}

/**
 * Whether an entry no longer waits. If it is to crossfade with the one before, that one begins to fade, and `fadeOut` is
 * called with it.
 *
 * @internal
 */
export const isDue = (entry: Seat.Entry, aheadMs: number, fadeOut: (fading: Seat.Entry) => void): boolean => {
  const { after: former, crossfadeMs } = entry.seat
  if (former === undefined || former.isOver) return true
  const playing = former.entry
  if (playing === undefined || playing.place === "waiting" || playing.place === "out") return false
  // the mix begins with the sample after its last one
  if (crossfadeMs === 0) return playing.media.ring.isEnded() && (playing.place === "mix" || !isPlain(entry))
  // the end does not come nearer, or not yet
  if (playing.isPaused || playing.place === "ready") return false
  const soonMs = playing.place === "mix" ? lookMs : leadMs + lookMs
  const leftMs = remainingMs(playing, aheadMs)
  // a short track comes up in its first half, and fades in its second
  const sharedMs = Math.min(crossfadeMs, former.lengthMs / 2, entry.seat.lengthMs / 2)
  if (leftMs > sharedMs + soonMs) return false
  const rampMs = Math.max(lookMs, Math.min(sharedMs, leftMs - soonMs))
  former.fadeOutMs = rampMs
  fadeOut(playing)
  entry.seat.fadeInMs = rampMs
  entry.seat.curve = "power"
  entry.seat.crossing = former
  entry.seat.after = undefined
  return true
}
