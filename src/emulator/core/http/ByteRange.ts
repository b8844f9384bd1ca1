/**
 * The part of a file that a client asks for (RFC 9110, 14.1.2): players do, to seek.
 *
 * @since 0.1.0
 */

/**
 * Bytes from one on up to another one, which is the first that does not belong to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ByteRange {
  readonly from: number
  readonly end: number
}

/**
 * Reads the header of a request for something of `size` bytes: `undefined` where all of it is to be given, because nothing else is asked
 * for, or several ranges, or something that is none; "outside" where there is nothing of what is asked for.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (header: string | undefined, size: number): ByteRange | "outside" | undefined => {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/i.exec(header ?? "") ?? []
  if (first === undefined || last === undefined || first + last === "") return undefined
  // the last so many
  if (first === "") return within(Math.max(size - Number(last), 0), size, size)
  if (last !== "" && Number(last) < Number(first)) return undefined
  return within(Number(first), last === "" ? size : Number(last) + 1, size)
}

const within = (from: number, end: number, size: number): ByteRange | "outside" =>
  from < size ? { from, end: Math.min(end, size) } : "outside"
