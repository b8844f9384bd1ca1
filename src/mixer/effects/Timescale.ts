/**
 * Changes the speed and the pitch of a source independently. It is between the source and the mix, and takes more or less
 * from the source than the mix takes from it.
 *
 * The pitch is changed by reading at another pace. The effect of that on the speed, and the wanted speed, are reached by
 * leaving out or repeating stretches of 50 ms, each of which begins where it fits best to the one before (WSOLA). At speed 1
 * and pitch 1, samples are passed on as they are.
 *
 * @since 0.1.0
 */
import type { Complete } from "../../SoundEffect.ts"
import * as Feed from "../Feed.ts"
import * as Joint from "./Joint.ts"
import * as Kernel from "./Kernel.ts"

const { overlap, range } = Joint

/** The samples of a stretch that is played as it is, with what fades into the next one; and how many are new in each. */
const stretch = 2_880
const fresh = stretch - overlap

/**
 * How much of a source has to be available before anything of it is heard, in milliseconds: a stretch, and where the next one
 * may begin.
 *
 * @category combinators
 * @since 0.1.0
 */
export const heldMs = (effects: ReadonlyArray<Complete>): number => {
  const scale = effects.find((effect) => effect._tag === "Timescale")
  if (scale === undefined || scale.speed === scale.pitch) return 0
  return Math.max(stretch + range, (scale.speed / scale.pitch) * fresh) / 48
}

/** More than the source has to give for a stretch at the greatest rate, 4. */
const inputFrames = 16_384

/** How much of what was read is kept: as far as the weights of the greatest pace reach back. */
const history = Kernel.mostHalf
const outputFrames = 8_192

/** How much is taken from the source at a time. */
const piece = 960

/** How fast a position between two samples moves to the next sample when there is nothing else to do; this is not audible. */
const glide = 1 / 960

/**
 * How fast the frames of a source are aligned with those of the mix again: 3.6 cents for 4.8 s at most, so that it can be
 * passed through.
 */
const shift = 1 / 480

/** A position this close to a sample counts as that sample. */
const near = 1e-4

/**
 * @category models
 * @since 0.1.0
 */
export class Timescale {
  readonly #feed: Feed.Feed
  /** Whether something was passed on, or nothing has to be available before it begins. */
  #isBegun: boolean
  #speed = 1
  #pitch = 1
  #kernel = Kernel.of(1)
  /** Created when they are first needed. */
  #input = new Float32Array(0)
  #inputFrom = 0
  #inputLength = 0
  /** How the last stretch would continue. */
  #follows = new Float32Array(0)
  #isStretching = false
  /** The position between two samples of the source when a stretch has been taken. */
  #rest = 0
  /** What has been stretched, from before the position where it is read. */
  #output = new Float32Array(0)
  /** A position between two frames, and the end of them. */
  #at = history
  #end = history
  /** How much of the source the frames from there on represent, in frames. */
  #worth = 0
  /** The source has ended, and all of it has been stretched. */
  #isFlushed = false
  /** Frames to be taken in addition to those that are heard; if negative, heard in addition to those that are taken. */
  #owed = 0
  /** The last frames that were passed on as they were. */
  readonly #last = new Float32Array(history * 2)

  /** `isContinued`: the first samples continue something that was heard, and are passed on as they are. */
  constructor(feed: Feed.Feed, isContinued = false) {
    this.#feed = feed
    this.#isBegun = !isContinued
  }

  /** Whether samples are passed on as they are. */
  get isDirect(): boolean {
    return this.#output.length === 0
  }

  /** Whether no other speed or pitch is wanted. */
  get isPlain(): boolean {
    return this.isDirect && this.#speed === 1 && this.#pitch === 1
  }

  set(speed: number, pitch: number): void {
    this.#speed = speed
    this.#pitch = pitch
    this.#kernel = Kernel.of(pitch)
    this.#owed = 0
  }

  /** Prepares samples, `count` per channel if there are as many, and returns how many are ready. */
  prepare(count: number): number {
    if (this.isDirect) {
      if (this.isPlain || !this.#isBegun) return this.#feed.prepare(count)
      this.#begin()
    } else if (this.#isIdle()) {
      this.#owed = this.#misplaced()
      if (this.#owed === 0) {
        this.#leave()
        return this.#feed.prepare(count)
      }
    }
    while (this.#ready() < count && this.#stretch(count));
    return Math.min(count, this.#ready())
  }

  /** Moves ready samples to `into`, starting at index `at`. */
  take(into: Float32Array, at: number, count: number): void {
    if (!this.isDirect) return this.#read(into, at / 2, count)
    this.#feed.take(into, at, count)
    this.#isBegun = true
    if (count >= history) {
      const from = at + (count - history) * 2
      for (let i = 0; i < history * 2; i++) this.#last[i] = into[from + i] ?? 0
    } else if (count > 0) {
      this.#last.copyWithin(0, count * 2)
      for (let i = 0; i < count * 2; i++) this.#last[(history - count) * 2 + i] = into[at + i] ?? 0
    }
  }

  /** Whether nothing comes after what is ready. */
  isEnding(): boolean {
    return this.isDirect ? this.#feed.isEnding() : this.#isFlushed
  }

  isDrained(): boolean {
    return this.#feed.isDrained() && (this.isDirect || (this.#isFlushed && this.#at >= this.#end))
  }

  /** The media time of the source that was played, in milliseconds. */
  positionMs(): number {
    return this.#feed.positionMs() - (this.isDirect ? 0 : (this.#inputLength + this.#worth) / 48)
  }

  conceal(count: number): Float32Array | undefined {
    return this.isDirect ? this.#feed.conceal(count) : undefined
  }

  #begin(): void {
    this.#input = new Float32Array(inputFrames * 2)
    this.#follows = new Float32Array(overlap * 2)
    this.#output = new Float32Array((history + outputFrames) * 2)
    this.#output.set(this.#last)
    this.#inputFrom = 0
    this.#inputLength = 0
    this.#at = history
    this.#end = history
    this.#worth = 0
    this.#rest = 0
    this.#isStretching = false
    this.#isFlushed = false
  }

  /** Whether its contents are at their end, and nothing is to be changed any more. */
  #isIdle(): boolean {
    return this.#speed === 1 && this.#pitch === 1 && !this.#isStretching && !this.#isFlushed &&
      this.#inputLength === 0 &&
      this.#at === this.#end
  }

  /** The distance of the units of the mix from the frames of the source, in the shorter direction. */
  #misplaced(): number {
    const surplus = Feed.isOpus(this.#feed) ? this.#feed.surplus() % piece : 0
    return surplus > piece / 2 ? surplus - piece : surplus
  }

  #leave(): void {
    for (let i = 0; i < history * 2; i++) this.#last[i] = this.#output[(this.#end - history) * 2 + i] ?? 0
    this.#input = new Float32Array(0)
    this.#follows = new Float32Array(0)
    this.#output = new Float32Array(0)
  }

  /** The distance from one sample to the next. */
  #step(): number {
    if (this.#pitch !== 1) return this.#pitch
    if (this.#owed !== 0) return 1 + Math.max(-shift, Math.min(shift, this.#owed))
    const missing = Math.ceil(this.#at) - this.#at
    return missing === 0 ? 1 : 1 + Math.min(glide, missing)
  }

  /** The number of frames that can be read. */
  #ready(): number {
    const step = this.#step()
    if (this.#isFlushed) return Math.max(0, Math.ceil((this.#end - this.#at) / step))
    if (step === 1) return this.#end - this.#at
    const last = this.#end - this.#kernel.half - 1
    return last < this.#at ? 0 : Math.floor((last - this.#at) / Math.max(step, this.#pitch)) + 1
  }

  #read(into: Float32Array, to: number, count: number): void {
    const before = this.#end - this.#at
    for (let i = 0; i < count; i++) {
      const step = this.#step()
      if (step === 1) {
        into[(to + i) * 2] = this.#output[this.#at * 2] ?? 0
        into[(to + i) * 2 + 1] = this.#output[this.#at * 2 + 1] ?? 0
      } else Kernel.read(this.#kernel, this.#output, this.#at, this.#end, into, to + i)
      this.#at += step
      // sums of fractions are only close to whole numbers
      if (this.#owed !== 0) this.#owed = Math.abs(this.#owed - step + 1) < near ? 0 : this.#owed - step + 1
      if (step !== 1 && this.#pitch === 1 && this.#owed === 0 && Math.abs(this.#at - Math.round(this.#at)) < near) {
        this.#at = Math.round(this.#at)
      }
    }
    this.#worth = before <= 0 ? 0 : this.#worth * Math.max(0, this.#end - this.#at) / before
  }

  /** Takes from the source until there are this many frames, as far as it has them. */
  #fill(wanted: number): boolean {
    while (this.#inputLength < wanted) {
      const count = Math.min(piece, wanted - this.#inputLength)
      const ready = Math.min(count, this.#feed.prepare(count))
      if (ready === 0) return false
      if (this.#inputFrom + this.#inputLength + ready > inputFrames) {
        this.#input.copyWithin(0, this.#inputFrom * 2, (this.#inputFrom + this.#inputLength) * 2)
        this.#inputFrom = 0
      }
      this.#feed.take(this.#input, (this.#inputFrom + this.#inputLength) * 2, ready)
      this.#inputLength += ready
    }
    return true
  }

  #drop(frames: number): void {
    this.#inputFrom += frames
    this.#inputLength -= frames
  }

  /** Makes room for this many frames after the others. */
  #room(frames: number): void {
    if (this.#end + frames <= history + outputFrames) return
    const from = Math.floor(this.#at) - history
    this.#output.copyWithin(0, from * 2, this.#end * 2)
    this.#at -= from
    this.#end -= from
  }

  /** Appends frames of the source, starting at `from`. */
  #put(from: number, frames: number): void {
    this.#room(frames)
    const first = (this.#inputFrom + from) * 2
    for (let i = 0; i < frames * 2; i++) this.#output[this.#end * 2 + i] = this.#input[first + i] ?? 0
    this.#end += frames
  }

  /** Fades the continuation of the last stretch into the source, starting at `from`. */
  #cross(from: number): void {
    this.#room(overlap)
    const first = (this.#inputFrom + from) * 2
    for (let i = 0; i < overlap * 2; i++) {
      const share = (i >> 1) / overlap
      const before = this.#follows[i] ?? 0
      this.#output[this.#end * 2 + i] = before + ((this.#input[first + i] ?? 0) - before) * share
    }
    this.#end += overlap
  }

  /** Prepares more frames, of which `count` are wanted. Returns false if the source has too little. */
  #stretch(count: number): boolean {
    if (this.#isFlushed) return false
    const rate = this.#speed / this.#pitch
    if (rate === 1 && !this.#isStretching) return this.#pass(count)
    const taken = rate * fresh + this.#rest
    if (!this.#fill(Math.max(Math.ceil(taken), stretch + range))) {
      if (!this.#feed.isEnding()) return false
      // what the next one would leave out may be after the end
      if (this.#inputLength < stretch + range) return this.#flush()
    }
    const place = this.#isStretching ? Joint.find(this.#follows, this.#input, this.#inputFrom, range) : 0
    if (this.#isStretching) this.#cross(place)
    if (rate === 1) {
      // from here on it is the source itself
      this.#isStretching = false
      this.#worth += place + overlap
      this.#drop(place + overlap)
      return true
    }
    if (this.#isStretching) this.#put(place + overlap, fresh - overlap)
    else this.#put(place, fresh)
    const next = (this.#inputFrom + place + fresh) * 2
    for (let i = 0; i < overlap * 2; i++) this.#follows[i] = this.#input[next + i] ?? 0
    this.#isStretching = true
    const whole = Math.min(this.#inputLength, Math.floor(taken))
    this.#rest = taken - Math.floor(taken)
    this.#worth += whole
    this.#drop(whole)
    return true
  }

  /** Only as much as is wanted, so that nothing remains in here when it is no longer needed. */
  #pass(count: number): boolean {
    const step = this.#step()
    const ahead = step === 1 ? 0 : this.#kernel.half + 1
    const wanted = Math.max(1, Math.min(piece * 2, Math.ceil(this.#at + count * step) + ahead - this.#end))
    const isThere = this.#fill(wanted)
    const frames = Math.min(wanted, this.#inputLength)
    if (frames === 0) return !isThere && this.#feed.isEnding() && this.#flush()
    this.#put(0, frames)
    this.#worth += frames
    this.#drop(frames)
    return true
  }

  /** The source has ended: the rest of it is played as it is. */
  #flush(): boolean {
    let from = 0
    if (this.#isStretching) {
      const places = Math.min(range, this.#inputLength - overlap)
      // silence after the end
      this.#input.fill(0, (this.#inputFrom + this.#inputLength) * 2)
      from = places > 0 ? Joint.find(this.#follows, this.#input, this.#inputFrom, places) : 0
      this.#cross(from)
      from = Math.min(this.#inputLength, from + overlap)
    }
    this.#put(from, this.#inputLength - from)
    this.#worth += this.#inputLength
    this.#drop(this.#inputLength)
    this.#isStretching = false
    this.#isFlushed = true
    return true
  }
}
