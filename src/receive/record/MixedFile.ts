/**
 * The mixed file of a recording: mixes what users said and writes it as Ogg Opus or WAV, in step with their own files.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as OggWriter from "../../audio/ogg/OggWriter.ts"
import type { Encoder, OpusEncoder } from "../../OpusEncoder.ts"
import type { VoiceError } from "../../VoiceError.ts"
import type { RecordedFile } from "./Manifest.ts"
import * as Mix from "./Mix.ts"
import type { Output, Outputs } from "./Outputs.ts"
import * as Silence from "./Silence.ts"
import { oggBytes, preSkip } from "./UserFile.ts"
import * as Wav from "./Wav.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface MixedFile {
  /** Adds interleaved stereo at its place, with the gain of each stereo sample if there are gains. */
  readonly add: (pcm: Int16Array, at: number, gains?: Float32Array) => void
  /** Writes what was added up to `settled`. Fails with the encoder's error. */
  readonly advance: (settled: number) => Effect.Effect<void, VoiceError>
  /** Makes the present content playable. */
  readonly flush: () => void
  readonly finish: (length: number) => Effect.Effect<void, VoiceError>
  /** How many bytes it grows by, at most, when it is completed at this length. */
  readonly due: (length: number) => number
  readonly written: () => RecordedFile
}

/** Receives the mix: stereo, in whole frames except at the end. */
interface Sink extends Pick<MixedFile, "due" | "flush"> {
  readonly write: (pcm: Int16Array) => Effect.Effect<void, VoiceError>
  /** Skips time for which there was no room. It becomes silence. */
  readonly skip: (samples: number) => void
  readonly finish: (length: number) => void
}

const frame = 960

/** The maximum size of an encoded frame, after the byte that describes it (RFC 6716, 3.2.1). */
const maxFrameBytes = 1 + 1_275

const wavSink = (output: Output): Sink => {
  const file = Wav.make(output)
  return {
    write: (pcm) => Effect.sync(() => file.add(pcm)),
    skip: (samples) => file.resize(file.length() + samples),
    flush: file.flush,
    due: (length) => Math.max(0, length - file.length()) * Wav.sampleBytes,
    finish: (length) => {
      file.resize(length)
      file.flush()
    }
  }
}

const opusSink = (output: Output, encoder: Encoder, tags: Readonly<Record<string, string>>): Sink => {
  const make = () => OggWriter.make({ preSkip, serial: 1, tags })
  const writer = make()
  let at = 0
  /** What is in the current page: the headers, at first. */
  let open = make().flush().length
  /** Whether the encoder still has the end of the sound, which it returns with the next frame. */
  let sounding = false
  const put = (data: Uint8Array, samples: number): void => {
    const bytes = writer.add({ data, position: at })
    at += samples
    if (bytes === undefined) return
    if (bytes.length > 0) open = 0
    open += oggBytes(1, data.length)
    output.append(bytes)
  }
  return {
    write: Effect.fnUntraced(function*(pcm: Int16Array) {
      for (let i = 0; i < pcm.length; i += 2 * frame) {
        const part = pcm.slice(i, i + 2 * frame)
        const silent = part.every((sample) => sample === 0)
        if (silent && !sounding) Silence.fill(frame, put)
        else put(yield* encoder.encode(part), frame)
        sounding = !silent
      }
    }),
    skip: (samples) => {
      at += samples
      sounding = false
    },
    flush: () => {
      open = 0
      output.append(writer.flush())
    },
    due: (length) => {
      const frames = Math.ceil(Math.max(0, length + preSkip - at) / frame) + 8
      // what was skipped is in the file when the next frame comes
      const skipped = Math.ceil(Math.max(0, at - writer.writtenSamples()) / frame)
      return open + oggBytes(frames, frames * maxFrameBytes) + oggBytes(skipped, 3 * skipped)
    },
    finish: (length) => {
      // what was skipped is silence up to exactly the end: the last page has to reach as far as those before it
      at = writer.writtenSamples()
      const missing = length + preSkip - at
      Silence.fill(Math.ceil(missing / Silence.unitSamples) * Silence.unitSamples, put)
      output.append(writer.finish(length))
    }
  }
}

/**
 * Makes a mixed file in a format.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly format: "opus" | "wav"
  readonly outputs: Pick<Outputs, "create">
  readonly isOpen: () => boolean
  readonly tags: Readonly<Record<string, string>>
  readonly encoders: OpusEncoder["Service"]
}): Effect.fn.Return<MixedFile, VoiceError, Scope.Scope> {
  const { encoders, format, isOpen, outputs, tags } = options
  const encoder = format === "opus" ? yield* encoders.make({ channels: 2, bitrate: 96_000, complexity: 5 }) : undefined
  const output = outputs.create(encoder === undefined ? "mixed.wav" : "mixed.ogg")
  const sink = encoder === undefined ? wavSink(output) : opusSink(output, encoder, { ...tags, ARTIST: "all" })
  const mix = Mix.make()

  const write = Effect.fnUntraced(function*(until: number) {
    const samples = until - mix.taken()
    if (samples <= 0) return
    const pcm = mix.take(until)
    if (isOpen()) yield* sink.write(pcm)
    else sink.skip(samples)
  })

  return {
    add: mix.add,
    advance: (settled) => write(Math.floor((settled - preSkip) / frame) * frame),
    flush: sink.flush,
    finish: (length) =>
      Effect.andThen(
        write(format === "opus" ? Math.ceil((length + preSkip) / frame) * frame : length),
        Effect.sync(() => sink.finish(length))
      ),
    due: sink.due,
    written: output.written
  }
})
