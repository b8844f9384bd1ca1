/**
 * Keeps one gateway connection below the limit of 120 messages in 60 seconds, beyond which Discord closes it with 4008
 * (Discord docs, Gateway, Rate Limiting). Heartbeats must not wait, so that ordinary messages leave room for them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

const windowMs = 60_000

/**
 * Messages of all kinds in 60 seconds; five below Discord's limit, since its clock is not ours.
 *
 * @category constants
 * @since 0.1.0
 */
export const total = 115

/**
 * Messages in 60 seconds, heartbeats among them, beyond which none but heartbeats are sent.
 *
 * @category constants
 * @since 0.1.0
 */
export const ordinary = 110

/**
 * Voice state requests in 60 seconds on a connection that a Discord library keeps, which sends messages of its own there.
 *
 * @category constants
 * @since 0.1.0
 */
export const shared = 100

/** So long after the limit what waits for it may still be on its way. */
const lingerMs = 5_000

/**
 * @category models
 * @since 0.1.0
 */
export interface SendLimit {
  /** Whole milliseconds until a message fits into `capacity` messages in 60 seconds, `total` at most; 0 if it does now. */
  readonly waitMs: (capacity: number, nowMs: number) => number
  /** Counts a message as sent. */
  readonly record: (nowMs: number) => void
}

/**
 * Whether messages wait for the limit, and not for Discord.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hold {
  /** Messages wait until this time. */
  readonly until: (ms: number) => void
  /** Whether some wait, or did within the last 5 seconds. */
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
 * Voice state requests wait `waitMs` from now on, `waiting` of them where that is known: warns of it, unless some wait already.
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
      `Discord's limit of messages is near: ${waiting === undefined ? "requests" : `${waiting} requests`} for voice ` +
        `channels wait, the first one for ${Math.ceil(waitMs / 1000)} s`
    )
  })

/**
 * A limit for a new connection. Times are milliseconds of a monotonic clock.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): SendLimit => {
  const sentAt: Array<number> = []
  return {
    waitMs: (capacity, nowMs) => {
      const blocking = sentAt[sentAt.length - capacity]
      // a rest of less than a nanosecond is no time to sleep, and would be waited for over and over
      return blocking === undefined ? 0 : Math.max(0, Math.ceil(blocking + windowMs - nowMs))
    },
    record: (nowMs) => {
      sentAt.push(nowMs)
      // heartbeats come for months, also where nobody asks whether there is room
      if (sentAt.length > total) sentAt.shift()
    }
  }
}
