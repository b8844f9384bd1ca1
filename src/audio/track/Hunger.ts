/**
 * How long a track waits for a source that gives nothing.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  /** How long the source may take, in milliseconds. */
  readonly limitMs: number
  /** Whether nothing is wanted from it at the moment, or ever again. */
  readonly isExcused: () => boolean
  /** Whether it has given something that nobody takes. */
  readonly hasFrames: () => boolean
  /**
   * How much it has given so far, in milliseconds. While that grows the source is not silent, even if nothing has begun yet.
   */
  readonly givenMs: () => number
  readonly onStarved: (silentMs: number) => Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Hunger {
  /** Begins to wait. */
  readonly begin: Effect.Effect<void>
  readonly end: () => void
  readonly isHungry: () => boolean
}

/** How often to check, as a share of the limit, and the minimum in milliseconds. */
const looks = 20
const leastLookMs = 20

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Hunger => new Watched(options)

class Watched implements Hunger {
  readonly #options: Options
  /** When it began to wait, on the monotonic clock. */
  #sinceMs: number | undefined
  #isWatched = false
  #lastMs = 0

  constructor(options: Options) {
    this.#options = options
  }

  get begin(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#sinceMs = this.#nowMs()
      this.#lastMs = this.#options.givenMs()
      if (this.#isWatched || this.#options.isExcused()) return Effect.void
      this.#isWatched = true
      return Effect.asVoid(Effect.forkIn(this.#watch(), this.#options.scope, { startImmediately: true }))
    })
  }

  end(): void {
    this.#sinceMs = undefined
  }

  isHungry(): boolean {
    return this.#sinceMs !== undefined
  }

  #nowMs(): number {
    return Number(this.#options.clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  #isStarving(): boolean {
    return this.#sinceMs !== undefined && !this.#options.isExcused()
  }

  /** While something arrives, there is nothing to watch, and no timer. */
  #watch(): Effect.Effect<void> {
    const { limitMs } = this.#options
    return Effect.gen({ self: this }, function*() {
      while (this.#isStarving()) {
        yield* Effect.sleep(Duration.millis(Math.max(leastLookMs, limitMs / looks)))
        if (this.#sinceMs === undefined || !this.#isStarving()) continue
        const given = this.#options.givenMs()
        // frames that nobody takes, because there is no connection, are not the source's fault
        if (this.#options.hasFrames() || given !== this.#lastMs) this.#sinceMs = this.#nowMs()
        this.#lastMs = given
        const silentMs = this.#nowMs() - this.#sinceMs
        if (silentMs >= limitMs) yield* this.#options.onStarved(silentMs)
      }
    }).pipe(Effect.ensuring(Effect.sync(() => {
      this.#isWatched = false
    })))
  }
}
