/**
 * What an input of a mix takes its samples from: a ring of Opus frames, which it decodes, or one of samples.
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
  /** Makes samples ready, `count` a channel if there are as many, and gives how many are. */
  readonly prepare: (count: number) => number
  /** Takes samples that are ready to `into` from index `at` on. */
  readonly take: (into: Float32Array, at: number, count: number) => void
  /** Whether nothing comes behind what is ready. */
  readonly isEnding: () => boolean
  /** Whether all has been taken. */
  readonly isDrained: () => boolean
  /** Media time that was taken from the ring, in milliseconds. */
  readonly positionMs: () => number
  /** Samples were wanted, and there were too few. */
  readonly starve: () => void
  /** Something in place of what did not come, if it can make that up. */
  readonly conceal: (count: number) => Float32Array | undefined
  /** How often something was filled in since it was asked last. */
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
  /** The ring is not read by the driver any more. */
  readonly own: () => void
  /** Whether what comes next begins a frame that is there, and the ring is ours. */
  readonly canHandOver: () => boolean
  /** How many samples are ready that were not taken, of a frame that was begun. */
  readonly surplus: () => number
  /** Samples that come next, as far as they are there, without taking anything out of the ring. There is no way back. */
  readonly peek: (count: number) => Float32Array
}

/**
 * @category guards
 * @since 0.1.0
 */
export const isOpus = (feed: Feed): feed is OpusFeed => "peek" in feed

/** Twice the longest packet, in samples a channel. */
const capacity = 5_760 * 2

const numberMask = 0x3ff

/** The distance of two numbers of frames that are modulo 1024. */
const distance = (to: number, from: number): number => ((to - from + 512) & numberMask) - 512

const packet = new Uint8Array(FrameRing.maxFrameBytes)

/**
 * Decodes a ring of Opus. With `from`, the driver reads it until that frame; what was decoded before it is given to `onBefore`.
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

  /** The next frame, decoded, or `undefined` if there is none. */
  const next = (): Float32Array | undefined => {
    let bytes = follower.take(packet)
    if (bytes < 0) {
      // a frame written before the end was said is there by then
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
        // the next one is not before it any more
        if (late === -1) break
        continue
      }
      // the driver has gone too far, and leaves as much out of the mix
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

/** Makes silence of what is no number: whatever it is mixed with would be none, either. */
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
 * Takes samples as they are, if they are any.
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
