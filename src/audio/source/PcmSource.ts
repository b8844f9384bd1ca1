/**
 * Existing raw PCM, as numbers or as bytes, in one piece, a list or a stream.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { SampleFormat } from "../format/Samples.ts"
import type { OpenPcm } from "../OpenSource.ts"
import * as FrameSource from "./FrameSource.ts"
import * as RawPcm from "./RawPcm.ts"

/**
 * Interleaved samples: as numbers, or as bytes in the format that the options give.
 *
 * @category models
 * @since 0.1.0
 */
export type Pcm = Int16Array | Int32Array | Float32Array | Float64Array | Uint8Array

/**
 * The options of `AudioSource.fromPcm`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PcmOptions {
  /** The number of channels, 1 to 8, interleaved. One is played on both sides, more than two are mixed down. */
  readonly channels: number
  /** The sample rate: samples per second in each channel, 1000 to 768000. */
  readonly rate: number
  /** The format of bytes; numbers have the format of their array type. Default "s16le". */
  readonly format?: SampleFormat | undefined
  /** The name for messages and displays. Default "pcm". */
  readonly name?: string | undefined
}

/** Numbers in memory are little-endian on every machine that Node is built for except one, which this detects. */
const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

const formatOf = (pcm: Pcm, bytes: SampleFormat): SampleFormat => {
  if (pcm instanceof Int16Array) return isLittle ? "s16le" : "s16be"
  if (pcm instanceof Int32Array) return isLittle ? "s32le" : "s32be"
  if (pcm instanceof Float32Array) return isLittle ? "f32le" : "f32be"
  if (pcm instanceof Float64Array) return isLittle ? "f64le" : "f64be"
  return bytes
}

const isPcm = (value: unknown): value is Pcm =>
  value instanceof Uint8Array || value instanceof Int16Array || value instanceof Int32Array ||
  value instanceof Float32Array || value instanceof Float64Array

const bytesOf = (pcm: Pcm): Uint8Array => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)

const wrongPiece = "PCM must be an Int16Array, Int32Array, Float32Array or Float64Array, or bytes in a Uint8Array"

const otherPiece = "a piece of the PCM has a different type than the first one"

/**
 * The lead for a stream, which may arrive in real time: speech that is generated while it is heard. A piece that is 40 ms
 * late is then not missed in a mix, which needs 80 ms in the worst case.
 */
const streamLeadMs = 120

/**
 * Opens the PCM. A single piece can be sought in, and its duration is known. Otherwise, the first piece decides the type of
 * the pieces.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = <E, R>(
  pcm: Pcm | Iterable<Pcm> | Stream.Stream<Pcm, E, R>,
  name: string,
  options: PcmOptions
): Effect.Effect<OpenPcm, VoiceError, R | Scope.Scope> =>
  Effect.gen(function*() {
    const format = options.format ?? "s16le"
    const raw = { format, rate: options.rate, channels: options.channels }
    const refused = RawPcm.refusal(raw)
    if (refused !== undefined) return yield* ByteSource.failure(name, "Unsupported", refused)
    if (isPcm(pcm)) {
      return yield* RawPcm.open(ByteSource.memory(bytesOf(pcm), name), { ...raw, format: formatOf(pcm, format) })
    }
    if (!Stream.isStream(pcm)) return yield* ofPieces(FrameSource.pullIterable(pcm, 1, name), name, raw)
    const opened = yield* ofPieces(yield* FrameSource.pullStream(pcm, name), name, raw)
    return { ...opened, leadMs: streamLeadMs }
  })

/** PCM in pieces, which are all of one type. */
const ofPieces = (
  pull: Effect.Effect<ReadonlyArray<Pcm>, VoiceError | Cause.Done>,
  name: string,
  raw: RawPcm.RawFormat
): Effect.Effect<OpenPcm> =>
  Effect.sync(() => {
    let waiting: ReadonlyArray<Pcm> = []
    let index = 0
    let known: SampleFormat | undefined
    let opened: OpenPcm | undefined

    const next: ByteSource.ByteSource["next"] = Effect.gen(function*() {
      while (true) {
        const piece = waiting[index++]
        if (piece === undefined) {
          index = 0
          waiting = yield* Effect.catchIf(pull, Cause.isDone, () => Effect.succeed([]))
          if (waiting.length === 0) return undefined
          continue
        }
        // a caller without types can pass anything that is iterable
        if (!isPcm(piece)) return yield* ByteSource.failure(name, "Unsupported", wrongPiece)
        known ??= formatOf(piece, raw.format)
        if (formatOf(piece, raw.format) !== known) return yield* ByteSource.failure(name, "Unsupported", otherPiece)
        if (piece.length > 0) return bytesOf(piece)
      }
    })

    const start = Effect.gen(function*() {
      const first = yield* next
      let given = first === undefined
      const bytes: ByteSource.ByteSource = {
        name,
        random: undefined,
        seek: undefined,
        live: false,
        next: Effect.suspend(() => {
          if (given) return next
          given = true
          return Effect.succeed(first)
        })
      }
      return yield* RawPcm.open(bytes, { ...raw, format: known ?? raw.format })
    })

    const pullPcm: OpenPcm["pull"] = Effect.gen(function*() {
      opened ??= yield* start
      return yield* opened.pull
    })
    return { format: "pcm", durationMs: undefined, tags: {}, pull: pullPcm }
  })
