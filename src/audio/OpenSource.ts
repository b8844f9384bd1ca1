/**
 * What can be played: sources, and what they are once they are open. `AudioSource` gives these to users.
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
 * What a source says of itself: title, artist, album and whatever else its container tells, by lower-case name.
 *
 * @category models
 * @since 0.1.0
 */
export type Tags = Readonly<Record<string, string>>

interface OpenBase {
  /** Milliseconds of the source, where they are known before the end. */
  readonly durationMs: number | undefined
  readonly tags: Tags
  /**
   * What it says of itself while it is read, such as the title of what a station plays now: what holds, if anything was said so far, and
   * each change. It is told when it is read, which is before it is heard. Left out by a source that says nothing.
   */
  readonly tagChanges?: Stream.Stream<Tags> | undefined
  /**
   * Goes to a place, in milliseconds of the source; left out by a source that cannot. What is pulled next holds that place.
   * Gives where that begins: at the place itself for PCM, and at the frame that holds it for Opus.
   */
  readonly seek?: ((positionMs: number) => Effect.Effect<number, VoiceError.VoiceError>) | undefined
  /** Milliseconds of the source in one that is given, where a filter has changed its speed. Default 1. */
  readonly speed?: number | undefined
  /**
   * It has no end and comes as it happens: what is not taken in time is lost, and there is nothing to read ahead. Default
   * false.
   */
  readonly live?: boolean | undefined
  /**
   * How much of it to wait for before it begins, in milliseconds, where a track's `lead` does not say: for so long its next piece
   * may be late. Default 200; 60 of live Opus, 80 of live PCM.
   */
  readonly leadMs?: number | undefined
}

/**
 * A source of Opus that is open; its packets can be passed through untouched. `pull` gives the next frames (never none) and
 * ends with `Cause.Done`; it fails with `SourceFailed`.
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
 * A source of PCM that is open: whatever it was, it is 48 kHz in two channels here. `pull` gives the next samples, left and
 * right in turn, 1.0 at full scale; never none, some 100 ms at most, and the array is the caller's. It ends with `Cause.Done`
 * and fails with `SourceFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenPcm extends OpenBase {
  readonly format: "pcm"
  readonly pull: Effect.Effect<Float32Array, VoiceError.VoiceError | Cause.Done>
}

/**
 * @category models
 * @since 0.1.0
 */
export type OpenSource = OpenOpus | OpenPcm

/**
 * Opens a source, in a scope. Any such effect is one. It has a name of its own so that `R` is known by it: of the effect itself,
 * TypeScript would take the scope for a part of `R`, in all that is a source and more.
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
  /** For messages and displays: a file name, or what the source is. */
  readonly name: string
  readonly open: Opening<R>
}
