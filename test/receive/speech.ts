/** Speech with pauses at known places. An energy threshold on the sound itself tells when somebody speaks. */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import * as Kit from "./record/kit.ts"

const rate = 48_000
const windowSamples = 480

/** Where a pause of digital silence begins in the file, and how long it is, in samples. */
export interface Pause {
  readonly at: number
  readonly samples: number
}

/** -45 dBFS. */
const threshold = 10 ** (-45 / 10)

const isLoud = (pcm: Float32Array): boolean =>
  pcm.reduce((sum, sample) => sum + sample * sample, 0) / windowSamples > threshold

/** From the start of the first loud window of a stretch to the end of the last one, in samples. */
const loud = (pcm: Float32Array, from: number, to: number) => {
  let start = to
  let end = from
  for (let at = from; at + windowSamples <= to; at += windowSamples) {
    if (!isLoud(pcm.subarray(at, at + windowSamples))) continue
    start = Math.min(start, at)
    end = at + windowSamples
  }
  return { start, end }
}

const encode = Effect.fnUntraced(function*(pcm: Int16Array) {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({
    channels: 1,
    bitrate: 48_000,
    application: "voip",
    complexity: 3
  })
  const frames: Array<{ readonly data: Uint8Array; readonly samples: number }> = []
  for (let at = 0; at < pcm.length; at += 960) {
    frames.push({ data: yield* encoder.encode(pcm.slice(at, at + 960)), samples: 960 })
  }
  return frames
}, Effect.scoped)

/** A file of speech with these pauses inserted, as Opus, and the stretches of speech between them. */
export const withPauses = Effect.fnUntraced(
  function*(file: "speech-1.ogg" | "speech-2.ogg", pauses: ReadonlyArray<Pause>) {
    const path = fileURLToPath(new URL(`files/${file}`, import.meta.url))
    const { left } = yield* Kit.decode(new Uint8Array(readFileSync(path)))
    const inserted = pauses.reduce((sum, { samples }) => sum + samples, 0)
    const pcm = new Float32Array(Math.ceil((left.length + inserted) / 960) * 960)
    const stretches: Array<{ readonly start: number; readonly end: number }> = []
    let from = 0
    let to = 0
    for (const { at, samples } of [...pauses, { at: left.length, samples: 0 }]) {
      pcm.set(left.subarray(from, at), to)
      stretches.push(loud(pcm, to, to + at - from))
      to += at - from + samples
      from = at
    }
    const frames = yield* encode(Int16Array.from(pcm, (sample) => Math.round(sample * 32_767)))
    return { frames, stretches, seconds: pcm.length / rate }
  }
)

/** White noise of this length, as loud as a cough, between silences of a fifth of a second. */
export const noise = Effect.fnUntraced(function*(milliseconds: number) {
  const pcm = new Int16Array(Math.ceil(milliseconds / 20 + 20) * 960)
  // xorshift, so that the noise is the same each time
  let state = 1
  for (let at = 20 * 480; at < 20 * 480 + milliseconds * 48; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    pcm[at] = state >> 18
  }
  return yield* encode(pcm)
})
