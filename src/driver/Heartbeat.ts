/**
 * The heartbeat of a voice gateway connection (op 3, op 6): one beat at once and one in every interval of Hello, and the
 * round trip by the monotonic clock. A beat that was not answered when the next is due means that the connection is dead.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as VoiceError from "../VoiceError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Heartbeat {
  /** Beats for ever at `intervalMs`, with nothing owed from before; fails with `HeartbeatUnanswered`, or with what `send` fails with. */
  readonly run: (intervalMs: number) => Effect.Effect<never, VoiceError.VoiceError>
  /** Takes the nonce of an acknowledgement. Returns the round trip in milliseconds, or -1 if no beat waits for it. */
  readonly acknowledge: (nonce: number) => number
  readonly sent: () => number
  readonly roundTripMs: () => number | undefined
}

const millis = (nanos: bigint): number => Number(nanos) / 1_000_000

/**
 * Makes a heartbeat that sends an integer nonce through `send`. Nonces are wall-clock milliseconds, as official clients
 * send them, and strictly increasing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  send: (nonce: number) => Effect.Effect<void, VoiceError.VoiceError>
): Effect.Effect<Heartbeat> =>
  Effect.map(Clock.Clock, (clock) => {
    let nonce = 0
    let sent = 0
    let missed = 0
    let sentAt = clock.monotonicTimeNanosUnsafe()
    let answeredAt = sentAt
    let waiting = false
    let roundTripMs: number | undefined

    const beat = Effect.suspend(() => {
      if (waiting) {
        missed++
        const silentMs = millis(clock.monotonicTimeNanosUnsafe() - answeredAt)
        return VoiceError.fail(new VoiceError.HeartbeatUnanswered({ missed, silentMs }))
      }
      nonce = Math.max(nonce + 1, Math.trunc(clock.currentTimeMillisUnsafe()))
      sentAt = clock.monotonicTimeNanosUnsafe()
      if (sent === 0) answeredAt = sentAt
      waiting = true
      sent++
      return send(nonce)
    })

    return {
      run: (intervalMs) =>
        Effect.suspend(() => {
          waiting = false
          return Effect.forever(Effect.andThen(beat, Effect.sleep(Duration.millis(intervalMs))))
        }),
      acknowledge: (answer) => {
        if (!waiting || answer !== nonce) return -1
        waiting = false
        missed = 0
        answeredAt = clock.monotonicTimeNanosUnsafe()
        roundTripMs = millis(answeredAt - sentAt)
        return roundTripMs
      },
      sent: () => sent,
      roundTripMs: () => roundTripMs
    }
  })
