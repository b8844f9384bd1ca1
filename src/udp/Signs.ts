/**
 * The signs of a dead socket. Each is checked at every keepalive, by what was counted since the last check.
 *
 * @since 0.1.0
 */
import type { DatagramStatistics } from "../Transport.ts"

/** The number of consecutive checks, one keepalive apart, at which nothing could be sent, before the socket counts as dead. */
const failedLooks = 2

/**
 * The number of checks with media sent and no receiver report, where there were reports before: at least this many, and this
 * many times the previous maximum. Checks are counted and not packets, because frames may be 20 ms or 120 ms long.
 */
const unreportedLooks = 6
const unreportedGaps = 5

/** How many packets between two checks justify a report: more than the closing silence. */
const reportedPackets = 10

/**
 * Nothing can be sent any more.
 *
 * @category models
 * @since 0.1.0
 */
export class SendErrors {
  /** The statistics at the last check. The first check has nothing to compare with. */
  #before: DatagramStatistics | undefined = undefined
  #failed = 0

  /** Whether everything that was sent has failed, at this check and those before. */
  look(now: DatagramStatistics): boolean {
    const before = this.#before
    const hasFailed = before !== undefined && now.sendErrors > before.sendErrors && now.sent === before.sent
    this.#failed = hasFailed ? this.#failed + 1 : 0
    this.#before = now
    return this.#failed >= failedLooks
  }
}

/**
 * Receiver reports were received while media was sent, and have stopped. `mediaSent` is everything that was sent and should be
 * reported on.
 *
 * @category models
 * @since 0.1.0
 */
export class MissingReports {
  #reports = 0
  #sentAtLook = 0
  /** Checks with media sent since the last report, and the maximum between two reports. */
  #looks = 0
  #longestGap = 0
  /** The same since the last report or other answer. */
  #unanswered = 0

  onReport(mediaSent: number): void {
    if (this.#reports++ > 0) this.#longestGap = Math.max(this.#longestGap, this.#looks)
    this.#looks = 0
    this.#unanswered = 0
    this.#sentAtLook = mediaSent
  }

  /** Tells that an answer other than a report has arrived: the path is open. */
  onAnswer(): void {
    this.#unanswered = 0
  }

  look(mediaSent: number): boolean {
    if (mediaSent - this.#sentAtLook > reportedPackets) {
      this.#looks++
      this.#unanswered++
    }
    this.#sentAtLook = mediaSent
    return this.#reports > 1 && this.#unanswered > Math.max(unreportedLooks, unreportedGaps * this.#longestGap)
  }
}
