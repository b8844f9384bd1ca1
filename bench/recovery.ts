/**
 * How long nobody is heard after a fault: sessions of one process on the emulator in another, over TLS, each with one fault
 * after another; this library, and @discordjs/voice that reconnects as its guide says, on the same small gateway client.
 */
import { type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join as joinPath } from "node:path"
import * as Child from "./child.ts"
import { type Bench, percentile, type Row } from "./measure.ts"
import {
  type FromEmulator,
  type FromPlayer,
  kinds,
  type Outcome,
  type ToEmulator,
  type ToPlayer
} from "./recovery/messages.ts"

const players = ["ours", "discordjs"] as const

export type Player = typeof players[number]

const names = { ours: "ours", discordjs: "@discordjs/voice" }

const start = (script: string, argument: unknown, ca?: string) =>
  Child.start(new URL(`recovery/${script}.ts`, import.meta.url), [JSON.stringify(argument)], {
    execPath: process.execPath,
    ca
  })

export interface Options {
  readonly sessions: number
  /** No cycle of faults begins later. */
  readonly seconds: number
  /** In how many cycles the event loop is blocked once. */
  readonly blockEvery: number
  /** How long a session may be without audio before it is given up. */
  readonly patienceMs: number
}

export type Done = Extract<FromEmulator, { readonly _tag: "Done" }>

/** One player, for one round. */
export const round = async (player: Player, options: Options, ca: string): Promise<Done> => {
  const emulator = start("emulator", options)
  let child: ChildProcess | undefined
  try {
    return await new Promise<Done>((resolve, reject) => {
      const over = (who: string) => (code: number | null) => reject(new Error(`${who} ended with ${code}`))
      const tellEmulator = (message: ToEmulator) => emulator.send(message)
      const tellPlayer = (message: ToPlayer) => child?.send(message)
      emulator.on("close", over("the emulator of the recovery bench"))
      emulator.on("message", (message) => {
        // the scripts of `recovery/` say what `messages.ts` says
        const said = message as FromEmulator
        switch (said._tag) {
          case "Listening": {
            writeFileSync(ca, said.cert ?? "")
            child = start(player, said.arguments, ca)
            child.on("close", over(`the player ${player}`))
            child.on("message", (message) => {
              const answer = message as FromPlayer
              if (answer._tag === "Failed") reject(new Error(`${names[player]}: ${answer.detail}`))
              else tellEmulator({ _tag: answer._tag === "Ready" ? "Begin" : "Blocked" })
            })
            return
          }
          case "Block":
          case "Renew":
            return tellPlayer(said)
          case "Done":
            return resolve(said)
        }
      })
    })
  } finally {
    if (child !== undefined) await Child.end(child)
    await Child.end(emulator)
  }
}

const shown = (value: number) => Number.isNaN(value) ? "" : value.toFixed(0)

export const recovery: Bench = {
  name: "recovery",
  summary: "how long nobody is heard after a fault, and how many sessions come back from it",
  run: async ({ progress, quick, rounds: wanted }) => {
    const rounds = wanted ?? (quick ? 1 : 5)
    const options: Options = quick
      ? { sessions: 3, seconds: 10, blockEvery: 1, patienceMs: 10_000 }
      : { sessions: 20, seconds: 60, blockEvery: 2, patienceMs: 10_000 }
    const results = players.map((player) => ({ player, outcomes: Array<Outcome>(), violations: 0 }))
    const folder = mkdtempSync(joinPath(tmpdir(), "recovery-"))
    try {
      for (let n = 0; n < rounds; n++) {
        for (const result of n % 2 === 0 ? results : results.toReversed()) {
          progress(`recovery: round ${n + 1}/${rounds}: ${names[result.player]}`)
          const { outcomes, violations } = await round(result.player, options, joinPath(folder, "ca.pem"))
          result.outcomes.push(...outcomes)
          result.violations += violations
        }
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
    const figures = [...kinds, "all"].flatMap((fault) =>
      results.map(({ outcomes, player }) => {
        const made = outcomes.filter(({ kind }) => fault === "all" || kind === fault)
        const silent = made.flatMap(({ silentMs }) => silentMs === null ? [] : [silentMs])
        return {
          fault,
          player: names[player],
          faults: made.length,
          recovered: silent.length,
          p50: percentile(silent, 0.5),
          p99: percentile(silent, 0.99)
        }
      })
    )
    return {
      rows: figures.map(({ p50, p99, ...counted }): Row => ({
        ...counted,
        "silent p50 ms": shown(p50),
        "p99 ms": shown(p99)
      })),
      figures: {
        rounds,
        ...options,
        figures,
        violations: results.map(({ player, violations }) => ({ player, violations }))
      },
      notes: [
        `${options.sessions} sessions in a process, ${rounds} interleaved rounds of ${options.seconds} s or until the last ` +
        "cycle of faults is over; each has a fault every 2 s, or when it is heard again",
        "silent: the longest time between two frames at a listener, from the last one before the fault until 2 s after it " +
        "or later; 20 ms is no loss at all; the block itself counts in",
        "recovered: heard again within 12 s; whoever was not gave up its connection and joined anew",
        "ours with `stableAfter` of 1 s",
        ...results.map(({ player, violations }) => `violations seen by the emulator: ${names[player]} ${violations}`)
      ]
    }
  }
}
