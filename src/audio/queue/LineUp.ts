/**
 * The order of a queue: what waits, what was played, and how repetition affects both. Plain data; the caller knows what
 * plays.
 *
 * @since 0.1.0
 */

/**
 * What follows an entry that was played. `off`: the next entry. `one`: the same entry. `all`: the next entry, and the same
 * one again at the end of the queue.
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
  /** Inserts at the end, or at the place `at` among the waiting entries. */
  readonly insert: (item: A, at?: number) => void
  /** Removes an entry, if it waits. */
  readonly remove: (item: A) => void
  /** Puts the waiting entries in the order of `items`. */
  readonly arrange: (items: ReadonlyArray<A>) => void
  readonly clear: () => void
  /** The entry that comes after `current`. */
  readonly next: (current: A | undefined) => A | undefined
  /**
   * Moves an entry that is no longer current to the history, and back to the waiting ones if all are repeated. An entry that
   * comes next itself, as when `one` is repeated and it was not skipped, waits again and does not go to the history yet.
   */
  readonly played: (item: A, how: { readonly isRepeatable: boolean; readonly isSkipped: boolean }) => void
  /** Takes the latest entry out of the history, for {@link LineUp.return}. */
  readonly recall: () => A | undefined
  /** Puts the recalled entry in front, and the current one after it. */
  readonly return: (recalled: A, current: A | undefined) => void
}

const historyKept = 100

/**
 * Makes an empty line-up.
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
      // an entry that repeats is not over: the one before it stays the latest
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
