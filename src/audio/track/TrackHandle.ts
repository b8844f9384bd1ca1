/**
 * A track as its users see it: how it is to be played, and everything that it offers while it plays. {@link module:Track}
 * makes it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as SoundEffect from "../../SoundEffect.ts"
import type * as VoiceError from "../../VoiceError.ts"
import type { Tags } from "../OpenSource.ts"
import type { TrackMetrics } from "../player/Seat.ts"
import type { TrackEnd, TrackEvent, TrackState } from "./TrackEvent.ts"

/**
 * The options of a track.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrackOptions {
  /**
   * How much media time is read ahead: up to 10 minutes, and effectively at least 120 ms. Default 1 second; 680 ms for a
   * source of PCM, whose samples are large; 200 ms for a live source, which is then heard late by 200 ms at most.
   */
  readonly buffer?: Duration.Input | undefined
  /**
   * How much media time has to be available before the track begins, unless the source ends earlier; 10 seconds at most.
   * `buffer` is at least as long.
   *
   * A source that arrives in real time begins later by this time; a source that arrives faster does not. In return, a piece
   * may be late by this time (less 80 ms if the track is mixed) without being missed. 0 begins with the first piece.
   *
   * Default: what the source asks for, which is 200 ms; 120 ms for a stream of PCM; for a live source 60 ms, or 80 ms if it
   * is mixed. A `Timescale` that the track is played with multiplies this by its speed, and adds 80 ms, or up to 200, if its
   * speed differs from its pitch.
   */
  readonly lead?: Duration.Input | undefined
  /**
   * How much media time has to be available before the track resumes once its source has run dry, unless the source ends
   * earlier. `buffer` is then longer.
   *
   * Without it, a source that is slower than real time, such as speech synthesis or a station over a bad network, is heard
   * one piece at a time. With it, the source is heard in longer stretches with fewer gaps, and each time later by this time.
   * Do not use it for a source that has pauses of its own, such as a `Station` between two songs: a shorter piece waits for
   * what follows, and whatever waits when a track ends `Starved` is not heard.
   *
   * Up to 10 minutes; a `Timescale` multiplies this by its speed. Default 0: the track resumes with the first piece.
   */
  readonly refill?: Duration.Input | undefined
  /** How long a source may take to open or to seek, or give nothing, before the track ends `Starved`. Default 30 seconds. */
  readonly starveTimeout?: Duration.Input | undefined
  /**
   * Where in the source to begin: at that sample of PCM, or at the frame of Opus that contains it. Nothing before it is
   * heard. A source that cannot seek is read up to there, and a live one fails with `Unsupported`. If it is after the end of
   * the source, the track ends at once. Default 0.
   */
  readonly from?: Duration.Input | undefined
  /**
   * Where in the source to begin the first time, if that is not `from`: where a listener was before, for example. Every later
   * pass begins at `from`. Otherwise it is like `from`, and it may be before it. Default `from`.
   */
  readonly startAt?: Duration.Input | undefined
  /**
   * Where in the source to end, as if the source ended there: with the last sample of PCM before it, or the last frame of
   * Opus that ends by then. It has to be after `from`. Default: the end of the source.
   */
  readonly until?: Duration.Input | undefined
  /** How often it is repeated, starting at `from`: a whole number, or "forever". Default 0. */
  readonly loop?: number | "forever" | undefined
  /** Whether it starts paused. Default false. */
  readonly paused?: boolean | undefined
}

/**
 * A handle to something that is being played.
 *
 * @category models
 * @since 0.1.0
 */
export interface Track {
  readonly name: string
  /** The length of the whole source in milliseconds, if the source knows it. */
  readonly durationMs: number | undefined
  /** Where the track ends before its source does, in milliseconds of the source. */
  readonly untilMs: number | undefined
  /**
   * Whether the source arrives in real time, as a station does. `seek` and `from` then have no positions to go to, and
   * `position` is how long it was heard. All other tracks can seek, provided that their source can be opened again. False for
   * a track that was stopped before its source was open.
   */
  readonly live: boolean
  /** How many milliseconds of the source are heard in one millisecond: 1, unless a filter or a `Timescale` has changed it. */
  readonly speed: number
  /**
   * The tags that the source had when it was opened, such as its `title`, with names in lower case. Later changes, as of a
   * station, are reported by the event `Tagged`.
   */
  readonly tags: Tags
  /** The current level, or the one that a fade goes to. */
  readonly gain: Effect.Effect<number>
  /** The effects that were set last. */
  readonly effects: Effect.Effect<ReadonlyArray<SoundEffect.Complete>>
  /**
   * How many more times the source will be read again, counted when it is read, up to `buffer` before that is heard;
   * `Infinity` without end.
   */
  readonly loopsLeft: Effect.Effect<number>
  readonly state: Effect.Effect<TrackState>
  /** The current state and every later one, up to and including `Ended`. */
  readonly changes: Stream.Stream<TrackState>
  /** All events since the start (the last 64) and every later one, up to and including the end. */
  readonly events: Stream.Stream<TrackEvent>
  /**
   * How much of the source was sent, in milliseconds of the source, whatever the speed. It does not exceed `durationMs`,
   * unless more than a packet follows there.
   */
  readonly position: Effect.Effect<number>
  /**
   * Waits until the track has reached `position`. Returns true within 20 ms of reaching it, at once if it was already
   * reached, and false if the track ends before. A track that has not begun has reached nothing: 0 is reached with the first
   * frame.
   *
   * A seek beyond the position reaches it with the first frame that is sent there. After a seek back, and in another pass,
   * the position is waited for again. Fails with `Unsupported` for an invalid position.
   */
  readonly reached: (position: Duration.Input) => Effect.Effect<boolean, VoiceError.VoiceError>
  /**
   * Emits the positions that are multiples of an interval, in milliseconds of the source, within 20 ms of reaching them; also
   * the position where the track begins, if it is one. After a seek it continues with the next one. If several are reached at
   * once, only the last is emitted, and a reader that falls 64 behind loses the oldest. Ends with the track. Fails with
   * `Unsupported` for a time that is invalid or not above 0.
   */
  readonly every: (interval: Duration.Input) => Stream.Stream<number, VoiceError.VoiceError>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Ends the track as `Stopped`. Calling it again has no effect. */
  readonly stop: Effect.Effect<void>
  /**
   * Continues at a position, starting with the frame that contains it. The track keeps playing until the source is open
   * there. If that fails, with `SourceFailed`, or is interrupted, nothing changes. Overlapping seeks are made one after
   * another. It may go before `from`.
   *
   * A position after the end of the source, or after `until`, ends this pass as it would have ended there, for example with
   * `Truncated` if a file is cut off. The pass also ends if a track that waits for its end is mixed after it already.
   *
   * Fails with `Unsupported` for an invalid position (a negative time, infinity, not a number, or anything but 0 for a live
   * source), and if the track has ended, or ends before the source is open.
   */
  readonly seek: (position: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Sets how often to play again after the current pass.
   *
   * If that pass was read to its end already, this waits until the source is open again. If it was also mixed to its end, but
   * not heard yet, the next pass follows after a short gap, or not at all if a track that waits for the end is mixed after
   * it.
   *
   * Fails with `Unsupported` for anything but a whole number from 0 on. Fails with `SourceFailed`, and plays no more than
   * this pass, if the source cannot be opened again.
   */
  readonly loop: (times: number | "forever") => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Changes the gain (1 is the source's own level) within `ramp`, 20 ms by default, without a click. What is mixed already is
   * heard before. An Opus track that leaves gain 1 is decoded, mixed and encoded; back at 1 and alone, it is passed through
   * untouched again. Fails with `CodecUnavailable`, and with `Unsupported` for an invalid gain or time.
   */
  readonly volume: (
    gain: number,
    options?: { readonly ramp?: Duration.Input | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** Changes the gain evenly over a time. Fails like {@link Track.volume}. Does not wait for the end of the fade. */
  readonly fade: (gain: number, duration: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Replaces the effects within 20 ms, without a click. An echo that stays in the list keeps what it still has to repeat.
   * What is mixed already is heard before. The empty list counts as gain 1 does: an Opus track that is alone is passed
   * through again. Fails with `CodecUnavailable`, and with `Unsupported` for an invalid effect or a value out of range.
   */
  readonly setEffects: (effects: ReadonlyArray<SoundEffect.SoundEffect>) => Effect.Effect<void, VoiceError.VoiceError>
  readonly metrics: Effect.Effect<TrackMetrics>
  /** Waits for the end, and returns how the track ended. */
  readonly awaitEnd: Effect.Effect<TrackEnd>
}
