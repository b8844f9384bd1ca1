/**
 * Opens a container of Opus, whatever it is: looks at the first bytes, chooses a reader, and feeds it as its packets are
 * wanted. Every packet that was read is given before the source says how it ended.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { VoiceError } from "../VoiceError.ts"
import type { OpenOpus } from "./AudioSource.ts"
import * as ByteSource from "./ByteSource.ts"
import * as OggReader from "./OggReader.ts"
import type { PacketReader, Problem } from "./PacketReader.ts"
import * as WebmReader from "./WebmReader.ts"

const signatures: ReadonlyArray<readonly [offset: number, magic: ReadonlyArray<number>, name: string]> = [
  [8, [0x57, 0x41, 0x56, 0x45], "WAV"],
  [8, [0x41, 0x49, 0x46, 0x46], "AIFF"],
  [0, [0x66, 0x4c, 0x61, 0x43], "FLAC"],
  [4, [0x66, 0x74, 0x79, 0x70], "MP4"],
  [0, [0x49, 0x44, 0x33], "MP3"],
  [0, [0x30, 0x26, 0xb2, 0x75], "ASF (WMA)"],
  [0, [0x63, 0x61, 0x66, 0x66], "CAF"]
]

const matches = (bytes: Uint8Array, offset: number, magic: ReadonlyArray<number>): boolean =>
  magic.every((byte, index) => bytes[offset + index] === byte)

/**
 * MP3 and ADTS have no signature but their frames' headers: a sync word, and no reserved value in the fields behind it (ISO
 * 11172-3, 2.4.2.3; ISO 13818-7, 6.2).
 */
const frameFormat = (bytes: Uint8Array): string | undefined => {
  const [first = 0, second = 0, third = 0] = bytes
  if (first !== 0xff) return undefined
  if ((second & 0xf6) === 0xf0) return "AAC"
  const valid = (second & 0xe0) === 0xe0 && (second & 0x18) !== 0x08 && (second & 0x06) !== 0 &&
    (third & 0xf0) !== 0xf0 && (third & 0x0c) !== 0x0c
  return valid ? "MP3" : undefined
}

const readerFor = (first: Uint8Array): PacketReader | Problem => {
  if (matches(first, 0, [0x4f, 0x67, 0x67, 0x53])) return OggReader.make()
  if (matches(first, 0, [0x1a, 0x45, 0xdf, 0xa3])) return WebmReader.make()
  const other = signatures.find(([offset, magic]) => matches(first, offset, magic))?.[2] ?? frameFormat(first)
  return other === undefined
    ? { kind: "UnknownFormat", detail: "it is neither Ogg nor WebM, nor anything else that is known" }
    : {
      kind: "Unsupported",
      detail: `it is ${other}; Opus in Ogg, WebM or Matroska can be played, and PCM through an encoder`
    }
}

/**
 * Reads up to the header and, where any place can be read, what tells the duration.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (bytes: ByteSource.ByteSource): Effect.Effect<OpenOpus, VoiceError> =>
  Effect.gen(function*() {
    const [first, source] = yield* ByteSource.peek(bytes, 12)
    if (first.length === 0) return yield* ByteSource.failure(source.name, "Empty", "it holds no bytes")

    let playedSamples = 0
    const failure = (problem: Problem): VoiceError =>
      ByteSource.failure(source.name, problem.kind, problem.detail, playedSamples / 48)

    const reader = readerFor(first)
    if ("kind" in reader) return yield* failure(reader)

    let ended = false
    const advance = Effect.map(source.next, (chunk) => {
      if (chunk === undefined) {
        ended = true
        reader.end()
      } else {
        reader.push(chunk)
      }
    })

    const headerPending = () => reader.channels() === undefined && reader.problem() === undefined && !ended
    while (headerPending()) yield* advance
    const channels = reader.channels()
    if (channels === undefined) {
      return yield* failure(reader.problem() ?? { kind: "Unsupported", detail: "there is no Opus in it" })
    }

    const pull: OpenOpus["pull"] = Effect.gen(function*() {
      while (true) {
        const frames = reader.take()
        if (frames.length > 0) {
          for (const frame of frames) playedSamples += frame.samples
          return frames
        }
        const problem = reader.problem()
        if (problem !== undefined) return yield* failure(problem)
        if (ended) return yield* Cause.done()
        yield* advance
      }
    })

    return { format: "opus", channels, durationMs: yield* duration(source, reader), tags: {}, pull }
  })

const duration = (
  source: ByteSource.ByteSource,
  reader: PacketReader
): Effect.Effect<number | undefined, VoiceError> => {
  const known = reader.durationMs()
  if (known !== undefined || source.random === undefined || reader.tailBytes === 0) return Effect.succeed(known)
  const { read, size } = source.random
  return Effect.map(read(Math.max(0, size - reader.tailBytes), size), reader.durationByTail)
}
