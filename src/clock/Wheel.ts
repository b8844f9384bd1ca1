/**
 * A timing wheel with a slot a millisecond. What is due within 256 ms lies in the slot of its due time; what is due later lies
 * in a long slot of 256 ms, which is dealt out to the short ones when it begins. What it costs to put something in does not
 * depend on how much waits, and for each packet something is put in.
 *
 * @since 0.1.0
 */

/**
 * What a wheel holds. It writes `slot`, and its user `due`, which is not to change while it is in a slot.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** The millisecond at which it is due: a whole number. */
  due: number
  /** The slot that holds it, or {@link noSlot}. */
  slot: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Wheel<A extends Entry> {
  /** Puts in what is in no slot. What is due already comes with the next millisecond. */
  readonly insert: (entry: A) => void
  /** Takes out what is in a slot, and leaves alone what is in none. */
  readonly extract: (entry: A) => void
  readonly isEmpty: () => boolean
  /** The millisecond that the wheel stands at: what was due by then has been taken. */
  readonly at: () => number
  /** The next millisecond at which there is something to take or to deal out; `Infinity` if the wheel is empty. */
  readonly next: () => number
  /** Goes on to a time without taking anything. For an empty wheel only; it never goes back. */
  readonly skip: (toMs: number) => void
  /**
   * Goes on to `toMs`, and has `take` take what is due, slot by slot. What it gets is in no slot any more, in an array that is
   * used again; it may put in and take out what it likes. Where it throws, the rest comes with the next turn.
   */
  readonly turn: (toMs: number, take: (due: ReadonlyArray<A>) => void) => void
}

/**
 * Instead of a slot.
 *
 * @category constants
 * @since 0.1.0
 */
export const noSlot = -1

/** Slots of 1 ms, and as many again of as many milliseconds each. A power of two. */
const slots = 256

const mask = slots - 1

/** The number of a long slot. Numbers go on; where the slots lie begins again after as many as there are. */
const longOf = (ms: number): number => Math.floor(ms / slots)

/**
 * An empty wheel that stands at a whole number of milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends Entry>(startMs: number): Wheel<A> => {
  /** First the short slots, then the long ones. */
  const lists: Array<Array<A>> = Array.from({ length: 2 * slots }, () => [])
  let spare: Array<A> = []
  let waiting = 0
  let current = startMs

  const insert = (entry: A): void => {
    const due = Math.max(entry.due, current + 1)
    entry.slot = due <= current + slots
      ? due & mask
      // what is due later still waits in the last one, and is put back when its turn comes
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

  /** Deals out a long slot that begins. */
  const deal = (long: number): void => {
    const list = lists[slots + (long & mask)]
    if (list === undefined || list.length === 0) return
    const entries = list.splice(0)
    waiting -= entries.length
    for (const entry of entries) insert(entry)
  }

  /** Whether nothing is due at a time, nor is to be dealt out then. */
  const isIdle = (ms: number): boolean =>
    (lists[ms & mask]?.length ?? 0) === 0 &&
    ((ms & mask) !== 0 || (lists[slots + (longOf(ms) & mask)]?.length ?? 0) === 0)

  const next = (): number => {
    if (waiting === 0) return Infinity
    let ms = current + 1
    while (isIdle(ms)) ms++
    return ms
  }

  /** Takes what lies in a short slot out of it; `undefined` if there is nothing. */
  const empty = (slot: number): ReadonlyArray<A> | undefined => {
    const list = lists[slot]
    if (list === undefined || list.length === 0) return undefined
    // two lists change places, so that no garbage is made fifty times a second
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
    // behind a stall, each short slot is taken once
    const first = Math.max(current + 1, toMs - slots + 1)
    const begun = longOf(current) + 1
    current = first - 1
    // those that the stall has passed over
    for (let long = Math.max(begun, longOf(current) - slots + 1); long <= longOf(current); long++) deal(long)
    for (let ms = first; ms <= toMs; ms++) {
      // still the millisecond before
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
