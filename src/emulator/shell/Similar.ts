/**
 * Names that look like misspellings of others.
 *
 * @since 0.1.0
 */

/** The letters of the words. A number, or a letter of its own, tells names apart that are meant to be alike: "bot 2", "bot b". */
const lettersOf = (name: string): string =>
  name.toLowerCase().split(/[^\p{L}\p{N}]+/u).map((word) => word.replaceAll(/\p{N}/gu, ""))
    .filter((word) => word.length > 1).join("")

const plainOf = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "")

/** The number of letters to insert, delete, replace, or swap with the next one. */
const distance = (one: string, other: string): number => {
  let before: ReadonlyArray<number> = []
  let row: ReadonlyArray<number> = Array.from({ length: other.length + 1 }, (_, i) => i)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1]
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (before[j - 2] ?? 0) + 1 : Infinity
      )
    }
    before = row
    row = next
  }
  return row[other.length] ?? 0
}

/** From this length, two letters may be wrong. */
const longLetters = 6

const isSimilar = (name: string, known: string): boolean => {
  if (plainOf(name) === plainOf(known)) return true
  const [one, other] = [lettersOf(name), lettersOf(known)]
  const shortest = Math.min(one.length, other.length)
  return one !== other && shortest > 2 && distance(one, other) <= (shortest < longLetters ? 1 : 2)
}

/**
 * The first known name that a new name may be a misspelling of.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = (name: string, known: Iterable<string>): string | undefined =>
  Array.from(known).find((other) => isSimilar(name, other))
