/**
 * What a participant in the emulator has heard, as sound: its level over time, and the tones in it.
 *
 * **Example** (Speech over music, which is quieter meanwhile)
 *
 * ```ts
 * import { Hearing } from "effect-discord-voice/testing"
 *
 * const sound = yield* Hearing.decode(yield* guest.heard)
 * const before = sound.part(0, 1_000)
 * const meanwhile = sound.part(1_200, 2_000)
 * assert.isBelow(meanwhile.levelAt(440), before.levelAt(440) - 10)
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Emulator from "../emulator/Emulator.ts"
import * as OpusDecoder from "../OpusDecoder.ts"
import { timestampDelta } from "../protocol/RtpPacket.ts"
import type { VoiceError } from "../VoiceError.ts"

const samplesPerMs = 48
/** A power below this counts as none. */
const least = 1e-12
/** If arrival times and timestamps differ by more, the sender has restarted its timestamps. */
const mostDriftMs = 1_000

/** Mean power as a level: 0 is the square of full scale. */
const inDb = (power: number): number => 10 * Math.log10(Math.max(least, power))

/**
 * A stretch of sound. Levels are in dBFS by mean power: 0 is the square of full scale, so a full-scale sine has -3, and silence
 * -120.
 *
 * @category models
 * @since 0.1.0
 */
export class Sound {
  /** Interleaved stereo at 48 kHz, from -1 to 1. */
  readonly pcm: Float32Array

  constructor(pcm: Float32Array) {
    this.pcm = pcm
  }

  /** The duration in milliseconds, including gaps. */
  get durationMs(): number {
    return this.pcm.length / 2 / samplesPerMs
  }

  /**
   * The sound between two moments, in milliseconds from the start of this sound. Negative values count from its end:
   * `part(-1_000)` is the last second. Anything outside of the sound is left out.
   */
  part(fromMs: number, toMs: number = Infinity): Sound {
    const at = (ms: number): number => {
      const wanted = Math.round((ms < 0 ? this.durationMs + ms : ms) * samplesPerMs) * 2
      return Math.min(this.pcm.length, Math.max(0, wanted))
    }
    return new Sound(this.pcm.subarray(at(fromMs), at(toMs)))
  }

  /** The level of the whole sound, including gaps. */
  get level(): number {
    let power = 0
    for (const sample of this.pcm) power += sample ** 2
    return inDb(power / Math.max(1, this.pcm.length))
  }

  /**
   * The level of a tone of this frequency in the sound, whatever else is in it. Two tones can be distinguished if they are
   * further apart than four periods of the stretch: 4 Hz for a second.
   */
  levelAt(hertz: number): number {
    const count = this.pcm.length / 2
    let [re, im] = [0, 0]
    for (let i = 0; i < count; i++) {
      const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / count)
      const value = ((this.pcm[2 * i] ?? 0) + (this.pcm[2 * i + 1] ?? 0)) / 2 * window
      const phase = (2 * Math.PI * hertz * i) / (1_000 * samplesPerMs)
      re += value * Math.cos(phase)
      im += value * Math.sin(phase)
    }
    const amplitude = 4 * Math.hypot(re, im) / Math.max(1, count)
    return inDb(amplitude ** 2 / 2)
  }

  /** The pitch of a single tone in hertz, measured by its upward zero crossings; `undefined` if there are fewer than two. */
  get pitch(): number | undefined {
    const crossings: Array<number> = []
    let before = 0
    for (let i = 0; i < this.pcm.length; i += 2) {
      const sample = ((this.pcm[i] ?? 0) + (this.pcm[i + 1] ?? 0)) / 2
      if (before < 0 && sample >= 0) crossings.push(i / 2 - sample / (sample - before))
      before = sample
    }
    const [first] = crossings
    const last = crossings.at(-1)
    if (first === undefined || last === undefined || first === last) return undefined
    return (crossings.length - 1) * 1_000 * samplesPerMs / (last - first)
  }
}

/**
 * The properties of a heard frame that are needed.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = Pick<Emulator.HeardFrame, "ssrc" | "timestamp" | "payload" | "arrivalMs">

/**
 * The start of each frame of one sender, in milliseconds of its arrivals, computed from its timestamps, which no network
 * delays.
 */
const placed = (frames: ReadonlyArray<Frame>): ReadonlyArray<readonly [number, Frame]> => {
  let [origin] = frames
  const moments = new Map<number, Frame>()
  for (const frame of frames) {
    if (origin === undefined) break
    const at = origin.arrivalMs + timestampDelta(frame.timestamp, origin.timestamp) / samplesPerMs
    const isAnew = Math.abs(at - frame.arrivalMs) > mostDriftMs
    if (isAnew) origin = frame
    const moment = isAnew ? frame.arrivalMs : at
    // a datagram that arrived twice is kept once
    moments.set(moment, frame)
  }
  return Array.from(moments).toSorted(([a], [b]) => a - b)
}

const framesBySender = (frames: Iterable<Frame>): ReadonlyArray<ReadonlyArray<Frame>> => {
  const senders = new Map<number, Array<Frame>>()
  for (const frame of frames) {
    const own = senders.get(frame.ssrc)
    if (own === undefined) senders.set(frame.ssrc, [frame])
    else own.push(frame)
  }
  return Array.from(senders.values())
}

/**
 * Decodes what was heard from one sender, or from several at the same time. The sound begins with the first frame and ends with
 * the last one. Frames are placed by their timestamps, and senders relative to each other by their arrival. Where nothing was
 * sent, or frames were lost, the sound is zero. To decode only the later part, pass `heard.slice(n)`: its first one or two
 * frames then sound like those of a decoder that starts there.
 *
 * Fails with `DecodeFailed` if a frame is not Opus.
 *
 * @category constructors
 * @since 0.1.0
 */
export const decode: (frames: Iterable<Frame>) => Effect.Effect<Sound, VoiceError> = Effect.fnUntraced(
  function*(frames: Iterable<Frame>) {
    const pieces: Array<{ readonly ms: number; readonly pcm: Int16Array }> = []
    for (const sender of framesBySender(frames)) {
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 2 })
      for (const [ms, { payload }] of placed(sender)) pieces.push({ ms, pcm: yield* decoder.decode(payload) })
    }
    const fromMs = pieces.reduce((first, { ms }) => Math.min(first, ms), Infinity)
    const at = (ms: number) => Math.round((ms - fromMs) * samplesPerMs) * 2
    const length = pieces.reduce((last, { ms, pcm }) => Math.max(last, at(ms) + pcm.length), 0)
    const sum = new Float32Array(length)
    for (const { ms, pcm } of pieces) {
      const start = at(ms)
      for (let i = 0; i < pcm.length; i++) sum[start + i] = (sum[start + i] ?? 0) + (pcm[i] ?? 0) / 32_768
    }
    return new Sound(sum)
  },
  Effect.scoped,
  Effect.provide(OpusDecoder.layer)
)
