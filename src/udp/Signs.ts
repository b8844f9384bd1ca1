/**
 * Signs by which a socket is known to be dead. Each is looked for at every keepalive, by what was counted since the look before.
 *
 * @since 0.1.0
 */
import type { DatagramStatistics } from "../Transport.ts"

/** Looks in a row, a keepalive apart, at which nothing could be sent, before the socket counts as dead. */
const failedLooks = 2

/**
 * Looks at which something had been sent and no receiver report had come, where reports came before: at least so many, and so
 * many times as many as there were before. Looks and not packets, for frames may be of 20 ms or of 120.
 */
const unreportedLooks = 6
const unreportedGaps = 5

/** What is sent between two looks and is worth a report: more than the silence that closes. */
const reportedPackets = 10

/**
 * Nothing can be sent any more.
 *
 * @category models
 * @since 0.1.0
 */
export class SendErrors {
  /** As they were at the look before; the first one has nothing to compare with. */
  #before: DatagramStatistics | undefined = undefined
  #failed = 0

  /** Whether all that was sent has failed, at this look and those before. */
  look(now: DatagramStatistics): boolean {
    const before = this.#before
    const hasFailed = before !== undefined && now.sendErrors > before.sendErrors && now.sent === before.sent
    this.#failed = hasFailed ? this.#failed + 1 : 0
    this.#before = now
    return this.#failed >= failedLooks
  }
}

/**
 * Receiver reports came while media was sent, and have stopped. `mediaSent` is all that was sent and is reported on.
 *
 * @category models
 * @since 0.1.0
 */
export class MissingReports {
  #reports = 0
  #sentAtLook = 0
  /** Looks since the last report at which something had been sent, and the most there were between two. */
  #looks = 0
  #longestGap = 0
  /** The same since the last report, or another answer. */
  #unanswered = 0

  onReport(mediaSent: number): void {
    if (this.#reports++ > 0) this.#longestGap = Math.max(this.#longestGap, this.#looks)
    this.#looks = 0
    this.#unanswered = 0
    this.#sentAtLook = mediaSent
  }

  /** Another answer than a report has come: the way is open. */
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
