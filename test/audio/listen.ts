/** Opens a source and collects everything that it delivers. */
import { Cause, Effect } from "effect"
import type { AudioSource, OpusFrame, Tags } from "../../src/audio/AudioSource.ts"
import type { VoiceError } from "../../src/VoiceError.ts"

export interface Played {
  /** "Done", or the kind of the failure. */
  readonly end: string
  readonly message: string
  readonly positionMs: number | undefined
  readonly durationMs: number | undefined
  readonly tags: Tags
  readonly live: boolean
  readonly seekable: boolean
  readonly soughtMs: number | undefined
  readonly pcm: Float32Array
  readonly frames: ReadonlyArray<OpusFrame>
}

const kindOf = (error: VoiceError) =>
  error.reason._tag === "SourceFailed"
    ? { end: error.reason.kind, positionMs: error.reason.positionMs, message: error.message }
    : { end: error.reason._tag, positionMs: undefined, message: error.message }

/** Collects at most `limitMs` of sound. */
export const collect = <R>(
  source: AudioSource<R>,
  options: { readonly seekMs?: number; readonly limitMs?: number } = {}
): Effect.Effect<Played, never, R> =>
  Effect.scoped(Effect.gen(function*() {
    const opened = yield* source.open
    const soughtMs = options.seekMs === undefined
      ? undefined
      : yield* (opened.seek?.(options.seekMs) ?? Effect.undefined)
    const parts: Array<Float32Array> = []
    const frames: Array<OpusFrame> = []
    let heardMs = 0
    let ended = { end: "Done", positionMs: undefined as number | undefined, message: "" }
    while (heardMs < (options.limitMs ?? Infinity)) {
      const pulled: ReadonlyArray<OpusFrame> | Float32Array | VoiceError | Cause.Done = yield* Effect.catch(
        opened.pull as Effect.Effect<ReadonlyArray<OpusFrame> | Float32Array, VoiceError | Cause.Done>,
        (error) => Effect.succeed(error)
      )
      if (pulled instanceof Float32Array) {
        parts.push(pulled)
        heardMs += pulled.length / 96
      } else if (Array.isArray(pulled)) {
        frames.push(...pulled)
        for (const frame of pulled) heardMs += frame.samples / 48
      } else {
        if (!Cause.isDone(pulled)) ended = kindOf(pulled as VoiceError)
        break
      }
    }
    const pcm = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let offset = 0
    for (const part of parts) {
      pcm.set(part, offset)
      offset += part.length
    }
    return {
      ...ended,
      durationMs: opened.durationMs,
      tags: opened.tags,
      live: opened.live === true,
      seekable: opened.seek !== undefined,
      soughtMs,
      pcm,
      frames
    }
  })).pipe(Effect.catch((error) =>
    Effect.succeed({
      ...kindOf(error),
      durationMs: undefined,
      tags: {},
      live: false,
      seekable: false,
      soughtMs: undefined,
      pcm: new Float32Array(0),
      frames: []
    })
  ))
