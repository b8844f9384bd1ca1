/**
 * How long a join takes, from asking the main gateway to Session Description, on the emulator in another process: this
 * library and @discordjs/voice on the same small gateway client, one guild after another, over TLS.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join as joinPath } from "node:path"
import * as Child from "./child.ts"
import type { Joined, Listening } from "./join/gateway.ts"
import { type Bench, median, percentile } from "./measure.ts"

const players = [
  { name: "ours", script: "ours", e2ee: true },
  { name: "@discordjs/voice", script: "discordjs", e2ee: true },
  { name: "ours, without end-to-end encryption", script: "ours", e2ee: false },
  { name: "@discordjs/voice, without end-to-end encryption", script: "discordjs", e2ee: false }
]

const start = (script: string, argument: string, ca?: string) =>
  Child.start(new URL(`join/${script}.ts`, import.meta.url), [argument], { execPath: process.execPath, ca })

export const join: Bench = {
  name: "join",
  summary: "from asking for a voice channel to Session Description, on the emulator",
  run: async ({ progress, quick, rounds: wanted }) => {
    const rounds = wanted ?? (quick ? 1 : 7)
    // each takes two messages, and a hundred a minute go over a connection of somebody else's
    const count = quick ? 10 : 45
    const results = players.map((player) => ({ player, p50: Array<number>(), p99: Array<number>() }))
    const folder = mkdtempSync(joinPath(tmpdir(), "join-"))
    const ca = joinPath(folder, "ca.pem")
    try {
      for (let n = 0; n < rounds; n++) {
        for (const { p50, p99, player } of n % 2 === 0 ? results : results.toReversed()) {
          progress(`join: round ${n + 1}/${rounds}: ${player.name}`)
          const emulator = start("emulator", String(count))
          try {
            const said = await Child.hear<Listening, "Listening">(emulator, "Listening")
            writeFileSync(ca, said.cert)
            const child = start(player.script, JSON.stringify({ ...said.arguments, e2ee: player.e2ee }), ca)
            try {
              const { joinMs } = await Child.hear<Joined, "Joined">(child, "Joined")
              // the first one compiles
              p50.push(percentile(joinMs.slice(1), 0.5))
              p99.push(percentile(joinMs.slice(1), 0.99))
            } finally {
              await Child.end(child)
            }
          } finally {
            await Child.end(emulator)
          }
        }
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
    const shown = (values: ReadonlyArray<number>) =>
      `${median(values).toFixed(1)} (${Math.min(...values).toFixed(1)}-${Math.max(...values).toFixed(1)})`
    return {
      rows: results.map(({ p50, p99, player }) => ({
        player: player.name,
        "p50 ms": shown(p50),
        "p99 ms": shown(p99)
      })),
      figures: {
        joins: count - 1,
        rounds,
        players: results.map(({ p50, p99, player }) => ({ player: player.name, p50, p99 }))
      },
      notes: [
        `${
          count - 1
        } joins one after another in a round, without the first; medians (least-greatest) of ${rounds} rounds`,
        "from op 4 on the main gateway to Session Description, both in TLS, emulator in another process"
      ]
    }
  }
}
