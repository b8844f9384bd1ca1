/**
 * The states of a track, its events, and how it ends.
 *
 * @since 0.1.0
 */
import type { VoiceError } from "../../VoiceError.ts"
import type { Tags } from "../OpenSource.ts"

/**
 * How a track ended. `Starved` means that the source gave nothing for longer than `starveTimeout`.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackEnd =
  | { readonly _tag: "Finished" }
  | { readonly _tag: "Stopped" }
  | { readonly _tag: "Starved"; readonly silentMs: number }
  | { readonly _tag: "Failed"; readonly error: VoiceError }

/**
 * What a track is doing. `Buffering`: the source has not given enough yet.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackState =
  | { readonly _tag: "Buffering" }
  | { readonly _tag: "Playing" }
  | { readonly _tag: "Paused" }
  | { readonly _tag: "Ended"; readonly end: TrackEnd }

/**
 * An event of a track. Positions are in milliseconds of the source.
 *
 * `Looped` is emitted when the source is read from its start again, and `Tagged` when the source reports new tags, such as
 * the `title` of what a station plays now. Both are heard up to `buffer` later.
 *
 * @category models
 * @since 0.1.0
 */
export type TrackEvent =
  | { readonly _tag: "Started" }
  | { readonly _tag: "Paused"; readonly positionMs: number }
  | { readonly _tag: "Resumed"; readonly positionMs: number }
  | { readonly _tag: "Stalled"; readonly positionMs: number }
  | { readonly _tag: "Recovered"; readonly positionMs: number }
  | { readonly _tag: "Looped"; readonly times: number }
  | { readonly _tag: "Sought"; readonly positionMs: number }
  | { readonly _tag: "Tagged"; readonly tags: Tags; readonly positionMs: number }
  | { readonly _tag: "Ended"; readonly end: TrackEnd }
