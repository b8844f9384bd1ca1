/**
 * When a packet was spoken, on the clock of the recording. A sender's RTP timestamps give the distance between two packets to
 * the sample, but on the sender's clock, from an arbitrary start; arrival times are on our clock, but delayed by the network.
 * So the time of a packet is its timestamp plus the minimum delay that was seen. This minimum may rise slowly: it follows a
 * clock that is off by up to 200 ppm without lagging behind, as long as some packets arrive without delay.
 *
 * All times are in samples at 48 kHz.
 *
 * @since 0.1.0
 */
import { timestampDelta } from "../../protocol/RtpPacket.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Seen {
  /** Counts the clocks of this sender: a jump of the timestamps starts a new one. */
  readonly epoch: number
  /** The timestamp without wraparound. It orders the packets of an epoch. */
  readonly extended: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Timeline {
  /**
   * Registers a packet. Returns `undefined` for one that fits nothing seen before: a single one is damaged, but several in a
   * row are a clock that has jumped, and are accepted when they are offered again.
   */
  readonly see: (timestamp: number, arrival: number) => Seen | undefined
  /**
   * The time of a packet according to the current estimate. `fresh` is the minimum of arrival minus timestamp among the packets
   * of an epoch that began to arrive after a pause: if all of them are later than expected, the sender's clock has stood still
   * meanwhile, or the path has become longer.
   */
  readonly timeOf: (seen: Seen) => number
  readonly settle: (epoch: number, fresh: number) => void
  /** The recent mean delay above the minimum: the maximum error of the estimate with jitter. */
  readonly jitter: () => number
}

const ms = 48

/** Twice the possible error of a clock: how fast the estimate rises. */
const leak = 200e-6
/** A delay that is above the estimate for one to two windows is the new one, if enough packets confirm it. */
const windowSamples = 5_000 * ms
const manyPackets = 50
const pathChange = 20 * ms
const settleChange = 60 * ms
/** Beyond these limits a packet belongs to another clock, or is damaged. */
const farBehind = 2_000 * ms
const farAhead = 500 * ms
const jumpPackets = 3

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Timeline => {
  let epoch = 0
  let lastTimestamp: number | undefined
  let extended = 0
  let lastArrival = 0
  let base = 0
  let spread = 0
  /** The estimates of clocks that have jumped since. */
  const formerBases: Array<number> = []
  let bucketStart = 0
  let former = { least: Infinity, packets: 0 }
  let bucket = { least: Infinity, packets: 0 }
  let strange: { readonly delay: number; count: number } | undefined

  const begin = (timestamp: number, arrival: number): Seen => {
    lastTimestamp = timestamp
    lastArrival = arrival
    base = arrival - extended
    bucketStart = arrival
    former = { least: Infinity, packets: 0 }
    bucket = { least: base, packets: 1 }
    strange = undefined
    return { epoch, extended }
  }

  const follow = (delay: number, arrival: number): void => {
    base = Math.min(base + leak * Math.max(0, arrival - lastArrival), delay)
    lastArrival = Math.max(lastArrival, arrival)
    if (arrival - bucketStart > windowSamples) {
      bucketStart = arrival
      former = bucket
      bucket = { least: delay, packets: 1 }
    } else {
      bucket.least = Math.min(bucket.least, delay)
      bucket.packets++
    }
    const least = Math.min(former.least, bucket.least)
    // of so many packets none arrived as fast as before: the path is longer now
    if (former.packets + bucket.packets >= manyPackets && least > base + pathChange) base = least
    spread += (delay - base - spread) / 64
  }

  const see: Timeline["see"] = (timestamp, arrival) => {
    if (lastTimestamp === undefined) return begin(timestamp, arrival)
    const at = extended + timestampDelta(timestamp, lastTimestamp)
    const delay = arrival - at
    if (delay < base - farAhead || delay > base + farBehind) {
      const fits = strange !== undefined && Math.abs(delay - strange.delay) < farAhead
      strange = {
        delay: fits && strange !== undefined ? strange.delay : delay,
        count: fits ? (strange?.count ?? 0) + 1 : 1
      }
      if (strange.count < jumpPackets) return undefined
      formerBases[epoch] = base
      epoch++
      extended = at
      return begin(timestamp, arrival)
    }
    strange = undefined
    if (at > extended) {
      extended = at
      lastTimestamp = timestamp
    }
    follow(delay, arrival)
    return { epoch, extended: at }
  }

  const baseOf = (of: number): number => of === epoch ? base : formerBases[of] ?? base

  return {
    see,
    timeOf: (seen) => seen.extended + baseOf(seen.epoch),
    settle: (of, fresh) => {
      if (fresh <= baseOf(of) + settleChange + 2 * spread) return
      if (of === epoch) base = fresh
      else formerBases[of] = fresh
    },
    jitter: () => spread
  }
}
