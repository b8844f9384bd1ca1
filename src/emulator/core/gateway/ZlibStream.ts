/**
 * The two zlib compressions of the main gateway, without compressing: zlib streams made of stored blocks. Any inflater reads
 * them, and they need no asynchronous codec.
 *
 * @since 0.1.0
 */

const maxBlock = 0xffff

/** CMF and FLG: deflate with a window of 32 KiB, no dictionary, the fastest level (RFC 1950, 2.2). */
const zlibHeader = Uint8Array.of(0x78, 0x01)

/** Stored blocks of a text: block type 0, the length and its complement, little-endian (RFC 1951, 3.2.4). */
const stored = (body: Uint8Array, last: boolean): Array<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  const block = (part: Uint8Array, final: boolean) => {
    const { length } = part
    parts.push(
      Uint8Array.of(final ? 1 : 0, length & 0xff, length >>> 8, ~length & 0xff, (~length >>> 8) & 0xff),
      part
    )
  }
  for (let from = 0; from < body.length; from += maxBlock) block(body.subarray(from, from + maxBlock), false)
  block(body.subarray(body.length), last)
  return parts
}

/**
 * Makes the writer of one connection with the transport compression `zlib-stream`: message text in, bytes for one binary
 * WebSocket message out, all of them one zlib stream. The first result starts with the zlib header; each ends with
 * `00 00 FF FF`, the flush marker that clients look for (Discord docs, Gateway, Transport Compression).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): (text: string) => Uint8Array => {
  let first = true
  return (text) => {
    const parts = stored(Buffer.from(text, "utf8"), false)
    if (first) parts.unshift(zlibHeader)
    first = false
    return Buffer.concat(parts)
  }
}

/** Adler-32, most significant byte first (RFC 1950, 8.2). */
const checksum = (body: Uint8Array): Uint8Array => {
  let a = 1
  let b = 0
  for (const byte of body) {
    a = (a + byte) % 65_521
    b = (b + a) % 65_521
  }
  return Uint8Array.of(b >>> 8, b & 0xff, a >>> 8, a & 0xff)
}

/**
 * A message with payload compression: one complete zlib stream in a binary WebSocket message (Discord docs, Gateway, Payload
 * Compression).
 *
 * @category codecs
 * @since 0.1.0
 */
export const whole = (text: string): Uint8Array => {
  const body = Buffer.from(text, "utf8")
  return Buffer.concat([zlibHeader, ...stored(body, true), checksum(body)])
}
