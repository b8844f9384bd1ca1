/**
 * What a session sends, as a stream: a tap on the rings that its connections take frames from. While nobody runs the stream
 * there is no tap, and it costs nothing.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tap from "../driver/media/Tap.ts"

/**
 * Keeps a tap among `taps` while the stream runs; `begin` tells it what already plays. It ends when `isOver`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream = (
  taps: () => Set<Tap.Tap>,
  isOver: () => boolean,
  begin: (tap: Tap.Tap) => void
): Stream.Stream<Tap.SentFrame> =>
  Stream.unwrap(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const tap = Tap.make()
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        taps().add(tap)
        begin(tap)
      }),
      () => Effect.sync(() => taps().delete(tap))
    )
    const look = Effect.sync(() => tap.look(Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000))
    return Stream.fromEffectRepeat(Effect.andThen(Effect.sleep(Tap.intervalMs), look)).pipe(
      Stream.takeUntil(isOver),
      Stream.flattenIterable
    )
  }))
