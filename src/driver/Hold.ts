/**
 * How long packets wait for a word of the voice gateway, such as whose an SSRC is, and how many of them: more while its WebSocket is
 * lost, because that word can come with the resume only, and for a moment behind it.
 *
 * @since 0.1.0
 */

/**
 * @category models
 * @since 0.1.0
 */
export interface Bounds {
  /** Milliseconds. */
  readonly ms: number
  readonly packets: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Hold {
  readonly bounds: (nowMs: number) => Bounds
  /** Whether it is longer than usual. */
  readonly isStretched: (nowMs: number) => boolean
  /** The WebSocket is lost. */
  readonly lose: () => void
  /** It was replaced, and all that was missed has been said; or there is another connection. */
  readonly regain: (nowMs: number) => void
}

/** What is older is of no use to whoever listens, and few resumes take longer. */
const stretched: Bounds = { ms: 5_000, packets: 1_000 }

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (usual: Bounds): Hold => {
  let untilMs = -Infinity
  const isStretched = (nowMs: number): boolean => nowMs < untilMs
  return {
    isStretched,
    bounds: (nowMs) => isStretched(nowMs) ? stretched : usual,
    lose: () => {
      untilMs = Infinity
    },
    regain: (nowMs) => {
      if (untilMs === Infinity) untilMs = nowMs + usual.ms
    }
  }
}
