/**
 * Measures small synchronous functions against each other: rounds in turn, so that a disturbance of the machine hits all,
 * and the median of the rounds beside their spread. Absolute figures move from machine to machine; ratios of rounds that
 * ran next to each other move less.
 */

/** What a bench may be asked for. */
export interface Options {
  /** Fewer and shorter rounds: to see that it works, not to quote. */
  readonly quick: boolean
  /** Rounds of those benches that run other processes, in place of their own number. */
  readonly rounds: number | undefined
  /** How many streams to play at once, in place of a bench's own numbers. */
  readonly counts: ReadonlyArray<number> | undefined
  /** Versions of Node on which those benches that run other processes run them, too. */
  readonly nodes: ReadonlyArray<string>
  /** Time between the first packets of all streams and the measurement, in place of the bench's own. */
  readonly settleMs: number | undefined
  /** Says what is being measured, to a person who waits. */
  readonly progress: (text: string) => void
}

/** One line of a table. */
export type Row = { readonly [column: string]: string | number }

/** What a bench found out. */
export interface Report {
  /** The table that is printed. */
  readonly rows: ReadonlyArray<Row>
  /** What `--json` prints: the figures as numbers, in any form that JSON has. */
  readonly figures: unknown
  /** What a reader of the figures should know. */
  readonly notes: ReadonlyArray<string>
}

/** Something to run by name. */
export interface Bench {
  readonly name: string
  readonly summary: string
  readonly run: (options: Options) => Promise<Report>
}

/** A function under measurement. `prepare` runs before each round and is not measured. */
export interface Subject {
  readonly name: string
  readonly prepare?: (() => void) | undefined
  /** One operation, `index` counting up from 0 in each round. */
  readonly run: (index: number) => void
}

/** Microseconds an operation. */
export interface Figures {
  readonly median: number
  readonly minimum: number
  readonly maximum: number
  readonly rounds: ReadonlyArray<number>
}

/** The least value that the given share (0 to 1) of them does not exceed. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** @returns the middle of the sorted values, or the mean of the two */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >>> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

const round = (subject: Subject, operations: number): number => {
  subject.prepare?.()
  const run = subject.run
  const start = process.hrtime.bigint()
  for (let i = 0; i < operations; i++) run(i)
  return Number(process.hrtime.bigint() - start) / 1000 / operations
}

/**
 * Runs all subjects in turn for `rounds` rounds of `operations` operations each, after two rounds to warm up. Every other
 * round runs them in the opposite order.
 */
export const interleave = (
  subjects: ReadonlyArray<Subject>,
  options: { readonly rounds: number; readonly operations: number }
): ReadonlyMap<string, Figures> => {
  const results = new Map(subjects.map((subject) => [subject.name, Array<number>()]))
  const backwards = subjects.toReversed()
  for (let n = -2; n < options.rounds; n++) {
    for (const subject of n % 2 === 0 ? subjects : backwards) {
      const micros = round(subject, options.operations)
      if (n >= 0) results.get(subject.name)?.push(micros)
    }
  }
  return new Map(
    [...results].map(([name, rounds]) => [name, {
      median: median(rounds),
      minimum: Math.min(...rounds),
      maximum: Math.max(...rounds),
      rounds
    }])
  )
}

/** The median over the rounds of `ours / theirs`, each pair from the same round. */
export const ratio = (ours: Figures, theirs: Figures): number =>
  median(ours.rounds.map((micros, index) => micros / (theirs.rounds[index] ?? Number.NaN)))

/** `median (minimum-maximum)`, in microseconds. */
export const show = (figures: Figures): string =>
  `${figures.median.toFixed(2)} (${figures.minimum.toFixed(2)}-${figures.maximum.toFixed(2)})`

/** Rows as a table with aligned columns. */
export const table = (rows: ReadonlyArray<Row>): string => {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))]
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)))
  const format = (cells: ReadonlyArray<string>) =>
    cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join("  ").trimEnd()
  return lines.flatMap((cells, index) =>
    index === 0 ? [format(cells), format(widths.map((width) => "-".repeat(width)))] : [format(cells)]
  ).join("\n")
}
