/**
 * One reading of a source into a ring, of Opus frames or of samples, from one position to another, and again when it loops.
 * It reads ahead as far as it may, and knows which position of the source is at the ring's reading end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as PcmRing from "../../mixer/PcmRing.ts"
import * as FrameRing from "../../ring/FrameRing.ts"
import * as Pump from "../../ring/Pump.ts"
import type * as VoiceError from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { OpenSource } from "../OpenSource.ts"
import type { Media } from "../player/Seat.ts"
import * as Batch from "./Batch.ts"
import * as ReadAhead from "./ReadAhead.ts"
import * as Refill from "./Refill.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends ReadAhead.Wanted, ReadAhead.Begun {
  readonly clock: Clock.Clock
  /** The name of the source, for messages. */
  readonly name: string
  /** The source, opened for this reading. */
  readonly opened: OpenSource
  /** Where to begin, in milliseconds of the source; earlier audio is read and dropped, to the frame. */
  readonly fromMs: number
  /** The position of the source, in milliseconds. */
  readonly landedMs: number
  /** Where each pass ends, in milliseconds of the source; `Infinity` for its end. Nothing after that is read. */
  readonly untilMs: number
  /** Where another pass begins, in milliseconds of the source. */
  readonly againMs: number
  /** Opens the source once more, for another pass, as near before `againMs` as the source itself can go. */
  readonly openAgain: Effect.Effect<Landed, VoiceError.VoiceError, Scope.Scope>
  /** The media time of the ring that was heard, in milliseconds, if that differs from what was taken from it. */
  readonly heardMs: () => number | undefined
  /** Run when the ring holds enough to begin, or all there is. It may run again later, which must be harmless. */
  readonly onReady: Effect.Effect<void, VoiceError.VoiceError>
  /** Run at the end of a pass, and once more if it says no: whether another pass follows. */
  readonly again: Effect.Effect<boolean>
  /** How many milliseconds of the ring are heard in one; with more than 1 it is refilled more often. Default 1. */
  readonly pace?: (() => number) | undefined
  /** How much media time is taken from the ring before any of it is heard, in milliseconds. Default 0. */
  readonly heldMs?: (() => number) | undefined
  /** Called when {@link Pass.next} is set. */
  readonly onPass?: (() => void) | undefined
}

/**
 * A source that was opened for a position, and where it is, in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Landed {
  readonly opened: OpenSource
  readonly landedMs: number
}

/**
 * Where a pass begins, in the ring and in the source. Until something of it was written, the latter may still be moved, to
 * the start of a frame or to the end of the source. A pass ends where the next one begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pass {
  readonly atMs: number
  readonly positionMs: number
  /** How many milliseconds of the source are in one of the ring. */
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
  /** Takes back the end of the ring, if its reader has not reached it: either more follows, or it is ended again. */
  readonly reopen: () => boolean
  /**
   * Reads another pass, if one follows, from a source that was opened for it, and further passes. Ends the ring as `run`
   * does.
   */
  readonly readOn: (landed: Landed) => Effect.Effect<void>
  readonly end: () => void
  /** Refills the ring soon, because {@link Options.pace} has changed. */
  readonly hurry: () => void
  /** Why the source was not read to its end. */
  readonly failure: () => VoiceError.VoiceError | undefined
  /** The media time of the ring that was heard, in milliseconds. */
  readonly heardMs: () => number
  /** How much the source has given of what is to be heard, in milliseconds of the ring. */
  readonly givenMs: () => number
  /** The pass that is heard. */
  readonly pass: () => Pass
  /**
   * The position in the source, in milliseconds, of what is heard next: not after the duration that the source declares,
   * unless more than a packet is heard there.
   */
  readonly positionMs: () => number
  /** Whether the source was read to its end, and no other pass follows. */
  readonly isComplete: () => boolean
}

const leastRefillMs = 20

/** Bytes of the ring for each millisecond that is read ahead: 128 kbit/s. A denser stream is read ahead for a shorter time. */
const ringBytesPerMs = 16

const longestPacketMs = 120

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Reading => new OneReading(options)

class OneReading implements Reading {
  readonly media: Media
  readonly #options: Options
  readonly #start: ReadAhead.Start
  readonly #bufferMs: number
  /** The pass that is heard, and the one that is read. */
  #hearing: OwnPass
  #last: OwnPass
  /** Where the pass that is read ends, in the ring. */
  #endMs = 0
  #failure: VoiceError.VoiceError | undefined
  /** The share of its contents that has to be taken before it is refilled. */
  #share: number
  #waiting: Pump.Waiting | undefined
  readonly #holding: Refill.Refill | undefined

  constructor(options: Options) {
    const { opened } = options
    const { format, speed = 1 } = opened
    this.#options = options
    const [pace, heldMs] = [this.#pace(), this.#heldMs()]
    this.#start = ReadAhead.start(opened, options, pace, heldMs)
    this.#bufferMs = ReadAhead.bufferMs(opened, options, this.#start, pace, heldMs)
    this.media = format === "opus"
      ? { format, ring: FrameRing.make({ capacityBytes: this.#bufferMs * ringBytesPerMs }) }
      : { format, ring: PcmRing.make(this.#bufferMs) }
    if ((options.refillMs ?? 0) > 0) {
      this.#holding = Refill.make(this.media.ring, () => ReadAhead.refillMs(options, this.#pace()))
    }
    this.#hearing = { atMs: 0, positionMs: Math.min(options.fromMs, options.untilMs), speed, next: undefined }
    this.#last = this.#hearing
    this.#share = ReadAhead.firstShare()
  }

  get run(): Effect.Effect<void> {
    const { landedMs, opened } = this.#options
    return this.#toEnd(Effect.flatMap(this.#readPass({ opened, landedMs }, this.#last), (writtenMs) => {
      this.#endMs = writtenMs
      return this.#readOthers()
    }))
  }

  reopen(): boolean {
    return this.media.ring.reopen()
  }

  readOn(landed: Landed): Effect.Effect<void> {
    return this.#toEnd(Effect.gen({ self: this }, function*() {
      if ((yield* this.#options.again) && (yield* this.#readAgain(Effect.succeed(landed)))) yield* this.#readOthers()
    }))
  }

  end(): void {
    this.media.ring.end()
  }

  hurry(): void {
    this.#waiting?.hurry()
  }

  failure(): VoiceError.VoiceError | undefined {
    return this.#failure
  }

  heardMs(): number {
    return this.#options.heardMs() ?? this.media.ring.positionMs()
  }

  givenMs(): number {
    const { ring } = this.media
    return ring.positionMs() + ring.bufferedMs() + (this.#holding?.heldMs() ?? 0)
  }

  /** Also forgets the passes that are over. */
  pass(): Pass {
    this.#hearing = this.#passAt(this.heardMs())
    return this.#hearing
  }

  positionMs(): number {
    const { atMs } = this.pass()
    const heardMs = this.heardMs()
    const place = this.#placeOf(heardMs)
    const { durationMs = Infinity } = this.#options.opened
    // the last packet may contain more than counts, and not every source detects that a seek went beyond its end
    return heardMs > atMs && place > durationMs + longestPacketMs ? place : Math.min(place, durationMs)
  }

  isComplete(): boolean {
    return this.media.ring.isEnded() && this.#failure === undefined
  }

  #pace(): number {
    return Math.max(1, this.#options.pace?.() ?? 1)
  }

  #heldMs(): number {
    return this.#options.heldMs?.() ?? 0
  }

  #passAt(at: number): OwnPass {
    let pass = this.#hearing
    while (pass.next !== undefined && pass.next.atMs <= at) pass = pass.next
    return pass
  }

  /** The position in the source for a media time of the ring. */
  #placeOf(at: number): number {
    const { atMs, positionMs, speed } = this.#passAt(at)
    return positionMs + (at - atMs) * speed
  }

  /** The position in the source up to which it was read. */
  #reachedMs(): number {
    return this.#placeOf(this.givenMs())
  }

  #failed(kind: VoiceError.SourceFailed["kind"], detail: string, cause?: unknown): VoiceError.VoiceError {
    return ByteSource.failure(this.#options.name, kind, detail, { positionMs: this.#reachedMs(), cause })
  }

  /**
   * When to refill the ring. Its bytes can be full long before it holds all the media time that is wanted. A ring of samples
   * is refilled more often, since it is short.
   */
  #refillMs(): number {
    const { format, ring } = this.media
    const share = this.#share * (format === "pcm" ? 0.5 : 1)
    this.#share = 0.5
    return Math.max(
      leastRefillMs,
      (Math.min(this.#bufferMs, ring.bufferedMs()) - this.#heldMs()) * share / this.#pace()
    )
  }

  /** Writes as much of the waiting batch as there is room for, at intervals, until nothing of it is left. */
  #refill(batch: Batch.Batch): Effect.Effect<void> {
    const fill = () => {
      batch.write()
      return batch.isOver() || batch.problem() !== undefined ? 0 : this.#refillMs()
    }
    return Pump.refill(this.#options.clock, this.#refillMs(), fill, (waiting) => {
      this.#waiting = waiting
    })
  }

  /** Writes all of a batch, as soon as there is room. */
  #write(batch: Batch.Batch): Effect.Effect<void, VoiceError.VoiceError> {
    batch.write()
    if (batch.isOver()) return Effect.void
    return Effect.gen({ self: this }, function*() {
      while (!batch.isOver()) {
        const problem = batch.problem()
        if (problem !== undefined) return yield* this.#failed("Corrupt", problem)
        yield* this.#options.onReady
        yield* this.#refill(batch)
      }
    })
  }

  /** Writes what was held back, since nothing more comes. */
  #release(): Effect.Effect<void, VoiceError.VoiceError> {
    const batch = this.#holding?.next()
    return batch === undefined ? Effect.void : Effect.flatMap(this.#write(batch), () => this.#release())
  }

  /** Reads one pass of a source that is at `landedMs`. Returns the media time that was written, in milliseconds. */
  #readPass({ landedMs, opened }: Landed, into: OwnPass): Effect.Effect<number, VoiceError.VoiceError> {
    const { media } = this
    const { speed } = into
    return Effect.gen({ self: this }, function*() {
      /** in the source; everything else is counted as it is written */
      const wanted = Math.round(into.positionMs * 48)
      let skip = Math.max(0, Math.round((wanted - Math.round(landedMs * 48)) / speed))
      let left = Math.round((Math.round(this.#options.untilMs * 48) - wanted) / speed)
      let written = 0
      while (left > 0) {
        const pull = Batch.next(opened, media, this.#bufferMs)
        if (pull === undefined) {
          return yield* this.#failed("Failed", `it was ${media.format} before and is now ${opened.format}`)
        }
        const batch = yield* pull
        if (batch === undefined) {
          // the source is shorter than that
          if (skip > 0) into.positionMs = Math.max(0, wanted - skip * speed) / 48
          break
        }
        skip = batch.skip(skip)
        if (batch.isOver()) continue
        if (skip > 0) {
          // the frame that contains the position is played whole
          into.positionMs = (wanted - skip * speed) / 48
          left += skip
          skip = 0
        }
        const isLast = batch.samples() > left
        if (isLast) batch.limit(left)
        const samples = batch.samples()
        if (this.#holding === undefined) yield* this.#write(batch)
        else yield* Effect.forEach(this.#holding.put(batch), (ready) => this.#write(ready), { discard: true })
        written += samples
        left = isLast ? 0 : left - samples
        if (this.#start.isReady(media.ring.bufferedMs(), this.#options)) yield* this.#options.onReady
      }
      return written / 48
    })
  }

  /**
   * Hands over what there is, if necessary, and asks once more. That can take a while, in which someone may request another
   * pass.
   */
  #another(): Effect.Effect<boolean, VoiceError.VoiceError> {
    const { again, onReady } = this.#options
    return Effect.flatMap(again, (follows) => {
      if (follows) return Effect.succeed(true)
      return this.#release().pipe(Effect.andThen(Effect.ignore(onReady)), Effect.andThen(again))
    })
  }

  #readAgain(landing: Options["openAgain"]): Effect.Effect<boolean, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      this.pass()
      const next: OwnPass = {
        atMs: this.#endMs,
        positionMs: this.#options.againMs,
        speed: this.#last.speed,
        next: undefined
      }
      this.#last.next = next
      this.#last = next
      this.#options.onPass?.()
      const writtenMs = yield* Effect.scoped(Effect.flatMap(landing, (landed) => this.#readPass(landed, next)))
      if (writtenMs === 0) yield* Effect.ignore(this.#options.onReady)
      this.#endMs += writtenMs
      return writtenMs > 0
    })
  }

  #readOthers(): Effect.Effect<void, VoiceError.VoiceError> {
    return Effect.gen({ self: this }, function*() {
      while ((yield* this.#another()) && (yield* this.#readAgain(this.#options.openAgain)));
    })
  }

  /** A source that dies, or interrupts itself, fails the track and not the program. */
  #failureOf(cause: Cause.Cause<VoiceError.VoiceError>): VoiceError.VoiceError {
    return Option.match(Cause.findErrorOption(cause), {
      onNone: () => {
        const defect = Cause.squash(cause)
        return this.#failed("Failed", defect instanceof Error ? defect.message : String(defect), defect)
      },
      onSome: (error) => {
        const { reason } = error
        // a stream that fails does not know positions
        return reason._tag === "SourceFailed" && reason.positionMs === 0
          ? this.#failed(reason.kind, reason.detail, reason.cause)
          : error
      }
    })
  }

  #toEnd(reading: Effect.Effect<void, VoiceError.VoiceError>): Effect.Effect<void> {
    return Effect.matchCauseEffect(Effect.flatMap(reading, () => this.#release()), {
      onSuccess: () => Effect.sync(() => this.end()),
      onFailure: (cause) => {
        this.#failure = this.#failureOf(cause)
        const rest = Effect.flatMap(this.#options.onReady, () => this.#release())
        return Effect.andThen(Effect.ignore(rest), Effect.sync(() => this.end()))
      }
    })
  }
}
