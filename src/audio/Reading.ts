/**
 * One reading of a source into a frame ring, from a position on and over again when it is looped. It reads ahead as far as
 * it may, and knows which place of the source is at the ring's reading end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as FrameRing from "../driver/FrameRing.ts"
import * as VoiceError from "../VoiceError.ts"
import type { OpenOpus, OpusFrame } from "./AudioSource.ts"
import * as Pump from "./Pump.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly clock: Clock.Clock
  /** Name of the source, for messages. */
  readonly name: string
  /** The source, open for this reading. */
  readonly opened: OpenOpus
  /** Opens it once more, for another pass. */
  readonly open: Effect.Effect<OpenOpus, VoiceError.VoiceError, Scope.Scope>
  /** Where to begin, in milliseconds of the source; what lies before is read and left out, to the frame. */
  readonly fromMs: number
  /** Media time to read ahead, in milliseconds. */
  readonly bufferMs: number
  /** Called when the ring holds enough to begin, or all there is; and again later, which must be harmless. */
  readonly onReady: Effect.Effect<void, VoiceError.VoiceError>
  /** Asked at the end of a pass: whether another one follows. */
  readonly again: Effect.Effect<boolean>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Reading {
  readonly ring: FrameRing.FrameRing
  /** Reads to the end and ends the ring. A failure is kept for {@link Reading.failure}. */
  readonly run: Effect.Effect<void>
  /** Why the source did not come to its end. */
  readonly failure: () => VoiceError.VoiceError | undefined
  /** The place in the source, in milliseconds, of what is taken from the ring next. */
  readonly positionMs: () => number
}

/** Media time in the ring before it is handed to the driver. */
const leadMs = 200

const leastRefillMs = 20

/** Bytes of the ring for each millisecond that is read ahead: 128 kbit/s. What is denser is read ahead for a shorter time. */
const ringBytesPerMs = 16

/** Multiples of it spread evenly between 0 and 1, however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2

/** All readings of this process so far. */
let readings = 0

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Reading => {
  const { again, clock, fromMs, name, onReady, open } = options
  const bufferMs = Math.max(leadMs, options.bufferMs)
  const ring = FrameRing.make({ capacityBytes: bufferMs * ringBytesPerMs })
  /** Where each pass begins: in the ring and in the source. The last one that is not ahead of the ring counts. */
  const passes = [{ atMs: 0, positionMs: fromMs }]
  let failure: VoiceError.VoiceError | undefined

  const positionMs = (): number => {
    const at = ring.positionMs()
    while (passes.length > 1 && (passes[1]?.atMs ?? Infinity) <= at) passes.shift()
    const pass = passes[0]
    return pass === undefined ? at : pass.positionMs + at - pass.atMs
  }

  const failed = (kind: VoiceError.SourceFailed["kind"], detail: string) =>
    VoiceError.make(new VoiceError.SourceFailed({ source: name, kind, positionMs: positionMs(), detail }))

  const phase = (readings++ * goldenRatio) % 1
  let isFirstRefill = true

  /** When to fill up the ring. It can be full by its bytes long before it holds all the media time that is wanted. */
  const refillMs = (): number => {
    // tracks that begin together shall not be refilled together ever after: the beat would stand still meanwhile
    const share = isFirstRefill ? 0.25 + phase / 2 : 0.5
    isFirstRefill = false
    return Math.max(leastRefillMs, Math.min(bufferMs, ring.bufferedMs()) * share)
  }

  const fits = (frame: OpusFrame): boolean =>
    frame.data.length <= FrameRing.maxFrameBytes && frame.samples % FrameRing.unitSamples === 0

  /** Writes frames from `index` on, as far as there is room for them. Gives the index of the first that was not written. */
  const writeFrom = (frames: ReadonlyArray<OpusFrame>, index: number): number => {
    let at = index
    for (; at < frames.length; at++) {
      const frame = frames[at]
      if (frame === undefined) continue
      if (!fits(frame) || ring.bufferedMs() >= bufferMs || !ring.write(frame.data, frame.samples)) break
    }
    return at
  }

  /** Writes frames from `index` on, waiting for room. */
  const writeAll = (
    frames: ReadonlyArray<OpusFrame>,
    index: number
  ): Effect.Effect<void, VoiceError.VoiceError> =>
    Effect.suspend(() => {
      let at = writeFrom(frames, index)
      const next = frames[at]
      if (next === undefined) return Effect.void
      if (!fits(next)) {
        return Effect.fail(
          failed("Corrupt", `a packet of ${next.data.length} bytes and ${next.samples} samples is not Opus`)
        )
      }
      const fill = () => {
        at = writeFrom(frames, at)
        const frame = frames[at]
        return frame !== undefined && fits(frame) ? refillMs() : 0
      }
      return onReady.pipe(
        Effect.andThen(Effect.suspend(() => Pump.refill(clock, refillMs(), fill))),
        Effect.andThen(Effect.suspend(() => writeAll(frames, at)))
      )
    })

  /** Reads one pass, without its first `skipMs`. Gives the media time that was written, in milliseconds. */
  const readPass = Effect.fnUntraced(function*(opened: OpenOpus, skipMs: number) {
    let skip = Math.round(skipMs * 48)
    let writtenMs = 0
    while (true) {
      const frames = yield* Effect.catchIf(opened.pull, Cause.isDone, () => Effect.undefined)
      if (frames === undefined) return writtenMs
      let first = 0
      for (let frame = frames[0]; frame !== undefined && skip >= frame.samples; frame = frames[++first]) {
        skip -= frame.samples
      }
      if (first === frames.length) continue
      if (skip > 0) {
        // the frame that holds the position is played whole
        passes[0] = { atMs: 0, positionMs: skipMs - skip / 48 }
        skip = 0
      }
      yield* writeAll(frames, first)
      for (let i = first; i < frames.length; i++) writtenMs += (frames[i]?.samples ?? 0) / 48
      if (ring.bufferedMs() >= leadMs) yield* onReady
    }
  })

  const readAll = Effect.gen(function*() {
    let atMs = yield* readPass(options.opened, fromMs)
    while (yield* again) {
      // forgets the passes that are over
      positionMs()
      passes.push({ atMs, positionMs: 0 })
      const writtenMs = yield* Effect.scoped(Effect.flatMap(open, (opened) => readPass(opened, 0)))
      if (writtenMs === 0) return
      atMs += writtenMs
    }
  })

  /** A source that dies, or interrupts itself, is the failure of a track and not of the program. */
  const failureOf = (cause: Cause.Cause<VoiceError.VoiceError>): VoiceError.VoiceError =>
    Option.getOrElse(Cause.findErrorOption(cause), () => {
      const defect = Cause.squash(cause)
      return failed("Failed", defect instanceof Error ? defect.message : String(defect))
    })

  const run = readAll.pipe(
    Effect.catchCause((cause) =>
      Effect.sync(() => {
        failure = failureOf(cause)
      })
    ),
    Effect.andThen(Effect.ignore(onReady)),
    Effect.andThen(Effect.sync(() => ring.end()))
  )

  return { ring, run, failure: () => failure, positionMs }
}
