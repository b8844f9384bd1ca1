import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as Bounds from "../../src/audio/Bounds.ts"
import type { VoiceError } from "../../src/VoiceError.ts"

const outcomes = <A>(check: (value: A) => Effect.Effect<number, VoiceError>, values: ReadonlyArray<A>) =>
  Effect.forEach(
    values,
    (value) => check(value).pipe(Effect.catch(({ reason }) => Effect.succeed(`${reason._tag}: ${reason.message}`)))
  )

const refused = (said: unknown) => assert.match(String(said), /^Unsupported: /)

describe("Bounds", () => {
  it.effect("accept finite gains of 0 or more", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcomes(Bounds.gain, [0, 0.5, 3]), [0, 0.5, 3])
      for (const said of yield* outcomes(Bounds.gain, [-0.1, NaN, Infinity])) refused(said)
    }))

  it.effect("accept whole repeat counts, and \"forever\"", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcomes(Bounds.times, [0, 7, "forever", Infinity]), [0, 7, Infinity, Infinity])
      for (const said of yield* outcomes(Bounds.times, [-1, 1.5, NaN, -Infinity])) refused(said)
    }))

  it.effect("accept buffers of up to ten minutes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcomes(Bounds.buffer, [0, 80, "10 minutes"] as const), [0, 80, 600_000])
      const none = [NaN, -1, Infinity, Duration.infinity, Duration.millis(-5), "11 minutes"] as const
      const said = yield* outcomes(Bounds.buffer, none)
      for (const one of said) refused(one)
      assert.include(String(said.at(-2)), "A buffer of -5ms")
      assert.match(String((yield* outcomes(Bounds.buffer, [{ minutes: 11 }]))[0]), /A buffer of 11m/)
    }))

  it.effect("accept shares from 0 to 1", () =>
    Effect.gen(function*() {
      const share = (value: number) => Bounds.share(value, "a share")
      assert.deepStrictEqual(yield* outcomes(share, [0, 0.5, 1]), [0, 0.5, 1])
      for (const said of yield* outcomes(share, [-0.1, 1.5, NaN, Infinity])) refused(said)
    }))

  it.effect("accept positions in a source as milliseconds or as durations", () =>
    Effect.gen(function*() {
      const places = [0, 1_500.5, "2 seconds", Duration.minutes(1)] as const
      assert.deepStrictEqual(yield* outcomes(Bounds.place, places), [0, 1_500.5, 2_000, 60_000])
      const none = [NaN, -1, Infinity, Duration.infinity, Duration.millis(-5)]
      for (const said of yield* outcomes(Bounds.place, none)) refused(said)
    }))

  it.effect("accept finite spans, and also infinite ones where they limit a wait or a silence", () =>
    Effect.gen(function*() {
      const span = (value: Duration.Input) => Bounds.span(value, "a fade")
      const patience = (value: Duration.Input) => Bounds.patience(value, "to wait")
      assert.deepStrictEqual(yield* outcomes((ms: number) => Bounds.positive(ms, "a silence"), [0.5, Infinity]), [
        0.5,
        Infinity
      ])
      for (const said of yield* outcomes((ms: number) => Bounds.positive(ms, "a silence"), [0, NaN])) refused(said)
      assert.deepStrictEqual(yield* outcomes(span, [0, 80, "2 seconds"]), [0, 80, 2_000])
      for (const said of yield* outcomes(span, [NaN, -1, Infinity, Duration.millis(-5)])) refused(said)
      assert.deepStrictEqual(yield* outcomes(patience, [0, "2 seconds", Infinity]), [0, 2_000, Infinity])
      for (const said of yield* outcomes(patience, [NaN, -1, Duration.millis(-5)])) refused(said)
    }))

  it.effect("accept an end that lies after the start, or no end", () =>
    Effect.gen(function*() {
      const range = (from: Duration.Input | undefined, until: Duration.Input | undefined) =>
        Bounds.range(from, until).pipe(
          Effect.map(({ fromMs, untilMs }) => [fromMs, untilMs] as const),
          Effect.catch(({ reason }) => Effect.succeed(`${reason._tag}: ${reason.message}`))
        )
      assert.deepStrictEqual(yield* range(undefined, undefined), [0, Infinity])
      assert.deepStrictEqual(yield* range("1 second", undefined), [1_000, Infinity])
      assert.deepStrictEqual(yield* range(999.5, Duration.seconds(1)), [999.5, 1_000])
      for (const from of [NaN, -1, Infinity]) refused(yield* range(from, "1 hour"))
      for (const until of [NaN, -1, Infinity, 0, "1 second", "999 millis"] as const) {
        refused(yield* range("1 second", until))
      }
    }))

  it.effect("accept finite intervals above 0", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcomes(Bounds.interval, [0.1, "2 seconds"] as const), [0.1, 2_000])
      for (const said of yield* outcomes(Bounds.interval, [0, NaN, -1, Infinity])) refused(said)
    }))

  it.effect("accept whole counts of at least one", () =>
    Effect.gen(function*() {
      const count = (value: number) => Bounds.count(value, "a capacity")
      assert.deepStrictEqual(yield* outcomes(count, [1, 256]), [1, 256])
      for (const said of yield* outcomes(count, [0, -1, 1.5, NaN, Infinity])) refused(said)
    }))
})
