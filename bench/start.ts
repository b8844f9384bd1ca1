/**
 * What importing the built package takes of time and memory, beside the packages that it is chosen instead of, and beside
 * Effect alone, which a program on Effect loads anyway. Also the files of the threads. Each import is in its own process.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Bench, median } from "./measure.ts"

interface Subject {
  readonly name: string
  /** What is imported, one after another. */
  readonly modules: ReadonlyArray<string>
}

interface Start {
  readonly ms: number
  /** Resident memory and, after a collection, heap; in MB, less those of an empty process. */
  readonly rssMb: number
  readonly heapMb: number
}

const thread = (name: string) => new URL(`${name}.js`, import.meta.resolve("effect-discord-voice")).href

const subjects: ReadonlyArray<Subject> = [
  { name: "effect", modules: ["effect"] },
  { name: "effect-discord-voice", modules: ["effect", "effect-discord-voice"] },
  { name: "effect-discord-voice/emulator", modules: ["effect", "effect-discord-voice/emulator"] },
  { name: "discord.js", modules: ["discord.js"] },
  { name: "discord.js and @discordjs/voice", modules: ["discord.js", "@discordjs/voice"] },
  { name: "@discordjs/voice", modules: ["@discordjs/voice"] },
  { name: "thread of groups", modules: [thread("daveWorker")] },
  { name: "thread of a mix", modules: [thread("mixerWorker")] },
  { name: "thread of the driver", modules: [thread("driverWorker")] }
]

const program = `
  const before = process.memoryUsage()
  const startedAt = performance.now()
  for (const module of process.argv.slice(1)) await import(module)
  const ms = performance.now() - startedAt
  const { rss } = process.memoryUsage()
  gc()
  const { heapUsed } = process.memoryUsage()
  console.log(JSON.stringify({ ms, rssMb: (rss - before.rss) / 1e6, heapMb: (heapUsed - before.heapUsed) / 1e6 }))
  process.exit()
`

const measure = ({ modules }: Subject): Start => {
  const args = ["--expose-gc", "--input-type=module", "--eval", program, ...modules]
  const said = execFileSync(process.execPath, args, {
    encoding: "utf8",
    cwd: fileURLToPath(new URL(".", import.meta.url))
  })
  // it is what the program above prints
  return JSON.parse(said) as Start
}

const shown = (values: ReadonlyArray<number>) =>
  `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`

export const start: Bench = {
  name: "start",
  summary: "time and memory of importing the built package",
  run: async ({ progress, quick, rounds: wanted }) => {
    const rounds = wanted ?? (quick ? 1 : 7)
    const results = subjects.map((subject) => ({ subject, starts: Array<Start>() }))
    // the first round fills the caches of the file system
    for (let n = -1; n < rounds; n++) {
      for (const { starts, subject } of n % 2 === 0 ? results : results.toReversed()) {
        progress(`start: round ${Math.max(0, n) + 1}/${rounds}: ${subject.name}`)
        const measured = measure(subject)
        if (n >= 0) starts.push(measured)
      }
    }
    return {
      rows: results.map(({ starts, subject }) => ({
        imported: subject.name,
        ms: shown(starts.map(({ ms }) => ms)),
        "resident MB": shown(starts.map(({ rssMb }) => rssMb)),
        "heap MB": shown(starts.map(({ heapMb }) => heapMb))
      })),
      figures: { rounds, imports: results.map(({ starts, subject }) => ({ imported: subject.name, starts })) },
      notes: [
        "more than an empty process; medians (least-greatest) of processes that take turns",
        "ours includes Effect; resident memory is that after importing, heap that after a collection",
        `Node ${process.version}`
      ]
    }
  }
}
