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

/**
 * What is there before it is ready, in milliseconds. `pace`: how many of them are heard in one; `heldMs`: what is taken of it before
 * any is heard.
 *
 * @internal
 */
export const startMs = (
  { format, leadMs, live = false }: OpenSource,
  wanted: Wanted,
  pace: number,
  heldMs: number
): number => {
  const wantedMs = wanted.leadMs ?? leadMs ?? (live ? defaultLiveLeadMs[format] : defaultLeadMs)
  return Math.min(wantedMs * pace + heldMs, mostLeadMs)
}

/**
 * What is read ahead, in milliseconds: no less than is there before it is ready.
 *
 * @internal
 */
export const bufferMs = (
  { format, live = false }: OpenSource,
  wanted: Wanted,
  startMs: number,
  pace: number,
  heldMs: number
): number => {
  const standardMs = live ? defaultLiveBufferMs : format === "pcm" ? defaultPcmBufferMs : defaultBufferMs
  return Math.max(startMs, leastBufferMs * pace + heldMs, wanted.bufferMs ?? standardMs)
}
