/**
 * Finds the clusters of WebM and Matroska (RFC 9559, 5.1.3) in the middle of a file, for a search.
 *
 * @since 0.1.0
 */
import { u8, uint, vint, vintLength } from "./Ebml.ts"

/**
 * @category constants
 * @since 0.1.0
 */
export const idCluster = 0x1f43b675

/**
 * @category constants
 * @since 0.1.0
 */
export const idTimestamp = 0xe7

/**
 * Where a cluster begins, and its time in the units of the segment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cluster {
  readonly at: number
  readonly time: number
}

/** The time of a cluster that begins at `at`; it is the first element in the cluster. */
const timeAt = (bytes: Uint8Array, at: number): number | undefined => {
  if (uint(bytes.subarray(at, at + 4)) !== idCluster) return undefined
  const sizeLength = vintLength(u8(bytes, at + 4))
  let body = at + 4 + sizeLength
  if (sizeLength > 8) return undefined
  // a checksum can come before it
  if (u8(bytes, body) === 0xbf) body += 6
  const length = vintLength(u8(bytes, body + 1))
  const size = vint(bytes, body + 1, length)
  if (u8(bytes, body) !== idTimestamp || length > 8 || size > 8) return undefined
  const from = body + 1 + length
  return from + size > bytes.length ? undefined : uint(bytes.subarray(from, from + size))
}

/**
 * The first cluster whose beginning is in these bytes.
 *
 * @category codecs
 * @since 0.1.0
 */
export const first = (bytes: Uint8Array): Cluster | undefined => {
  for (let at = 0; at + 16 <= bytes.length; at++) {
    const time = bytes[at] === 0x1f ? timeAt(bytes, at) : undefined
    if (time !== undefined) return { at, time }
  }
  return undefined
}
