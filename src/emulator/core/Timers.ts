/**
 * The emulator's due times: a binary heap, ordered by time and, for equal times, by the order of registration. Only the shell
 * moves the clock.
 *
 * @since 0.1.0
 */
import type { Timers } from "./CoreContext.ts"

/**
 * The heap with its clock. All times are milliseconds of the shell's clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimerQueue extends Timers {
  readonly now: () => number
  /**
   * Runs everything that is due up to `nowMs`, in order. While an action runs, `now()` is its due time. Time never goes back:
   * an earlier `nowMs` only runs what is already due.
   */
  readonly advance: (nowMs: number) => void
  /** The next due time, if there is one. */
  readonly nextDueMs: () => number | undefined
}

interface Entry {
  readonly atMs: number
  readonly order: number
  action: (() => void) | undefined
}

const before = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (nowMs: number): TimerQueue => {
  const heap: Array<Entry> = []
  let now = nowMs
  let order = 0
  let cancelled = 0

  const up = (from: number, entry: Entry) => {
    let i = from
    while (i > 0) {
      const p = (i - 1) >> 1
      const parent = heap[p]
      if (parent === undefined || !before(entry, parent)) break
      heap[i] = parent
      i = p
    }
    heap[i] = entry
  }
  const down = (from: number, entry: Entry) => {
    let i = from
    while (true) {
      let child = 2 * i + 1
      let least = heap[child]
      if (least === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && before(right, least)) {
        least = right
        child++
      }
      if (!before(least, entry)) break
      heap[i] = least
      i = child
    }
    heap[i] = entry
  }
  const pop = () => {
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) down(0, last)
  }
  const live = (): Entry | undefined => {
    while (true) {
      const top = heap[0]
      if (top === undefined || top.action !== undefined) return top
      pop()
      cancelled--
    }
  }
  // Long timers that are always canceled (heartbeat deadlines) would otherwise pile up.
  const compact = () => {
    const kept = heap.filter((entry) => entry.action !== undefined)
    heap.length = 0
    cancelled = 0
    for (const entry of kept) {
      heap.push(entry)
      up(heap.length - 1, entry)
    }
  }

  return {
    now: () => now,
    at: (atMs, action) => {
      const entry: Entry = { atMs, order: order++, action }
      heap.push(entry)
      up(heap.length - 1, entry)
      return () => {
        if (entry.action === undefined) return
        entry.action = undefined
        cancelled++
        if (cancelled > 64 && cancelled * 2 > heap.length) compact()
      }
    },
    advance: (nowMs) => {
      while (true) {
        const top = live()
        if (top === undefined || top.atMs > nowMs) break
        pop()
        const action = top.action
        top.action = undefined
        if (top.atMs > now) now = top.atMs
        action?.()
      }
      if (nowMs > now) now = nowMs
    },
    nextDueMs: () => live()?.atMs
  }
}
