/**
 * Inspects Opus packets (RFC 6716, 3) without decoding them: the coding mode, the bandwidth and the duration. The duration
 * advances the RTP timestamp; the checks keep malformed packets away from the decoder.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { u8 } from "./internal/bytes.ts"

export { isSilence, silenceFrame } from "./Silence.ts"

/**
 * The unit of all durations here: samples per second, per channel.
 *
 * @category constants
 * @since 0.1.0
 */
export const sampleRate = 48000

/**
 * The maximum duration of a packet in samples: 120 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxPacketSamples = 5760

/**
 * The maximum size of a frame in bytes (RFC 6716, 3.2.1).
 *
 * @category constants
 * @since 0.1.0
 */
export const maxFrameBytes = 1275

/**
 * The duration of {@link silenceFrame} in samples: 20 ms.
 *
 * @category constants
 * @since 0.1.0
 */
export const silenceSamples = 960

/**
 * Bytes that are not an Opus packet, by the requirement of RFC 6716, 3.4 that they violate.
 *
 * - `Empty`: no bytes at all (R1).
 * - `FrameTooLong`: a frame of more than 1275 bytes (R2).
 * - `OddLength`: two frames of equal size in an odd number of bytes (R3).
 * - `BadFrameLength`: the length of a frame is missing, or greater than the remaining bytes (R4, R7).
 * - `NoFrames`: a frame count of 0, or none at all (R5, R6).
 * - `TooMuchAudio`: more than 120 ms (R5).
 * - `BadPadding`: more padding than bytes, or its length is cut off (R6, R7).
 * - `UnevenFrames`: the bytes cannot be divided by the number of equal frames (R6).
 *
 * The instances are shared, so their stack traces are meaningless.
 *
 * @category errors
 * @since 0.1.0
 */
export class OpusError extends Schema.TaggedError<OpusError>("effect-discord-voice/protocol/OpusError")("OpusError", {
  kind: Schema.Literals([
    "Empty",
    "FrameTooLong",
    "OddLength",
    "BadFrameLength",
    "NoFrames",
    "TooMuchAudio",
    "BadPadding",
    "UnevenFrames"
  ])
}) {
  override get message() {
    return `Not an Opus packet: ${this.kind}`
  }
}

const empty = -1
const frameTooLong = -2
const oddLength = -3
const badFrameLength = -4
const noFrames = -5
const tooMuchAudio = -6
const badPadding = -7
const unevenFrames = -8

const failures: ReadonlyMap<number, Result.Result<never, OpusError>> = new Map([
  [empty, Result.fail(new OpusError({ kind: "Empty" }))],
  [frameTooLong, Result.fail(new OpusError({ kind: "FrameTooLong" }))],
  [oddLength, Result.fail(new OpusError({ kind: "OddLength" }))],
  [badFrameLength, Result.fail(new OpusError({ kind: "BadFrameLength" }))],
  [noFrames, Result.fail(new OpusError({ kind: "NoFrames" }))],
  [tooMuchAudio, Result.fail(new OpusError({ kind: "TooMuchAudio" }))],
  [badPadding, Result.fail(new OpusError({ kind: "BadPadding" }))],
  [unevenFrames, Result.fail(new OpusError({ kind: "UnevenFrames" }))]
])

/**
 * What the first bytes of a packet say.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusPacket {
  readonly mode: "silk" | "hybrid" | "celt"
  /** Audio up to 4, 6, 8, 12 or 20 kHz. */
  readonly bandwidth: "narrowband" | "mediumband" | "wideband" | "superwideband" | "fullband"
  readonly channels: 1 | 2
  /** Samples of one frame at 48 kHz, per channel: 120 to 2880. */
  readonly frameSamples: number
  /** 1 to 48. */
  readonly frameCount: number
  /** Samples of the packet at 48 kHz, per channel: `frameSamples * frameCount`, at most 5760. */
  readonly samples: number
}

/** RFC 6716, table 2, by the configuration number in the five highest bits. */
const frameSamplesOf = (config: number): number =>
  config < 12
    ? ((config & 3) === 3 ? 2880 : 480 << (config & 3))
    : config < 16
    ? 480 << (config & 1)
    : 120 << (config & 3)

const modeOf = (config: number): OpusPacket["mode"] => config < 12 ? "silk" : config < 16 ? "hybrid" : "celt"

const bandwidthOf = (config: number): OpusPacket["bandwidth"] => {
  if (config < 4) return "narrowband"
  if (config < 8) return "mediumband"
  if (config < 12) return "wideband"
  if (config < 14) return "superwideband"
  if (config < 16) return "fullband"
  if (config < 20) return "narrowband"
  if (config < 24) return "wideband"
  return config < 28 ? "superwideband" : "fullband"
}

/** The number of bytes that encode the length of a frame at `offset` (1 or 2), or 0 if they do not end before `end`. */
const lengthBytes = (bytes: Uint8Array, offset: number, end: number): number => {
  if (offset >= end) return 0
  if (u8(bytes, offset) < 252) return 1
  return offset + 1 < end ? 2 : 0
}

/** The length of a frame that is encoded in `size` bytes at `offset` (RFC 6716, 3.2.1). */
const frameLength = (bytes: Uint8Array, offset: number, size: number): number =>
  size === 1 ? u8(bytes, offset) : u8(bytes, offset) + 4 * u8(bytes, offset + 1)

const countTwoFrames = (bytes: Uint8Array, length: number): number => {
  const size = lengthBytes(bytes, 1, length)
  if (size === 0) return badFrameLength
  const second = length - 1 - size - frameLength(bytes, 1, size)
  if (second < 0) return badFrameLength
  return second > maxFrameBytes ? frameTooLong : 2
}

const countManyFrames = (bytes: Uint8Array, length: number, frameSamples: number): number => {
  if (length < 2) return noFrames
  const head = u8(bytes, 1)
  const count = head & 0x3f
  if (count === 0) return noFrames
  if (count * frameSamples > maxPacketSamples) return tooMuchAudio
  let offset = 2
  let end = length
  if ((head & 0x40) !== 0) {
    let more = 255
    while (more === 255) {
      if (offset >= end) return badPadding
      more = u8(bytes, offset)
      offset += 1
      end -= more === 255 ? 254 : more
    }
    if (offset > end) return badPadding
  }
  if ((head & 0x80) === 0) {
    const total = end - offset
    if (total % count !== 0) return unevenFrames
    return total / count > maxFrameBytes ? frameTooLong : count
  }
  let explicit = 0
  for (let i = 1; i < count; i++) {
    const size = lengthBytes(bytes, offset, end)
    if (size === 0) return badFrameLength
    explicit += frameLength(bytes, offset, size)
    offset += size
  }
  const last = end - offset - explicit
  if (last < 0) return badFrameLength
  return last > maxFrameBytes ? frameTooLong : count
}

/** The number of frames, or one of the negative codes above. */
const countFrames = (bytes: Uint8Array, length: number): number => {
  if (length < 1 || length > bytes.length) return empty
  const toc = u8(bytes, 0)
  switch (toc & 3) {
    case 0:
      return length - 1 > maxFrameBytes ? frameTooLong : 1
    case 1:
      if ((length & 1) === 0) return oddLength
      return (length - 1) / 2 > maxFrameBytes ? frameTooLong : 2
    case 2:
      return countTwoFrames(bytes, length)
    default:
      return countManyFrames(bytes, length, frameSamplesOf(toc >>> 3))
  }
}

/**
 * The duration of the packet in `bytes[0, length)` in samples at 48 kHz per channel, or -1 if it is malformed. Allocates
 * nothing.
 *
 * @category codecs
 * @since 0.1.0
 */
export const samples = (bytes: Uint8Array, length: number = bytes.length): number => {
  const count = countFrames(bytes, length)
  return count < 0 ? -1 : count * frameSamplesOf(u8(bytes, 0) >>> 3)
}

/**
 * Decodes the description of a packet and checks all requirements of RFC 6716, 3.4.
 *
 * @category codecs
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<OpusPacket, OpusError> => {
  const frameCount = countFrames(bytes, bytes.length)
  const failure = failures.get(frameCount)
  if (failure !== undefined) return failure
  const toc = u8(bytes, 0)
  const config = toc >>> 3
  const frameSamples = frameSamplesOf(config)
  return Result.succeed({
    mode: modeOf(config),
    bandwidth: bandwidthOf(config),
    channels: (toc & 4) === 0 ? 1 : 2,
    frameSamples,
    frameCount,
    samples: frameSamples * frameCount
  })
}

/** The offset and size of a packet's first frame. */
const firstFrame = (bytes: Uint8Array, count: number): { readonly offset: number; readonly size: number } => {
  const code = u8(bytes, 0) & 3
  if (code === 0) return { offset: 1, size: bytes.length - 1 }
  if (code === 1) return { offset: 1, size: (bytes.length - 1) / 2 }
  if (code === 2) {
    const written = lengthBytes(bytes, 1, bytes.length)
    return { offset: 1 + written, size: frameLength(bytes, 1, written) }
  }
  const head = u8(bytes, 1)
  let offset = 2
  let end = bytes.length
  if ((head & 0x40) !== 0) {
    for (let more = 255; more === 255;) {
      more = u8(bytes, offset++)
      end -= more === 255 ? 254 : more
    }
  }
  if ((head & 0x80) === 0) return { offset, size: (end - offset) / count }
  const [size] = Array.from({ length: count - 1 }, () => {
    const written = lengthBytes(bytes, offset, end)
    const length = frameLength(bytes, offset, written)
    offset += written
    return length
  })
  return { offset, size: size ?? end - offset }
}

/**
 * Whether a packet contains a copy of the previous frame (LBRR), from which that can be recovered if it was lost. Only SILK has
 * this, marked by a flag for each channel after the voice activity flags (RFC 6716, 4.2.3 and 4.2.4). False for a malformed
 * packet.
 *
 * @category guards
 * @since 0.1.0
 */
export const hasRecovery = (bytes: Uint8Array): boolean => {
  const count = countFrames(bytes, bytes.length)
  if (count < 0) return false
  const toc = u8(bytes, 0)
  const config = toc >>> 3
  if (modeOf(config) === "celt") return false
  const { offset, size } = firstFrame(bytes, count)
  if (size === 0) return false
  // one voice activity flag for each 20 ms, then the flag that matters; then those of the other channel
  const parts = Math.max(1, frameSamplesOf(config) / 960)
  const first = u8(bytes, offset)
  const isFlagged = (at: number) => ((first >> (7 - at)) & 1) === 1
  return isFlagged(parts) || ((toc & 4) !== 0 && isFlagged(2 * parts + 1))
}
