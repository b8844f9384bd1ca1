/**
 * Where what lies in the buffer of a ring: for both of its ends, and for those who look on.
 *
 * Records lie one after another behind a header: a 32-bit word (`length << 16 | number << 6 | units`: the frame's number modulo
 * 1024, and its duration in units of 120 samples) and `length` bytes, padded to 4 bytes; a record never wraps around the end.
 * The header is ten 32-bit integers in the byte order of the machine.
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
 * Where in the header the bytes stand that were ever written, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const writeIndex = 0

/**
 * Where the bytes stand that were ever read, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const readIndex = 1

/**
 * Where 1 stands when the producer has said that it writes no more; 2 when that cannot be taken back.
 *
 * @category header
 * @since 0.1.0
 */
export const endIndex = 2

/**
 * Where the media time stands that was ever written, in units, modulo 2^32.
 *
 * @category header
 * @since 0.1.0
 */
export const writtenUnits = 3

/**
 * Where the media time stands that was ever read, in units, modulo 2^32.
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
 * Where it stands how often the count of what was read has begun anew: every 124 days.
 *
 * @category header
 * @since 0.1.0
 */
export const wrapsIndex = 7

/**
 * Where it stands how many take frames from it, or will when it is their turn.
 *
 * @category header
 * @since 0.1.0
 */
export const takersIndex = 8

/**
 * Where 1 stands from when a frame was due and none was there until the producer takes notice.
 *
 * @category header
 * @since 0.1.0
 */
export const starvingIndex = 9

/**
 * The greatest packet a ring takes, in bytes: 120 ms of Opus at its highest bitrate (RFC 6716, 3.2.5: six frames of 1275
 * bytes and their lengths).
 *
 * @category constants
 * @since 0.1.0
 */
export const maxFrameBytes = 7_680

/**
 * The least unit of Opus media time, in samples at 48 kHz (2.5 ms).
 *
 * @category constants
 * @since 0.1.0
 */
export const unitSamples = 120

/**
 * In place of a length: the next record is at the beginning.
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
 * What a record takes with a frame of so many bytes.
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
 * Media time ever read, in units; also of a station that is played for years.
 *
 * @category header
 * @since 0.1.0
 */
export const unitsRead = (words: Int32Array): number =>
  Atomics.load(words, wrapsIndex) * 0x1_0000_0000 + (Atomics.load(words, readUnits) >>> 0)
