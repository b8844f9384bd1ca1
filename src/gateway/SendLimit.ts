/**
 * Keeps one gateway connection below the limit of 120 messages in 60 seconds, beyond which Discord closes it with 4008
 * (Discord docs, Gateway, Rate Limiting). Heartbeats must not wait, so ordinary messages leave room for them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

const windowMs = 60_000

/**
 * The limit for messages of all kinds in 60 seconds; five below Discord's, since its clock differs from ours.
 *
 * @category constants
 * @since 0.1.0
 */
export const total = 115

/**
 * The number of messages in 60 seconds, including heartbeats, from which on only heartbeats are sent.
 *
 * @category constants
 * @since 0.1.0
 */
export const ordinary = 110

/**
 * Voice state requests in 60 seconds on a connection of a Discord library, which sends messages of its own there.
 *
 * @category constants
 * @since 0.1.0
 */
export const shared = 100

/** How long after the limit a message that waited for it may still be on its way. */
const lingerMs = 5_000

/**
 * @category models
 * @since 0.1.0
 */
export interface SendLimit {
  /** Whole milliseconds until a message fits into `capacity` messages in 60 seconds, `total` at most; 0 if it fits now. */
  readonly waitMs: (capacity: number, nowMs: number) => number
  /** Counts a message as sent. */
  readonly record: (nowMs: number) => void
}

/**
 * Whether messages wait for the limit rather than for Discord.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hold {
  /** Messages wait until this time. */
  readonly until: (ms: number) => void
  /** Whether messages wait, or did within the last 5 seconds. */
  readonly isOn: (nowMs: number) => boolean
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const makeHold = (): Hold => {
  let heldUntilMs = -Infinity
  return {
    until: (ms) => {
      heldUntilMs = ms
    },
    isOn: (nowMs) => nowMs < heldUntilMs + lingerMs
  }
}

/**
 * Notes that voice state requests wait for `waitMs` from now on, `waiting` of them if that is known. Logs a warning, unless
 * some wait already.
 *
 * @category combinators
 * @since 0.1.0
 */
export const holdBack = (
  hold: Hold,
  nowMs: () => number,
  waitMs: number,
  waiting?: number
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const isHeld = hold.isOn(nowMs())
    hold.until(nowMs() + waitMs)
    return isHeld ? Effect.void : Effect.logWarning(
      `Close to Discord's message limit: ${waiting === undefined ? "requests" : `${waiting} requests`} for voice ` +
        `channels are waiting, the first one for ${Math.ceil(waitMs / 1000)} s`
    )
  })

/**
 * Makes a limit for a new connection. Times are milliseconds of a monotonic clock.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): SendLimit => {
  const sentAt: Array<number> = []
  return {
    waitMs: (capacity, nowMs) => {
      const blocking = sentAt[sentAt.length - capacity]
      // a rest of less than a nanosecond cannot be slept, and would be waited for over and over
      return blocking === undefined ? 0 : Math.max(0, Math.ceil(blocking + windowMs - nowMs))
    },
    record: (nowMs) => {
      sentAt.push(nowMs)
      // heartbeats accumulate for months, also if nobody asks whether there is room
      if (sentAt.length > total) sentAt.shift()
    }
  }
}
