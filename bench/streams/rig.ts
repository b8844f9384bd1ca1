/**
 * Runs the processes of the streams bench: one sink for all rounds, and for each cell a player of its own.
 */
import { Effect } from "effect"
import { type ChildProcess, execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as OggWriter from "../../src/audio/ogg/OggWriter.ts"
import * as Certificate from "../../src/emulator/shell/Certificate.ts"
import * as Child from "../child.ts"
import type { Arrivals, FromPlayer, FromSink, Memory, OurLayer, PlayerArguments, ToPlayer, ToSink } from "./messages.ts"

export const frameBytes = 160

/** Seconds of the Ogg file that is played over and over. */
const oggSeconds = 60

/** A player: its script, and what it plays. */
export interface Subject {
  readonly name: string
  readonly script: "ours" | "bare" | "discordjs" | "dysnomia"
  readonly source: "packets" | "ogg" | "pcm"
  /** What our sessions run on. Default `layer`; ours only. */
  readonly layer?: OurLayer | undefined
}

/** A Node to run players on. */
export interface Node {
  readonly version: string
  readonly path: string
}

export interface Cell {
  readonly subject: Subject
  readonly count: number
  /** Modes that the sink offers, in this order. */
  readonly modes: ReadonlyArray<string>
  /** Whether calls are end-to-end encrypted. Default false. */
  readonly e2ee?: boolean | undefined
  readonly node: Node
}

/** The Node that runs the bench. */
export const ownNode: Node = { version: process.version, path: process.execPath }

/** Another version of Node, from the npm registry. */
export const fetchNode = (version: string): Node => {
  const path = execFileSync(
    "npx",
    ["--yes", "--package", `node@${version}`, "--call", "node --print process.execPath"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }
  ).trim()
  return { version: execFileSync(path, ["--version"], { encoding: "utf8" }).trim(), path }
}

const start = (script: string, args: ReadonlyArray<string>, { ca, node }: { node: Node; ca: string }) =>
  Child.start(new URL(script, import.meta.url), args, { execPath: node.path, ca })

export const pause = Child.pause

/** A player that has connected. */
export interface Running {
  readonly joinMs: ReadonlyArray<number>
  readonly play: () => Promise<void>
  readonly memory: (reduce?: boolean) => Promise<Memory>
  /** Lets it play for `ms`, and counts on both sides. */
  readonly measure: (ms: number) => Promise<{ readonly arrivals: Arrivals; readonly cpuMicros: number }>
}

export interface Rig {
  /** Connects a player, uses it, and ends its process. */
  readonly with: <A>(cell: Cell, use: (running: Running) => Promise<A>) => Promise<A>
  /** A player before it connects, for its own memory. */
  readonly memoryBefore: (cell: Cell) => Promise<{ readonly kept: Memory; readonly reduced: Memory }>
  readonly close: () => Promise<void>
}

const oggFile = (path: string) => {
  const writer = OggWriter.make()
  const data = Buffer.alloc(frameBytes, 0x5a)
  data[0] = 0xfc
  const parts: Array<Uint8Array> = []
  for (let i = 0; i < oggSeconds * 50; i++) parts.push(writer.add({ data }) ?? new Uint8Array(0))
  parts.push(writer.finish())
  writeFileSync(path, Buffer.concat(parts))
}

export const open = async (options: { readonly maxStreams: number; readonly maxSeconds: number }): Promise<Rig> => {
  const folder = mkdtempSync(join(tmpdir(), "streams-"))
  const ca = join(folder, "ca.pem")
  const ogg = join(folder, "frames.ogg")
  const { authority, certificate, privateKey } = await Effect.runPromise(Certificate.make)
  writeFileSync(ca, authority)
  oggFile(ogg)
  const sinkArguments = { certificate, privateKey, sockets: 8, ...options }
  const sink = start("sink.ts", [JSON.stringify(sinkArguments)], { node: ownNode, ca })
  const { port, udp } = await Child.hear<FromSink, "Listening">(sink, "Listening")

  const ask = <T extends FromSink["_tag"]>(message: ToSink, tag: T) => {
    const answer = Child.hear<FromSink, T>(sink, tag)
    sink.send(message)
    return answer
  }

  const player = async <A>(cell: Cell, use: (child: ChildProcess) => Promise<A>): Promise<A> => {
    const e2ee = cell.e2ee === true
    await ask({ _tag: "Offer", modes: cell.modes, e2ee }, "Offered")
    const args: PlayerArguments = {
      count: cell.count,
      endpoint: `127.0.0.1:${port}`,
      ports: udp,
      e2ee,
      layer: cell.subject.layer ?? "layer",
      mode: cell.modes[0] ?? "",
      frameBytes,
      ogg
    }
    const child = start(`${cell.subject.script}.ts`, [JSON.stringify(args), cell.subject.source], {
      node: cell.node,
      ca
    })
    try {
      return await use(child)
    } finally {
      await Child.end(child)
    }
  }

  const tell = <T extends FromPlayer["_tag"]>(child: ChildProcess, message: ToPlayer, tag: T) => {
    const answer = Child.hear<FromPlayer, T>(child, tag)
    child.send(message)
    return answer
  }

  return {
    with: (cell, use) =>
      player(cell, async (child) => {
        const { joinMs } = await Child.hear<FromPlayer, "Ready">(child, "Ready")
        if (cell.e2ee === true) await ask({ _tag: "AwaitGroups", count: cell.count }, "Grouped")
        return use({
          joinMs,
          play: async () => void await tell(child, { _tag: "Play" }, "Playing"),
          memory: async (reduce = false) => (await tell(child, { _tag: "Measure", reduce }, "Memory")).memory,
          measure: async (ms) => {
            await ask({ _tag: "Begin" }, "Begun")
            child.send({ _tag: "Begin" })
            await pause(ms)
            const [{ cpuMicros }, { arrivals }] = await Promise.all([
              tell(child, { _tag: "End" }, "Used"),
              ask({ _tag: "End", streams: cell.count }, "Ended")
            ])
            return { arrivals, cpuMicros }
          }
        })
      }),
    memoryBefore: (cell) =>
      player({ ...cell, count: 0 }, async (child) => {
        await Child.hear<FromPlayer, "Ready">(child, "Ready")
        const kept = (await tell(child, { _tag: "Measure", reduce: false }, "Memory")).memory
        return { kept, reduced: (await tell(child, { _tag: "Measure", reduce: true }, "Memory")).memory }
      }),
    close: async () => {
      await Child.end(sink)
      rmSync(folder, { recursive: true })
    }
  }
}
