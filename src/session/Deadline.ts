/**
 * How long Discord may take to answer a request for a channel. A request that is held back by the limit of messages is not
 * yet waiting for Discord.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** How long to wait before checking again whether the request is still held back. */
const heldBackWaitMs = 1_000

/**
 * A deadline. Its time begins when it is created, and covers repeated requests.
 *
 * @category models
 * @since 0.1.0
 */
export class Deadline {
  readonly #clock: Clock.Clock
  readonly #isHeldBack: () => boolean
  readonly #timeoutMs: number
  readonly #startedAt: bigint
  #deadlineMs: number
  #wasHeldBack = false
  /** When Discord was asked, in nanoseconds of the clock; undefined until the gateway has taken the request. */
  askedAt: bigint | undefined

  /** `isHeldBack`: whether requests wait because of the limit of messages. */
  constructor(clock: Clock.Clock, timeout: Duration.Duration, isHeldBack: () => boolean) {
    this.#clock = clock
    this.#isHeldBack = isHeldBack
    this.#timeoutMs = this.#deadlineMs = Duration.toMillis(timeout)
    this.#startedAt = clock.monotonicTimeNanosUnsafe()
  }

  elapsedMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() - this.#startedAt) / 1_000_000
  }

  /** In whole nanoseconds: a smaller rest cannot be slept, and would be waited for over and over. */
  #leftMs(): number {
    return Math.round((this.#deadlineMs - this.elapsedMs()) * 1_000_000) / 1_000_000
  }

  /** Called when a request is given to the gateway. */
  asking(): void {
    this.askedAt = undefined
    this.#wasHeldBack = this.#isHeldBack()
  }

  /** Called when the gateway has taken the request. */
  asked(): void {
    this.askedAt = this.#clock.monotonicTimeNanosUnsafe()
    // Discord's time begins only when it has been asked
    if (this.#wasHeldBack || this.#isHeldBack()) this.#deadlineMs = this.elapsedMs() + this.#timeoutMs
  }

  /** Waits until the time is over. */
  get expiry(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (let leftMs = this.#deadlineMs; leftMs > 0; leftMs = this.#leftMs()) {
        yield* Effect.sleep(leftMs)
        if (this.askedAt !== undefined || this.#leftMs() > 0 || !this.#isHeldBack()) continue
        this.#wasHeldBack = true
        this.#deadlineMs = this.elapsedMs() + heldBackWaitMs
      }
    })
  }
}
