/**
 * Packets of an SSRC whose owner is unknown. They wait for the owner, for a limited time.
 *
 * @since 0.1.0
 */
import * as Hold from "../driver/e2ee/Hold.ts"
import type { AudioPacket } from "../driver/Line.ts"
import type { Ssrc } from "../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly packet: AudioPacket
  readonly arrivalMs: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Nameless extends Pick<Hold.Hold, "lose" | "regain"> {
  readonly push: (waiting: Waiting, nowMs: number) => void
  /** Takes the packets of an SSRC whose owner has become known, in order. */
  readonly take: (ssrc: Ssrc, nowMs: number) => ReadonlyArray<Waiting>
  /** Gives up those that have waited too long. */
  readonly expire: (nowMs: number) => void
  /** Gives up all of them. */
  readonly forget: () => void
  readonly isEmpty: () => boolean
  /** How many were given up. */
  readonly unknown: () => number
}

/**
 * The usual limits.
 *
 * @category constants
 * @since 0.1.0
 */
export const usual: Hold.Bounds = { ms: 1_000, packets: 100 }

const none: ReadonlyArray<Waiting> = []

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Nameless => {
  const hold = Hold.make(usual)
  let all: Array<Waiting> = []
  let unknown = 0

  const keep = (kept: Array<Waiting>): void => {
    unknown += all.length - kept.length
    all = kept
  }

  const expire = (nowMs: number): void => {
    const { ms, packets } = hold.bounds(nowMs)
    let old = 0
    while (old < all.length && nowMs - (all[old]?.arrivalMs ?? nowMs) > ms) old++
    if (old > 0) keep(all.slice(old))
    if (all.length > packets) keep(Hold.part(all, ({ packet }) => packet.ssrc, packets)[0])
  }

  return {
    lose: () => hold.lose(),
    regain: (nowMs) => hold.regain(nowMs),
    expire,
    push: (waiting, nowMs) => {
      all.push(waiting)
      expire(nowMs)
    },
    take: (ssrc, nowMs) => {
      if (all.length === 0) return none
      expire(nowMs)
      const named = all.filter(({ packet }) => packet.ssrc === ssrc)
      if (named.length > 0) all = all.filter(({ packet }) => packet.ssrc !== ssrc)
      return named
    },
    forget: () => keep([]),
    isEmpty: () => all.length === 0,
    unknown: () => unknown
  }
}
