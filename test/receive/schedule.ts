import type { Ssrc } from "../../src/protocol/Identifier.ts"
import { Ssrc as SsrcOf } from "../../src/protocol/Identifier.ts"
import type * as JitterBuffer from "../../src/receive/JitterBuffer.ts"
import type { ReceivedFrame } from "../../src/receive/ReceivedFrame.ts"

/** Random numbers from a seed (mulberry32). */
export const dice = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** The first byte of CELT packets of 2.5, 5, 10 and 20 ms, and of SILK packets of 40 and 60 ms. */
const tocs: ReadonlyMap<number, number> = new Map([
  [120, 0xe0],
  [240, 0xe8],
  [480, 0xf0],
  [960, 0xf8],
  [1920, 0x10],
  [2880, 0x18]
])

/** An Opus packet of this duration that contains its number. 5760 samples are two frames of 60 ms. */
export const opus = (samples: number, number: number): Uint8Array => {
  const body = [number >>> 16, (number >>> 8) & 0xff, number & 0xff, 0x55]
  return samples === 5760
    ? Uint8Array.of(0x19, ...body)
    : Uint8Array.of(tocs.get(samples) ?? 0xf8, ...body)
}

export const numberOf = (data: Uint8Array): number =>
  data.length < 5 ? -1 : ((data[1] ?? 0) << 16) | ((data[2] ?? 0) << 8) | (data[3] ?? 0)

export interface Sent {
  readonly number: number
  readonly ssrc: Ssrc
  readonly sequence: number
  readonly timestamp: number
  readonly samples: number
  /** When it is sent, by our clock. */
  readonly sentMs: number
}

export interface Arrival {
  readonly sent: Sent
  readonly atMs: number
}

/** A sender that goes by its own media time. */
export const sender = (
  { ppm = 0, sequence = 0, ssrc = SsrcOf.make(7), startMs = 0, timestamp = 0 }: {
    readonly ppm?: number
    readonly sequence?: number
    readonly ssrc?: Ssrc
    readonly startMs?: number
    readonly timestamp?: number
  } = {}
) => {
  let number = 0
  let media = 0
  return {
    send: (samples: number): Sent => {
      const sent: Sent = {
        number,
        ssrc,
        sequence: (sequence + number) & 0xffff,
        timestamp: (timestamp + media) >>> 0,
        samples,
        sentMs: startMs + (media / 48) * (1 + ppm / 1e6)
      }
      number++
      media += samples
      return sent
    },
    pause: (samples: number): void => {
      media += samples
    }
  }
}

/** Packets of 20 ms, unless `samples` says otherwise. */
export const many = (count: number, options?: Parameters<typeof sender>[0], samples = 960): ReadonlyArray<Sent> => {
  const from = sender(options)
  return Array.from({ length: count }, () => from.send(samples))
}

export interface Network {
  readonly loss: number
  readonly duplicate: number
  readonly jitterMs: number
  /** Whether jitter changes the order. */
  readonly reorders: boolean
  readonly seed: number
}

export const through = (
  packets: ReadonlyArray<Sent>,
  { duplicate, jitterMs, loss, reorders, seed }: Network
): ReadonlyArray<Arrival> => {
  const next = dice(seed)
  const arrivals: Array<Arrival> = []
  let lastMs = -Infinity
  for (const sent of packets) {
    if (next() < loss) continue
    const copies = next() < duplicate ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const atMs = sent.sentMs + 5 + next() * jitterMs
      lastMs = reorders ? atMs : Math.max(lastMs, atMs)
      arrivals.push({ sent, atMs: lastMs })
    }
  }
  return arrivals.toSorted((a, b) => a.atMs - b.atMs)
}

export const inputOf = ({ number, samples, sequence, ssrc, timestamp }: Sent): JitterBuffer.Input => ({
  ssrc,
  sequence,
  timestamp,
  payload: opus(samples, number)
})

export interface Given {
  readonly output: ReceivedFrame
  readonly nowMs: number
}

/** Pushes packets as they arrive, and takes what is due every `stepMs` and at each arrival. */
export const play = (
  buffer: JitterBuffer.JitterBuffer,
  arrivals: ReadonlyArray<Arrival>,
  { stepMs = 5, tailMs = 1_000 }: { readonly stepMs?: number; readonly tailMs?: number } = {}
): ReadonlyArray<Given> => {
  const given: Array<Given> = []
  const take = (nowMs: number) => {
    for (let output = buffer.pop(nowMs); output !== undefined; output = buffer.pop(nowMs)) given.push({ output, nowMs })
  }
  let nowMs = arrivals[0]?.atMs ?? 0
  for (const { atMs, sent } of arrivals) {
    for (; nowMs + stepMs < atMs; nowMs += stepMs) if (buffer.nextDueMs() <= nowMs) take(nowMs)
    nowMs = atMs
    buffer.push(inputOf(sent), atMs)
    take(atMs)
  }
  for (const endMs = nowMs + tailMs; nowMs < endMs; nowMs += stepMs) take(nowMs)
  return given
}
