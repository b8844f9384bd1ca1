/**
 * How long Discord may take to answer a request for a channel. A request that waits for the limit of messages does not wait for Discord
 * yet.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** How long what waits for the limit of messages waits to be looked at again. */
const heldBackWaitMs = 1_000

/**
 * The time begins with it. A request may be made more than once in it.
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
  /** When Discord was asked, in nanoseconds of the clock; nothing while the gateway has not taken the request. */
  askedAt: bigint | undefined

  /** `isHeldBack`: whether requests wait for the limit of messages. */
  constructor(clock: Clock.Clock, timeout: Duration.Duration, isHeldBack: () => boolean) {
    this.#clock = clock
    this.#isHeldBack = isHeldBack
    this.#timeoutMs = this.#deadlineMs = Duration.toMillis(timeout)
    this.#startedAt = clock.monotonicTimeNanosUnsafe()
  }

  elapsedMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() - this.#startedAt) / 1_000_000
  }

  /** In whole nanoseconds: a rest of less is no time to sleep, and would be waited for over and over. */
  #leftMs(): number {
    return Math.round((this.#deadlineMs - this.elapsedMs()) * 1_000_000) / 1_000_000
  }

  /** The gateway is given a request. */
  asking(): void {
    this.askedAt = undefined
    this.#wasHeldBack = this.#isHeldBack()
  }

  /** It has taken the request. */
  asked(): void {
    this.askedAt = this.#clock.monotonicTimeNanosUnsafe()
    // Discord has not had its time until it was asked
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
