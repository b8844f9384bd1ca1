/**
 * How long packets wait for information from the voice gateway, such as the owner of an SSRC, and how many of them. While its
 * WebSocket is lost, and for a moment after that, the limits are higher, because the information can come only with the resume.
 *
 * @since 0.1.0
 */
import type { Ssrc } from "../../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Bounds {
  /** Milliseconds. */
  readonly ms: number
  readonly packets: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Hold {
  readonly bounds: (nowMs: number) => Bounds
  /** Whether it is longer than usual. */
  readonly isStretched: (nowMs: number) => boolean
  /** Tells that the WebSocket is lost. */
  readonly lose: () => void
  /** Tells that it was replaced and everything that was missed has been sent, or that there is another connection. */
  readonly regain: (nowMs: number) => void
}

/** Older packets are of no use to a listener, and few resumes take longer. */
const stretched: Bounds = { ms: 5_000, packets: 1_000 }

class UntilRegained implements Hold {
  readonly #usual: Bounds
  #untilMs = -Infinity

  constructor(usual: Bounds) {
    this.#usual = usual
  }

  bounds(nowMs: number): Bounds {
    return this.isStretched(nowMs) ? stretched : this.#usual
  }

  isStretched(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  lose(): void {
    this.#untilMs = Infinity
  }

  regain(nowMs: number): void {
    if (this.#untilMs === Infinity) this.#untilMs = nowMs + this.#usual.ms
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (usual: Bounds): Hold => new UntilRegained(usual)

/**
 * Splits the waiting packets into those that continue to wait and those that are too many, each in order. The oldest packets of
 * whoever has the most are dropped, so that one for whom nothing comes does not displace others.
 *
 * @category combinators
 * @since 0.1.0
 */
export const part = <A>(
  all: ReadonlyArray<A>,
  ssrcOf: (one: A) => Ssrc,
  packets: number
): readonly [kept: Array<A>, tooMany: ReadonlyArray<A>] => {
  const counts = new Map<Ssrc, number>()
  for (const one of all) counts.set(ssrcOf(one), (counts.get(ssrcOf(one)) ?? 0) + 1)
  const going = new Map<Ssrc, number>()
  for (let excess = all.length - packets; excess > 0; excess--) {
    let most: readonly [Ssrc, number] | undefined
    for (const entry of counts) if (most === undefined || entry[1] > most[1]) most = entry
    if (most === undefined) break
    const [ssrc, count] = most
    counts.set(ssrc, count - 1)
    going.set(ssrc, (going.get(ssrc) ?? 0) + 1)
  }
  const kept: Array<A> = []
  const tooMany: Array<A> = []
  for (const one of all) {
    const left = going.get(ssrcOf(one)) ?? 0
    going.set(ssrcOf(one), left - 1)
    const place = left > 0 ? tooMany : kept
    place.push(one)
  }
  return [kept, tooMany]
}
