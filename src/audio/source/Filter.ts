/**
 * Sources whose samples a program changes: an equalizer, an echo, a voice in another pitch. Opus is decoded first.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Decoder, OpusDecoder } from "../../OpusDecoder.ts"
import type { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import type { OpenOpus, OpenPcm, OpenSource, OpusFrame } from "../OpenSource.ts"

/**
 * Changes samples at 48 kHz, left and right in turn, 1.0 at full scale: in place, or by returning others.
 *
 * @category models
 * @since 0.1.0
 */
export type Filter = (samples: Float32Array) => Float32Array

/**
 * The options of a filter.
 *
 * @category models
 * @since 0.1.0
 */
export interface FilterOptions {
  /**
   * How many milliseconds of the source the filter puts into one: 2 for a filter that returns half as many samples as it
   * takes. Default 1.
   */
  readonly speed?: number | undefined
}

/**
 * How much a decoder is given before a position, so that the sound there is as if it had decoded everything (RFC 7845, 4.6).
 */
const preRollMs = 80

/** The most that is decoded at once, in samples per channel. */
const pieceSamples = 4_800

/**
 * Turns an open source into PCM.
 *
 * @category combinators
 * @since 0.1.0
 */
export const decoded = (opened: OpenSource): Effect.Effect<OpenPcm, VoiceError, OpusDecoder | Scope.Scope> =>
  opened.format === "pcm" ? Effect.succeed(opened) : decodeOpus(opened)

const decodeOpus = (opened: OpenOpus): Effect.Effect<OpenPcm, VoiceError, OpusDecoder | Scope.Scope> =>
  Effect.gen(function*() {
    const decoders = yield* OpusDecoder
    const outer = yield* Effect.scope
    const make = Effect.gen(function*() {
      const scope = yield* Scope.fork(outer)
      return { decoder: yield* Scope.provide(decoders.make(), scope), scope }
    })
    let current = yield* make
    let waiting: ReadonlyArray<OpusFrame> = []
    const speed = opened.speed ?? 1
    /** Samples per channel before the position that was sought. */
    let surplus = 0

    const decode = (decoder: Decoder, { data, samples }: OpusFrame) =>
      Effect.catch(decoder.decode(data), () => decoder.conceal(samples))

    const pull: OpenPcm["pull"] = Effect.gen(function*() {
      while (true) {
        if (waiting.length === 0) waiting = yield* opened.pull
        const parts: Array<Int16Array> = []
        for (let length = 0; length < 2 * pieceSamples;) {
          const [frame] = waiting
          if (frame === undefined) break
          waiting = waiting.slice(1)
          const part = yield* decode(current.decoder, frame)
          parts.push(part)
          length += part.length
        }
        const samples = join(parts)
        const skipped = Math.min(surplus, samples.length / 2)
        surplus -= skipped
        if (2 * skipped < samples.length) return samples.subarray(2 * skipped)
      }
    })

    const { seek } = opened
    return {
      format: "pcm",
      durationMs: opened.durationMs,
      tags: opened.tags,
      tagChanges: opened.tagChanges,
      live: opened.live,
      leadMs: opened.leadMs,
      speed,
      pull,
      seek: seek === undefined ? undefined : (positionMs: number) =>
        Effect.gen(function*() {
          const landedMs = yield* seek(Math.max(0, positionMs - preRollMs * speed))
          const next = yield* make
          yield* Scope.close(current.scope, Exit.void)
          current = next
          waiting = []
          surplus = Math.max(0, Math.round((positionMs - landedMs) / speed * 48))
          return positionMs
        })
    }
  })

/** Joins parts to one array, 1.0 at full scale. */
const join = (parts: ReadonlyArray<Int16Array>): Float32Array => {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) joined[at + i] = (part[i] ?? 0) / 32_768
    at += part.length
  }
  return joined
}

/**
 * Puts a filter behind an open source. The filter is made again after each seek. An error that it throws is `Failed`.
 * Duration and positions stay those of the source.
 *
 * @category combinators
 * @since 0.1.0
 */
export const map = (name: string, opened: OpenPcm, make: () => Filter, speed = 1): OpenPcm => {
  let filter: Filter | undefined
  const pull: OpenPcm["pull"] = Effect.flatMap(
    opened.pull,
    (samples): Effect.Effect<Float32Array, VoiceError | Cause.Done> => {
      try {
        const changed = (filter ??= make())(samples)
        // the filter may keep some back
        return changed.length === 0 ? pull : Effect.succeed(changed)
      } catch (cause) {
        return Effect.fail(
          ByteSource.failure(name, "Failed", `its filter threw: ${ByteSource.describe(cause)}`, { cause })
        )
      }
    }
  )
  const { seek } = opened
  return {
    ...opened,
    speed: (opened.speed ?? 1) * speed,
    pull,
    seek: seek === undefined ?
      undefined :
      (positionMs: number) =>
        Effect.tap(seek(positionMs), () =>
          Effect.sync(() => {
            filter = undefined
          }))
  }
}
