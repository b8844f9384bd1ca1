/**
 * The part of a file that a client requests (RFC 9110, 14.1.2). Players do this for seeking.
 *
 * @since 0.1.0
 */

/**
 * The bytes from one offset up to another, which is exclusive.
 *
 * @category models
 * @since 0.1.0
 */
export interface ByteRange {
  readonly from: number
  readonly end: number
}

/**
 * Parses the header of a request for something of `size` bytes. Returns `undefined` if all of it should be sent, because there
 * is no header, an invalid one, or several ranges; "outside" if none of the requested bytes exist.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (header: string | undefined, size: number): ByteRange | "outside" | undefined => {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/i.exec(header ?? "") ?? []
  if (first === undefined || last === undefined || first + last === "") return undefined
  // the last bytes
  if (first === "") return within(Math.max(size - Number(last), 0), size, size)
  if (last !== "" && Number(last) < Number(first)) return undefined
  return within(Number(first), last === "" ? size : Number(last) + 1, size)
}

const within = (from: number, end: number, size: number): ByteRange | "outside" =>
  from < size ? { from, end: Math.min(end, size) } : "outside"
