/**
 * The newer transport compression of the main gateway, without compressing: a Zstandard frame of raw blocks. Any
 * decompressor reads them, and they need no asynchronous codec.
 *
 * @since 0.1.0
 */

/** Magic number, a descriptor without flags (no size, no checksum, no dictionary), a window of 128 KiB (RFC 8878, 3.1.1). */
const frameHeader = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3)

/** A block must not be larger than the window. */
const maxBlock = 128 * 1024

/**
 * Makes the writer of one connection with the transport compression `zstd-stream`: message text in, bytes for one binary
 * WebSocket message out, all of them one frame that never ends. The first result starts with the header of the frame
 * (Discord docs, Gateway, Transport Compression).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): (text: string) => Uint8Array => {
  let first = true
  return (text) => {
    const body = Buffer.from(text, "utf8")
    const parts: Array<Uint8Array> = first ? [frameHeader] : []
    first = false
    for (let from = 0; from < body.length; from += maxBlock) {
      const block = body.subarray(from, from + maxBlock)
      // not the last one, raw, and the size, little-endian (RFC 8878, 3.1.1.2)
      const header = block.length << 3
      parts.push(Uint8Array.of(header & 0xff, (header >>> 8) & 0xff, header >>> 16), block)
    }
    return Buffer.concat(parts)
  }
}
