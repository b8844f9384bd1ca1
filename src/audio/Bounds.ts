/**
 * Checks the numbers among the options of a track. A command that was parsed badly gives `NaN`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as VoiceError from "../VoiceError.ts"

const unsupported = (feature: string, detail: string) =>
  VoiceError.fail(new VoiceError.Unsupported({ feature, detail }))

/**
 * Checks a gain. Fails with `Unsupported` if it is negative, infinite or not a number.
 *
 * @category combinators
 * @since 0.1.0
 */
export const gain = (value: number): Effect.Effect<number, VoiceError.VoiceError> =>
  Number.isFinite(value) && value >= 0
    ? Effect.succeed(value)
    : unsupported(`a gain of ${value}`, "it must be a finite number of at least 0")

/**
 * Checks a number of repetitions; `Infinity` for "forever". Fails with `Unsupported` for anything but a whole number from 0
 * on.
 *
 * @category combinators
 * @since 0.1.0
 */
export const times = (value: number | "forever"): Effect.Effect<number, VoiceError.VoiceError> => {
  if (value === "forever" || value === Infinity) return Effect.succeed(Infinity)
  return Number.isInteger(value) && value >= 0
    ? Effect.succeed(value)
    : unsupported(`looping ${value} times`, "it must be a whole number of at least 0")
}

const millis = (value: Duration.Input): number => {
  // a duration of NaN would be 0
  if (typeof value === "number" && Number.isNaN(value)) return NaN
  const duration = Option.getOrUndefined(Duration.fromInput(value))
  return duration === undefined ? NaN : Duration.toMillis(duration)
}

const shown = (value: Duration.Input): string => {
  const duration = typeof value === "object" ? Option.getOrUndefined(Duration.fromInput(value)) : undefined
  return duration === undefined ? String(value) : Duration.format(duration)
}

const mostBufferMs = 600_000

/**
 * How much to read ahead, in milliseconds. Fails with `Unsupported` for a time that is invalid, negative or longer than 10
 * minutes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const buffer = (value: Duration.Input, what = "a buffer"): Effect.Effect<number, VoiceError.VoiceError> => {
  const ms = millis(value)
  return ms >= 0 && ms <= mostBufferMs
    ? Effect.succeed(ms)
    : unsupported(`${what} of ${shown(value)}`, "it must be a duration of at most 10 minutes")
}

/**
 * Checks a share of a level. Fails with `Unsupported` for anything but a number from 0 to 1.
 *
 * @category combinators
 * @since 0.1.0
 */
export const share = (value: number, what: string): Effect.Effect<number, VoiceError.VoiceError> =>
  value >= 0 && value <= 1
    ? Effect.succeed(value)
    : unsupported(`${what} of ${value}`, "it must be a number from 0 to 1")

/**
 * How long something takes, in milliseconds. Fails with `Unsupported` for a time that is invalid, negative or infinite.
 *
 * @category combinators
 * @since 0.1.0
 */
export const span = (value: Duration.Input, what: string): Effect.Effect<number, VoiceError.VoiceError> => {
  const ms = millis(value)
  return Number.isFinite(ms) && ms >= 0
    ? Effect.succeed(ms)
    : unsupported(`${what} of ${shown(value)}`, "it must be a duration of at least 0")
}

/**
 * How long to wait for something, in milliseconds; `Infinity` waits without limit. Fails with `Unsupported` for a time that
 * is invalid or negative.
 *
 * @category combinators
 * @since 0.1.0
 */
export const patience = (value: Duration.Input, what: string): Effect.Effect<number, VoiceError.VoiceError> => {
  const ms = millis(value)
  return ms >= 0 ? Effect.succeed(ms) : unsupported(`${what} of ${shown(value)}`, "it must be a duration of at least 0")
}

/**
 * Checks how fast something is played. Fails with `Unsupported` for anything but a number above 0.
 *
 * @category combinators
 * @since 0.1.0
 */
export const speed = (value: number): Effect.Effect<number, VoiceError.VoiceError> =>
  Number.isFinite(value) && value > 0
    ? Effect.succeed(value)
    : unsupported(`a speed of ${value}`, "it must be a finite number greater than 0")

/**
 * Checks that a time in milliseconds is above 0. Fails with `Unsupported` otherwise.
 *
 * @category combinators
 * @since 0.1.0
 */
export const positive = (ms: number, what: string): Effect.Effect<number, VoiceError.VoiceError> =>
  ms > 0 ? Effect.succeed(ms) : unsupported(`${what} of ${ms}`, "it must be a duration greater than 0")

/**
 * Checks how many of something there may be. Fails with `Unsupported` for anything but a whole number from 1 on.
 *
 * @category combinators
 * @since 0.1.0
 */
export const count = (value: number, what: string): Effect.Effect<number, VoiceError.VoiceError> =>
  Number.isInteger(value) && value >= 1
    ? Effect.succeed(value)
    : unsupported(`${what} of ${value}`, "it must be a whole number of at least 1")

/**
 * A position in a source, in milliseconds. Fails with `Unsupported` if it is invalid, negative or infinite.
 *
 * @category combinators
 * @since 0.1.0
 */
export const place = (value: Duration.Input): Effect.Effect<number, VoiceError.VoiceError> => {
  const ms = millis(value)
  return Number.isFinite(ms) && ms >= 0
    ? Effect.succeed(ms)
    : unsupported("seeking", `${shown(value)} is not a position in a source`)
}

/**
 * Where to begin and where to end, in milliseconds of a source; the default end, `Infinity`, is that of the source. Fails
 * with `Unsupported` for an invalid position, and for an end that is not after the start.
 *
 * @category combinators
 * @since 0.1.0
 */
export const range = Effect.fnUntraced(function*(
  from: Duration.Input | undefined,
  until: Duration.Input | undefined
): Effect.fn.Return<{ readonly fromMs: number; readonly untilMs: number }, VoiceError.VoiceError> {
  const fromMs = yield* span(from ?? 0, "a start")
  if (until === undefined) return { fromMs, untilMs: Infinity }
  const untilMs = yield* span(until, "an end")
  if (untilMs > fromMs) return { fromMs, untilMs }
  return yield* unsupported(`an end of ${shown(until)}`, `it must be after the start, ${shown(from ?? 0)}`)
})

/**
 * The interval at which something recurs, in milliseconds. Fails with `Unsupported` for a time that is invalid, infinite or
 * not above 0.
 *
 * @category combinators
 * @since 0.1.0
 */
export const interval = (value: Duration.Input): Effect.Effect<number, VoiceError.VoiceError> => {
  const ms = millis(value)
  return Number.isFinite(ms) && ms > 0
    ? Effect.succeed(ms)
    : unsupported(`an interval of ${shown(value)}`, "it must be a duration greater than 0")
}
