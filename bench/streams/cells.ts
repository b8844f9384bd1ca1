/**
 * Measures cells of the streams benches in turn, and shows what was found.
 */
import { median, type Row } from "../measure.ts"
import type { Arrivals } from "./messages.ts"
import * as Rig from "./rig.ts"

export interface Round extends Arrivals {
  /** By the packets that arrived. */
  readonly cpuMicros: number
}

export interface Result {
  readonly cell: Rig.Cell
  readonly rounds: Array<Round>
}

/** Time between the first packets of all and the measurement, unless it is chosen. */
const defaultSettleMs = 1_500

/** Adds rounds to the results: all cells in turn, every other round in the opposite order. */
export const measure = async (results: ReadonlyArray<Result>, options: {
  readonly name: string
  readonly rounds: number
  readonly ms: number
  readonly settleMs?: number | undefined
  readonly progress: (text: string) => void
}): Promise<void> => {
  const { ms, name, progress, rounds, settleMs = defaultSettleMs } = options
  const maxStreams = Math.max(...results.map(({ cell }) => cell.count))
  const rig = await Rig.open({ maxStreams, maxSeconds: ms / 1_000 + 1 })
  try {
    for (let n = 0; n < rounds; n++) {
      const order = n % 2 === 0 ? results : results.toReversed()
      for (const [index, { cell, rounds: measured }] of order.entries()) {
        progress(
          `${name}: round ${n + 1}/${rounds}, cell ${index + 1}/${order.length}: ` +
            `${cell.count} x ${cell.subject.name}, ${cell.modes[0]}, Node ${cell.node.version}`
        )
        measured.push(
          await rig.with(cell, async (running) => {
            await running.play()
            await Rig.pause(settleMs)
            const { arrivals, cpuMicros } = await running.measure(ms)
            return { ...arrivals, cpuMicros: cpuMicros / arrivals.packets }
          })
        )
      }
    }
  } finally {
    await rig.close()
  }
}

export const spread = (values: ReadonlyArray<number>) => ({
  median: median(values),
  minimum: Math.min(...values),
  maximum: Math.max(...values)
})

export const shown = (values: ReadonlyArray<number>, digits = 1): string => {
  const { maximum, median, minimum } = spread(values)
  const text = (value: number) => Number.isFinite(value) ? value.toFixed(digits) : "lost"
  return `${text(median)} (${text(minimum)}-${text(maximum)})`
}

/** The median over the rounds of the CPU time of a cell by that of another, each pair from the same round. */
export const cpuRatio = (one: Result, other: Result): number =>
  median(one.rounds.map(({ cpuMicros }, index) => cpuMicros / (other.rounds[index]?.cpuMicros ?? Number.NaN)))

const lostOf = ({ rounds }: Result) => rounds.reduce((sum, { lost }) => sum + lost, 0)

/** A cell as `--json` tells it. */
export const figure = (result: Result) => {
  const { cell, rounds } = result
  return {
    streams: cell.count,
    mode: cell.modes[0],
    e2ee: cell.e2ee === true,
    player: cell.subject.name,
    source: cell.subject.source,
    node: cell.node.version,
    cpuMicros: spread(rounds.map(({ cpuMicros }) => cpuMicros)),
    p50: spread(rounds.map(({ p50 }) => p50)),
    p99: spread(rounds.map(({ p99 }) => p99)),
    max: spread(rounds.map(({ max }) => max)),
    slowest: spread(rounds.map(({ slowest }) => slowest)),
    lost: lostOf(result),
    silent: rounds.reduce((sum, { streams }) => sum + cell.count - streams, 0)
  }
}

/** A cell as a line of the table; `more` stands between what it is and what was measured. */
export const row = (result: Result, more: Row): Row => {
  const { cell, rounds } = result
  return {
    streams: cell.count,
    mode: cell.modes[0]?.includes("xchacha20") === true ? "xchacha20" : "aes256-gcm",
    player: cell.subject.name,
    Node: cell.node.version,
    ...more,
    "CPU us/packet": shown(rounds.map(({ cpuMicros }) => cpuMicros)),
    "late p50 ms": shown(rounds.map(({ p50 }) => p50)),
    "p99 ms": shown(rounds.map(({ p99 }) => p99)),
    "max ms": shown(rounds.map(({ max }) => max), 0),
    "slowest stream, packets/s": shown(rounds.map(({ slowest }) => slowest)),
    lost: lostOf(result)
  }
}
