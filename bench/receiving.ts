/**
 * Receiving in one process from a source in another: how many packets a second come through, and what each costs; beside
 * @discordjs/voice and the bare loop, with one packet in ten spoilt, and decoded.
 */
import { Effect } from "effect"
import { type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Certificate from "../src/emulator/shell/Certificate.ts"
import * as OpusEncoder from "../src/OpusEncoder.ts"
import * as Child from "./child.ts"
import { type Bench, median, type Row } from "./measure.ts"
import type { FromListener, FromSource, ListenerArguments, ToListener, ToSource } from "./receiving/messages.ts"

interface Cell {
  readonly name: string
  readonly script: "ours" | "bare" | "discordjs"
  readonly take: ListenerArguments["take"]
  readonly speakers: number
  /** One packet in so many does not authenticate; 0 for none. */
  readonly badEvery: number
}

interface Round {
  readonly sent: number
  readonly frames: number
  readonly died: number
  readonly cpuMicros: number
  readonly lateMs: number
  /** How late ticks came, 99th percentile. */
  readonly tickMs: number
}

const packetsPerSpeaker = 50

const cell = (name: string, script: Cell["script"], speakers: number, more: Partial<Cell> = {}): Cell => ({
  name,
  script,
  speakers,
  take: "opus",
  badEvery: 0,
  ...more
})

/** A second of a tone, of which one packet is enough: what it costs to decode does not depend on the tone. */
const opusPacket = Effect.gen(function*() {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ bitrate: 64_000 })
  const pcm = Int16Array.from({ length: 1920 }, (_, i) => 8_000 * Math.sin((i >> 1) / 17))
  let packet = yield* encoder.encode(pcm)
  for (let i = 0; i < 10; i++) packet = yield* encoder.encode(pcm)
  return Buffer.from(packet).toString("base64")
}).pipe(Effect.scoped, Effect.provide(OpusEncoder.layer))

const open = async () => {
  const folder = mkdtempSync(join(tmpdir(), "receiving-"))
  const ca = join(folder, "ca.pem")
  const { authority, certificate, privateKey } = await Effect.runPromise(Certificate.make)
  writeFileSync(ca, authority)
  const start = (script: string, args: unknown) =>
    Child.start(new URL(`receiving/${script}.ts`, import.meta.url), [JSON.stringify(args)], {
      execPath: process.execPath,
      ca
    })
  const payload = await Effect.runPromise(opusPacket)
  const source = start("source", { certificate, privateKey, payload })
  const { port, udp } = await Child.hear<FromSource, "Listening">(source, "Listening")

  const ask = <T extends FromSource["_tag"]>(message: ToSource, tag: T) => {
    const answer = Child.hear<FromSource, T>(source, tag)
    source.send(message)
    return answer
  }
  const tell = <T extends FromListener["_tag"]>(child: ChildProcess, message: ToListener, tag: T) => {
    const answer = Child.hear<FromListener, T>(child, tag)
    child.send(message)
    return answer
  }

  const measure = async ({ badEvery, script, speakers, take }: Cell, ms: number): Promise<Round> => {
    await ask({ _tag: "Offer", speakers }, "Offered")
    const args: ListenerArguments = { speakers, endpoint: `127.0.0.1:${port}`, udp, take }
    const found = Child.hear<FromSource, "Found">(source, "Found")
    const child = start(script, args)
    try {
      await Child.hear<FromListener, "Ready">(child, "Ready")
      await found
      await Child.pause(500)
      // compiles what is hot, and fills the jitter buffers
      await ask({ _tag: "Send", ms: 1_000, badEvery: 0 }, "Sent")
      await Child.pause(500)
      await tell(child, { _tag: "Begin" }, "Begun")
      const { bad, lateMs, packets } = await ask({ _tag: "Send", ms, badEvery }, "Sent")
      await Child.pause(500)
      const { cpuMicros, died, frames, tickMs } = await tell(child, { _tag: "End" }, "Heard")
      return { sent: packets - bad, frames, died, lateMs, tickMs, cpuMicros: cpuMicros / packets }
    } finally {
      await Child.end(child)
    }
  }

  return {
    measure,
    close: async () => {
      await Child.end(source)
      rmSync(folder, { recursive: true })
    }
  }
}

export const receiving: Bench = {
  name: "receiving",
  summary: "packets a second that come through from a user each 50 packets, cost of each; decoded; one in ten spoilt",
  run: async ({ counts, progress, quick, rounds: wanted }) => {
    const speakers = counts ?? (quick ? [20] : [20, 100, 200, 400, 800, 1_600])
    const ms = quick ? 1_000 : 4_000
    const rounds = wanted ?? (quick ? 1 : 3)
    const cells: ReadonlyArray<Cell> = [
      ...speakers.flatMap((count) => [
        cell("bare loop", "bare", count),
        cell("ours", "ours", count),
        cell("@discordjs/voice", "discordjs", count)
      ]),
      ...(quick ? [] : [
        cell("ours, PCM", "ours", 20, { take: "pcm" }),
        cell("ours, ticks", "ours", 50, { take: "ticks" }),
        cell("ours, one in ten spoilt", "ours", 20, { badEvery: 10 }),
        cell("@discordjs/voice, one in ten spoilt", "discordjs", 20, { badEvery: 10 })
      ])
    ]
    const results = cells.map((subject) => ({ subject, rounds: Array<Round>() }))
    const rig = await open()
    try {
      for (let n = 0; n < rounds; n++) {
        for (const [index, { rounds: measured, subject }] of (n % 2 === 0 ? results : results.toReversed()).entries()) {
          progress(`receiving: round ${n + 1}/${rounds}, cell ${index + 1}/${results.length}: ${subject.name}`)
          measured.push(await rig.measure(subject, ms))
        }
      }
    } finally {
      await rig.close()
    }
    const figures = results.map(({ rounds: measured, subject }) => ({
      name: subject.name,
      script: subject.script,
      take: subject.take,
      speakers: subject.speakers,
      badEvery: subject.badEvery,
      packetsPerSecond: subject.speakers * packetsPerSpeaker,
      lost: median(measured.map(({ frames, sent }) => 1 - frames / sent)),
      cpuMicros: median(measured.map(({ cpuMicros }) => cpuMicros)),
      died: median(measured.map(({ died }) => died)),
      lateMs: Math.max(...measured.map(({ lateMs }) => lateMs)),
      tickMs: median(measured.map(({ tickMs }) => tickMs))
    }))
    const opus = figures.find(({ name, speakers: count }) => name === "ours" && count === 20)
    const ticks = figures.find(({ take }) => take === "ticks")
    const pcm = figures.find(({ name }) => name === "ours, PCM")
    return {
      rows: figures.map((figure): Row => ({
        listener: figure.name,
        "packets/s": figure.packetsPerSecond,
        "not heard %": (100 * figure.lost).toFixed(2),
        "CPU us/packet": figure.cpuMicros.toFixed(1),
        "streams that died": figure.script === "bare" ? "" : figure.died,
        "source late ms": figure.lateMs.toFixed(0)
      })),
      figures: { rounds, ms, cells: figures },
      notes: [
        "packets with a header extension, AES-256-GCM, 50 a second from each speaker; CPU: the whole process of the listener",
        "each listener as it comes: we ask the operating system for a larger receive buffer, the others take its default",
        ...(ticks === undefined
          ? []
          : [`ticks of ${ticks.speakers} speakers came ${ticks.tickMs.toFixed(1)} ms late at p99`]),
        ...(opus === undefined || pcm === undefined
          ? []
          : [
            `a decoded user (48 kHz, two channels) costs ${
              ((pcm.cpuMicros - opus.cpuMicros) * packetsPerSpeaker / 1_000).toFixed(2)
            } ms of CPU a second`
          ])
      ]
    }
  }
}
