/**
 * What one user said, as a file: Ogg Opus with the packets exactly as received, WAV, or none if only the mixed file is wanted.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as OggWriter from "../../audio/ogg/OggWriter.ts"
import type { UserId } from "../../protocol/Identifier.ts"
import * as OpusPacket from "../../protocol/OpusPacket.ts"
import type { RecordedFile } from "./Manifest.ts"
import type { Output, Outputs } from "./Outputs.ts"
import type { Give } from "./Part.ts"
import * as Wav from "./Wav.ts"

/**
 * The look-ahead of libopus, which all files skip at their start (RFC 7845, 4.2), so that sound is in the file where it was
 * spoken.
 *
 * @category constants
 * @since 0.1.0
 */
export const preSkip = 312

/**
 * The format of users' files.
 *
 * @category models
 * @since 0.1.0
 */
export type Format = "opus" | "wav" | "none"

/**
 * @category models
 * @since 0.1.0
 */
export interface UserFile {
  /** Takes packets one after another, without gaps. */
  readonly give: Give
  /** Makes the present content playable. */
  readonly flush: () => void
  /** Completes the file. Anything beyond this length is cut off. */
  readonly finish: (length: number) => void
  /** How many bytes it grows by, at most, when it is completed at this length with these waiting packets. */
  readonly due: (length: number, packets: number, packetBytes: number) => number
  readonly written: () => RecordedFile | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface UserFiles {
  /** Opens the next file for a user who has none. */
  readonly open: (userId: UserId) => UserFile
  /** How many bytes a file has, at most, when it is completed at this length with nothing in it. */
  readonly least: (userId: UserId, length: number) => number
  /** Takes decoded stereo of a user whose packets were given. Only used by WAV. */
  readonly sound: (userId: UserId, pcm: Int16Array, at: number) => void
  /** Called when all packets that were given are decoded: fills the files up to them and makes them playable. */
  readonly flush: () => void
  readonly finish: (length: number) => void
}

/** The header of a page (RFC 3533, 6). */
const pageBytes = 27

/**
 * The maximum size of packets in an Ogg file: each may begin a page.
 *
 * @category combinators
 * @since 0.1.0
 */
export const oggBytes = (packets: number, packetBytes: number): number =>
  packetBytes + Math.ceil(packetBytes / 255) + packets * (pageBytes + 1)

/** The maximum size of silence: the longest packets, those that fill the rest, and pages of at least seven packets. */
const silenceBytes = (samples: number): number => {
  const packets = Math.ceil(Math.max(0, samples) / (6 * OpusPacket.silenceSamples)) + 8
  return packets * 15 + (Math.ceil(packets / 7) + 2) * pageBytes
}

const openOgg = (output: Output, writer: OggWriter.OggWriter): UserFile => {
  output.append(writer.flush())
  let given = 0
  /** What is in the current page. */
  let open = 0
  return {
    give: (data, samples) => {
      const bytes = writer.add({ data })
      given += samples
      if (bytes === undefined) return
      if (bytes.length > 0) open = 0
      open += data.length + Math.floor(data.length / 255) + 1
      output.append(bytes)
    },
    flush: () => {
      open = 0
      output.append(writer.flush())
    },
    finish: (length) => output.append(writer.finish(length)),
    due: (length, packets, packetBytes) =>
      open + oggBytes(packets, packetBytes) + silenceBytes(length + preSkip - given) + 4 * pageBytes,
    written: output.written
  }
}

const ogg = (outputs: Pick<Outputs, "create">, tags: Readonly<Record<string, string>>): UserFiles => {
  let serial = 0
  const tagsOf = (userId: UserId) => ({ ...tags, ARTIST: userId })
  return {
    open: (userId) =>
      openOgg(
        outputs.create(`${userId}.ogg`),
        OggWriter.make({ preSkip, serial: ++serial, tags: tagsOf(userId) })
      ),
    least: (userId, length) =>
      OggWriter.make({ preSkip, tags: tagsOf(userId) }).flush().length + silenceBytes(length + preSkip) + 4 * pageBytes,
    sound: () => {},
    flush: () => {},
    finish: () => {}
  }
}

const wav = (outputs: Pick<Outputs, "create">): UserFiles => {
  const files = new Map<UserId, { readonly file: Wav.WavFile; given: number }>()
  const bytesAt = (length: number) => Math.max(0, length) * Wav.sampleBytes
  return {
    open: (userId) => {
      const output = outputs.create(`${userId}.wav`)
      const own = { file: Wav.make(output), given: 0 }
      files.set(userId, own)
      return {
        give: (_data, samples, at) => {
          own.given = at + samples
        },
        // its sound is not decoded yet
        flush: () => {},
        finish: () => {},
        due: (length) => bytesAt(length - own.file.length()),
        written: output.written
      }
    },
    least: (_userId, length) => Wav.headerBytes + bytesAt(length),
    sound: (userId, pcm, at) => {
      const file = files.get(userId)?.file
      if (file === undefined) return
      if (at > file.length()) file.resize(at)
      file.add(pcm.subarray(2 * (file.length() - at)))
    },
    flush: () => {
      for (const { file, given } of files.values()) {
        file.resize(Math.max(file.length(), given - preSkip))
        file.flush()
      }
    },
    finish: (length) => {
      for (const { file } of files.values()) {
        file.resize(length)
        file.flush()
      }
    }
  }
}

const none: UserFiles = {
  open: () => ({ give: () => {}, flush: () => {}, finish: () => {}, due: () => 0, written: () => undefined }),
  least: () => 0,
  sound: () => {},
  flush: () => {},
  finish: () => {}
}

/**
 * Makes the users' files in a format. `tags` are the comments of Ogg files.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  format: Format,
  outputs: Pick<Outputs, "create">,
  tags: Readonly<Record<string, string>>
): UserFiles => format === "opus" ? ogg(outputs, tags) : format === "wav" ? wav(outputs) : none
