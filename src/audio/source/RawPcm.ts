/**
 * Raw PCM, of any rate and format and of up to eight channels, to PCM at 48 kHz in two channels: from bytes or from numbers.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as Samples from "../format/Samples.ts"
import type { OpenPcm } from "../OpenSource.ts"
import { pullSamples } from "./DecodedSource.ts"
import * as Resampler from "./Resampler.ts"

/**
 * The format of raw PCM.
 *
 * @category models
 * @since 0.1.0
 */
export interface RawFormat {
  readonly format: Samples.SampleFormat
  /** The sample rate: samples per second in each channel, 1000 to 768000. */
  readonly rate: number
  /** The number of channels, 1 to 8, interleaved. */
  readonly channels: number
}

/**
 * Why a format cannot be played, if it cannot.
 *
 * @category guards
 * @since 0.1.0
 */
export const refusal = (format: RawFormat): string | undefined => {
  if (!Samples.isFormat(format.format)) return `PCM in the unknown format ${String(format.format)}`
  if (!Number.isInteger(format.rate) || format.rate < 1000 || format.rate > 768_000) {
    return `PCM at ${String(format.rate)} Hz; 1000 to 768000 Hz are supported`
  }
  if (!Number.isInteger(format.channels) || format.channels < 1 || format.channels > Samples.maxChannels) {
    return `PCM with ${String(format.channels)} channels; 1 to ${Samples.maxChannels} are supported`
  }
  return undefined
}

/** How many bytes are converted to samples in one go. */
const sliceBytes = 16_384

/**
 * PCM from bytes. Fails with `Truncated` if they end inside a sample of all channels, after everything that is complete.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (source: ByteSource.ByteSource, format: RawFormat): Effect.Effect<OpenPcm, VoiceError> =>
  Effect.suspend(() => {
    const refused = refusal(format)
    if (refused !== undefined) return Effect.fail(ByteSource.failure(source.name, "Unsupported", refused))
    const frameBytes = Samples.bytesOf(format.format) * format.channels
    const resampler = Resampler.make(format.rate, format.channels === 1 ? 1 : 2)
    let rest: Uint8Array = new Uint8Array(0)
    let waiting: Uint8Array = rest
    let samplesIn = 0
    let ended = false
    let failure: VoiceError | undefined

    const positionMs = (): number => samplesIn / format.rate * 1000

    const end = (error?: VoiceError): void => {
      ended = true
      failure = error
      resampler.end()
    }

    /** Passes on the whole samples of what waits; a part of one is kept for the next bytes. */
    const push = (bytes: Uint8Array): void => {
      const all = rest.length === 0 ? bytes : new Uint8Array(Buffer.concat([rest, bytes]))
      const count = Math.floor(all.length / frameBytes)
      rest = all.slice(count * frameBytes)
      if (count === 0) return
      const channels = Samples.decode(all.subarray(0, count * frameBytes), format.format, format.channels)
      resampler.push(Samples.downmix(channels, count), count)
      samplesIn += count
    }

    const advance = Effect.gen(function*() {
      if (waiting.length === 0) {
        const bytes = yield* Effect.catch(source.next, (error) =>
          Effect.sync(() => {
            end(error)
            return undefined
          }))
        if (bytes === undefined) {
          if (ended) return
          return end(
            rest.length === 0
              ? undefined
              : ByteSource.failure(source.name, "Truncated", "it ends inside a sample", { positionMs: positionMs() })
          )
        }
        waiting = bytes
      }
      push(waiting.subarray(0, sliceBytes))
      waiting = waiting.subarray(sliceBytes)
    })

    const pull: OpenPcm["pull"] = Effect.gen(function*() {
      while (true) {
        const samples = resampler.take(pullSamples)
        if (samples.length > 0) return samples
        if (failure !== undefined) return yield* failure
        if (ended) return yield* Cause.done()
        yield* advance
      }
    })

    const { random, seek: seekBytes } = source
    const seek: OpenPcm["seek"] = seekBytes === undefined ? undefined : Effect.fnUntraced(function*(toMs: number) {
      const sample = Math.max(0, Math.round(toMs * 48))
      samplesIn = resampler.seek(sample)
      rest = new Uint8Array(0)
      waiting = rest
      ended = false
      failure = undefined
      yield* seekBytes(samplesIn * frameBytes)
      return sample / 48
    })
    const durationMs = random === undefined ? undefined : Math.floor(random.size / frameBytes) / format.rate * 1000
    return Effect.succeed({
      format: "pcm",
      durationMs,
      tags: {},
      live: source.live || undefined,
      pull,
      seek
    })
  })

/**
 * A source that is opened again at a position for each seek, such as a process. Each opening has a scope of its own inside
 * this one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const restartable = (
  openAt: (positionMs: number) => Effect.Effect<OpenPcm, VoiceError, Scope.Scope>
): Effect.Effect<OpenPcm, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const outer = yield* Effect.scope
    const openIn = (positionMs: number) =>
      Effect.gen(function*() {
        const scope = yield* Scope.fork(outer)
        const opened = yield* Scope.provide(openAt(positionMs), scope)
        return { scope, opened }
      })
    let current = yield* openIn(0)
    return {
      ...current.opened,
      pull: Effect.suspend(() => current.opened.pull),
      seek: Effect.fnUntraced(function*(positionMs: number) {
        const at = Math.max(0, positionMs)
        yield* Scope.close(current.scope, Exit.void)
        current = yield* openIn(at)
        return at
      })
    }
  })
