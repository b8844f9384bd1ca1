/**
 * The order of a queue: what waits, what was played, and what repetition makes of both. Plain data; what plays is known to
 * whoever asks.
 *
 * @since 0.1.0
 */

/**
 * What follows an entry that was played: `off`: the next; `one`: itself; `all`: the next, and itself again at the end of the
 * queue.
 *
 * @category models
 * @since 0.1.0
 */
export type Repeat = "off" | "one" | "all"

/**
 * @category models
 * @since 0.1.0
 */
export interface LineUp<A> {
  readonly upcoming: () => ReadonlyArray<A>
  /** What was played, the latest last: a hundred at most. */
  readonly history: () => ReadonlyArray<A>
  readonly repeat: () => Repeat
  readonly setRepeat: (repeat: Repeat) => void
  /** At the end, or so that it is the one at place `at` of those that wait. */
  readonly insert: (item: A, at?: number) => void
  /** Takes it out, if it waits. */
  readonly remove: (item: A) => void
  /** Puts all that waits in the order of `items`. */
  readonly arrange: (items: ReadonlyArray<A>) => void
  readonly clear: () => void
  /** What comes after `current`. */
  readonly next: (current: A | undefined) => A | undefined
  /**
   * What is no longer current goes to the history, and waits again where all is repeated. What is next itself, as where `one` is
   * repeated and it was not skipped, waits again and is not in the history yet.
   */
  readonly played: (item: A, how: { readonly isRepeatable: boolean; readonly isSkipped: boolean }) => void
  /** Takes the latest out of the history, for {@link LineUp.return}. */
  readonly recall: () => A | undefined
  /** Puts what was recalled in front, and what is current behind it. */
  readonly return: (recalled: A, current: A | undefined) => void
}

const historyKept = 100

/**
 * An empty one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(initialRepeat: Repeat): LineUp<A> => {
  let repeat = initialRepeat
  let upcoming: Array<A> = []
  const history: Array<A> = []

  const remove = (item: A): void => {
    upcoming = upcoming.filter((one) => one !== item)
  }

  return {
    upcoming: () => upcoming,
    history: () => history,
    repeat: () => repeat,
    setRepeat: (value) => {
      repeat = value
    },
    insert: (item, at = NaN) => void upcoming.splice(Number.isNaN(at) ? upcoming.length : Math.max(0, at), 0, item),
    remove,
    arrange: (items) => {
      upcoming = [...items]
    },
    clear: () => {
      upcoming = []
    },
    next: (current) => {
      if (current !== undefined && repeat === "one") return current
      return upcoming[0] ?? (repeat === "all" ? current : undefined)
    },
    played: (item, { isRepeatable, isSkipped }) => {
      // one that comes again by itself is not over: what was before it stays the latest
      const comesNext = isRepeatable && (repeat === "one" ? !isSkipped : repeat === "all" && upcoming.length === 0)
      if (comesNext) return void upcoming.unshift(item)
      history.push(item)
      if (history.length > historyKept) history.shift()
      if (isRepeatable && repeat === "all") upcoming.push(item)
    },
    recall: () => history.pop(),
    return: (recalled, current) => {
      remove(recalled)
      if (current !== undefined && current !== recalled) upcoming.unshift(current)
      upcoming.unshift(recalled)
    }
  }
}
