/**
 * A source that remembers what it gave, to be held against what was heard.
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
  /** The frames that were given since the source was last opened. */
  readonly frames: () => ReadonlyArray<OpusFrame>
  /** Of the source when it was last opened; 2 before. */
  readonly channels: () => 1 | 2
}

/**
 * Taps a source that is opened once at a time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R>(source: AudioSource<R>): Tap<R> => {
  let given: Array<OpusFrame> = []
  let channels: 1 | 2 = 2
  return {
    source: {
      name: source.name,
      open: Effect.map(source.open, (opened) => {
        const frames: Array<OpusFrame> = []
        given = frames
        if (opened.format !== "opus") return opened
        channels = opened.channels
        return {
          ...opened,
          pull: Effect.tap(opened.pull, (pulled) => Effect.sync(() => frames.push(...pulled)))
        }
      })
    },
    frames: () => given,
    channels: () => channels
  }
}
