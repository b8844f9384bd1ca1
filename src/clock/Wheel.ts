/**
 * A timing wheel with one slot per millisecond. An entry that is due within 256 ms is in the slot of its due time. Later ones
 * are in long slots of 256 ms, which are distributed to the short slots when they begin. The cost of an insertion, which
 * happens for each packet, does not depend on the number of entries.
 *
 * @since 0.1.0
 */

/**
 * An entry of a wheel. The wheel writes `slot`, its user `due`, which must not change while the entry is in a slot.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** The millisecond at which it is due: a whole number. */
  due: number
  /** The slot that contains it, or {@link noSlot}. */
  slot: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Wheel<A extends Entry> {
  /** Inserts an entry that is in no slot. If it is already due, it comes with the next millisecond. */
  readonly insert: (entry: A) => void
  /** Removes an entry from its slot. Does nothing if it is in none. */
  readonly extract: (entry: A) => void
  readonly isEmpty: () => boolean
  /** The current millisecond: everything that was due by then has been taken. */
  readonly at: () => number
  /** The next millisecond at which something has to be taken or distributed; `Infinity` if the wheel is empty. */
  readonly next: () => number
  /** Advances to a time without taking anything. Only for an empty wheel; never goes back. */
  readonly skip: (toMs: number) => void
  /**
   * Advances to `toMs` and passes what is due to `take`, slot by slot. These entries are in no slot any more, and the array is
   * reused. `take` may insert and remove entries. If it throws, the rest comes with the next turn.
   */
  readonly turn: (toMs: number, take: (due: ReadonlyArray<A>) => void) => void
}

/**
 * Used instead of a slot.
 *
 * @category constants
 * @since 0.1.0
 */
export const noSlot = -1

/** The number of slots of 1 ms, and of long slots of that many milliseconds each. A power of two. */
const slots = 256

const mask = slots - 1

/** The number of a long slot. Numbers only grow; they map to the slots modulo the number of slots. */
const longOf = (ms: number): number => Math.floor(ms / slots)

/**
 * Makes an empty wheel at a whole number of milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends Entry>(startMs: number): Wheel<A> => {
  /** The short slots, then the long ones. */
  const lists: Array<Array<A>> = Array.from({ length: 2 * slots }, () => [])
  let spare: Array<A> = []
  let waiting = 0
  let current = startMs

  const insert = (entry: A): void => {
    const due = Math.max(entry.due, current + 1)
    entry.slot = due <= current + slots
      ? due & mask
      // what is due later waits in the last one, and is reinserted when its turn comes
      : slots + (Math.min(longOf(due), longOf(current) + slots - 1) & mask)
    lists[entry.slot]?.push(entry)
    waiting++
  }

  const extract = (entry: A): void => {
    if (entry.slot === noSlot) return
    const list = lists[entry.slot]
    const index = list === undefined ? -1 : list.indexOf(entry)
    entry.slot = noSlot
    if (list === undefined || index === -1) return
    list.splice(index, 1)
    waiting--
  }

  /** Distributes a long slot that begins. */
  const deal = (long: number): void => {
    const list = lists[slots + (long & mask)]
    if (list === undefined || list.length === 0) return
    const entries = list.splice(0)
    waiting -= entries.length
    for (const entry of entries) insert(entry)
  }

  /** Whether nothing is due or has to be distributed at a time. */
  const isIdle = (ms: number): boolean =>
    (lists[ms & mask]?.length ?? 0) === 0 &&
    ((ms & mask) !== 0 || (lists[slots + (longOf(ms) & mask)]?.length ?? 0) === 0)

  const next = (): number => {
    if (waiting === 0) return Infinity
    let ms = current + 1
    while (isIdle(ms)) ms++
    return ms
  }

  /** Takes the entries out of a short slot; `undefined` if there are none. */
  const empty = (slot: number): ReadonlyArray<A> | undefined => {
    const list = lists[slot]
    if (list === undefined || list.length === 0) return undefined
    // two lists are swapped, so that no garbage is created fifty times per second
    spare.length = 0
    lists[slot] = spare
    spare = list
    waiting -= list.length
    for (let i = 0; i < list.length; i++) {
      const entry = list[i]
      if (entry !== undefined) entry.slot = noSlot
    }
    return list
  }

  const turn = (toMs: number, take: (due: ReadonlyArray<A>) => void): void => {
    // after a stall, each short slot is taken once
    const first = Math.max(current + 1, toMs - slots + 1)
    const begun = longOf(current) + 1
    current = first - 1
    // those that the stall skipped
    for (let long = Math.max(begun, longOf(current) - slots + 1); long <= longOf(current); long++) deal(long)
    for (let ms = first; ms <= toMs; ms++) {
      // still at the millisecond before
      if ((ms & mask) === 0) deal(longOf(ms))
      current = ms
      const due = empty(ms & mask)
      if (due !== undefined) take(due)
    }
  }

  return {
    insert,
    extract,
    isEmpty: () => waiting === 0,
    at: () => current,
    next,
    skip: (toMs) => {
      current = Math.max(current, toMs)
    },
    turn
  }
}
