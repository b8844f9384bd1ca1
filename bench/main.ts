/**
 * Runs the benches: `npm run bench -- --help`.
 */
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { beat } from "./beat.ts"
import { v8Flags } from "./child.ts"
import { crypto } from "./crypto.ts"
import { dave } from "./dave.ts"
import { daveChanges } from "./daveChanges.ts"
import { daveStreams } from "./daveStreams.ts"
import { decode } from "./decode.ts"
import { encoded } from "./encoded.ts"
import { join } from "./join.ts"
import { type Bench, table } from "./measure.ts"
import { memory } from "./memory.ts"
import { mixing } from "./mixing.ts"
import { receiving } from "./receiving.ts"
import { recovery } from "./recovery.ts"
import { soak } from "./soak.ts"
import { start } from "./start.ts"
import { streams } from "./streams.ts"

/** A new bench is one more entry. */
const benches: ReadonlyArray<Bench> = [
  crypto,
  decode,
  dave,
  daveChanges,
  beat,
  streams,
  daveStreams,
  mixing,
  encoded,
  join,
  receiving,
  recovery,
  memory,
  soak,
  start
]

const usage = `Usage: npm run bench -- [options]

Options:
  --only <name>  run one bench; may be given several times
  --quick        fewer and shorter rounds: shows that a bench works, its figures are not to be quoted
  --json         print one JSON document instead of tables
  --rounds <n>   rounds of the benches that run other processes (default 7)
  --streams <n>  numbers of streams of the benches "streams" (default 1, 100, 500, 1000) and "dave-streams" (default 20, 100,
                 500); may be given several times
  --settle <ms>  how long the players of the bench "streams" play before they are measured (default 1500; what is hot is
                 compiled after some seconds)
  --node <v>     run other processes on this version of Node, too; may be given several times (default 24.17.0; "none" for
                 no other)
  --v8 <flag>    start all processes with this flag of Node or V8, such as --v8=--max-semi-space-size=1; may be given several
                 times
  --help         print this

Benches:
${benches.map((bench) => `  ${bench.name.padEnd(13)}  ${bench.summary}`).join("\n")}
`

const machine = () => ({
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cpus: cpus().length
})

const arguments_ = (() => {
  try {
    return parseArgs({
      options: {
        only: { type: "string", multiple: true },
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        rounds: { type: "string" },
        streams: { type: "string", multiple: true },
        settle: { type: "string" },
        node: { type: "string", multiple: true, default: ["24.17.0"] },
        v8: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n\n${usage}`)
    return undefined
  }
})()

/** One line on a terminal, rewritten; nothing elsewhere, where standard error is a log. */
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
}

const main = async (options: NonNullable<typeof arguments_>): Promise<number> => {
  if (options.help) {
    process.stdout.write(usage)
    return 0
  }
  const unknown = options.only?.filter((name) => !benches.some((bench) => bench.name === name)) ?? []
  if (unknown.length > 0) {
    process.stderr.write(`There is no bench "${unknown.join("\", \"")}".\n\n${usage}`)
    return 2
  }
  const numbers = [options.rounds ?? [], options.streams ?? [], options.settle ?? []].flat().map(Number)
  if (numbers.some((number) => !Number.isInteger(number) || number < 1)) {
    process.stderr.write(`--rounds, --streams and --settle take numbers of 1 or more.\n\n${usage}`)
    return 2
  }
  v8Flags.push(...options.v8)
  const rounds = options.rounds === undefined ? undefined : Number(options.rounds)
  const counts = options.streams?.map(Number)
  const settleMs = options.settle === undefined ? undefined : Number(options.settle)
  const nodes = options.node.filter((version) => version !== "none")
  const chosen = benches.filter((bench) => options.only === undefined || options.only.includes(bench.name))
  const reports: Array<unknown> = []
  if (!options.json) {
    const { cpu, cpus, node, platform } = machine()
    process.stdout.write(`Node ${node}, ${platform}, ${cpus} x ${cpu}\n`)
  }
  for (const bench of chosen) {
    const report = await bench.run({ quick: options.quick, rounds, counts, nodes, settleMs, progress })
    progress("")
    reports.push({ name: bench.name, figures: report.figures, notes: report.notes })
    if (!options.json) {
      process.stdout.write(`\n${bench.name}: ${bench.summary}\n\n${table(report.rows)}\n\n`)
      for (const note of report.notes) process.stdout.write(`  ${note}\n`)
    }
  }
  if (options.json) {
    const document = { machine: machine(), v8: options.v8, quick: options.quick, benches: reports }
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  }
  return 0
}

process.exitCode = arguments_ === undefined ? 2 : await main(arguments_)
