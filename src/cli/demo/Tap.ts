/**
 * A source that records what it produced, for comparison with what was heard.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { AudioSource, OpusFrame } from "../../audio/AudioSource.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Tap<out R = never> {
  readonly source: AudioSource<R>
  /** The frames that were produced since the source was last opened. */
  readonly frames: () => ReadonlyArray<OpusFrame>
  /** The same for a source of PCM; `undefined` for Opus. */
  readonly pcm: () => ReadonlyArray<Float32Array> | undefined
  /** The channels of the source when it was last opened; 2 before. */
  readonly channels: () => 1 | 2
}

/**
 * Wraps a source that is opened once at a time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R>(source: AudioSource<R>): Tap<R> => {
  let given: Array<OpusFrame> = []
  let pcm: Array<Float32Array> | undefined
  let channels: 1 | 2 = 2
  return {
    source: {
      name: source.name,
      open: Effect.map(source.open, (opened) => {
        const frames: Array<OpusFrame> = []
        given = frames
        pcm = undefined
        if (opened.format === "pcm") {
          const pieces: Array<Float32Array> = []
          pcm = pieces
          // from then on the mixer owns the array
          return { ...opened, pull: Effect.tap(opened.pull, (piece) => Effect.sync(() => pieces.push(piece.slice()))) }
        }
        channels = opened.channels
        return {
          ...opened,
          pull: Effect.tap(opened.pull, (pulled) => Effect.sync(() => frames.push(...pulled)))
        }
      })
    },
    frames: () => given,
    pcm: () => pcm,
    channels: () => channels
  }
}
