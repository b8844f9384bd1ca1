/**
 * One reading of a source into a ring, of Opus frames or of samples, from a position to another one and over again when it is
 * looped. It reads ahead as far as it may, and knows which place of the source is at the ring's reading end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as FrameRing from "../driver/FrameRing.ts"
import * as PcmRing from "../mixer/PcmRing.ts"
import type * as VoiceError from "../VoiceError.ts"
import * as ByteSource from "./ByteSource.ts"
import type { OpenOpus, OpenPcm, OpenSource, OpusFrame } from "./OpenSource.ts"
import * as Pump from "./Pump.ts"
import type { Media } from "./Seat.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly clock: Clock.Clock
  /** Name of the source, for messages. */
  readonly name: string
  /** The source, open for this reading. */
  readonly opened: OpenSource
  /** Where to begin, in milliseconds of the source; what lies before is read and left out, to the frame. */
  readonly fromMs: number
  /** Where the source stands, in milliseconds. */
  readonly landedMs: number
  /** Where each pass ends, in milliseconds of the source; `Infinity` for its end. Of what comes then nothing is read. */
  readonly untilMs: number
  /** Where another pass begins, in milliseconds of the source. */
  readonly againMs: number
  /** Opens it once more, for another pass, as near before `againMs` as the source can by itself. */
  readonly openAgain: Effect.Effect<Landed, VoiceError.VoiceError, Scope.Scope>
  /** Media time to read ahead, in milliseconds; one that fits the source by default. */
  readonly bufferMs: number | undefined
  /** Media time that the ring holds before it is ready, in milliseconds; what the source wants by default. */
  readonly leadMs: number | undefined
  /** Media time of the ring that was heard, in milliseconds, if that is not what was taken from it. */
  readonly heardMs: () => number | undefined
  /** Called when the ring holds enough to begin, or all there is; and again later, which must be harmless. */
  readonly onReady: Effect.Effect<void, VoiceError.VoiceError>
  /** Asked at the end of a pass, once more where it does not: whether another one follows. */
  readonly again: Effect.Effect<boolean>
  /** How many milliseconds of the ring are heard in one, more than 1 if it is to be filled more often. Default 1. */
  readonly pace?: (() => number) | undefined
  /** Media time that is taken from the ring before any of it is heard, in milliseconds. Default 0. */
  readonly heldMs?: (() => number) | undefined
  /** Called when {@link Pass.next} is there. */
  readonly onPass?: (() => void) | undefined
}

/**
 * A source that was opened for a place, and where it stands, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Landed {
  readonly opened: OpenSource
  readonly landedMs: number
}

/**
 * Where a pass begins: in the ring, and in the source. As long as nothing of it was written, the latter may still be moved, to the
 * start of a frame or to the end of the source. It ends where the next one begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pass {
  readonly atMs: number
  readonly positionMs: number
  /** Milliseconds of the source in one of the ring. */
  readonly speed: number
  readonly next: Pass | undefined
}

type OwnPass = { -readonly [key in keyof Pass]: key extends "next" ? OwnPass | undefined : Pass[key] }

/**
 * @category models
 * @since 0.1.0
 */
export interface Reading {
  readonly media: Media
  /** Reads to the end and ends the ring. A failure is kept for {@link Reading.failure}. */
  readonly run: Effect.Effect<void>
  /** Takes the end of the ring back, if whoever takes from it has not come to it: more follows then, or it is ended again. */
  readonly reopen: () => boolean
  /** Reads another pass, if one follows, from a source that was opened for it, and those behind it. Ends the ring as `run` does. */
  readonly readOn: (landed: Landed) => Effect.Effect<void>
  readonly end: () => void
  /** Fills the ring soon: {@link Options.pace} has changed. */
  readonly hurry: () => void
  /** Why the source did not come to its end. */
  readonly failure: () => VoiceError.VoiceError | undefined
  /** Media time of the ring that was heard, in milliseconds. */
  readonly heardMs: () => number
  /** The pass that is heard. */
  readonly pass: () => Pass
  /** The place in the source, in milliseconds, of what is heard next. */
  readonly positionMs: () => number
  /** Whether the source was read to its end, and no other pass follows. */
  readonly isComplete: () => boolean
}

/** Media time in the ring before it is handed to the driver. */
const defaultLeadMs = 200
/** Of a live source, which is not to be late, as little as will do. A mix gives up an input of which less than 60 ms are there. */
const defaultLiveLeadMs = { opus: 60, pcm: 80 }
const mostLeadMs = 10_000

const defaultBufferMs = 1_000
/** What a power of two of samples holds. */
const defaultPcmBufferMs = 680
const defaultLiveBufferMs = 200
/** Room for the longest packet, and for the 60 ms that a mix wants to find. */
const leastBufferMs = 120

const leastRefillMs = 20

/** Bytes of the ring for each millisecond that is read ahead: 128 kbit/s. What is denser is read ahead for a shorter time. */
const ringBytesPerMs = 16

/** Multiples of it spread evenly between 0 and 1, however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2

/** All readings of this process so far. */
let readings = 0

/** What a source has given at a time: frames, or samples. */
interface Batch {
  readonly length: number
  /** Writes as much as there is room for from an index on, and gives the first index that is left. */
  readonly write: (from: number) => number
  /** Why what lies at an index can never be written. */
  readonly problem: (at: number) => string | undefined
  /** The samples from an index on, a channel. */
  readonly samplesFrom: (from: number) => number
  /** What ends within so many samples from an index on; indexes stay what they are. */
  readonly within: (from: number, samples: number) => Batch
  /** Goes past `samples` from the start on, as far as it has them. Gives the index behind them, and how many are left. */
  readonly skip: (samples: number) => { readonly at: number; readonly left: number }
}

const fits = (frame: OpusFrame): boolean =>
  frame.data.length <= FrameRing.maxFrameBytes && frame.samples % FrameRing.unitSamples === 0 &&
  frame.samples > 0 && frame.samples <= longestSamples

/** 120 ms. */
const longestSamples = 5_760

const opusBatch = (ring: FrameRing.FrameRing, bufferMs: number, frames: ReadonlyArray<OpusFrame>): Batch => ({
  length: frames.length,
  write: (from) => {
    let at = from
    let bufferedMs = ring.bufferedMs()
    for (; at < frames.length && bufferedMs < bufferMs; at++) {
      const frame = frames[at]
      if (frame === undefined) continue
      if (!fits(frame) || !ring.write(frame.data, frame.samples)) break
      bufferedMs += frame.samples / 48
    }
    return at
  },
  problem: (at) => {
    const frame = frames[at]
    return frame === undefined || fits(frame)
      ? undefined
      : `a packet of ${frame.data.length} bytes and ${frame.samples} samples is not Opus`
  },
  samplesFrom: (from) => {
    let samples = 0
    for (let at = from; at < frames.length; at++) samples += frames[at]?.samples ?? 0
    return samples
  },
  within: (from, samples) => {
    let at = from
    for (let left = samples - (frames[at]?.samples ?? 0); at < frames.length && left >= 0;) {
      left -= frames[++at]?.samples ?? 0
    }
    return opusBatch(ring, bufferMs, frames.slice(0, at))
  },
  skip: (samples) => {
    let left = samples
    let at = 0
    for (let frame = frames[0]; frame !== undefined && left >= frame.samples; frame = frames[++at]) {
      left -= frame.samples
    }
    return { at, left }
  }
})

const pcmBatch = (ring: PcmRing.PcmRing, bufferMs: number, samples: Float32Array): Batch => ({
  length: samples.length,
  write: (from) => {
    const room = Math.max(0, Math.floor((bufferMs - ring.bufferedMs()) * 48)) * 2
    return ring.write(samples.length - from <= room ? samples : samples.subarray(0, from + room), from)
  },
  problem: () => samples.length % 2 === 0 ? undefined : `${samples.length} samples are not of two channels`,
  samplesFrom: (from) => (samples.length - from) / 2,
  within: (from, count) => pcmBatch(ring, bufferMs, samples.subarray(0, from + count * 2)),
  skip: (count) => {
    const skipped = Math.min(count, samples.length / 2)
    return { at: skipped * 2, left: count - skipped }
  }
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Reading => {
  const { again, againMs, clock, fromMs, name, onPass, onReady, openAgain, opened, untilMs } = options
  const { format, live = false, speed = 1 } = opened
  const standardMs = live ? defaultLiveBufferMs : format === "pcm" ? defaultPcmBufferMs : defaultBufferMs
  const wantedMs = options.leadMs ?? opened.leadMs ?? (live ? defaultLiveLeadMs[format] : defaultLeadMs)
  const pace = () => Math.max(1, options.pace?.() ?? 1)
  const heldMs = () => options.heldMs?.() ?? 0
  const startMs = Math.min(wantedMs * pace() + heldMs(), mostLeadMs)
  const bufferMs = Math.max(startMs, leastBufferMs * pace() + heldMs(), options.bufferMs ?? standardMs)
  const media: Media = format === "opus"
    ? { format, ring: FrameRing.make({ capacityBytes: bufferMs * ringBytesPerMs }) }
    : { format, ring: PcmRing.make(bufferMs) }
  const { ring } = media
  /** The pass that is heard, and the one that is read. */
  let hearing: OwnPass = { atMs: 0, positionMs: Math.min(fromMs, untilMs), speed, next: undefined }
  let last = hearing
  let failure: VoiceError.VoiceError | undefined

  const passAt = (at: number): OwnPass => {
    let pass = hearing
    while (pass.next !== undefined && pass.next.atMs <= at) pass = pass.next
    return pass
  }

  /** Media time of the ring as a place in the source. */
  const placeOf = (at: number): number => {
    const pass = passAt(at)
    return pass.positionMs + (at - pass.atMs) * speed
  }

  const heardMs = () => options.heardMs() ?? ring.positionMs()

  /** Forgets the passes that are over. */
  const pass = (): OwnPass => {
    hearing = passAt(heardMs())
    return hearing
  }

  const positionMs = (): number => {
    pass()
    return placeOf(heardMs())
  }

  /** The place in the source up to which it was read. */
  const reachedMs = (): number => placeOf(ring.positionMs() + ring.bufferedMs())

  const failed = (kind: VoiceError.SourceFailed["kind"], detail: string, cause?: unknown) =>
    ByteSource.failure(name, kind, detail, { positionMs: reachedMs(), cause })

  const phase = (readings++ * goldenRatio) % 1
  let isFirstRefill = true
  let hurry = () => {}

  /**
   * When to fill up the ring. It can be full by its bytes long before it holds all the media time that is wanted. One of
   * samples is filled more often: it is short.
   */
  const refillMs = (): number => {
    // tracks that begin together shall not be refilled together ever after: the beat would stand still meanwhile
    const share = (isFirstRefill ? 0.25 + phase / 2 : 0.5) * (format === "pcm" ? 0.5 : 1)
    isFirstRefill = false
    return Math.max(leastRefillMs, (Math.min(bufferMs, ring.bufferedMs()) - heldMs()) * share / pace())
  }

  /** Writes what a source has given from `index` on, waiting for room. */
  const writeAll = (batch: Batch, index: number): Effect.Effect<void, VoiceError.VoiceError> =>
    Effect.suspend(() => {
      let at = batch.write(index)
      if (at >= batch.length) return Effect.void
      const problem = batch.problem(at)
      if (problem !== undefined) return Effect.fail(failed("Corrupt", problem))
      const fill = () => {
        at = batch.write(at)
        return at < batch.length && batch.problem(at) === undefined ? refillMs() : 0
      }
      return onReady.pipe(
        Effect.andThen(Effect.suspend(() =>
          Pump.refill(clock, refillMs(), fill, (sooner) => {
            hurry = sooner
          })
        )),
        Effect.andThen(Effect.suspend(() => writeAll(batch, at)))
      )
    })

  const pullOpus = ({ pull }: OpenOpus) =>
    Effect.map(pull, (frames) => media.format === "opus" ? opusBatch(media.ring, bufferMs, frames) : undefined)

  const pullPcm = ({ pull }: OpenPcm) =>
    Effect.map(pull, (samples) => media.format === "pcm" ? pcmBatch(media.ring, bufferMs, samples) : undefined)

  /** Reads one pass of a source that stands at `landedMs`. Gives the media time that was written, in milliseconds. */
  const readPass = ({ landedMs, opened: source }: Landed, into: OwnPass) =>
    Effect.gen(function*() {
      if (source.format !== format) {
        return yield* failed("Failed", `it was ${format} before and is ${source.format} now`)
      }
      const pull = source.format === "opus" ? pullOpus(source) : pullPcm(source)
      /** In the source; all else is counted as it is written. */
      const wanted = Math.round(into.positionMs * 48)
      let skip = Math.max(0, Math.round((wanted - Math.round(landedMs * 48)) / speed))
      let left = Math.round((Math.round(untilMs * 48) - wanted) / speed)
      let written = 0
      while (left > 0) {
        const pulled = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.undefined)
        if (pulled === undefined) {
          // the source is shorter than that
          if (skip > 0) into.positionMs = Math.max(0, wanted - skip * speed) / 48
          break
        }
        const { at, left: unskipped } = pulled.skip(skip)
        skip = unskipped
        if (at === pulled.length) continue
        if (skip > 0) {
          // the frame that holds the position is played whole
          into.positionMs = (wanted - skip * speed) / 48
          left += skip
          skip = 0
        }
        const isLast = pulled.samplesFrom(at) > left
        const batch = isLast ? pulled.within(at, left) : pulled
        yield* writeAll(batch, at)
        const samples = batch.samplesFrom(at)
        written += samples
        left = isLast ? 0 : left - samples
        if (ring.bufferedMs() >= startMs) yield* onReady
      }
      return written / 48
    })

  /** Hands over what there is, if it has to, and asks once more: that can take a while, in which somebody may want another pass. */
  const another = Effect.flatMap(
    again,
    (follows) => follows ? Effect.succeed(true) : Effect.andThen(Effect.ignore(onReady), again)
  )

  /** Where the pass that is read ends, in the ring. */
  let endMs = 0

  const readAgain = Effect.fnUntraced(function*(landing: typeof openAgain) {
    pass()
    const next: OwnPass = { atMs: endMs, positionMs: againMs, speed, next: undefined }
    last.next = next
    last = next
    onPass?.()
    const writtenMs = yield* Effect.scoped(Effect.flatMap(landing, (landed) => readPass(landed, next)))
    if (writtenMs === 0) yield* Effect.ignore(onReady)
    endMs += writtenMs
    return writtenMs > 0
  })

  const readOthers = Effect.gen(function*() {
    while ((yield* another) && (yield* readAgain(openAgain)));
  })

  const readAll = Effect.gen(function*() {
    endMs = yield* readPass({ opened, landedMs: options.landedMs }, last)
    yield* readOthers
  })

  /** A source that dies, or interrupts itself, is the failure of a track and not of the program. */
  const failureOf = (cause: Cause.Cause<VoiceError.VoiceError>): VoiceError.VoiceError =>
    Option.match(Cause.findErrorOption(cause), {
      onNone: () => {
        const defect = Cause.squash(cause)
        return failed("Failed", defect instanceof Error ? defect.message : String(defect), defect)
      },
      onSome: (error) => {
        const { reason } = error
        // a stream that fails knows nothing of places
        return reason._tag === "SourceFailed" && reason.positionMs === 0
          ? failed(reason.kind, reason.detail, reason.cause)
          : error
      }
    })

  const toEnd = (reading: Effect.Effect<void, VoiceError.VoiceError>) =>
    reading.pipe(
      Effect.catchCause((cause) =>
        Effect.suspend(() => {
          failure = failureOf(cause)
          return Effect.ignore(onReady)
        })
      ),
      Effect.andThen(Effect.sync(() => ring.end()))
    )

  return {
    media,
    run: toEnd(readAll),
    reopen: () => ring.reopen(),
    readOn: (landed) =>
      toEnd(Effect.gen(function*() {
        if ((yield* again) && (yield* readAgain(Effect.succeed(landed)))) yield* readOthers
      })),
    end: () => ring.end(),
    hurry: () => hurry(),
    failure: () => failure,
    heardMs,
    pass,
    positionMs,
    isComplete: () => ring.isEnded() && failure === undefined
  }
}
