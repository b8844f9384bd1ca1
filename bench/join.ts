/**
 * How long a join takes, from asking the main gateway to Session Description, on the emulator in another process: this
 * library and @discordjs/voice on the same small gateway client, one guild after another, over TLS.
 */
import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join as joinPath } from "node:path"
import { fileURLToPath } from "node:url"
import { type Bench, median } from "./measure.ts"

const players = ["ours", "discordjs"] as const

const names = { ours: "ours", discordjs: "@discordjs/voice" }

const start = (script: string, argument: string, ca?: string) =>
  fork(fileURLToPath(new URL(`join/${script}.ts`, import.meta.url)), [argument], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: { PATH: process.env["PATH"], ...(ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca }) },
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })

const hear = (child: ChildProcess) =>
  new Promise<{ readonly [field: string]: unknown }>((resolve, reject) => {
    // the scripts of this bench say one object each
    child.once("message", (message) => resolve(message as { readonly [field: string]: unknown }))
    child.once("close", (code) => reject(new Error(`a process of the join bench ended with ${code}`)))
  })

const end = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    child.removeAllListeners("close")
    child.once("close", () => resolve())
    child.kill("SIGKILL")
  })

const percentile = (values: ReadonlyArray<number>, share: number) => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const join: Bench = {
  name: "join",
  summary: "from asking for a voice channel to Session Description, on the emulator",
  run: async ({ progress, quick, rounds: wanted }) => {
    const rounds = wanted ?? (quick ? 1 : 7)
    // each takes two messages, and a gateway closes who sends more than 120 a minute
    const count = quick ? 10 : 55
    const results = players.map((player) => ({ player, p50: Array<number>(), p99: Array<number>() }))
    const folder = mkdtempSync(joinPath(tmpdir(), "join-"))
    const ca = joinPath(folder, "ca.pem")
    try {
      for (let n = 0; n < rounds; n++) {
        for (const { p50, p99, player } of n % 2 === 0 ? results : results.toReversed()) {
          progress(`join: round ${n + 1}/${rounds}: ${names[player]}`)
          const emulator = start("emulator", String(count))
          try {
            const said = await hear(emulator)
            writeFileSync(ca, String(said["cert"]))
            const child = start(player, JSON.stringify(said["arguments"]), ca)
            try {
              // `gateway.ts` says how long each join took
              const { joinMs } = await hear(child) as { readonly joinMs: ReadonlyArray<number> }
              // the first one compiles
              p50.push(percentile(joinMs.slice(1), 0.5))
              p99.push(percentile(joinMs.slice(1), 0.99))
            } finally {
              await end(child)
            }
          } finally {
            await end(emulator)
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
        player: names[player],
        "p50 ms": shown(p50),
        "p99 ms": shown(p99)
      })),
      figures: { joins: count - 1, rounds, players: results },
      notes: [
        `${
          count - 1
        } joins one after another in a round, without the first; medians (least-greatest) of ${rounds} rounds`,
        "from op 4 on the main gateway to Session Description, both in TLS, emulator in another process"
      ]
    }
  }
}
