/**
 * What was mixed recently, input by input, so that frames that nobody has heard yet can be made again without some of them.
 *
 * @since 0.1.0
 */
import * as SoftClip from "./SoftClip.ts"

/** The samples of a unit, both channels. */
const size = 1_920

/**
 * A decoder adds up what two frames contain for the first samples of a unit (120 per channel), so both have to be made of the
 * same. After them, what is cut fades within 5 ms.
 */
const shared = 120
const edge = 240

interface Unit {
  readonly inputs: Array<number>
  readonly parts: Array<Float32Array>
  /** The factor for each part. */
  readonly levels: Array<number>
}

const set = (into: Float32Array, part: Float32Array, level: number): void => {
  for (let i = 0; i < size; i++) into[i] = (part[i] ?? 0) * level
}

const add = (into: Float32Array, part: Float32Array, level: number): void => {
  for (let i = 0; i < size; i++) into[i] = (into[i] ?? 0) + (part[i] ?? 0) * level
}

/** Two at a time, so that the sum so far is read and written once for both. */
const addTwo = (into: Float32Array, a: Float32Array, levelA: number, b: Float32Array, levelB: number): void => {
  for (let i = 0; i < size; i++) into[i] = (into[i] ?? 0) + (a[i] ?? 0) * levelA + (b[i] ?? 0) * levelB
}

const fadeOut = (part: Float32Array): void => {
  for (let i = 0; i < edge; i++) {
    const gain = 1 - (i + 1) / edge
    const at = (shared + i) * 2
    part[at] = (part[at] ?? 0) * gain
    part[at + 1] = (part[at + 1] ?? 0) * gain
  }
  part.fill(0, (shared + edge) * 2)
}

/**
 * @category models
 * @since 0.1.0
 */
export class Kept {
  readonly #depth: number
  /** In order and without a gap. */
  readonly #units: Array<Unit> = []
  /** The number of the first of them. */
  #first: number
  /** Sample buffers that can be reused. */
  readonly #free: Array<Float32Array> = []

  /** Keeps the last `depth` units; `first` is the number of the unit that is begun first. */
  constructor(depth: number, first: number) {
    this.#depth = depth
    this.#first = first
  }

  /** Begins the unit after the last one. */
  begin(): void {
    this.#units.push({ inputs: [], parts: [], levels: [] })
    if (this.#units.length <= this.#depth) return
    this.#first++
    this.#free.push(...this.#units.shift()?.parts ?? [])
  }

  /**
   * Room for the samples of an input in the unit that was begun last. All of it has to be written, since it contains older
   * samples. Input 0 is never cut.
   */
  part(input: number): Float32Array {
    const unit = this.#units.at(-1)
    const part = this.#free.pop() ?? new Float32Array(size)
    unit?.inputs.push(input)
    unit?.parts.push(part)
    unit?.levels.push(1)
    return part
  }

  /** Sets the factor for the part that was made last. */
  level(level: number): void {
    const levels = this.#units.at(-1)?.levels
    if (levels !== undefined) levels[levels.length - 1] = level
  }

  /** Adds samples to the unit that was begun last that belong to no input, with silence after them. */
  put(samples: Float32Array): void {
    const part = this.part(0)
    part.set(samples)
    part.fill(0, samples.length)
  }

  /** Writes a unit to `into`, with everything in it; a unit that is not kept is silence. */
  sum(number: number, into: Float32Array): void {
    const unit = this.#units[number - this.#first]
    const [first] = unit?.parts ?? []
    if (unit === undefined || first === undefined) {
      into.fill(0)
      return
    }
    const { levels, parts } = unit
    set(into, first, levels[0] ?? 1)
    for (let i = 1; i < parts.length; i += 2) {
      const a = parts[i] ?? first
      const b = parts[i + 1]
      if (b === undefined) add(into, a, levels[i] ?? 1)
      else addTwo(into, a, levels[i] ?? 1, b, levels[i + 1] ?? 1)
    }
    SoftClip.apply(into)
  }

  /** Removes inputs from a unit and all that follow. What sounded in the one before fades out. */
  cut(inputs: ReadonlyArray<number>, from: number): void {
    const before = this.#units[from - 1 - this.#first]?.inputs ?? []
    for (let at = Math.max(0, from - this.#first); at < this.#units.length; at++) {
      const unit = this.#units[at]
      if (unit === undefined) continue
      for (const input of inputs) {
        const place = unit.inputs.indexOf(input)
        if (place === -1) continue
        const part = unit.parts[place]
        if (part !== undefined && at === from - this.#first && before.includes(input)) fadeOut(part)
        else {
          unit.inputs.splice(place, 1)
          unit.levels.splice(place, 1)
          this.#free.push(...unit.parts.splice(place, 1))
        }
      }
    }
  }
}
