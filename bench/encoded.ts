/**
 * Streams of raw PCM in one process, which are encoded there: what a packet costs, how late it comes, and how many streams
 * there can be before they come late. Beside this library @discordjs/voice with raw PCM.
 */
import { type Bench } from "./measure.ts"
import * as Cells from "./streams/cells.ts"
import * as Rig from "./streams/rig.ts"

const xchacha = "aead_xchacha20_poly1305_rtpsize"
const gcm = "aead_aes256_gcm_rtpsize"

const ours: Rig.Subject = { name: "ours", script: "ours", source: "pcm" }
const discordjs: Rig.Subject = { name: "@discordjs/voice", script: "discordjs", source: "pcm" }

/** opusscript has 16 MiB of memory for all encoders of a process, which the 52nd does not fit into any more. */
const mostOpusScript = 51

/** What is later than a frame is too late. */
const limitMs = 20

const cellsOf = (counts: ReadonlyArray<number>) =>
  counts.flatMap((count): ReadonlyArray<Cells.Result> => [
    { cell: { subject: ours, count, modes: [xchacha], node: Rig.ownNode }, rounds: [] },
    ...(count > mostOpusScript
      ? []
      : [{ cell: { subject: discordjs, count, modes: [gcm], node: Rig.ownNode }, rounds: [] }])
  ])

export const encoded: Bench = {
  name: "encoded",
  summary: "1 to 192 streams of raw PCM in a process: cost of an encoded packet, lateness, packets a second",
  run: async ({ counts: wantedCounts, progress, quick, rounds: wanted }) => {
    const counts = wantedCounts ?? (quick ? [2] : [1, 8, 16, 32, 48, 64, 96, 128, 192])
    const rounds = wanted ?? (quick ? 1 : 5)
    const ms = quick ? 1_000 : 5_000
    const results = cellsOf(counts)
    await Cells.measure(results, { name: "encoded", rounds, ms, progress })
    const figures = results.map(Cells.figure)
    const most = [ours, discordjs].map(({ name }) => ({
      name,
      streams: Math.max(
        0,
        ...figures.filter(({ p99, player }) => player === name && p99.median <= limitMs).map(({ streams }) => streams)
      )
    }))
    return {
      rows: results.map((result) => Cells.row(result, {})),
      figures: { rounds, ms, cells: figures, most },
      notes: [
        `raw PCM, 48 kHz, two channels; medians (least-greatest) of ${rounds} interleaved rounds of ${ms} ms`,
        "CPU: user and system time of the sender's process with all its threads, by the packets that arrived",
        ...most.map(({ name, streams }) => `${name}: p99 lateness is at most ${limitMs} ms up to ${streams} streams`),
        `@discordjs/voice encodes with opusscript, which has room for ${mostOpusScript} encoders in a process`
      ]
    }
  }
}
