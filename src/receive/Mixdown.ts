/**
 * Mixes the ticks of all users: adds up their PCM, each at a gain that may change while it is heard.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"
import type { MixedFrame, PcmTick } from "./ReceivedFrame.ts"

/** A voice in a tick, with its gain at the start and the end. */
interface Part {
  readonly pcm: Int16Array
  readonly from: number
  readonly to: number
}

/** Above this the sum of two or more voices bends towards full scale instead of being clipped there. */
const knee = 0.75

/** By how much a sum has to be able to exceed full scale for the knee to be that low: by another voice at full level. */
const fullExcess = 1

/**
 * The share of full scale up to which nothing is bent, depending on the sum of the active gains. It goes from 1 to the knee as
 * the sum goes from 1 to 2, so that a single voice is unchanged, and a change of gains makes no step.
 */
const kneeOf = (gains: number): number => 1 - (1 - knee) * Math.max(0, Math.min(1, (gains - 1) / fullExcess))

const bent = (level: number, bend: number): number => {
  const room = 1 - bend
  return level <= bend ? level : bend + room * Math.tanh((level - bend) / room)
}

const soften = (sum: number, bend: number): number =>
  Math.sign(sum) * Math.min(32_767, Math.round(bent(Math.abs(sum) / 32_768, bend) * 32_768))

const totalOf = (parts: ReadonlyArray<Part>): number => parts.reduce((gains, { to }) => gains + to, 0)

/** Adds voices whose gains do not change. */
const addEven = (pcm: Int16Array, parts: ReadonlyArray<Part>): void => {
  const bend = kneeOf(totalOf(parts))
  for (let i = 0; i < pcm.length; i++) {
    let sum = 0
    for (const part of parts) sum += (part.pcm[i] ?? 0) * part.to
    pcm[i] = soften(sum, bend)
  }
}

/** `before` is the previous sum of the gains. It changes evenly to the current one, like each of the gains. */
const addChanging = (pcm: Int16Array, channels: number, parts: ReadonlyArray<Part>, before: number): void => {
  const count = pcm.length / channels
  const total = totalOf(parts)
  for (let at = 0; at < count; at++) {
    const share = (at + 1) / count
    const bend = kneeOf(before + (total - before) * share)
    for (let i = at * channels; i < (at + 1) * channels; i++) {
      let sum = 0
      for (const part of parts) sum += (part.pcm[i] ?? 0) * (part.from + (part.to - part.from) * share)
      pcm[i] = soften(sum, bend)
    }
  }
}

/**
 * Makes a function that mixes one tick after another. A gain that has changed since the last tick is reached evenly within the
 * tick, 20 ms; the gain of a user who was not heard before applies immediately. A single voice at gain 1 is unchanged, starting
 * 20 ms after other voices.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  /** The number of values in a tick, for all channels. */
  readonly length: number
  readonly channels: number
  readonly gainOf: (userId: UserId) => number
}): (tick: PcmTick) => MixedFrame => {
  const { channels, gainOf, length } = options
  /** The gains at the end of the last tick. */
  let former: ReadonlyMap<UserId, number> = new Map()
  /** The users who were heard in it, whose sound fades out in the next one. */
  let heard: ReadonlySet<UserId> = new Set()
  /** The sum of the gains at its end. */
  let formerTotal = 0
  return ({ atMs, dropped, index, participants }) => {
    const gains = new Map<UserId, number>()
    const speakers: Array<UserId> = []
    const parts: Array<Part> = []
    for (const [userId, { kind, pcm }] of participants) {
      const to = gainOf(userId)
      const from = former.get(userId) ?? to
      gains.set(userId, to)
      if (from === 0 && to === 0) continue
      if (kind !== "silence") {
        speakers.push(userId)
        parts.push({ pcm, from, to })
      } else if (heard.has(userId) && pcm.some((value) => value !== 0)) parts.push({ pcm, from, to })
    }
    former = gains
    heard = new Set(speakers)
    const pcm = new Int16Array(length)
    const [only] = parts
    const total = totalOf(parts)
    // after silence there is no sound in which a step could be heard
    const before = formerTotal === 0 ? parts.reduce((gains, { from }) => gains + from, 0) : formerTotal
    formerTotal = total
    const isEven = kneeOf(before) === kneeOf(total) && parts.every(({ from, to }) => from === to)
    if (isEven && parts.length === 1 && only !== undefined && only.to === 1) pcm.set(only.pcm)
    else if (isEven) addEven(pcm, parts)
    else addChanging(pcm, channels, parts, before)
    return { index, atMs, speakers, pcm, ...(dropped === undefined ? {} : { dropped }) }
  }
}
