/**
 * The phases of the 20 ms grid: which millisecond of a frame each sender keeps to. A few senders share a phase, so that the
 * process is woken less often, and many are spread over all of them, so that they do not send in one burst.
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
  /** Gives a sender its phase: 0 to 19. */
  readonly take: () => number
  /** Takes it back. */
  readonly give: (phase: number) => void
}

/**
 * Senders that share a phase before another one is used: to wake a process costs as much as some packets, and they take a
 * quarter of a millisecond together. Beyond 20 times as many, all phases get their share.
 */
const sharing = 32

/** The phases in the order in which they are used, so that few are far apart. */
const order = [0, 10, 5, 15, 2, 12, 7, 17, 3, 13, 8, 18, 1, 11, 6, 16, 4, 14, 9, 19]

/**
 * The first time at or after `fromMs` that lies on a phase.
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
