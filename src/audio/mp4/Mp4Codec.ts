/**
 * The codecs of MP4 and QuickTime, by the names that mediabunny uses.
 *
 * @since 0.1.0
 */
import type * as Mediabunny from "mediabunny"
import type { Header } from "../format/PacketReader.ts"
import type * as Samples from "../format/Samples.ts"

/** The formats of PCM, by their names in the library. */
const sampleFormats: { readonly [codec: string]: Samples.SampleFormat } = {
  "pcm-u8": "u8",
  "pcm-s8": "s8",
  "pcm-s16": "s16le",
  "pcm-s16be": "s16be",
  "pcm-s24": "s24le",
  "pcm-s24be": "s24be",
  "pcm-s32": "s32le",
  "pcm-s32be": "s32be",
  "pcm-f32": "f32le",
  "pcm-f32be": "f32be",
  "pcm-f64": "f64le",
  "pcm-f64be": "f64be",
  ulaw: "mulaw",
  alaw: "alaw"
}

/** Common codecs that are not decoded here and have no name in the library. */
const foreign: { readonly [id: string]: string } = {
  alac: "ALAC",
  "ac-3": "AC-3",
  "ec-3": "E-AC-3",
  "ac-4": "AC-4",
  dtsc: "DTS",
  samr: "AMR",
  sawb: "AMR"
}

/**
 * The sample format of PCM; `undefined` for all other codecs.
 *
 * @category codecs
 * @since 0.1.0
 */
export const sampleFormatOf = (codec: Mediabunny.AudioCodec | null): Samples.SampleFormat | undefined =>
  codec !== null && Object.hasOwn(sampleFormats, codec) ? sampleFormats[codec] : undefined

/**
 * The codec of packets that are played here; `undefined` for all others.
 *
 * @category codecs
 * @since 0.1.0
 */
export const codecOf = (codec: Mediabunny.AudioCodec | null): Exclude<Header["codec"], "vorbis"> | undefined => {
  if (codec === "opus" || codec === "aac" || codec === "mp3" || codec === "flac") return codec
  return sampleFormatOf(codec) === undefined ? undefined : "pcm"
}

/**
 * The name of a codec for messages, by that of the library, if it has one, and the letters that describe the track.
 *
 * @category getters
 * @since 0.1.0
 */
export const nameOf = (codec: Mediabunny.AudioCodec | null, id: unknown): string => {
  if (typeof id !== "string") return codec ?? "an unknown codec"
  return Object.hasOwn(foreign, id) ? foreign[id] ?? id : codec ?? `an unknown codec (${JSON.stringify(id)})`
}
