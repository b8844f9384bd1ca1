/**
 * Passthrough streams in one process, to a UDP sink in another: what a packet costs, how late it comes, and how many streams
 * get their fifty packets a second. Beside this library the bare loop of the same cipher, and other libraries, unmodified.
 */
import { type Bench, type Row } from "./measure.ts"
import * as Cells from "./streams/cells.ts"
import * as Rig from "./streams/rig.ts"

const xchacha = "aead_xchacha20_poly1305_rtpsize"
const gcm = "aead_aes256_gcm_rtpsize"
const modes = [xchacha, gcm]

const ours: Rig.Subject = { name: "ours", script: "ours", source: "packets" }
const oursSmall: Rig.Subject = {
  name: "ours, NewSpace.layerSmall",
  script: "ours",
  source: "packets",
  layer: "layerSmall"
}
const oursThread: Rig.Subject = {
  name: "ours, Voice.layerThread",
  script: "ours",
  source: "packets",
  layer: "layerThread"
}
const bare: Rig.Subject = { name: "bare loop", script: "bare", source: "packets" }
const discordjs: Rig.Subject = { name: "@discordjs/voice", script: "discordjs", source: "packets" }
const dysnomia: Rig.Subject = { name: "dysnomia", script: "dysnomia", source: "ogg" }

/** What each chooses by itself where Discord offers both: we the cheaper one, the others the first in the list. */
const defaultMode = new Map([[ours, xchacha], [oursSmall, xchacha], [oursThread, xchacha], [discordjs, gcm]])

export const streams: Bench = {
  name: "streams",
  summary: "1 to 1,000 passthrough streams in a process: cost of a packet, lateness, packets a second",
  run: async ({ counts: wantedCounts, nodes, progress, quick, rounds: wanted, settleMs }) => {
    const counts = wantedCounts ?? (quick ? [20] : [1, 100, 500, 1_000])
    const rounds = wanted ?? (quick ? 1 : 7)
    const ms = quick ? 1_000 : 5_000
    const others = quick ? [] : nodes.map(Rig.fetchNode)
    const cellsOf = (node: Rig.Node, counts: ReadonlyArray<number>, pairs: ReadonlyArray<[Rig.Subject, string]>) =>
      counts.flatMap((count) =>
        pairs.map(([subject, mode]): Cells.Result => ({ cell: { subject, count, modes: [mode], node }, rounds: [] }))
      )
    const all = modes.flatMap((mode) =>
      [ours, oursSmall, oursThread, bare, discordjs, dysnomia].map((subject): [Rig.Subject, string] => [subject, mode])
    )
    const some: ReadonlyArray<[Rig.Subject, string]> = [
      [ours, xchacha],
      [oursSmall, xchacha],
      [oursThread, xchacha],
      [bare, xchacha],
      [discordjs, gcm],
      [dysnomia, gcm]
    ]
    const results = [
      ...cellsOf(Rig.ownNode, counts, quick ? some : all),
      // on another Node only what each does by itself
      ...others.flatMap((node) =>
        cellsOf(node, [100, 500], [
          [ours, xchacha],
          [oursSmall, xchacha],
          [oursThread, xchacha],
          [bare, xchacha],
          [discordjs, gcm]
        ])
      )
    ]
    await Cells.measure(results, { name: "streams", rounds, ms, settleMs, progress })

    const find = (like: Cells.Result, subject: Rig.Subject, mode: string | undefined) =>
      results.find(({ cell }) =>
        cell.subject === subject && cell.modes[0] === mode && cell.count === like.cell.count &&
        cell.node === like.cell.node
      )
    const figures = results.map((result) => {
      const beside = find(result, bare, result.cell.modes[0])
      return { ...Cells.figure(result), byBare: beside === undefined ? null : Cells.cpuRatio(result, beside) }
    })
    const rows = results.map((result, index): Row =>
      Cells.row(result, { "x bare": figures[index]?.byBare?.toFixed(2) ?? "" })
    )
    const defaults = results
      .filter(({ cell }) => cell.subject.script === "ours" && cell.modes[0] === defaultMode.get(cell.subject))
      .flatMap((result) => {
        const theirs = find(result, discordjs, defaultMode.get(discordjs) ?? gcm)
        return theirs === undefined
          ? []
          : [{
            player: result.cell.subject.name,
            streams: result.cell.count,
            node: result.cell.node.version,
            ratio: Cells.cpuRatio(result, theirs)
          }]
      })
    return {
      rows,
      figures: { frameBytes: Rig.frameBytes, rounds, ms, cells: figures, defaults },
      notes: [
        `${Rig.frameBytes}-byte frames of 20 ms; medians (least-greatest) of ${rounds} interleaved rounds of ${ms} ms`,
        "CPU: user and system time of the sender's process, by the packets that arrived",
        "late: arrival at the sink minus sequence times 20 ms, from each stream's earliest; what is missing is late for ever",
        ...defaults.map(({ node, player, ratio, streams }) =>
          `each in its default mode, ${streams} streams, Node ${node}: ${player} costs ${ratio.toFixed(2)} times ` +
          "@discordjs/voice a packet"
        )
      ]
    }
  }
}
