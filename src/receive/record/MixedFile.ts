/**
 * The mixed file of a recording: what users said is decoded, added up and written as Ogg Opus or WAV, in step with their own
 * files.
 *
 * The unit of all times is a sample at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as OggWriter from "../../audio/OggWriter.ts"
import type { Decoder, OpusDecoder } from "../../OpusDecoder.ts"
import type { Encoder, OpusEncoder } from "../../OpusEncoder.ts"
import type { UserId } from "../../protocol/Identifier.ts"
import type { VoiceError } from "../../VoiceError.ts"
import { type Placed, preSkip } from "./Book.ts"
import type { RecordedFile } from "./Manifest.ts"
import * as Mix from "./Mix.ts"
import type { Output, Outputs } from "./Outputs.ts"
import * as Silence from "./Silence.ts"
import * as Wav from "./Wav.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface MixedFile {
  readonly place: (placed: Placed) => void
  /** Decodes and adds up what was placed, and writes it up to `settled`. Fails as the encoder does. */
  readonly advance: (settled: number) => Effect.Effect<void, VoiceError>
  /** Makes what is there playable. */
  readonly flush: () => void
  readonly finish: (length: number) => Effect.Effect<void, VoiceError>
  readonly written: () => RecordedFile
  /** Packets that no decoder took. */
  readonly undecodable: () => number
}

/** Where the sum goes: stereo, in whole frames but for the end. */
interface Sink {
  readonly write: (pcm: Int16Array) => Effect.Effect<void, VoiceError>
  /** Leaves time out that there was no room for; it is silence then. */
  readonly skip: (samples: number) => void
  readonly flush: () => void
  readonly finish: (length: number) => void
  readonly written: () => RecordedFile
}

/** A decoder of somebody who says nothing is kept for so long. */
const idle = 10 * 48_000

interface Voice {
  readonly decoder: Decoder
  readonly scope: Scope.Closeable
  /** Behind what was decoded last. */
  until: number
}

const frame = 960
const rate = 48_000

const wavSink = (output: Output): Sink => {
  let dataBytes = 0
  let skipped = 0
  const put = (bytes: Uint8Array): void => {
    output.append(bytes)
    dataBytes += bytes.length
  }
  const header = () => Wav.header({ channels: 2, rate, dataBytes })
  output.append(header())
  const bridge = (): void => {
    for (; skipped > 0; skipped -= Math.min(skipped, rate)) put(new Uint8Array(4 * Math.min(skipped, rate)))
  }
  const flush = () => output.overwrite(header(), 0)
  return {
    write: (pcm) =>
      Effect.sync(() => {
        bridge()
        put(Wav.samples(pcm))
      }),
    skip: (samples) => {
      skipped += samples
    },
    flush,
    finish: () => {
      bridge()
      flush()
    },
    written: output.written
  }
}

const opusSink = (output: Output, encoder: Encoder, tags: Readonly<Record<string, string>>): Sink => {
  const writer = OggWriter.make({ preSkip, serial: 1, tags })
  let at = 0
  /** The encoder still has the end of the sound, and gives it with the next frame. */
  let sounding = false
  const put = (data: Uint8Array, samples: number): void => {
    const bytes = writer.add({ data, position: at })
    if (bytes !== undefined) output.append(bytes)
    at += samples
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
    flush: () => output.append(writer.flush()),
    finish: (length) => {
      // the last page has to have a packet
      const missing = Math.max(Silence.unitSamples, length + preSkip - at)
      Silence.fill(Math.ceil(missing / Silence.unitSamples) * Silence.unitSamples, put)
      output.append(writer.finish(length))
    },
    written: output.written
  }
}

/**
 * A mixed file of a format. Decoders live in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly format: "opus" | "wav"
  readonly outputs: Pick<Outputs, "create">
  readonly isOpen: () => boolean
  readonly tags: Readonly<Record<string, string>>
  readonly decoders: OpusDecoder["Service"]
  readonly encoders: OpusEncoder["Service"]
}): Effect.fn.Return<MixedFile, VoiceError, Scope.Scope> {
  const { decoders, encoders, format, isOpen, outputs, tags } = options
  const scope = yield* Effect.scope
  const encoder = format === "opus" ? yield* encoders.make({ channels: 2, bitrate: 96_000, complexity: 5 }) : undefined
  const output = outputs.create(encoder === undefined ? "mixed.wav" : "mixed.ogg")
  const sink = encoder === undefined ? wavSink(output) : opusSink(output, encoder, { ...tags, ARTIST: "all" })
  const mix = Mix.make()
  const voices = new Map<UserId, Voice>()
  /** Whose decoder has not been given the silence behind the sound, which fades it out. */
  const sounding = new Set<UserId>()
  let placed: Array<Placed> = []
  let undecodable = 0

  const voiceOf = Effect.fnUntraced(function*(userId: UserId) {
    const known = voices.get(userId)
    if (known !== undefined) return known
    const own = yield* Scope.fork(scope)
    const decoder = yield* decoders.make({ channels: 2 }).pipe(
      Scope.provide(own),
      Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void)
    )
    const voice: Voice = { decoder, scope: own, until: 0 }
    voices.set(userId, voice)
    return voice
  })

  /** There may be more users in a long recording than there can be decoders. */
  const freeIdle = (settled: number) =>
    Effect.suspend(() => {
      const gone: Array<Scope.Closeable> = []
      for (const [userId, { scope: own, until }] of voices) {
        if (settled - until <= idle) continue
        voices.delete(userId)
        gone.push(own)
      }
      return Effect.forEach(gone, (own) => Scope.close(own, Exit.void), { discard: true })
    })

  const add = Effect.fnUntraced(function*({ at, data, samples, userId }: Placed) {
    // one whom no decoder can be had for is missing here, and not in the own file
    const voice = yield* Effect.option(voiceOf(userId))
    if (voice._tag === "None") {
      undecodable++
      return
    }
    voice.value.until = at + samples
    const pcm = yield* Effect.option(voice.value.decoder.decode(data))
    // a decoder gives sound later by its look-ahead, which the files skip
    if (pcm._tag === "Some") mix.add(pcm.value, at - preSkip)
    else undecodable++
  })

  const write = Effect.fnUntraced(function*(until: number) {
    const samples = until - mix.taken()
    if (samples <= 0) return
    const pcm = mix.take(until)
    if (isOpen()) yield* sink.write(pcm)
    else sink.skip(samples)
  })

  const addAll = Effect.suspend(() => {
    const all = placed
    placed = []
    return Effect.forEach(all, add, { discard: true })
  })

  return {
    place: (packet) => {
      if (packet.sound) sounding.add(packet.userId)
      else if (!sounding.delete(packet.userId)) return
      placed.push(packet)
    },
    advance: (settled) =>
      addAll.pipe(
        Effect.andThen(write(Math.floor((settled - preSkip) / frame) * frame)),
        Effect.andThen(freeIdle(settled))
      ),
    flush: () => sink.flush(),
    finish: (length) =>
      Effect.andThen(
        addAll,
        Effect.andThen(
          write(format === "opus" ? Math.ceil((length + preSkip) / frame) * frame : length),
          Effect.sync(() => sink.finish(length))
        )
      ),
    written: () => sink.written(),
    undecodable: () => undecodable
  }
})
