/**
 * The streams bench with end-to-end encryption: each connection is in a group of its own with a member of the sink's. Each
 * library in the mode that it chooses by itself, and ours without end-to-end encryption, to see what that adds.
 */
import { type Bench } from "./measure.ts"
import * as Cells from "./streams/cells.ts"
import * as Rig from "./streams/rig.ts"

const xchacha = "aead_xchacha20_poly1305_rtpsize"
const gcm = "aead_aes256_gcm_rtpsize"

const ours: Rig.Subject = { name: "ours", script: "ours", source: "packets" }
const discordjs: Rig.Subject = { name: "@discordjs/voice", script: "discordjs", source: "packets" }

/** RTP header, frame, tag and nonce: what is not longer is not encrypted end to end. */
const plainBytes = 12 + Rig.frameBytes + 16 + 4

const cellsOf = (node: Rig.Node, counts: ReadonlyArray<number>) =>
  counts.flatMap((count): ReadonlyArray<Cells.Result> => [
    { cell: { subject: ours, count, modes: [xchacha], e2ee: true, node }, rounds: [] },
    { cell: { subject: discordjs, count, modes: [gcm], e2ee: true, node }, rounds: [] },
    { cell: { subject: ours, count, modes: [xchacha], e2ee: false, node }, rounds: [] }
  ])

export const daveStreams: Bench = {
  name: "dave-streams",
  summary: "20 to 500 end-to-end encrypted streams in a process: cost of a packet, lateness, packets a second",
  run: async ({ counts: wantedCounts, nodes, progress, quick, rounds: wanted }) => {
    const counts = wantedCounts ?? (quick ? [10] : [20, 100, 500])
    const rounds = wanted ?? (quick ? 1 : 7)
    const ms = quick ? 1_000 : 5_000
    const others = quick ? [] : nodes.map(Rig.fetchNode)
    const results = [...cellsOf(Rig.ownNode, counts), ...others.flatMap((node) => cellsOf(node, [100]))]
    await Cells.measure(results, { name: "dave-streams", rounds, ms, progress })

    for (const { cell, rounds } of results) {
      const isEncrypted = rounds.every(({ shortest }) => shortest > plainBytes)
      if (isEncrypted !== cell.e2ee) {
        throw new Error(
          `${cell.subject.name} sent packets of ${rounds.map(({ shortest }) => shortest).join(", ")} bytes`
        )
      }
    }
    const find = (like: Cells.Result, subject: Rig.Subject, e2ee: boolean) =>
      results.find(({ cell }) =>
        cell.subject === subject && cell.e2ee === e2ee && cell.count === like.cell.count && cell.node === like.cell.node
      )
    const compared = results.filter(({ cell }) => cell.subject === ours && cell.e2ee).flatMap((result) => {
      const theirs = find(result, discordjs, true)
      const plain = find(result, ours, false)
      return theirs === undefined || plain === undefined ? [] : [{
        streams: result.cell.count,
        node: result.cell.node.version,
        byDiscordjs: Cells.cpuRatio(result, theirs),
        byPlain: Cells.cpuRatio(result, plain)
      }]
    })
    return {
      rows: results.map((result) => Cells.row(result, { DAVE: result.cell.e2ee ? "on" : "off" })),
      figures: {
        frameBytes: Rig.frameBytes,
        rounds,
        ms,
        cells: results.map(Cells.figure),
        compared
      },
      notes: [
        `${Rig.frameBytes}-byte frames of 20 ms; medians (least-greatest) of ${rounds} interleaved rounds of ${ms} ms`,
        "CPU: user and system time of the sender's process with all threads, by the packets that arrived",
        "each stream is in a group with one other member; its keys do not change meanwhile",
        ...compared.map(({ byDiscordjs, byPlain, node, streams }) =>
          `${streams} streams, Node ${node}: with DAVE, ours costs ${
            byDiscordjs.toFixed(2)
          } times @discordjs/voice a ` +
          `packet, and ${byPlain.toFixed(2)} times ours without DAVE`
        )
      ]
    }
  }
}
