/**
 * Audio sources, and what they are once they are open. Exported through `AudioSource`.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as VoiceError from "../VoiceError.ts"

/**
 * One Opus packet, ready to be sent. `samples` is its duration at 48 kHz, 120 to 5760 (2.5 to 120 ms).
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusFrame {
  readonly data: Uint8Array
  readonly samples: number
}

/**
 * The metadata of a source: title, artist, album and whatever else its container tells, by lower-case name.
 *
 * @category models
 * @since 0.1.0
 */
export type Tags = Readonly<Record<string, string>>

interface OpenBase {
  /** The length of the source in milliseconds, if it is known before the end. */
  readonly durationMs: number | undefined
  readonly tags: Tags
  /**
   * Metadata that changes while the source is read, such as the title of what a station plays now: the current tags, if there
   * were any so far, and each change. Changes are reported when they are read, which is before they are heard. Left out by a
   * source whose tags do not change.
   */
  readonly tagChanges?: Stream.Stream<Tags> | undefined
  /**
   * Moves to a position, in milliseconds of the source; left out by a source that cannot seek. The next pull contains that
   * position. Returns where that pull begins: at the position itself for PCM, and at the frame that contains it for Opus.
   */
  readonly seek?: ((positionMs: number) => Effect.Effect<number, VoiceError.VoiceError>) | undefined
  /** How many milliseconds of the source are in one millisecond of output, if a filter has changed its speed. Default 1. */
  readonly speed?: number | undefined
  /**
   * Whether the source has no end and arrives in real time: what is not taken in time is lost, and nothing can be read ahead.
   * Default false.
   */
  readonly live?: boolean | undefined
  /**
   * How much of the source to wait for before it begins, in milliseconds, unless a track's `lead` says otherwise: its next
   * piece may be late by that much. Default 200; 60 for live Opus, 80 for live PCM.
   */
  readonly leadMs?: number | undefined
}

/**
 * An open source of Opus, whose packets can be passed through untouched. `pull` returns the next frames, at least one, and
 * ends with `Cause.Done`. It fails with `SourceFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenOpus extends OpenBase {
  readonly format: "opus"
  readonly channels: 1 | 2
  readonly pull: Effect.Effect<ReadonlyArray<OpusFrame>, VoiceError.VoiceError | Cause.Done>
}

/**
 * An open source of PCM, always at 48 kHz in two channels, whatever it was before. `pull` returns the next samples, left and
 * right in turn, 1.0 at full scale; at least one, and about 100 ms at most. The array belongs to the caller. `pull` ends with
 * `Cause.Done` and fails with `SourceFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenPcm extends OpenBase {
  readonly format: "pcm"
  readonly pull: Effect.Effect<Float32Array, VoiceError.VoiceError | Cause.Done>
}

/**
 * An open source, of Opus or PCM.
 *
 * @category models
 * @since 0.1.0
 */
export type OpenSource = OpenOpus | OpenPcm

/**
 * An effect that opens a source, in a scope; any such effect is an opening. It is a named type so that TypeScript can infer
 * `R`: from the bare effect, it would count the scope as a part of `R` wherever a type has more than a source needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Opening<out R = never> extends Effect.Effect<OpenSource, VoiceError.VoiceError, R | Scope.Scope> {}

/**
 * Something to play. It can be opened many times, also at the same time.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioSource<out R = never> {
  /** The name for messages and displays: a file name, or what the source is. */
  readonly name: string
  readonly open: Opening<R>
}
