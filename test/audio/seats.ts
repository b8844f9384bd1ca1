import type * as Seat from "../../src/audio/player/Seat.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"

/** A ring with the given number of frames of one byte. */
export const ringOf = (frames: number, frameMs = 20): FrameRing.FrameRing => {
  const ring = FrameRing.make({ capacityBytes: 32_768 })
  for (let i = 0; i < frames; i++) ring.write(Uint8Array.of(i), frameMs * 48)
  return ring
}

/** A seat with nothing requested. */
export const seatOf = (seat: Partial<Seat.Seat> = {}): Seat.Seat => ({
  level: { gain: 1, rampMs: 0 },
  fadeOutMs: undefined,
  effects: [],
  fadeInMs: 0,
  curve: "linear",
  duck: undefined,
  after: undefined,
  crossfadeMs: 0,
  lengthMs: Infinity,
  crossing: undefined,
  isOver: false,
  isFollowed: false,
  isPaused: false,
  entry: undefined,
  observers: new Set(),
  sent: 0,
  late: 0,
  missed: 0,
  concealed: 0,
  ...seat
})

/** An entry with ten frames of Opus, in its seat. */
export const entryOf = (entry: Partial<Seat.Entry> = {}): Seat.Entry => {
  const made: Seat.Entry = {
    cutIn: false,
    remainingMs: () => undefined,
    number: 1,
    media: { format: "opus", ring: ringOf(10) },
    seat: seatOf(),
    isPaused: false,
    place: "ready",
    input: 0,
    slot: 0,
    isStarted: false,
    starvingMs: undefined,
    isStalled: false,
    overAt: undefined,
    counted: 0,
    heardMs: 0,
    settle: undefined,
    ...entry
  }
  made.seat.entry = made
  return made
}
