/**
 * Plays existing Opus packets: a list, a generator, or a stream.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { OpenOpus, OpusFrame } from "../OpenSource.ts"

/**
 * The options of `AudioSource.fromFrames`.
 *
 * @category models
 * @since 0.1.0
 */
export interface FrameOptions {
  /** The name for messages and displays. Default "frames". */
  readonly name?: string | undefined
  /** Default 2. */
  readonly channels?: 1 | 2 | undefined
}

/** How many frames one pull takes from an iterable, which may be endless: a second of 20 ms frames. */
const batch = 50

/**
 * Returns the next items of an iterable, `limit` at most, and `Done` after the last. An error that the iterator throws is
 * `Failed`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const pullIterable = <A>(
  iterable: Iterable<A>,
  limit: number,
  name: string
): Effect.Effect<ReadonlyArray<A>, VoiceError | Cause.Done> => {
  let iterator: Iterator<A> | undefined
  return Effect.suspend((): Effect.Effect<ReadonlyArray<A>, VoiceError | Cause.Done> => {
    const items: Array<A> = []
    try {
      iterator ??= iterable[Symbol.iterator]()
      while (items.length < limit) {
        const next = iterator.next()
        if (next.done === true) break
        items.push(next.value)
      }
    } catch (cause) {
      return Effect.fail(ByteSource.failure(name, "Failed", ByteSource.describe(cause), { cause }))
    }
    return items.length === 0 ? Cause.done() : Effect.succeed(items)
  })
}

/**
 * Returns the next items of a stream, and `Done` after the last. An error of the stream is `Failed`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const pullStream = <A, E, R>(
  stream: Stream.Stream<A, E, R>,
  name: string
): Effect.Effect<Effect.Effect<ReadonlyArray<A>, VoiceError | Cause.Done>, never, R | Scope.Scope> =>
  Effect.map(
    Stream.toPull(stream),
    (pull) =>
      Effect.catch(pull, (error): Effect.Effect<never, VoiceError | Cause.Done> =>
        Cause.isDone(error)
          ? Cause.done()
          : Effect.fail(ByteSource.failure(name, "Failed", ByteSource.describe(error), { cause: error })))
  )

/**
 * Opens the frames, checking each as it is read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = <E, R>(
  frames: Iterable<OpusFrame> | Stream.Stream<OpusFrame, E, R>,
  name: string,
  options?: FrameOptions
): Effect.Effect<OpenOpus, VoiceError, R | Scope.Scope> =>
  Effect.gen(function*() {
    const next = isIterable(frames) ? pullIterable(frames, batch, name) : yield* pullStream(frames, name)
    let playedSamples = 0
    let problem: VoiceError | undefined

    const pull: OpenOpus["pull"] = Effect.gen(function*() {
      if (problem !== undefined) return yield* problem
      const items = yield* next
      for (let i = 0; i < items.length; i++) {
        const frame = items[i]
        if (frame === undefined) continue
        if (OpusPacket.samples(frame.data) !== frame.samples || frame.samples <= 0) {
          const detail = `a frame of ${frame.data.length} bytes is not an Opus packet of ${frame.samples} samples`
          problem = ByteSource.failure(name, "Corrupt", detail, { positionMs: playedSamples / 48 })
          return i === 0 ? yield* problem : items.slice(0, i)
        }
        playedSamples += frame.samples
      }
      return items
    })

    return { format: "opus", channels: options?.channels ?? 2, durationMs: duration(frames), tags: {}, pull }
  })

const isIterable = <A>(value: Iterable<A> | Stream.Stream<A, unknown, unknown>): value is Iterable<A> =>
  !Stream.isStream(value)

const duration = (frames: unknown): number | undefined => {
  if (!Array.isArray(frames)) return undefined
  // the array form of this constructor's argument has frames
  const list = frames as ReadonlyArray<OpusFrame>
  return list.reduce((samples, frame) => samples + frame.samples, 0) / 48
}
