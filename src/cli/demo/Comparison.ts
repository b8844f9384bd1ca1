/**
 * Compares what a listener heard with what a source produced: which frames arrived, whether they are identical, and how evenly
 * they arrived.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { OpusFrame } from "../../audio/AudioSource.ts"
import type { HeardFrame } from "../../emulator/Emulator.ts"
import { sequenceDelta } from "../../protocol/RtpPacket.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Comparison {
  /** The number of frames that the source produced. */
  readonly sent: number
  /** Frames of the source that were heard, unchanged and in order. */
  readonly heard: number
  /** Frames that were heard and are neither the source's nor silence. */
  readonly foreign: number
  /** Frames that were heard more than once. */
  readonly repeated: number
  /** The longest time between two frames of the source, in milliseconds. */
  readonly largestGapMs: number
  /** How much later than the most even beat the frames arrived, in milliseconds: half of them, 99 of 100, and the latest. */
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** The signal-to-noise ratio in dB for a source that had to be encoded, whose frames cannot be compared. */
  readonly ratioDb: number | undefined
  /**
   * Whether every frame of the source was heard, unchanged, in order and once, and nothing else but silence; or, for a source
   * that was encoded, whether everything was heard and sounds like the source.
   */
  readonly intact: boolean
}

/** Below this, more was changed than encoding changes. */
const leastRatioDb = 6

/** How many consecutive lost frames are skipped in the search for the frame that was heard: ten seconds. */
const lookAhead = 500

const same = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/**
 * The value that `share` (0 to 1) of the values do not exceed; 0 if there are no values.
 *
 * @category combinators
 * @since 0.1.0
 */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}

/** The frames of one connection in the order in which they were sent. */
const sortStretch = (heard: ReadonlyArray<HeardFrame>): ReadonlyArray<HeardFrame> => {
  let previous = heard[0]?.sequence ?? 0
  let position = 0
  const byPosition = new Map<number, HeardFrame>()
  for (const frame of heard) {
    // Sequence numbers wrap around; the distance to the previous one determines the round.
    position += sequenceDelta(frame.sequence, previous)
    previous = frame.sequence
    if (!byPosition.has(position)) byPosition.set(position, frame)
  }
  return [...byPosition].toSorted(([a], [b]) => a - b).map(([, frame]) => frame)
}

/**
 * The frames of one speaker in the order in which they were sent, and how many arrived more than once. A new connection has its
 * own SSRC and sequence numbers, so each connection is ordered separately.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inOrder = (
  heard: ReadonlyArray<HeardFrame>
): { readonly frames: ReadonlyArray<HeardFrame>; readonly repeated: number } => {
  const stretches = new Map<number, Array<HeardFrame>>()
  for (const frame of heard) {
    const stretch = stretches.get(frame.ssrc)
    if (stretch === undefined) stretches.set(frame.ssrc, [frame])
    else stretch.push(frame)
  }
  const frames = [...stretches.values()].flatMap(sortStretch)
  return { frames, repeated: heard.length - frames.length }
}

/**
 * Compares frames. Silence that the source did not produce does not count: it closes speech, and bridges a stall.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (sent: ReadonlyArray<OpusFrame>, heard: ReadonlyArray<HeardFrame>): Comparison => {
  const { frames, repeated } = inOrder(heard)
  const arrivals: Array<number> = []
  const delays: Array<number> = []
  let next = 0
  let dueMs = 0
  let foreign = 0
  for (const frame of frames) {
    const found = indexOf(sent, frame.payload, next, frame.silence ? next + 1 : next + lookAhead)
    if (found < 0) {
      if (!frame.silence) foreign++
      continue
    }
    for (; next < found; next++) dueMs += (sent[next]?.samples ?? 0) / 48
    arrivals.push(frame.arrivalMs)
    delays.push(frame.arrivalMs - dueMs)
    dueMs += (sent[next]?.samples ?? 0) / 48
    next++
  }
  return {
    sent: sent.length,
    heard: arrivals.length,
    foreign,
    repeated,
    ...evenness(arrivals, delays),
    ratioDb: undefined,
    intact: arrivals.length === sent.length && foreign === 0 && repeated === 0
  }
}

const evenness = (
  arrivals: ReadonlyArray<number>,
  delays: ReadonlyArray<number>
): Pick<Comparison, "largestGapMs" | "delayP50Ms" | "delayP99Ms" | "delayMaxMs"> => {
  let largestGapMs = 0
  for (let i = 1; i < arrivals.length; i++) {
    largestGapMs = Math.max(largestGapMs, (arrivals[i] ?? 0) - (arrivals[i - 1] ?? 0))
  }
  const earliest = delays.reduce((least, delay) => Math.min(least, delay), Number.POSITIVE_INFINITY)
  const late = delays.map((delay) => delay - earliest)
  return {
    largestGapMs,
    delayP50Ms: percentile(late, 0.5),
    delayP99Ms: percentile(late, 0.99),
    delayMaxMs: percentile(late, 1)
  }
}

const samplesAFrame = 960

/**
 * The number of 20 ms frames in which stereo PCM is encoded.
 *
 * @category combinators
 * @since 0.1.0
 */
export const framesOf = (pcm: ReadonlyArray<Float32Array>): number =>
  Math.ceil(pcm.reduce((samples, piece) => samples + piece.length / 2, 0) / samplesAFrame)

/**
 * Compares audio that was encoded on its way. `pcm` is what the source produced, 48 kHz stereo, and `decode` decodes a packet
 * like a listener. Silence that closes speech, or bridges a stall, does not count.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compareSound = Effect.fnUntraced(function*<E, R>(
  pcm: ReadonlyArray<Float32Array>,
  heard: ReadonlyArray<HeardFrame>,
  decode: (packet: Uint8Array) => Effect.Effect<Int16Array, E, R>
): Effect.fn.Return<Comparison, E, R> {
  const sent = framesOf(pcm)
  const { frames, repeated } = inOrder(heard)
  const voiced = frames.filter(({ silence }) => !silence)
  const source = cursor(pcm)
  let signal = 0
  let noise = 0
  for (const { payload } of voiced) {
    for (const sample of yield* decode(payload)) {
      const wanted = source()
      signal += wanted * wanted
      noise += (sample / 0x8000 - wanted) ** 2
    }
  }
  const arrivals = voiced.map(({ arrivalMs }) => arrivalMs)
  const foreign = Math.max(0, voiced.length - sent)
  // silence equals silence
  const ratioDb = noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise)
  return {
    sent,
    heard: voiced.length - foreign,
    foreign,
    repeated,
    ...evenness(arrivals, arrivals.map((arrivalMs, i) => arrivalMs - (i * samplesAFrame) / 48)),
    ratioDb,
    intact: voiced.length === sent && repeated === 0 && ratioDb >= leastRatioDb
  }
})

/** Iterates over the values of several pieces, followed by zeros. */
const cursor = (pieces: ReadonlyArray<Float32Array>) => {
  let piece = 0
  let at = 0
  return (): number => {
    while (at >= (pieces[piece]?.length ?? Number.POSITIVE_INFINITY)) {
      piece++
      at = 0
    }
    return pieces[piece]?.[at++] ?? 0
  }
}

const indexOf = (sent: ReadonlyArray<OpusFrame>, payload: Uint8Array, from: number, to: number): number => {
  for (let i = from; i < to; i++) {
    const frame = sent[i]
    if (frame === undefined) return -1
    if (same(frame.data, payload)) return i
  }
  return -1
}

/**
 * The exit code of the demo: 0 only if the listener heard every frame of the source intact, and there was at least one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const exitCode = (comparison: Comparison): 0 | 1 => comparison.intact && comparison.sent > 0 ? 0 : 1
