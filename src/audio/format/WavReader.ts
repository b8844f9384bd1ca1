/**
 * WAV: RIFF, RF64 and BW64 with PCM of integers, floating point or G.711, to pieces of PCM.
 *
 * How it ends:
 * - The sound ends before the size that its header declares: `Truncated`, after everything that is there. A size of zero or
 *   of all ones, as written by programs that cannot go back to the header, means everything that is there; so does a size of
 *   2 GiB that is not there.
 * - The bytes end inside a sample of all channels: `Truncated`.
 * - Chunks after the sound: ignored.
 *
 * @since 0.1.0
 */
import * as Cutter from "./Cutter.ts"
import type { Header, PacketReader, Problem } from "./PacketReader.ts"
import * as Samples from "./Samples.ts"
import type { MutableTags } from "./Tags.ts"
import * as Tags from "./Tags.ts"

/** The most samples of all channels in a packet. */
const packetFrames = 2048

/** Chunks before the sound are read as a whole if they are useful, and skipped otherwise. */
const maxChunkBytes = 1024 * 1024

const unknownSize = 0xffffffff

/** No file is that long: it is the 64-bit size of a program that did not know it. */
const unknownWideSize = 2 ** 53

/** From here on, sizes are those of programs that did not know them: espeak writes 0x7ffff000, others a little more. */
const doubtfulSize = 0x7ffff000

/** Chunks that may follow immediately after one of an odd size, if a program has left out the padding byte. */
const known = new Set([
  "data",
  "fmt ",
  "LIST",
  "fact",
  "bext",
  "id3 ",
  "ID3 ",
  "JUNK",
  "junk",
  "cue ",
  "smpl",
  "PEAK",
  "iXML"
])

const text = (bytes: Uint8Array, offset: number): string => String.fromCharCode(...bytes.subarray(offset, offset + 4))

const sampleFormatOf = (code: number, bits: number): Samples.SampleFormat | undefined => {
  if (code === 1) {
    return bits === 8 ? "u8" : bits === 16 ? "s16le" : bits === 24 ? "s24le" : bits === 32 ? "s32le" : undefined
  }
  if (code === 3) return bits === 32 ? "f32le" : bits === 64 ? "f64le" : undefined
  if (bits !== 8) return undefined
  return code === 6 ? "alaw" : code === 7 ? "mulaw" : undefined
}

interface Format {
  readonly format: Samples.SampleFormat
  readonly channels: number
  readonly rate: number
}

/** The chunk `fmt ` (Microsoft, "Multiple channel audio data and WAVE files"). */
const decodeFormat = (chunk: Uint8Array): Format | Problem => {
  if (chunk.length < 16) return { kind: "Corrupt", detail: "the WAV format chunk is too short" }
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  const tag = view.getUint16(0, true)
  const channels = view.getUint16(2, true)
  const rate = view.getUint32(4, true)
  const block = view.getUint16(12, true)
  const extensible = tag === 0xfffe && chunk.length >= 26
  const code = extensible ? view.getUint16(24, true) : tag
  // the significant bits can be fewer than those that a sample takes
  const bits = channels > 0 && block > 0 && block % channels === 0 ? 8 * block / channels : view.getUint16(14, true)
  const format = sampleFormatOf(code, bits)
  if (format === undefined) {
    return {
      kind: "Unsupported",
      detail: `it is WAV with the unsupported encoding ${code} and ${bits} bits per sample`
    }
  }
  if (channels < 1 || channels > Samples.maxChannels) {
    return {
      kind: "Unsupported",
      detail: `it is WAV with ${channels} channels; 1 to ${Samples.maxChannels} are supported`
    }
  }
  if (rate < 1000 || rate > 768_000) {
    return { kind: "Unsupported", detail: `it is WAV at ${rate} Hz; 1000 to 768000 Hz are supported` }
  }
  return { format, channels, rate }
}

/**
 * A reader at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): PacketReader => Cutter.make(formatOf)

const formatOf = ({ available, consume, fail, give, input, position, skip }: Cutter.Cutter): Cutter.Format => {
  let state: "riff" | "chunks" | "sound" | "ended" = "riff"
  let wide: number | undefined
  let format: Format | undefined
  let header: Header | undefined
  let frameBytes = 1
  let soundAt = 0
  let soundEnd = Infinity
  /** Whether the declared size may be wrong. */
  let doubtful = false
  let frame = 0
  /** Whether a chunk of an odd size has ended. */
  let isOdd = false
  const tags: MutableTags = {}

  const u32 = (offset: number): number => {
    const view = new DataView(input.bytes.buffer, input.bytes.byteOffset)
    return view.getUint32(input.start + offset, true)
  }

  const onRiff = (): boolean => {
    if (available() < 12) return false
    const kind = text(input.bytes, input.start)
    if (!["RIFF", "RF64", "BW64"].includes(kind) || text(input.bytes, input.start + 8) !== "WAVE") {
      fail("UnknownFormat", "it is not a WAV file")
      return false
    }
    consume(12)
    state = "chunks"
    return true
  }

  const onChunk = (): boolean => {
    if (available() < 8) return false
    if (isOdd) {
      isOdd = false
      if (!known.has(text(input.bytes, input.start))) consume(1)
      return true
    }
    const id = text(input.bytes, input.start)
    const size = u32(4)
    if (id === "data") return onSound(size)
    const wanted = id === "fmt " || id === "ds64" || id === "LIST"
    const odd = (size & 1) === 1
    if (!wanted || size > maxChunkBytes) {
      if (id === "fmt ") fail("Corrupt", "the WAV format chunk is too large")
      skip(size)
      consume(8)
      isOdd = odd
      return true
    }
    if (available() < 8 + size) return false
    isOdd = odd
    const chunk = input.bytes.slice(input.start + 8, input.start + 8 + size)
    consume(8 + size)
    if (id === "LIST" && size >= 4 && text(chunk, 0) === "INFO") Tags.riffInfo(chunk.subarray(4), tags)
    if (id === "ds64" && size >= 16) {
      const view = new DataView(chunk.buffer)
      wide = view.getUint32(12, true) * 0x1_0000_0000 + view.getUint32(8, true)
    }
    if (id === "fmt ") {
      const decoded = decodeFormat(chunk)
      if ("kind" in decoded) fail(decoded.kind, decoded.detail)
      else format = decoded
    }
    return true
  }

  const onSound = (size: number): boolean => {
    if (format === undefined) {
      fail("Corrupt", "the WAV data comes before its format chunk")
      return false
    }
    consume(8)
    soundAt = position()
    frameBytes = Samples.bytesOf(format.format) * format.channels
    const bytes = size === unknownSize && wide !== undefined ? wide : size
    const unknown = bytes === 0 || bytes === unknownSize || bytes >= unknownWideSize
    doubtful = !unknown && wide === undefined && bytes >= doubtfulSize
    // a size that is not a whole number of samples is that of a program that padded it
    const frames = unknown ? undefined : Math.floor(bytes / frameBytes)
    soundEnd = frames === undefined ? Infinity : soundAt + frames * frameBytes
    header = {
      codec: "pcm",
      rate: format.rate,
      channels: format.channels,
      setup: [],
      sampleFormat: format.format,
      delay: 0,
      total: doubtful ? undefined : frames,
      warmUp: 0,
      tags
    }
    state = "sound"
    return true
  }

  const onSamples = (): boolean => {
    const bytes = Math.min(available(), soundEnd - position())
    const frames = Math.min(packetFrames, Math.floor(bytes / frameBytes))
    if (frames > 0) {
      const data = input.bytes.slice(input.start, input.start + frames * frameBytes)
      give({ data, samples: frames, start: frame, offset: position() })
      frame += frames
      consume(data.length)
    }
    if (position() >= soundEnd) state = "ended"
    return frames > 0
  }

  const step = (): boolean => {
    switch (state) {
      case "riff":
        return onRiff()
      case "chunks":
        return onChunk()
      case "sound":
        return onSamples()
      case "ended":
        consume(available())
        return false
    }
  }

  return {
    step,
    end: () => {
      if (state === "riff" || state === "chunks") fail("Truncated", "it ends inside its headers")
      else if (state === "sound" && soundEnd !== Infinity && !doubtful) {
        fail("Truncated", "it is shorter than its header says")
      } else if (state === "sound" && available() > 0) fail("Truncated", "it ends inside a sample")
    },
    header: () => header,
    durationByTail: (_tail, size) =>
      header === undefined
        ? undefined
        : Math.floor((Math.min(size, soundEnd) - soundAt) / frameBytes) / header.rate * 1000,
    tailBytes: 1,
    restart: (place) => {
      frame = place.start
      state = place.offset >= soundEnd ? "ended" : "sound"
    },
    placeOf: (sample) => ({ offset: Math.min(soundEnd, soundAt + sample * frameBytes), start: sample })
  }
}
