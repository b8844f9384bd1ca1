/**
 * What a track is to its user: how it is to be played, and all that can be asked of it while it plays. {@link module:Track} makes it.
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
 * @category models
 * @since 0.1.0
 */
export interface TrackOptions {
  /**
   * Media time that is read ahead, up to 10 minutes; 120 ms is the least that is made of it. Default 1 second; 680 ms of a source
   * of PCM, whose samples are large; 200 ms of a live one, which is the most that is heard of it too late.
   */
  readonly buffer?: Duration.Input | undefined
  /**
   * Media time that is there before the track begins, if the source does not end before; 10 seconds at most, and `buffer` is at
   * least as long. It costs as much time where the source comes at the pace of time, and none where it comes faster, and for so
   * long (less 80 ms where it is mixed) a piece may be late without being missed. 0 begins with the first piece. Default what the
   * source wants: 200 ms; 120 ms of a stream of PCM; of a live source 60 ms, or 80 ms where it is mixed. A `Timescale` that it is played
   * with wants as much more as it is faster, and 80 ms, or up to 200, where its speed is not its pitch.
   */
  readonly lead?: Duration.Input | undefined
  /**
   * Media time that is there before the track goes on once its source has run dry, if the source does not end before; `buffer` is longer
   * then. Without it a source that is slower than time, such as a synthesis of speech or a station over a bad network, is heard a piece
   * at a time; with it, in longer stretches with fewer gaps, and so much later each time. What is shorter waits for what follows: it is
   * not for a source that has pauses of its own, such as a `Station` between two songs, and what waits when a track ends `Starved` is
   * not heard. Up to 10 minutes; a `Timescale` wants as much more as it is faster. Default 0: it goes on with the first piece.
   */
  readonly refill?: Duration.Input | undefined
  /** How long a source may take to open, or to seek, or give nothing before the track ends `Starved`. Default 30 seconds. */
  readonly starveTimeout?: Duration.Input | undefined
  /**
   * Where in the source to begin: at the sample of PCM, at the frame of Opus that holds it. Nothing before it is heard; a source that
   * cannot seek is read up to there, and one that is live fails with `Unsupported`. Behind the end of the source the track is over at once. Default 0.
   */
  readonly from?: Duration.Input | undefined
  /**
   * Where in the source to end, as if it ended there: with the last sample of PCM before it, with the last frame of Opus that ends by
   * then. It has to be behind `from`. Default the end of the source.
   */
  readonly until?: Duration.Input | undefined
  /** How often it is played again, from `from` on: a whole number, or "forever" for no end. Default 0. */
  readonly loop?: number | "forever" | undefined
  /** Starts paused. Default false. */
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
  /** Of the whole source, in milliseconds, where it knows it. */
  readonly durationMs: number | undefined
  /** Where it ends before its source does, in milliseconds of the source. */
  readonly untilMs: number | undefined
  /**
   * Whether it comes as it happens, as a station does. There are no places to go to in it then, by `seek` or `from`, and `position` is
   * for how long it was heard. All others can be sought in, as far as their source can be opened again. False of one that was stopped
   * before its source was open.
   */
  readonly live: boolean
  /** Milliseconds of the source that are heard in one: 1, where neither a filter nor a `Timescale` has changed it. */
  readonly speed: number
  /**
   * What the source has said of itself when it was opened, such as its `title`, with names in lower case. What it says later, as
   * stations do, is told by the event `Tagged`.
   */
  readonly tags: Tags
  /** The level that it has, or goes to. */
  readonly gain: Effect.Effect<number>
  /** Those that were set last. */
  readonly effects: Effect.Effect<ReadonlyArray<SoundEffect.Complete>>
  /** How often it is still read again, up to `buffer` before that is heard; `Infinity` without end. */
  readonly loopsLeft: Effect.Effect<number>
  readonly state: Effect.Effect<TrackState>
  /** The state now and each one after it, up to and including `Ended`. */
  readonly changes: Stream.Stream<TrackState>
  /** All events from the start on (the last 64), up to and including the end. */
  readonly events: Stream.Stream<TrackEvent>
  /**
   * How much of the source was sent, in milliseconds of the source, at whatever speed it is played; not beyond `durationMs`, unless
   * more than a packet follows there.
   */
  readonly position: Effect.Effect<number>
  /**
   * Waits until `position` is here or further on: true when it is, within 20 ms, at once where it was already; false when the track
   * ends before. What has not begun is nowhere: 0 is reached with the first frame. A seek over it reaches it with the first frame that
   * is sent there; after one back, and in another pass, it is waited for again. Fails with `Unsupported` for what is no place in a source.
   */
  readonly reached: (position: Duration.Input) => Effect.Effect<boolean, VoiceError.VoiceError>
  /**
   * The places, in milliseconds of the source, that are multiples of an interval, when they are reached, within 20 ms; also where it
   * begins, if that is one. After a seek it goes on with the next one. Of those that are reached at a time it gives the last, and a
   * reader that falls 64 behind loses the oldest. Ends with the track. Fails with `Unsupported` for a time that is not above 0, or none.
   */
  readonly every: (interval: Duration.Input) => Stream.Stream<number, VoiceError.VoiceError>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Ends the track as `Stopped`. Doing it twice is harmless. */
  readonly stop: Effect.Effect<void>
  /**
   * Goes on at a position, to the frame that holds it. What plays goes on until the source is open there; where that fails,
   * with `SourceFailed`, or is interrupted, nothing changes. Seeks that overlap happen one after another. Behind the end of
   * the source, or `until`, this pass ends as it would have there: with `Truncated`, say, where a file is cut. It ends, too, where
   * what waits for its end is mixed behind it already. It may go before `from`. Fails with `Unsupported` for what is no place in a
   * source (a negative time, infinity, or no number, or another than 0 of a live one), and where the track has ended, or does before the source is open.
   */
  readonly seek: (position: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * How often to play again after the current pass. Where that was read to its end already, this waits until the source is open
   * again; what is mixed to its end, and not heard yet, is followed after a short gap, or not at all where what waits for its end is
   * mixed behind it. Fails with `Unsupported` for what is no whole number from 0 on; and with `SourceFailed`, and plays no more than
   * this pass, where the source cannot be opened again.
   */
  readonly loop: (times: number | "forever") => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Goes to a gain (1 is the source's own level) within `ramp`, 20 ms by default, without a click. What is mixed already is
   * heard before. An Opus track that leaves gain 1 is decoded, mixed and encoded; back at 1 and alone, it is passed through
   * untouched again. Fails with `CodecUnavailable`, and with `Unsupported` for a gain or time that is negative or none.
   */
  readonly volume: (
    gain: number,
    options?: { readonly ramp?: Duration.Input | undefined }
  ) => Effect.Effect<void, VoiceError.VoiceError>
  /** Goes to a gain evenly within a time. Fails as {@link Track.volume}. Does not wait for the end of the fade. */
  readonly fade: (gain: number, duration: Duration.Input) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Goes over to other effects within 20 ms, without a click; an echo that stays in the list goes on with what it has still to say.
   * What is mixed already is heard before. None, the empty list, are as gain 1: an Opus track that is alone is passed through again.
   * Fails with `CodecUnavailable`, and with `Unsupported` for what is no effect, or out of its range.
   */
  readonly setEffects: (effects: ReadonlyArray<SoundEffect.SoundEffect>) => Effect.Effect<void, VoiceError.VoiceError>
  readonly metrics: Effect.Effect<TrackMetrics>
  /** Waits for the end and names it. */
  readonly awaitEnd: Effect.Effect<TrackEnd>
}
