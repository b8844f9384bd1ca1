/** A model of a user who speaks: which packets arrive when, and when they were spoken. */
import * as Part from "../../../src/receive/record/Part.ts"

const rate = 48_000

/** Random numbers that are the same each time. */
export const dice = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 0x1_0000_0000
}

export interface Spoken extends Part.Received {
  /** When it was spoken, in samples of the recording, including the shortest delay on the way to us. */
  readonly truth: number
}

export interface Habits {
  /** How much faster the sender's clock is than ours, in parts per million. */
  readonly ppm?: number
  /** Stretches of speech, in seconds by the sender's clock: from, to. */
  readonly speech: ReadonlyArray<readonly [from: number, to: number]>
  readonly silenceFrames?: boolean
  readonly ssrc?: number
  readonly firstTimestamp?: number
  readonly firstSequence?: number
  /** The shortest delay, and the jitter that is added to it. */
  readonly delayMs?: number
  readonly jitterMs?: number
  readonly loss?: number
  readonly duplicates?: number
  readonly seed?: number
  /** Whether jitter changes the order. Default false: a late packet holds up those after it. */
  readonly reorders?: boolean
}

/** A CELT packet that contains its number. */
export const sound = (number: number): Uint8Array =>
  Uint8Array.of(0xfc, (number >>> 16) & 0x7f, number >>> 8, number & 0xff, 7, 7)

export const numberOf = (packet: Uint8Array): number =>
  ((packet[1] ?? 0) << 16) | ((packet[2] ?? 0) << 8) | (packet[3] ?? 0)

export const silentFrame = Uint8Array.of(0xf8, 0xff, 0xfe)

/** Packets in the order of arrival. */
export const speak = (habits: Habits): Array<Spoken> => {
  const random = dice(habits.seed ?? 1)
  const { delayMs = 30, jitterMs = 0, loss = 0 } = habits
  const scale = 1 / (1 + (habits.ppm ?? 0) * 1e-6)
  const packets: Array<Spoken> = []
  let number = 0
  let latest = 0
  for (const [from, to] of habits.speech) {
    const count = Math.round((to - from) * 50)
    for (let i = 0; i < count + (habits.silenceFrames === true ? 5 : 0); i++) {
      const media = from * rate + i * 960
      const truth = media * scale + delayMs * 48
      const sequence = ((habits.firstSequence ?? 65_500) + number) & 0xffff
      const timestamp = ((habits.firstTimestamp ?? 0xffff_0000) + media) >>> 0
      const payload = i < count ? sound(number) : silentFrame
      number++
      if (random() < loss) continue
      const jittered = truth + random() * jitterMs * 48
      latest = Math.max(latest, jittered)
      const arrival = habits.reorders === true ? jittered : latest
      const packet = { ssrc: habits.ssrc ?? 7, sequence, timestamp, payload, arrival, truth }
      packets.push(packet)
      if (random() < (habits.duplicates ?? 0)) packets.push({ ...packet, arrival: arrival + 480 })
    }
  }
  return packets.toSorted((a, b) => a.arrival - b.arrival)
}

export interface Written {
  readonly data: Uint8Array
  readonly samples: number
  readonly at: number
  readonly sound: boolean
}

/** Passes packets to a part, with a turn every 100 ms. */
export const record = (
  packets: ReadonlyArray<Part.Received>,
  options: { readonly length?: number; readonly from?: number; readonly isOpen?: (now: number) => boolean } = {}
) => {
  const written: Array<Written> = []
  let now = options.from ?? 0
  const part = Part.make({
    hold: 400 * 48,
    isOpen: () => options.isOpen?.(now) ?? true,
    give: (data, samples, at, isSound) => written.push({ data, samples, at, sound: isSound })
  })
  for (const packet of packets) {
    for (; now + 4_800 <= packet.arrival; part.advance(now)) now += 4_800
    part.take(packet)
  }
  const length = options.length ?? now + rate
  for (; now + 4_800 <= length; part.advance(now)) now += 4_800
  part.finish(length)
  return { written, part, length }
}

/** How far each sound is from where it belongs, in samples. */
export const errors = (packets: ReadonlyArray<Spoken>, written: ReadonlyArray<Written>): ReadonlyArray<number> => {
  const truths = new Map(packets.map(({ payload, truth }) => [numberOf(payload), truth]))
  return written
    .filter(({ data, sound }) => sound && data[0] === 0xfc)
    .map(({ at, data }) => at - (truths.get(numberOf(data)) ?? Infinity))
}
