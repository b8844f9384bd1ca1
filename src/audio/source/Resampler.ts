/**
 * Resamples any rate to 48 kHz with a windowed sinc in phases: each output sample is one weighted sum of the input around its
 * position. It works on a stream. The first output sample is at the first input sample, and the length is that of the input
 * to the nearest sample. It is flat up to 0.88 of the lower of the two Nyquist frequencies; what lies as far above that is
 * attenuated by more than 80 dB.
 *
 * Plain code, for one or two channels; mono is returned as two equal ones.
 *
 * @since 0.1.0
 */
import * as WindowedSinc from "../../mixer/WindowedSinc.ts"

/**
 * The sample rate of the output.
 *
 * @category constants
 * @since 0.1.0
 */
export const outputRate = 48_000

/**
 * @category models
 * @since 0.1.0
 */
export interface Resampler {
  /** Takes `count` samples per channel. They are copied. */
  readonly push: (channels: ReadonlyArray<Float32Array>, count: number) => void
  /** Says that no more come: what the filter holds back can then be taken. */
  readonly end: () => void
  /**
   * Removes and returns what is ready, left and right in turn, at most `limit` samples per channel; empty if there is
   * nothing.
   */
  readonly take: (limit: number) => Float32Array
  /** Discards everything, and begins at the output sample `position`. Returns the input sample that is needed first. */
  readonly seek: (position: number) => number
}

/** Weights on either side of the center if the input has at most 48 kHz. */
const halfTaps = 24

/** The parameter of the Kaiser window: about 85 dB. */
const beta = 8.2

/**
 * The most phases that are stored. With more, the weights between two of them are interpolated linearly, which costs about
 * -105 dB.
 */
const maxPhases = 640

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** The number of tables that are kept: those of the usual rates, and a few of odd ones, which take megabytes. */
const keptTables = 16

/** All resamplers of a rate share one table. */
const tableOf = WindowedSinc.kept(keptTables, (rate) => ({
  halfTaps,
  beta,
  phases: Math.min(outputRate / gcd(outputRate, rate), maxPhases),
  share: Math.min(1, outputRate / rate)
}))

/** How much input is kept before the current position, so that it is moved only occasionally. */
const slack = 4096

/**
 * Makes a resampler from `rate` Hz. At 48000 Hz it passes samples on as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (rate: number, channels: 1 | 2): Resampler => {
  const divisor = gcd(outputRate, rate)
  /** Output sample `n` is at the input sample `n * step / steps`. */
  const step = rate / divisor
  const steps = outputRate / divisor
  const same = rate === outputRate
  const { half, phases, weights } = same
    ? { half: 1, phases: 1, weights: new Float32Array(4) }
    : tableOf(rate)
  const exact = phases === steps
  const taps = 2 * half

  let left = new Float32Array(slack)
  let right = channels === 2 ? new Float32Array(slack) : left
  /** The samples in the buffers, and the number of the first of them in the input. */
  let held = 0
  let first = 0
  /** The next output sample. */
  let next = 0
  /** The number of input samples so far, from the beginning of the source; and whether that is all. */
  let total = 0
  let ended = false

  const room = (count: number): void => {
    if (held + count <= left.length) return
    const size = Math.max(2 * left.length, held + count)
    const grow = (samples: Float32Array<ArrayBuffer>) => {
      const grown = new Float32Array(size)
      grown.set(samples.subarray(0, held))
      return grown
    }
    left = grow(left)
    right = channels === 2 ? grow(right) : left
  }

  /** Drops what no output needs any more. */
  const drop = (): void => {
    const wanted = Math.floor(next * step / steps) - half + 1 - first
    if (wanted < slack && wanted < held) return
    const gone = Math.min(held, Math.max(0, wanted))
    left.copyWithin(0, gone, held)
    if (channels === 2) right.copyWithin(0, gone, held)
    held -= gone
    first += gone
  }

  const append = (samples: ReadonlyArray<Float32Array>, count: number): void => {
    room(count)
    const [a, b = a] = samples
    if (a === undefined || b === undefined) return
    left.set(a.length === count ? a : a.subarray(0, count), held)
    if (channels === 2) right.set(b.length === count ? b : b.subarray(0, count), held)
    held += count
  }

  const zeros = (count: number): void => {
    const silence = new Float32Array(count)
    append([silence, silence], count)
  }

  const reset = (position: number): number => {
    next = position
    held = 0
    ended = false
    const centre = Math.floor(position * step / steps)
    const wanted = same ? centre : Math.max(0, centre - half + 1)
    total = wanted
    first = wanted
    if (!same && centre - half + 1 < 0) {
      first = centre - half + 1
      zeros(wanted - first)
    }
    return wanted
  }

  /** The number of output samples that are ready. */
  const ready = (): number => {
    if (ended) return Math.max(0, Math.round(total * steps / step) - next)
    const last = first + held - (same ? 0 : half)
    // the greatest n with floor(n * step / steps) < last
    return Math.max(0, Math.ceil(last * steps / step) - next)
  }

  const copy = (out: Float32Array, count: number): void => {
    for (let i = 0, at = next - first; i < count; i++, at++) {
      out[2 * i] = left[at] ?? 0
      out[2 * i + 1] = right[at] ?? 0
    }
  }

  const filter = (out: Float32Array, count: number): void => {
    // a variable that the closure shares with others would be read again in each turn of the loop
    const rows = weights
    const a0 = left
    const b0 = right
    let whole = Math.floor(next * step / steps)
    let part = next * step - whole * steps
    for (let i = 0; i < count; i++) {
      const from = whole - half + 1 - first
      let a = 0
      let b = 0
      if (exact) {
        const row = part * taps
        if (channels === 2) {
          for (let k = 0; k < taps; k++) {
            const weight = rows[row + k] ?? 0
            a += weight * (a0[from + k] ?? 0)
            b += weight * (b0[from + k] ?? 0)
          }
        } else {
          for (let k = 0; k < taps; k++) a += (rows[row + k] ?? 0) * (a0[from + k] ?? 0)
          b = a
        }
      } else {
        const place = part / steps * phases
        const low = Math.floor(place)
        const share = place - low
        const row = low * taps
        for (let k = 0; k < taps; k++) {
          const lower = rows[row + k] ?? 0
          const weight = lower + share * ((rows[row + taps + k] ?? 0) - lower)
          a += weight * (a0[from + k] ?? 0)
          b += weight * (b0[from + k] ?? 0)
        }
      }
      out[2 * i] = a
      out[2 * i + 1] = b
      part += step
      while (part >= steps) {
        part -= steps
        whole++
      }
    }
  }

  reset(0)
  return {
    push: (samples, count) => {
      if (count <= 0) return
      drop()
      append(samples, count)
      total += count
    },
    end: () => {
      if (ended) return
      ended = true
      if (!same) zeros(taps)
    },
    take: (limit) => {
      const count = Math.min(limit, ready())
      const out = new Float32Array(2 * count)
      if (same) copy(out, count)
      else filter(out, count)
      next += count
      return out
    },
    seek: reset
  }
}
