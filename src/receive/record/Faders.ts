/**
 * The levels of users in the mixed file of a recording, over time. Sound is mixed some time after it is heard. A level applies
 * from when it was set, or from the end of what had been mixed by then. Each change takes 20 ms.
 *
 * All times are in samples at 48 kHz after the start of the recording.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { UserId } from "../../protocol/Identifier.ts"
import * as VoiceError from "../../VoiceError.ts"
import * as Levels from "../Levels.ts"
import type { Recording } from "./Recording.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Faders {
  readonly controls: Pick<Recording, "setLevel" | "levels">
  /** The gains for this many samples from a time on, which are final from then on; `undefined` if all of them are 1. */
  readonly gains: (userId: UserId, at: number, samples: number) => Float32Array | undefined
  /** Forgets the time before `settled`, for which nothing is asked any more. */
  readonly forget: (settled: number) => void
}

const rampSamples = 960

/** Changes that follow each other faster than this are merged, so that the number of changes is limited by time. */
const stepSamples = 48

/** Between two points the gain is linear. */
interface Point {
  readonly at: number
  readonly gain: number
}

const gainAt = (points: ReadonlyArray<Point>, at: number): number => {
  let before = points[0] ?? { at, gain: 1 }
  for (const point of points) {
    if (point.at > at) {
      return point.at === before.at
        ? point.gain
        : before.gain + (point.gain - before.gain) * Math.max(0, (at - before.at) / (point.at - before.at))
    }
    before = point
  }
  return before.gain
}

/** A decoder's sound may be placed before its packet by at most this, in samples. */
const lateness = 4_800

/** How far sound may be ahead of its time, in samples: at most by a packet, which is mixed as a whole. */
const earliness = 5_760

/**
 * Makes levels in which everybody has the default. `now` is the time of the recording.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: { readonly isMixed: boolean; readonly now: () => number }): Faders => {
  const levels = Levels.make()
  /** The users who ever had another gain. */
  const lines = new Map<UserId, ReadonlyArray<Point>>()
  /** The time up to which gains were requested. */
  const settledAt = new Map<UserId, number>()

  const turn = (userId: UserId): void => {
    const now = options.now()
    const asked = settledAt.get(userId) ?? -Infinity
    const settled = asked <= now + earliness ? asked : -Infinity
    // what was mixed ahead of its time without a change would end in a step
    const at = Math.max(now, settled)
    const points = lines.get(userId) ?? []
    const past = points.filter((point) => point.at <= at)
    const last = past.at(-1)
    // a change that has only just begun is undone
    const isTakenBack = last !== undefined && at - last.at < stepSamples && last.at >= settled
    const begun = isTakenBack ? [] : [{ at, gain: gainAt(points, at) }]
    const from = begun[0]?.at ?? last?.at ?? at
    lines.set(userId, [...past, ...begun, { at: from + rampSamples, gain: levels.gainOf(userId) }])
  }

  return {
    controls: {
      setLevel: Effect.fnUntraced(function*(userId, level) {
        if (!options.isMixed) {
          return yield* VoiceError.fail(
            new VoiceError.Unsupported({
              feature: "a level in the mixed file",
              detail: "the recording has no mixed file"
            })
          )
        }
        yield* levels.set(userId, level)
        turn(userId)
      }),
      levels: Effect.sync(levels.all)
    },
    gains: (userId, at, samples) => {
      settledAt.set(userId, Math.max(settledAt.get(userId) ?? at, at + samples))
      const points = lines.get(userId)
      if (points === undefined) return undefined
      const isEven = points.every((point) => point.at <= at || point.at >= at + samples || point.gain === 1) &&
        gainAt(points, at) === 1 && gainAt(points, at + samples) === 1
      if (isEven) return undefined
      return Float32Array.from({ length: samples }, (_, i) => gainAt(points, at + i))
    },
    forget: (settled) => {
      const until = settled - lateness
      for (const [userId, at] of settledAt) if (at < until) settledAt.delete(userId)
      for (const [userId, points] of lines) {
        const first = points.findLastIndex((point) => point.at <= until)
        const kept = first <= 0 ? points : points.slice(first)
        if (kept.length === 1 && kept[0]?.gain === 1) lines.delete(userId)
        else lines.set(userId, kept)
      }
    }
  }
}
