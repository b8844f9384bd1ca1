/**
 * The layout of a ring's buffer, for both of its ends and for observers.
 *
 * Records follow each other after a header. A record is a 32-bit word (`length << 16 | number << 6 | units`: the frame's number
 * modulo 1024, and its duration in units of 120 samples) and `length` bytes, padded to 4 bytes; it never wraps around the end.
 * The header consists of ten 32-bit integers in the byte order of the machine.
 *
 * @since 0.1.0
 */

/**
 * @category constants
 * @since 0.1.0
 */
export const headerInts = 10

/**
 * @category constants
 * @since 0.1.0
 */
export const headerBytes = headerInts * 4

/**
 * The header index of the number of bytes ever written, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const writeIndex = 0

/**
 * The header index of the number of bytes ever read, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const readIndex = 1

/**
 * The header index of the end flag: 1 once the producer has ended, 2 once that cannot be undone.
 *
 * @category header
 * @since 0.1.0
 */
export const endIndex = 2

/**
 * The header index of the media time ever written, in units, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const writtenUnits = 3

/**
 * The header index of the media time ever read, in units, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const readUnits = 4

/**
 * @category header
 * @since 0.1.0
 */
export const framesReadIndex = 5

/**
 * @category header
 * @since 0.1.0
 */
export const framesWrittenIndex = 6

/**
 * The header index of how often the count of read units has wrapped around: every 124 days.
 *
 * @category header
 * @since 0.1.0
 */
export const wrapsIndex = 7

/**
 * The header index of the number of consumers that take frames, or will when it is their turn.
 *
 * @category header
 * @since 0.1.0
 */
export const takersIndex = 8

/**
 * The header index of the starvation flag: 1 from when a frame was due but missing until the producer notices.
 *
 * @category header
 * @since 0.1.0
 */
export const starvingIndex = 9

/**
 * The maximum size of a packet in a ring, in bytes: 120 ms of Opus at its highest bitrate (RFC 6716, 3.2.5: six frames of 1275
 * bytes and their lengths).
 *
 * @category constants
 * @since 0.1.0
 */
export const maxFrameBytes = 7_680

/**
 * The smallest unit of Opus media time, in samples at 48 kHz (2.5 ms).
 *
 * @category constants
 * @since 0.1.0
 */
export const unitSamples = 120

/**
 * Used instead of a length: the next record is at the beginning.
 *
 * @category records
 * @since 0.1.0
 */
export const skipMarker = 0xffff

const unitsMask = 0x3f

/**
 * @category records
 * @since 0.1.0
 */
export const numberShift = 6

/**
 * @category records
 * @since 0.1.0
 */
export const numberMask = 0x3ff

/**
 * The duration of a record's frame, in samples.
 *
 * @category records
 * @since 0.1.0
 */
export const samplesOf = (record: number): number => (record & unitsMask) * unitSamples

/**
 * The size of a record with a frame of this length, in bytes.
 *
 * @category records
 * @since 0.1.0
 */
export const recordBytes = (length: number): number => (4 + length + 3) & ~3

/**
 * @category header
 * @since 0.1.0
 */
export const msOf = (units: number): number => (units * unitSamples) / 48

/**
 * The media time ever read, in units, even for a station that plays for years.
 *
 * @category header
 * @since 0.1.0
 */
export const unitsRead = (words: Int32Array): number =>
  Atomics.load(words, wrapsIndex) * 0x1_0000_0000 + (Atomics.load(words, readUnits) >>> 0)
