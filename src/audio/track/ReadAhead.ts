/**
 * How far a source is read ahead, and how much of it has to be available before it begins.
 *
 * @since 0.1.0
 */
import type { OpenSource } from "../OpenSource.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  /** How much media time to read ahead, in milliseconds; by default, what fits the source. */
  readonly bufferMs: number | undefined
  /** How much media time has to be available before it is ready, in milliseconds; by default, what the source asks for. */
  readonly leadMs: number | undefined
  /** How much media time has to be available before it resumes after running dry, in milliseconds; none by default. */
  readonly refillMs?: number | undefined
}

/** The media time in the ring before it is handed to the driver. */
const defaultLeadMs = 200
/**
 * For a live source, which is not to be late, as little as will do. A mix drops an input that has nothing for it 60 ms before
 * that would be heard, and checks every 20 ms.
 */
const defaultLiveLeadMs = { passed: 60, mixed: 80 }
const mostLeadMs = 10_000

const defaultBufferMs = 1_000
/** As much as a power of two of samples holds. */
const defaultPcmBufferMs = 680
const defaultLiveBufferMs = 200
/** Room for the longest packet, and for more than the 80 ms that a mix needs. */
const leastBufferMs = 120

/**
 * A reading that is about to begin.
 *
 * @internal
 */
export interface Begun {
  /** Whether it would be mixed if it began now, rather than passed through. Default false. */
  readonly isMixed?: (() => boolean) | undefined
}

/**
 * When a reading is ready.
 *
 * @internal
 */
export interface Start {
  /** The most that is waited for, in milliseconds. */
  readonly mostMs: number
  /** Whether this many milliseconds are enough. */
  readonly isReady: (bufferedMs: number, reading: Begun) => boolean
}

/**
 * How much has to be available before a reading begins. `pace`: how many milliseconds of it are heard in one; `heldMs`: how
 * much is taken of it before any is heard.
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
 * How much has to be available before it resumes after running dry, in milliseconds. `pace`: as for the start.
 *
 * @internal
 */
export const refillMs = ({ refillMs = 0 }: Wanted, pace: number): number => refillMs * pace

/**
 * How much is read ahead, in milliseconds: at least as much as has to be available before it is ready, or resumes.
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
  // a piece more, so that reading on does not have to wait for room when it resumes
  const againMs = refillMs(wanted, pace)
  return Math.max(mostMs, againMs === 0 ? leastMs : againMs + leastMs, wanted.bufferMs ?? standardMs)
}

/** Multiples of this are spread evenly between 0 and 1, however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2

/** The number of readings of this process so far. */
let readings = 0

/**
 * The share of the buffer that has to be taken before it is first refilled. Tracks that begin together would otherwise always
 * be refilled together, and stop the beat meanwhile.
 *
 * @internal
 */
export const firstShare = (): number => 0.25 + ((readings++ * goldenRatio) % 1) / 2
