/**
 * What a connection takes of memory, idle and playing, beside @discordjs/voice: resident memory of the process after a
 * garbage collection, less that of the same process without connections; with what V8 keeps for new objects, and without.
 */
import { type Bench, median } from "./measure.ts"
import type { Memory } from "./streams/messages.ts"
import * as Rig from "./streams/rig.ts"

const mode = "aead_xchacha20_poly1305_rtpsize"

const subjects: ReadonlyArray<Rig.Subject> = [
  { name: "ours, packets", script: "ours", source: "packets" },
  { name: "ours, Ogg", script: "ours", source: "ogg" },
  { name: "ours, packets, NewSpace.layerSmall", script: "ours", source: "packets", layer: "layerSmall" },
  { name: "ours, Ogg, NewSpace.layerSmall", script: "ours", source: "ogg", layer: "layerSmall" },
  { name: "@discordjs/voice, packets", script: "discordjs", source: "packets" },
  { name: "@discordjs/voice, Ogg", script: "discordjs", source: "ogg" },
  { name: "dysnomia, Ogg", script: "dysnomia", source: "ogg" }
]

const kib = (memory: Memory, before: Memory, count: number) => (memory.rss - before.rss) / 1024 / count

const heapKib = (memory: Memory, before: Memory, count: number) => (memory.heap - before.heap) / 1024 / count

export const memory: Bench = {
  name: "memory",
  summary: "memory of a connection, idle and playing",
  run: async ({ progress, quick, rounds: wanted }) => {
    const count = quick ? 20 : 200
    const rounds = wanted ?? (quick ? 1 : 7)
    const playMs = quick ? 1_000 : 3_000
    const results = subjects.filter(({ source }) => !quick || source === "packets").map((subject) => ({
      subject,
      idle: Array<number>(),
      playing: Array<number>(),
      idleReduced: Array<number>(),
      playingReduced: Array<number>(),
      idleHeap: Array<number>(),
      playingHeap: Array<number>(),
      process: Array<number>(),
      total: Array<number>()
    }))
    const rig = await Rig.open({ maxStreams: count, maxSeconds: 1 })
    try {
      for (let n = 0; n < rounds; n++) {
        for (
          const { idle, idleHeap, idleReduced, playing, playingHeap, playingReduced, process, subject, total }
            of n % 2 === 0
              ? results
              : results.toReversed()
        ) {
          progress(`memory: round ${n + 1}/${rounds}: ${count} x ${subject.name}`)
          const cell: Rig.Cell = { subject, count, modes: [mode], node: Rig.ownNode }
          const before = await rig.memoryBefore(cell)
          await rig.with(cell, async (running) => {
            const memory = await running.memory()
            idle.push(kib(memory, before.kept, count))
            process.push(before.kept.rss / 1e6)
            total.push(memory.rss / 1e6)
            await running.play()
            await Rig.pause(playMs)
            playing.push(kib(await running.memory(), before.kept, count))
            const reduced = await running.memory(true)
            playingReduced.push(kib(reduced, before.reduced, count))
            playingHeap.push(heapKib(reduced, before.reduced, count))
          })
          // another process: a collection before it plays would change what comes after
          await rig.with(cell, async (running) => {
            const reduced = await running.memory(true)
            idleReduced.push(kib(reduced, before.reduced, count))
            idleHeap.push(heapKib(reduced, before.reduced, count))
          })
        }
      }
    } finally {
      await rig.close()
    }
    const shown = (values: ReadonlyArray<number>) =>
      `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`
    return {
      rows: results.map((
        { idle, idleHeap, idleReduced, playing, playingHeap, playingReduced, process, subject, total }
      ) => ({
        player: subject.name,
        "idle KiB": shown(idle),
        "playing KiB": shown(playing),
        "idle, reduced": shown(idleReduced),
        "playing, reduced": shown(playingReduced),
        "idle, heap": shown(idleHeap),
        "playing, heap": shown(playingHeap),
        "process MB": `${median(process).toFixed(0)} to ${median(total).toFixed(0)}`
      })),
      figures: {
        connections: count,
        rounds,
        players: results.map((
          { idle, idleHeap, idleReduced, playing, playingHeap, playingReduced, process, subject, total }
        ) => ({
          player: subject.name,
          idle,
          playing,
          idleReduced,
          playingReduced,
          idleHeap,
          playingHeap,
          process,
          total
        }))
      },
      notes: [
        `a connection of ${count}: resident memory after garbage collection, less that without connections; ` +
        `medians (least-greatest) of ${rounds} rounds`,
        "reduced: after a collection as V8 makes it where memory runs short, which gives back its space for new objects; heap: what of that are objects",
        "process: the whole process without connections, and with all of them, idle",
        `Node ${globalThis.process.version}, ${mode}, over TLS`
      ]
    }
  }
}
