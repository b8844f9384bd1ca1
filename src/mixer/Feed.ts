/**
 * Where an input of a mix takes its samples from: a ring of Opus frames, which it decodes, or one of samples.
 *
 * @since 0.1.0
 */
import type { FloatDecoder } from "../codec/FloatCodec.ts"
import * as Follower from "../ring/Follower.ts"
import * as FrameRing from "../ring/FrameRing.ts"
import type { PcmRing } from "./PcmRing.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Feed {
  /** Prepares samples, `count` per channel if there are as many, and returns how many are ready. */
  readonly prepare: (count: number) => number
  /** Moves ready samples to `into`, starting at index `at`. */
  readonly take: (into: Float32Array, at: number, count: number) => void
  /** Whether nothing comes after what is ready. */
  readonly isEnding: () => boolean
  /** Whether everything has been taken. */
  readonly isDrained: () => boolean
  /** The media time that was taken from the ring, in milliseconds. */
  readonly positionMs: () => number
  /** Samples were needed, and there were too few. */
  readonly starve: () => void
  /** A replacement for what did not arrive, if it can make one. */
  readonly conceal: (count: number) => Float32Array | undefined
  /** How often something was filled in since the last call. */
  readonly concealed: () => number
  readonly free: () => void
}

/**
 * A feed that can be handed back to the driver.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusFeed extends Feed {
  /** The driver no longer reads the ring. */
  readonly own: () => void
  /** Whether the next sample begins a frame that is there, and the ring is ours. */
  readonly canHandOver: () => boolean
  /** How many samples of a frame that was begun are ready and not taken. */
  readonly surplus: () => number
  /**
   * The next samples, as far as they are there, without removing anything from the ring. After this, the feed cannot be read
   * normally again.
   */
  readonly peek: (count: number) => Float32Array
}

/**
 * @category guards
 * @since 0.1.0
 */
export const isOpus = (feed: Feed): feed is OpusFeed => "peek" in feed

/** Twice the longest packet, in samples per channel. */
const capacity = 5_760 * 2

const numberMask = 0x3ff

/** The distance of two frame numbers that are modulo 1024. */
const distance = (to: number, from: number): number => ((to - from + 512) & numberMask) - 512

const packet = new Uint8Array(FrameRing.maxFrameBytes)

/**
 * Decodes a ring of Opus. With `from`, the driver reads it until that frame; what was decoded before it is passed to
 * `onBefore`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const opus = (
  buffer: SharedArrayBuffer,
  decoder: FloatDecoder,
  from: number | undefined,
  onBefore: (samples: Float32Array) => void
): OpusFeed => {
  const ring = FrameRing.fromBuffer(buffer)
  const follower = Follower.follow(buffer)
  let owned = from === undefined
  const ready = new Float32Array(capacity * 2)
  let start = 0
  let length = 0
  let concealments = 0
  let isExhausted = false
  let hasTaken = false

  const decode = (bytes: number): Float32Array => {
    try {
      return decoder.decode(packet.subarray(0, bytes))
    } catch {
      concealments++
      return decoder.conceal(follower.samples())
    }
  }

  /** Decodes the next frame; `undefined` if there is none. */
  const next = (): Float32Array | undefined => {
    let bytes = follower.take(packet)
    if (bytes < 0) {
      // a frame written before the end was declared is visible by then
      if (!ring.isFinal()) return undefined
      bytes = follower.take(packet)
      isExhausted = bytes < 0
      if (isExhausted) return undefined
    }
    hasTaken = true
    const samples = decode(bytes)
    if (owned) ring.discard()
    return samples
  }

  const push = (samples: Float32Array): void => {
    if ((start + length) * 2 + samples.length > ready.length) {
      ready.copyWithin(0, start * 2, (start + length) * 2)
      start = 0
    }
    ready.set(samples, (start + length) * 2)
    length += samples.length / 2
  }

  if (from !== undefined) {
    for (let samples = next(); samples !== undefined; samples = next()) {
      const late = distance(follower.number(), from)
      if (late < 0) {
        onBefore(samples)
        // the next one is no longer before it
        if (late === -1) break
        continue
      }
      // the driver has gone too far, and the mix skips as much
      for (let i = 0; i < late && length + samples.length < capacity; i++) push(new Float32Array(samples.length))
      push(samples)
      break
    }
  }

  return {
    prepare: (count) => {
      for (let missing = count - length; missing > 0; missing = count - length) {
        const samples = next()
        if (samples === undefined) break
        push(samples)
      }
      return Math.min(length, count)
    },
    take: (into, at, count) => {
      into.set(ready.subarray(start * 2, (start + count) * 2), at)
      start += count
      length -= count
    },
    isEnding: () => isExhausted,
    isDrained: () => owned && length === 0 && ring.isDrained(),
    positionMs: () => follower.positionMs() - length / 48,
    starve: ring.starve.bind(ring),
    conceal: (count) => {
      if (length > 0) return undefined
      concealments++
      return decoder.conceal(count)
    },
    concealed: () => {
      const count = concealments
      concealments = 0
      return count
    },
    own: () => {
      if (owned) return
      owned = true
      if (!hasTaken) return
      const last = follower.number()
      while (distance(ring.framesRead(), last) <= 0 && ring.next() >= 0) ring.discard()
    },
    canHandOver: () => owned && length === 0 && ring.next() >= 0,
    surplus: () => length,
    peek: (count) => {
      owned = false
      const samples = new Float32Array(count * 2)
      for (let at = 0; at < samples.length;) {
        const more = next()
        if (more === undefined) break
        samples.set(more.subarray(0, samples.length - at), at)
        at += more.length
      }
      return samples
    },
    free: () => decoder.free()
  }
}

/** Replaces NaN with silence: whatever it is mixed with would become NaN, too. */
const repair = (samples: Float32Array, from: number, to: number): void => {
  // their sum tells whether there is any, and costs less
  let left = 0
  let right = 0
  for (let i = from; i < to; i += 2) {
    left += samples[i] ?? 0
    right += samples[i + 1] ?? 0
  }
  if (Number.isFinite(left + right)) return
  for (let i = from; i < to; i++) if (!Number.isFinite(samples[i])) samples[i] = 0
}

/**
 * Takes samples as they are; values that are not numbers become silence.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pcm = (ring: PcmRing): Feed => {
  let isExhausted = false
  return {
    prepare: (count) => {
      isExhausted = ring.available() < count && ring.isFinal() && ring.available() < count
      return Math.min(count, ring.available())
    },
    take: (into, at, count) => {
      ring.read(into, at, count)
      repair(into, at, at + count * 2)
    },
    isEnding: () => isExhausted,
    isDrained: ring.isDrained,
    positionMs: ring.positionMs,
    starve: ring.starve,
    conceal: () => undefined,
    concealed: () => 0,
    free: () => {}
  }
}
