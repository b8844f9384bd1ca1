/**
 * The phases of the 20 ms grid: the millisecond of a frame that each sender keeps to. A few senders share a phase, so that the
 * process wakes less often; many are spread over all phases, so that they do not send in one burst.
 *
 * @since 0.1.0
 */

/**
 * The length of a frame in milliseconds and the number of slots that senders are spread over.
 *
 * @category constants
 * @since 0.1.0
 */
export const frameMs = 20

/**
 * @category models
 * @since 0.1.0
 */
export interface Phases {
  /** Assigns a phase to a sender: 0 to 19. */
  readonly take: () => number
  /** Returns a phase. */
  readonly give: (phase: number) => void
}

/**
 * The number of senders that share a phase before another one is used. Waking the process costs as much as some packets, and
 * this many take a quarter of a millisecond together. With more than 20 times as many, all phases get their share.
 */
const sharing = 32

/** The phases in the order in which they are used, so that a few are far apart. */
const order = [0, 10, 5, 15, 2, 12, 7, 17, 3, 13, 8, 18, 1, 11, 6, 16, 4, 14, 9, 19]

/**
 * The first time on a phase at or after `fromMs`.
 *
 * @category arithmetic
 * @since 0.1.0
 */
export const align = (phase: number, fromMs: number): number => Math.ceil((fromMs - phase) / frameMs) * frameMs + phase

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Phases => {
  const senders = new Uint32Array(frameMs)
  return {
    take: () => {
      const free = order.find((phase) => (senders[phase] ?? 0) < sharing)
      const phase = free ?? senders.indexOf(Math.min(...senders))
      senders[phase] = (senders[phase] ?? 0) + 1
      return phase
    },
    give: (phase) => {
      senders[phase] = (senders[phase] ?? 1) - 1
    }
  }
}
