/**
 * How long packets wait for a word of the voice gateway, such as whose an SSRC is, and how many of them: more while its WebSocket is
 * lost, because that word can come with the resume only, and for a moment behind it.
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
  /** The WebSocket is lost. */
  readonly lose: () => void
  /** It was replaced, and all that was missed has been said; or there is another connection. */
  readonly regain: (nowMs: number) => void
}

/** What is older is of no use to whoever listens, and few resumes take longer. */
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
 * Parts those that go on waiting from those that are too many, both in their order. The oldest go of whoever has most, so that one
 * for whom nothing comes pushes out nobody else.
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
