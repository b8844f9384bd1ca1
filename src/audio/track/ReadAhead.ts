/**
 * How far a source is read ahead, and how much of it is there before it begins.
 *
 * @since 0.1.0
 */
import type { OpenSource } from "../OpenSource.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  /** Media time to read ahead, in milliseconds; one that fits the source by default. */
  readonly bufferMs: number | undefined
  /** Media time that is there before it is ready, in milliseconds; what the source wants by default. */
  readonly leadMs: number | undefined
  /** Media time that is there before it goes on when it has run dry, in milliseconds; none by default. */
  readonly refillMs?: number | undefined
}

/** Media time in the ring before it is handed to the driver. */
const defaultLeadMs = 200
/**
 * Of a live source, which is not to be late, as little as will do. A mix gives up an input that has nothing for it 60 ms before that
 * would be heard, and looks every 20 ms.
 */
const defaultLiveLeadMs = { passed: 60, mixed: 80 }
const mostLeadMs = 10_000

const defaultBufferMs = 1_000
/** What a power of two of samples holds. */
const defaultPcmBufferMs = 680
const defaultLiveBufferMs = 200
/** Room for the longest packet, and for more than the 80 ms that a mix wants to find. */
const leastBufferMs = 120

/**
 * A reading whose beginning is waited for.
 *
 * @internal
 */
export interface Begun {
  /** Whether it would be mixed if it began now, and not passed through. Default false. */
  readonly isMixed?: (() => boolean) | undefined
}

/**
 * What is there before a reading is ready.
 *
 * @internal
 */
export interface Start {
  /** The most that it is, in milliseconds. */
  readonly mostMs: number
  /** Whether so many milliseconds are enough. */
  readonly isReady: (bufferedMs: number, reading: Begun) => boolean
}

/**
 * `pace`: how many milliseconds of it are heard in one; `heldMs`: what is taken of it before any is heard.
 *
 * @internal
 */
export const start = (
  { format, leadMs, live = false }: OpenSource,
  wanted: Wanted,
  pace: number,
  heldMs: number
): Start => {
  const ofMs = (liveLeadMs: number): number =>
    Math.min((wanted.leadMs ?? leadMs ?? (live ? liveLeadMs : defaultLeadMs)) * pace + heldMs, mostLeadMs)
  const mixedMs = ofMs(defaultLiveLeadMs.mixed)
  const passedMs = format === "pcm" ? mixedMs : ofMs(defaultLiveLeadMs.passed)
  return {
    mostMs: mixedMs,
    isReady: (bufferedMs, reading) => bufferedMs >= mixedMs || (bufferedMs >= passedMs && reading.isMixed?.() !== true)
  }
}

/**
 * What is there before it goes on when it has run dry, in milliseconds. `pace`: as for the start.
 *
 * @internal
 */
export const refillMs = ({ refillMs = 0 }: Wanted, pace: number): number => refillMs * pace

/**
 * What is read ahead, in milliseconds: no less than is there before it is ready, or goes on.
 *
 * @internal
 */
export const bufferMs = (
  { format, live = false }: OpenSource,
  wanted: Wanted,
  { mostMs }: Start,
  pace: number,
  heldMs: number
): number => {
  const standardMs = live ? defaultLiveBufferMs : format === "pcm" ? defaultPcmBufferMs : defaultBufferMs
  const leastMs = leastBufferMs * pace + heldMs
  // a piece more, so that who goes on does not wait for room before it reads on
  const againMs = refillMs(wanted, pace)
  return Math.max(mostMs, againMs === 0 ? leastMs : againMs + leastMs, wanted.bufferMs ?? standardMs)
}

/** Multiples of it spread evenly between 0 and 1, however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2

/** All readings of this process so far. */
let readings = 0

/**
 * The share of what is read ahead that has to be taken before it is filled up for the first time: tracks that begin together shall not
 * be filled up together ever after, since the beat would stand still meanwhile.
 *
 * @internal
 */
export const firstShare = (): number => 0.25 + ((readings++ * goldenRatio) % 1) / 2
