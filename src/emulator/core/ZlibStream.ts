/**
 * The `zlib-stream` transport compression of the main gateway, without compressing: one zlib stream a connection, made of
 * stored blocks, each message ended with the flush marker that clients look for. Any inflater reads it, and it needs no
 * asynchronous codec.
 *
 * @since 0.1.0
 */

const maxBlock = 0xffff

/**
 * Makes the writer of one connection: message text in, bytes for one binary WebSocket message out. The first result
 * starts with the zlib header; each ends with `00 00 FF FF` (RFC 1950, RFC 1951, 3.2.4; Discord docs, Gateway, Transport
 * Compression).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): (text: string) => Uint8Array => {
  let first = true
  return (text) => {
    const body = Buffer.from(text, "utf8")
    const blocks = Math.ceil(body.length / maxBlock)
    const out = new Uint8Array((first ? 2 : 0) + blocks * 5 + body.length + 5)
    let at = 0
    if (first) {
      out[at++] = 0x78
      out[at++] = 0x01
      first = false
    }
    const stored = (length: number) => {
      // Block type 0, not the last one; then the length and its complement, little-endian.
      out[at++] = 0
      out[at++] = length & 0xff
      out[at++] = length >>> 8
      out[at++] = ~length & 0xff
      out[at++] = (~length >>> 8) & 0xff
    }
    for (let from = 0; from < body.length; from += maxBlock) {
      const part = body.subarray(from, from + maxBlock)
      stored(part.length)
      out.set(part, at)
      at += part.length
    }
    stored(0)
    return out
  }
}
