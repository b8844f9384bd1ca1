/**
 * The Opus packet that means silence to Discord. Plain code, so that the thread of the groups can load it without anything else.
 *
 * @since 0.1.0
 */

/**
 * Makes the packet `F8 FF FE`, 20 ms of silence. Discord wants five of them when a speaker pauses (Discord docs, Voice
 * Connections, Voice Data Interpolation). Every call returns new bytes, so that no caller can corrupt another's.
 *
 * @category constructors
 * @since 0.1.0
 */
export const silenceFrame = (): Uint8Array => Uint8Array.of(0xf8, 0xff, 0xfe)

/**
 * Whether the packet in `bytes[0, length)` is {@link silenceFrame}. Allocates nothing.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSilence = (bytes: Uint8Array, length: number = bytes.length): boolean =>
  length === 3 && bytes[0] === 0xf8 && bytes[1] === 0xff && bytes[2] === 0xfe
