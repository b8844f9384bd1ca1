/**
 * Passthrough streams in one process, to a UDP sink in another: what a packet costs, how late it comes, and how many streams
 * get their fifty packets a second. Beside this library the bare loop of the same cipher, and other libraries, unmodified.
 */
import { type Bench, median, type Row } from "./measure.ts"
import type { Arrivals } from "./streams/messages.ts"
import * as Rig from "./streams/rig.ts"

const xchacha = "aead_xchacha20_poly1305_rtpsize"
const gcm = "aead_aes256_gcm_rtpsize"
const modes = [xchacha, gcm]

const ours: Rig.Subject = { name: "ours", script: "ours", source: "packets" }
const bare: Rig.Subject = { name: "bare loop", script: "bare", source: "packets" }
const discordjs: Rig.Subject = { name: "@discordjs/voice", script: "discordjs", source: "packets" }
const dysnomia: Rig.Subject = { name: "dysnomia", script: "dysnomia", source: "ogg" }

/** What each chooses by itself where Discord offers both: we the cheaper one, the others the first in the list. */
const defaultMode = new Map([[ours, xchacha], [discordjs, gcm]])

interface Round extends Arrivals {
  readonly cpuMicros: number
}

interface Result {
  readonly cell: Rig.Cell
  readonly mode: string
  readonly rounds: Array<Round>
}

const settleMs = 1_500

const spread = (values: ReadonlyArray<number>) => ({
  median: median(values),
  minimum: Math.min(...values),
  maximum: Math.max(...values)
})

const shown = (values: ReadonlyArray<number>, digits = 1) => {
  const { maximum, median, minimum } = spread(values)
  const text = (value: number) => Number.isFinite(value) ? value.toFixed(digits) : "lost"
  return `${text(median)} (${text(minimum)}-${text(maximum)})`
}

/** The median over the rounds of one figure of a cell by that of another, each pair from the same round. */
const ratio = (one: Result, other: Result, of: (round: Round) => number): number =>
  median(one.rounds.map((round, index) => {
    const beside = other.rounds[index]
    return beside === undefined ? Number.NaN : of(round) / of(beside)
  }))

const cpu = ({ cpuMicros }: Round) => cpuMicros

export const streams: Bench = {
  name: "streams",
  summary: "1 to 1,000 passthrough streams in a process: cost of a packet, lateness, packets a second",
  run: async ({ counts: wantedCounts, nodes, progress, quick, rounds: wanted }) => {
    const counts = wantedCounts ?? (quick ? [20] : [1, 100, 500, 1_000])
    const rounds = wanted ?? (quick ? 1 : 7)
    const ms = quick ? 1_000 : 5_000
    const others = quick ? [] : nodes.map(Rig.fetchNode)
    const cellsOf = (node: Rig.Node, counts: ReadonlyArray<number>, pairs: ReadonlyArray<[Rig.Subject, string]>) =>
      counts.flatMap((count) =>
        pairs.map(([subject, mode]): Result => ({
          cell: { subject, count, modes: [mode], node },
          mode,
          rounds: []
        }))
      )
    const all = modes.flatMap((mode) =>
      [ours, bare, discordjs, dysnomia].map((subject): [Rig.Subject, string] => [subject, mode])
    )
    const some: ReadonlyArray<[Rig.Subject, string]> = [[ours, xchacha], [bare, xchacha], [discordjs, gcm], [
      dysnomia,
      gcm
    ]]
    const results = [
      ...cellsOf(Rig.ownNode, counts, quick ? some : all),
      // on another Node only what each does by itself
      ...others.flatMap((node) => cellsOf(node, [100, 500], [[ours, xchacha], [bare, xchacha], [discordjs, gcm]]))
    ]
    const rig = await Rig.open({ maxStreams: Math.max(...counts), maxSeconds: ms / 1_000 + 1 })
    try {
      for (let n = 0; n < rounds; n++) {
        const order = n % 2 === 0 ? results : results.toReversed()
        for (const [index, { cell, rounds: measured }] of order.entries()) {
          progress(
            `streams: round ${n + 1}/${rounds}, cell ${index + 1}/${order.length}: ` +
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

    const find = (like: Result, subject: Rig.Subject, mode: string) =>
      results.find((other) =>
        other.cell.subject === subject && other.mode === mode && other.cell.count === like.cell.count &&
        other.cell.node === like.cell.node
      )
    const figures = results.map((result) => {
      const { cell, mode, rounds } = result
      const beside = find(result, bare, mode)
      return {
        streams: cell.count,
        mode,
        player: cell.subject.name,
        source: cell.subject.source,
        node: cell.node.version,
        cpuMicros: spread(rounds.map(cpu)),
        byBare: beside === undefined ? null : ratio(result, beside, cpu),
        p50: spread(rounds.map(({ p50 }) => p50)),
        p99: spread(rounds.map(({ p99 }) => p99)),
        max: spread(rounds.map(({ max }) => max)),
        slowest: spread(rounds.map(({ slowest }) => slowest)),
        lost: rounds.reduce((sum, { lost }) => sum + lost, 0),
        silent: rounds.reduce((sum, { streams }) => sum + cell.count - streams, 0)
      }
    })
    const rows = results.map((result, index): Row => {
      const { cell, mode, rounds } = result
      const figure = figures[index]
      return {
        streams: cell.count,
        mode: mode === xchacha ? "xchacha20" : "aes256-gcm",
        player: cell.subject.name,
        Node: cell.node.version,
        "CPU us/packet": shown(rounds.map(cpu)),
        "x bare": figure?.byBare?.toFixed(2) ?? "",
        "late p50 ms": shown(rounds.map(({ p50 }) => p50)),
        "p99 ms": shown(rounds.map(({ p99 }) => p99)),
        "max ms": shown(rounds.map(({ max }) => max), 0),
        "slowest stream, packets/s": shown(rounds.map(({ slowest }) => slowest)),
        lost: figure?.lost ?? 0
      }
    })
    const defaults = results
      .filter(({ cell, mode }) => cell.subject === ours && mode === defaultMode.get(ours))
      .flatMap((result) => {
        const theirs = find(result, discordjs, defaultMode.get(discordjs) ?? gcm)
        return theirs === undefined
          ? []
          : [{ streams: result.cell.count, node: result.cell.node.version, ratio: ratio(result, theirs, cpu) }]
      })
    return {
      rows,
      figures: { frameBytes: Rig.frameBytes, rounds, ms, cells: figures, defaults },
      notes: [
        `${Rig.frameBytes}-byte frames of 20 ms; medians (least-greatest) of ${rounds} interleaved rounds of ${ms} ms`,
        "CPU: user and system time of the sender's process, by the packets that arrived",
        "late: arrival at the sink minus sequence times 20 ms, from each stream's earliest; what is missing is late for ever",
        ...defaults.map(({ node, ratio, streams }) =>
          `each in its default mode, ${streams} streams, Node ${node}: ours costs ${ratio.toFixed(2)} times ` +
          "@discordjs/voice a packet"
        )
      ]
    }
  }
}
