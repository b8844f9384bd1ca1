/**
 * The heartbeat of a voice gateway connection (op 3, op 6): one beat immediately and one in every interval of Hello, and the
 * round trip time on the monotonic clock. If a beat was not answered when the next is due, or has not even been sent, the
 * connection is dead.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as VoiceError from "../../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Heartbeat {
  /**
   * Sends beats forever at `intervalMs`, and starts without unanswered beats. Fails with `HeartbeatUnanswered`, or with the
   * error of `send`. Beats are at least {@link leastMs} apart, even if it is run again, and at most {@link mostMs}.
   */
  readonly run: (intervalMs: number) => Effect.Effect<never, VoiceError.VoiceError>
  /** Takes the nonce of an acknowledgement. Returns the round trip time in milliseconds, or -1 if no beat waits for it. */
  readonly acknowledge: (nonce: number) => number
  readonly sent: () => number
  readonly roundTripMs: () => number | undefined
}

/**
 * The minimum interval in milliseconds: a server that asks for more than one beat per second is not obeyed.
 *
 * @category constants
 * @since 0.1.0
 */
export const leastMs = 1_000

/**
 * The maximum interval: if a server asked for a beat in a year, nobody would notice that the connection is dead.
 *
 * @category constants
 * @since 0.1.0
 */
export const mostMs = 300_000

const millis = (nanos: bigint): number => Number(nanos) / 1_000_000

class Beating implements Heartbeat {
  readonly #clock: Clock.Clock
  readonly #send: (nonce: number) => Effect.Effect<void, VoiceError.VoiceError>
  #nonce = 0
  #sent = 0
  #missed = 0
  #sentAt: bigint
  #answeredAt: bigint
  #isWaiting = false
  #roundTripMs: number | undefined

  constructor(clock: Clock.Clock, send: (nonce: number) => Effect.Effect<void, VoiceError.VoiceError>) {
    this.#clock = clock
    this.#send = send
    this.#sentAt = this.#answeredAt = clock.monotonicTimeNanosUnsafe()
  }

  run(intervalMs: number): Effect.Effect<never, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      this.#isWaiting = false
      const duration = Duration.millis(Math.min(mostMs, Math.max(leastMs, intervalMs)))
      // a peer that does not read any more would block it forever
      const beat = Effect.timeoutOrElse(this.#beat(), { duration, orElse: () => this.#unanswered() })
      const sinceMs = this.#sent === 0 ? Infinity : millis(this.#clock.monotonicTimeNanosUnsafe() - this.#sentAt)
      const beats = Effect.andThen(Effect.repeat(beat, Schedule.spaced(duration)), Effect.never)
      return sinceMs >= leastMs ? beats : Effect.andThen(Effect.sleep(Duration.millis(leastMs - sinceMs)), beats)
    })
  }

  acknowledge(nonce: number): number {
    if (!this.#isWaiting || nonce !== this.#nonce) return -1
    this.#isWaiting = false
    this.#missed = 0
    this.#answeredAt = this.#clock.monotonicTimeNanosUnsafe()
    this.#roundTripMs = millis(this.#answeredAt - this.#sentAt)
    return this.#roundTripMs
  }

  sent(): number {
    return this.#sent
  }

  roundTripMs(): number | undefined {
    return this.#roundTripMs
  }

  #unanswered(): Effect.Effect<never, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      this.#missed++
      const silentMs = millis(this.#clock.monotonicTimeNanosUnsafe() - this.#answeredAt)
      return VoiceError.fail(new VoiceError.HeartbeatUnanswered({ missed: this.#missed, silentMs }))
    })
  }

  #beat(): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.suspend(() => {
      if (this.#isWaiting) return this.#unanswered()
      this.#nonce = Math.max(this.#nonce + 1, Math.trunc(this.#clock.currentTimeMillisUnsafe()))
      this.#sentAt = this.#clock.monotonicTimeNanosUnsafe()
      if (this.#sent === 0) this.#answeredAt = this.#sentAt
      this.#isWaiting = true
      this.#sent++
      return this.#send(this.#nonce)
    })
  }
}

/**
 * Makes a heartbeat that sends an integer nonce through `send`. Nonces are wall-clock milliseconds, as in official clients, and
 * strictly increasing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = (
  clock: Clock.Clock,
  send: (nonce: number) => Effect.Effect<void, VoiceError.VoiceError>
): Heartbeat => new Beating(clock, send)

/**
 * {@link makeUnsafe} on the clock of the fiber.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  send: (nonce: number) => Effect.Effect<void, VoiceError.VoiceError>
): Effect.Effect<Heartbeat> => Effect.map(Clock.Clock, (clock) => makeUnsafe(clock, send))
