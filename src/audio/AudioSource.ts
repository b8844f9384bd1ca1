/**
 * What can be played. A source describes audio; it is opened in a scope and then gives Opus frames, as many at a time as
 * it likes. Opus that comes from a container is passed through untouched.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { VoiceError } from "../VoiceError.ts"

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
 * A source that is open. `pull` gives the next frames (never none) and ends with `Cause.Done`; it fails with `SourceFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenSource {
  /** Milliseconds, where it is known before the end. */
  readonly durationMs: number | undefined
  readonly channels: 1 | 2
  readonly pull: Effect.Effect<ReadonlyArray<OpusFrame>, VoiceError | Cause.Done>
}

/**
 * Something to play. It can be opened many times, also at the same time.
 *
 * @category models
 * @since 0.1.0
 */
export interface AudioSource<out R = never> {
  /** For messages and displays: a file name, or what the source is. */
  readonly name: string
  readonly open: Effect.Effect<OpenSource, VoiceError, R | Scope.Scope>
}
