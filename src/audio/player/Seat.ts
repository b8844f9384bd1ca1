/**
 * The player's record of one track: its level, what it plays at the moment, and what was heard of it.
 *
 * @since 0.1.0
 */
import type { TrackNumber } from "../../driver/Line.ts"
import type { Ducking } from "../../mixer/messages.ts"
import type * as PcmRing from "../../mixer/PcmRing.ts"
import type { Curve } from "../../mixer/Ramp.ts"
import type * as FrameRing from "../../ring/FrameRing.ts"
import type { Complete } from "../../SoundEffect.ts"
import type { Observer } from "../../VoiceDriver.ts"
import type { VoiceError } from "../../VoiceError.ts"

/**
 * The ring that a source is read into.
 *
 * @category models
 * @since 0.1.0
 */
export type Media =
  | { readonly format: "opus"; readonly ring: FrameRing.FrameRing }
  | { readonly format: "pcm"; readonly ring: PcmRing.PcmRing }

/**
 * An event of a ring that plays.
 *
 * @category models
 * @since 0.1.0
 */
export interface Happening {
  readonly _tag: string
  readonly track?: number
}

/**
 * Counts of a track's frames of 20 ms. In passthrough, the frames are those of its source.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackMetrics {
  /** Frames that were sent with the track in them. */
  readonly sent: number
  /** Frames that came too late: their time passed while the source had nothing. */
  readonly late: number
  /** Frames that the mixer did not have ready in time. */
  readonly missed: number
  /** Frames with something filled in for audio that could not be decoded or had not arrived. */
  readonly concealed: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface AttachOptions {
  /** It begins in the middle of something. */
  readonly cutIn: boolean
  /** The media time left to the end, in milliseconds, if it is known. */
  readonly remainingMs: () => number | undefined
}

/**
 * A gain, and how long it takes to get there from what is heard, in milliseconds.
 *
 * @internal
 */
export interface Level {
  readonly gain: number
  readonly rampMs: number
}

/** @internal */
export interface Entry extends AttachOptions {
  readonly number: TrackNumber
  readonly media: Media
  readonly seat: Seat
  isPaused: boolean
  /** `waiting`: for the end of another track. `out`: it no longer plays. */
  place: "waiting" | "ready" | "direct" | "mix" | "out"
  /** Its name and its place in the mix. */
  input: number
  slot: number
  isStarted: boolean
  /** Since when its source has had nothing while it is not paused, on the monotonic clock. */
  starvingMs: number | undefined
  /** Whether its track was told that it starves, and not yet that it no longer does. */
  isStalled: boolean
  /** The frame of the mix that it ended with. */
  overAt: number | undefined
  /** How many frames of its ring were counted. */
  counted: number
  heardMs: number
  /**
   * Updates what was heard of it since it was taken out, until the driver takes no more of it; returns whether that is so.
   * The driver may be in another thread, or continue with what there is until what follows is ready.
   */
  settle: (() => boolean) | undefined
}

/** @internal */
export interface Seat {
  level: Level
  /** How long it fades to its end, in milliseconds, if it does. */
  fadeOutMs: number | undefined
  effects: ReadonlyArray<Complete>
  fadeInMs: number
  curve: Curve
  readonly duck: Ducking | undefined
  after: Seat | undefined
  readonly crossfadeMs: number
  /** The length of all that is to be heard of it, in milliseconds; `Infinity` if that is not known. */
  lengthMs: number
  /** The seat that fades to its end while this one comes up. */
  crossing: Seat | undefined
  /** Its track has ended: nothing of it plays any more. */
  isOver: boolean
  /** What waited for its end is heard. */
  isFollowed: boolean
  isPaused: boolean
  entry: Entry | undefined
  readonly observers: Set<Observer<Happening>>
  sent: number
  late: number
  missed: number
  concealed: number
}

/** @internal */
export const tell = ({ number, seat }: Entry, _tag: string): void => {
  for (const observer of seat.observers) observer.onEvent({ _tag, track: number })
}

/** @internal */
export const fail = (seat: Seat, error: VoiceError): void => {
  for (const observer of seat.observers) observer.onOver(error)
}

const frameMs = 20

/**
 * Whether there is something to take. A mix takes whole frames of samples, and a shorter rest only if it is the last.
 *
 * @internal
 */
export const isFed = ({ format, ring }: Media): boolean =>
  format === "opus" || ring.isEnded() ? ring.bufferedMs() > 0 : ring.bufferedMs() >= frameMs

/**
 * Whether it is held, so that nothing of it is heard: two that crossfade are held together.
 *
 * @internal
 */
export const isHeld = ({ isPaused, seat: { crossing } }: Entry): boolean =>
  isPaused || (crossing !== undefined && !crossing.isOver && crossing.isPaused)

/**
 * Ends its wait for another track, whose end has come.
 *
 * @internal
 */
export const follow = (seat: Seat): void => {
  if (seat.after !== undefined) seat.after.isFollowed = true
  // each would keep the one before it, and that one its own
  seat.after = undefined
}

/**
 * Notes that its ring has begun to give frames, or does so again.
 *
 * @internal
 */
export const flowing = (entry: Entry, nowMs: number): void => {
  if (!entry.isStarted) {
    entry.isStarted = true
    follow(entry.seat)
    tell(entry, "TrackStarted")
  }
  const { starvingMs } = entry
  if (starvingMs !== undefined && entry.place === "direct") {
    entry.seat.late += Math.round((nowMs - starvingMs) / frameMs)
  }
  entry.starvingMs = undefined
  // it may have been paused in between, and then received what it lacked
  if (!entry.isStalled) return
  entry.isStalled = false
  tell(entry, "TrackRecovered")
}

/** @internal */
export const starving = (entry: Entry, nowMs: number): void => {
  if (!entry.isStarted || entry.starvingMs !== undefined || entry.isPaused) return
  entry.starvingMs = nowMs
  if (entry.isStalled) return
  entry.isStalled = true
  tell(entry, "TrackStarving")
}

/**
 * Whether the driver takes no more of it; until then, more of it may be heard.
 *
 * @internal
 */
export const isSettled = (entry: Entry): boolean => {
  if (entry.settle?.() !== false) entry.settle = undefined
  return entry.settle === undefined
}

/**
 * Counts the frames that the driver has taken from its ring itself.
 *
 * @internal
 */
export const count = (entry: Entry): void => {
  if (entry.media.format !== "opus") return
  const read = entry.media.ring.framesRead()
  entry.seat.sent += read - entry.counted
  entry.counted = read
}
