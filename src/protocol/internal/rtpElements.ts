/**
 * The content of an RTP header extension: elements with one-byte headers (RFC 8285, 4.2).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { requireUint, u8, view } from "./bytes.ts"
import { badExtension, type RtpError } from "./RtpError.ts"

/**
 * The profile of an extension that holds elements with one-byte headers (RFC 8285, 4.2).
 *
 * @category constants
 * @since 0.1.0
 */
export const profileOneByte = 0xbede

/**
 * An element of a header extension of profile {@link profileOneByte}.
 *
 * @category models
 * @since 0.1.0
 */
export interface RtpElement {
  /** 1 to 14: the local identifier. */
  readonly id: number
  /** 1 to 16 bytes. */
  readonly data: Uint8Array
}

const failBadExtension = Result.fail(badExtension)

/**
 * Encodes elements with one-byte headers, padded with zeros to a multiple of 4 bytes (RFC 8285, 4.2). Throws a `RangeError` if
 * an id or a length is out of range.
 *
 * @category codecs
 * @since 0.1.0
 */
export const encodeElements = (elements: ReadonlyArray<RtpElement>): Uint8Array => {
  const length = elements.reduce((sum, element) => sum + 1 + element.data.length, 0)
  const bytes = new Uint8Array((length + 3) & ~3)
  let offset = 0
  for (const { data, id } of elements) {
    bytes[offset] = ((requireUint("id - 1", id - 1, 13) + 1) << 4) | requireUint("data.length - 1", data.length - 1, 15)
    bytes.set(data, offset + 1)
    offset += 1 + data.length
  }
  return bytes
}

/**
 * Decodes elements with one-byte headers (RFC 8285, 4.2). Padding between and after elements is skipped. An element with id 15,
 * or with id 0 and a length, ends the list; the elements before it are returned. Fails with `BadExtension` if an element is
 * longer than the remaining bytes. The data of the elements are views of `data`.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decodeElements = (data: Uint8Array): Result.Result<ReadonlyArray<RtpElement>, RtpError> => {
  const elements: Array<RtpElement> = []
  let offset = 0
  while (offset < data.length) {
    const head = u8(data, offset)
    offset += 1
    if (head === 0) continue
    const id = head >>> 4
    if (id === 0 || id === 15) break
    const end = offset + (head & 0x0f) + 1
    if (end > data.length) return failBadExtension
    elements.push({ id, data: view(data, offset, end) })
    offset = end
  }
  return Result.succeed(elements)
}
