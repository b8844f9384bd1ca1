/**
 * What it costs to read and decode each format: CPU time of the whole process for a second of sound, from the bytes of a file to
 * PCM at 48 kHz in two channels (Opus: to packets), and of resampling for a frame of 20 ms.
 *
 * The files are those of the tests, three seconds of a chirp, again and again; what is measured begins when a source is open.
 */
import { Cause, Effect } from "effect"
import { readFileSync } from "node:fs"
import * as AudioSource from "../src/audio/AudioSource.ts"
import * as Resampler from "../src/audio/source/Resampler.ts"
import { type Bench, median } from "./measure.ts"

const files: ReadonlyArray<readonly [name: string, format: string]> = [
  ["chirp.mp3", "MP3, 44.1 kHz"],
  ["chirp-fast.m4a", "AAC in MP4, 48 kHz"],
  ["chirp.aac", "AAC in ADTS, 44.1 kHz"],
  ["chirp-24.flac", "FLAC, 24 bits, 48 kHz"],
  ["chirp.flac", "FLAC, 44.1 kHz"],
  ["chirp.vorbis.webm", "Vorbis in WebM, 48 kHz"],
  ["chirp.vorbis.ogg", "Vorbis in Ogg, 44.1 kHz"],
  ["chirp.opus.ogg", "Opus in Ogg, passed through"],
  ["chirp.opus.webm", "Opus in WebM, passed through"],
  ["chirp.opus.mp4", "Opus in MP4, passed through"]
]

interface Cost {
  /** Microseconds of CPU. */
  readonly open: number
  readonly perSecond: number
}

const cpuMicros = (since?: NodeJS.CpuUsage): number => {
  const { system, user } = process.cpuUsage(since)
  return user + system
}

/** Opens a source and reads it to its end. */
const once = (source: AudioSource.AudioSource): Promise<Cost> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const atOpen = process.cpuUsage()
    const opened = yield* source.open
    const open = cpuMicros(atOpen)
    const atStart = process.cpuUsage()
    let seconds = 0
    const pull = opened.format === "opus"
      ? Effect.map(opened.pull, (frames) => {
        for (const frame of frames) seconds += frame.samples / 48_000
      })
      : Effect.map(opened.pull, (samples) => {
        seconds += samples.length / 96_000
      })
    yield* Effect.catchIf(Effect.forever(pull), Cause.isDone, () => Effect.void)
    return { open, perSecond: cpuMicros(atStart) / seconds }
  })))

const resampling = (rate: number, channels: 1 | 2, seconds: number): number => {
  const resampler = Resampler.make(rate, channels)
  const piece = Float32Array.from({ length: rate / 50 }, (_, i) => Math.sin(i / 10))
  const start = process.cpuUsage()
  for (let i = 0; i < seconds * 50; i++) {
    resampler.push([piece, piece], piece.length)
    resampler.take(4800)
  }
  return cpuMicros(start) / (seconds * 50)
}

const spread = (values: ReadonlyArray<number>): string =>
  `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)})`

export const decode: Bench = {
  name: "decode",
  summary: "CPU of reading, decoding and resampling each format, us a second of sound",
  run: async ({ progress, quick, rounds: wanted }) => {
    const rounds = wanted ?? (quick ? 2 : 7)
    const passes = quick ? 2 : 10
    const costs = new Map(files.map(([name]) => [name, { open: [] as Array<number>, perSecond: [] as Array<number> }]))
    for (let round = 0; round < rounds; round++) {
      for (const [name] of files) {
        progress(`decode: round ${round + 1} of ${rounds}, ${name}`)
        const bytes = new Uint8Array(readFileSync(new URL(`../test/audio/files/${name}`, import.meta.url)))
        const source = AudioSource.fromBytes(bytes, { ffmpeg: false })
        const pass: Array<Cost> = []
        for (let i = 0; i < passes; i++) pass.push(await once(source))
        costs.get(name)?.open.push(median(pass.map(({ open }) => open)))
        costs.get(name)?.perSecond.push(median(pass.map(({ perSecond }) => perSecond)))
      }
    }
    const rates = [[44_100, 2], [44_100, 1], [24_000, 1], [16_000, 1], [96_000, 2]] as const
    const resampled = rates.map(([rate, channels]) => ({
      rate,
      channels,
      micros: Array.from({ length: rounds }, () => resampling(rate, channels, quick ? 2 : 20))
    }))
    return {
      rows: [
        ...files.map(([name, format]) => ({
          what: format,
          "us a second of sound": spread(costs.get(name)?.perSecond ?? []),
          "us to open": spread(costs.get(name)?.open ?? [])
        })),
        ...resampled.map(({ channels, micros, rate }) => ({
          what: `resampling ${rate} Hz, ${channels} ch, us a 20 ms frame`,
          "us a second of sound": spread(micros.map((us) => us * 50)),
          "us to open": spread(micros)
        }))
      ],
      figures: { costs: Object.fromEntries(costs), resampled },
      notes: [
        "Medians of the rounds, with the least and the most. The rows of resampling have the cost of a frame of 20 ms in the last column."
      ]
    }
  }
}
