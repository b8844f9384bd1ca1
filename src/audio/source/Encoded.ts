/**
 * Sources of PCM that are encoded as they are read, so that they are passed through like a file of Opus.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as limits from "../../codec/limits.ts"
import { type EncoderOptions, OpusEncoder } from "../../OpusEncoder.ts"
import type { VoiceError } from "../../VoiceError.ts"
import type { AudioSource, OpenOpus, OpenPcm, OpenSource, OpusFrame } from "../OpenSource.ts"

/** Samples per channel in a frame: 20 ms. */
const frameSamples = 960

/** The frame lengths that the end of a source is made of, so that its length is right to 2.5 ms. */
const lastSamples = [960, 480, 240, 120]

/**
 * The bitrate for short frames, which need more. They have a constant bitrate, since libopus would take what 20 ms have cost
 * from their few bytes.
 */
const shortBitrate = 256_000

/**
 * How many samples later libopus returns sound than it receives it, and so how much later the sound of a 20 ms frame is
 * known.
 */
const lookaheadOf = ({ application }: EncoderOptions): number => application === "lowdelay" ? 120 : 312

/**
 * Turns an open source into Opus; a source of Opus stays as it is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const open = (
  opened: OpenSource,
  options: EncoderOptions
): Effect.Effect<OpenOpus, VoiceError, OpusEncoder | Scope.Scope> =>
  opened.format === "opus" ? Effect.succeed(opened) : encodePcm(opened, options)

/**
 * A source as Opus. A source that is not Opus is encoded as it is read, in frames of 20 ms, by the `OpusEncoder` that is
 * provided. It can then be passed through, and costs no mix, only its own encoding. At another gain or alongside other
 * tracks, it is decoded and mixed like any Opus. A source that is Opus stays as it is. With `channels` 1, both sides are
 * encoded as one.
 *
 * Duration, tags and seek are those of the source. Its last frames are shorter if necessary, and padded with at most 2.5 ms
 * of silence, so that it loops without a gap. Opening fails with `CodecUnavailable`, also if an option is out of range;
 * reading fails with `EncodeFailed`.
 *
 * @example
 * ```ts
 * import { AudioSource } from "effect-discord-voice"
 *
 * const song = AudioSource.encoded(AudioSource.fromFile("song.mp3"), { bitrate: 96_000 })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const encoded = <R>(source: AudioSource<R>, options: EncoderOptions = {}): AudioSource<R | OpusEncoder> => ({
  name: source.name,
  open: Effect.flatMap(source.open, (opened) => open(opened, options))
})

const encodePcm = (
  opened: OpenPcm,
  options: EncoderOptions
): Effect.Effect<OpenOpus, VoiceError, OpusEncoder | Scope.Scope> =>
  Effect.gen(function*() {
    const encoders = yield* OpusEncoder
    const outer = yield* Effect.scope
    const make = Effect.gen(function*() {
      const scope = yield* Scope.fork(outer)
      return { encoder: yield* Scope.provide(encoders.make(options), scope), scope }
    })
    let current = yield* make
    const { channels } = current.encoder
    const lookahead = lookaheadOf(options)
    const frame = new Int16Array(frameSamples * channels)
    /**
     * Samples per channel that wait in the frame, after silence in the first one, and the number of frames that were encoded
     * before.
     */
    let filled = frameSamples - lookahead
    let encoded = 0
    let end: Cause.Done | VoiceError | undefined

    /** Puts samples of both sides into the frame from an index on, and returns the first index that is left. */
    const fill = (samples: Float32Array, from: number): number => {
      const count = Math.min(frameSamples - filled, (samples.length - from) >> 1)
      for (let i = 0; i < count; i++) {
        const left = samples[from + 2 * i] ?? 0
        const right = samples[from + 2 * i + 1] ?? 0
        if (channels === 1) frame[filled + i] = toInt16((left + right) / 2)
        else {
          frame[2 * (filled + i)] = toInt16(left)
          frame[2 * (filled + i) + 1] = toInt16(right)
        }
      }
      filled += count
      return from + 2 * count
    }

    /** Encodes the frame that comes out of a decoder `lookahead` samples later. The first one is what lies before the sound. */
    const encodeFrame = Effect.fnUntraced(function*(samples: number): Effect.fn.Return<
      ReadonlyArray<OpusFrame>,
      VoiceError
    > {
      const { encoder } = current
      const data = yield* encoder.encode(frame.subarray(0, samples * channels))
      frame.copyWithin(0, samples * channels)
      filled = Math.max(0, filled - samples)
      encoded++
      // a listener has heard something else before, or the end of this source in a loop
      if (encoded < 3) yield* encoder.setPrediction(encoded === 2)
      return encoded === 1 ? [] : [{ data, samples }]
    })

    const encode = Effect.fnUntraced(function*(samples: Float32Array) {
      const frames: Array<OpusFrame> = []
      for (let at = 0; at + 1 < samples.length;) {
        at = fill(samples, at)
        if (filled === frameSamples) frames.push(...yield* encodeFrame(frameSamples))
      }
      return frames
    })

    /** Encodes what waits for the rest of its frame, and what the encoder holds back. */
    const flush = Effect.gen(function*() {
      const frames: Array<OpusFrame> = []
      let left = filled + lookahead - (encoded === 0 ? frameSamples : 0)
      if (left === 0) return frames
      const silence = () => void frame.fill(0, filled * channels)
      if (encoded === 0) {
        silence()
        yield* encodeFrame(frameSamples)
      }
      for (const samples of lastSamples) {
        if (samples < frameSamples && left > 0) {
          yield* current.encoder.setVariableBitrate(false)
          yield* current.encoder.setBitrate(shortBitrate)
        }
        for (; left > samples - limits.unitSamples; left -= samples) {
          silence()
          frames.push(...yield* encodeFrame(samples))
        }
      }
      return frames
    })

    const pull: OpenOpus["pull"] = Effect.gen(function*() {
      while (true) {
        if (end !== undefined) return yield* Effect.fail(end)
        const samples = yield* Effect.catch(opened.pull, (error) =>
          Effect.sync(() => {
            end = error
            return undefined
          }))
        const frames = yield* samples === undefined ? flush : encode(samples)
        if (frames.length === 0) continue
        // encoding takes some milliseconds; others have their turn after it
        yield* Effect.yieldNow
        return frames
      }
    })

    const { seek } = opened
    return {
      format: "opus",
      channels,
      durationMs: opened.durationMs,
      tags: opened.tags,
      tagChanges: opened.tagChanges,
      live: opened.live,
      leadMs: opened.leadMs,
      speed: opened.speed,
      pull,
      seek: seek === undefined ? undefined : (positionMs: number) =>
        Effect.gen(function*() {
          const landedMs = yield* seek(positionMs)
          // the encoder would continue from what is no longer heard
          const next = yield* make
          yield* Scope.close(current.scope, Exit.void)
          current = next
          frame.fill(0)
          filled = frameSamples - lookahead
          encoded = 0
          end = undefined
          return landedMs
        })
    }
  })

const toInt16 = (sample: number): number => Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768)))
