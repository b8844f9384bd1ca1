/**
 * What every player of the streams bench has in common: it connects, plays when it is told to, and counts its CPU time.
 */
import { readFileSync } from "node:fs"
import { Readable } from "node:stream"
import type { FromPlayer, PlayerArguments, ToPlayer } from "./messages.ts"

export const arguments_: PlayerArguments = JSON.parse(process.argv[2] ?? "")

/** A player. `connect` gives for each connection how long it took, in milliseconds, from asking to Session Description. */
export interface Player {
  readonly connect: () => Promise<ReadonlyArray<number>>
  readonly play: () => Promise<void> | void
}

const say = (message: FromPlayer) => process.send?.(message)

const collect = (reduce: boolean) => {
  // the players run with --expose-gc
  const { gc } = globalThis as { gc?: (options?: object) => void }
  for (let i = 0; i < 3; i++) gc?.(...(reduce ? [{ type: "major", execution: "sync", flavor: "last-resort" }] : []))
}

/** Runs a player until the bench is gone. */
export const run = (player: Player): void => {
  const fail = (error: unknown) =>
    say({ _tag: "Failed", detail: error instanceof Error ? error.stack ?? error.message : String(error) })
  process.on("uncaughtException", fail)
  process.on("unhandledRejection", fail)
  process.on("disconnect", () => process.exit(0))
  let before = process.cpuUsage()
  process.on("message", (message) => {
    // the bench says what `ToPlayer` says
    const told = message as ToPlayer
    switch (told._tag) {
      case "Play":
        return void Promise.resolve(player.play()).then(() => say({ _tag: "Playing" }), fail)
      case "Begin":
        before = process.cpuUsage()
        return
      case "End": {
        const { system, user } = process.cpuUsage(before)
        return say({ _tag: "Used", cpuMicros: system + user })
      }
      case "Measure": {
        collect(told.reduce)
        const { external, heapUsed, rss } = process.memoryUsage()
        return say({ _tag: "Memory", memory: { rss, heap: heapUsed, external } })
      }
    }
  })
  say({ _tag: "Started" })
  player.connect().then((joinMs) => say({ _tag: "Ready", joinMs }), fail)
}

/** Opus frames of 20 ms (TOC 0xfc: CELT, stereo, one frame), each as long as the arguments say and each its own array. */
export const frame = (): Uint8Array => {
  const data = Buffer.alloc(arguments_.frameBytes, 0x5a)
  data[0] = 0xfc
  return data
}

/** A second of something like music: 48 kHz, two channels, from -1 to 1. */
export const music = (): Float32Array => {
  const samples = new Float32Array(48_000 * 2)
  for (let i = 0; i < 48_000; i++) {
    let value = 0
    // whole waves within the second, so that it can be played over and over
    for (const [tone, hz] of [220, 277, 330, 554, 1_109, 2_637].entries()) {
      value += (0.25 / (tone + 1)) * Math.sin((2 * Math.PI * hz * i) / 48_000 + tone)
    }
    samples[i * 2] = value
    samples[i * 2 + 1] = value * 0.8
  }
  return samples
}

/** The Ogg stream of the arguments, over and over, in pieces as a file is read in. */
export const ogg = (): Readable => {
  const file = readFileSync(arguments_.ogg)
  return Readable.from((function*() {
    for (let at = 0; at < file.length; at += 16_384) yield file.subarray(at, at + 16_384)
  })())
}

/** Runs `task` for 0, 1, ... `count - 1`, `width` at a time. */
export const each = async (count: number, width: number, task: (index: number) => Promise<void>): Promise<void> => {
  let next = 0
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await task(next++)
  }))
}
