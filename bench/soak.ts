/**
 * Whether anything grows: a hundred streams for ten minutes, and the heap after a garbage collection every half minute.
 */
import type { Bench } from "./measure.ts"
import * as Rig from "./streams/rig.ts"

const count = 100
const subject: Rig.Subject = { name: "ours", script: "ours", source: "packets" }
const mode = "aead_xchacha20_poly1305_rtpsize"

/** What is loaded and compiled late is no growth. */
const warmUpSamples = 2

/** Slope by least squares, and how far the points lie from the line (root mean square). */
const line = (points: ReadonlyArray<{ readonly x: number; readonly y: number }>) => {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) /
    points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  const noise = Math.sqrt(
    points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0) / points.length
  )
  return { slope, noise }
}

export const soak: Bench = {
  name: "soak",
  summary: "heap of a process that plays 100 streams for 10 minutes",
  run: async ({ progress, quick }) => {
    const intervalMs = quick ? 500 : 30_000
    const samples = quick ? 5 : 20
    const points: Array<{ readonly x: number; readonly y: number }> = []
    let rss = 0
    const rig = await Rig.open({ maxStreams: 1, maxSeconds: 1 })
    try {
      await rig.with({ subject, count, modes: [mode], node: Rig.ownNode }, async (running) => {
        await running.play()
        const startedAt = performance.now()
        for (let n = 0; n < warmUpSamples + samples; n++) {
          progress(`soak: ${Math.round((performance.now() - startedAt) / 1_000)} s`)
          await Rig.pause(intervalMs)
          const { external, heap, rss: resident } = await running.memory()
          rss = resident
          if (n < warmUpSamples) continue
          points.push({ x: (performance.now() - startedAt) / 60_000, y: (heap + external) / 1024 })
        }
      })
    } finally {
      await rig.close()
    }
    const { noise, slope } = line(points)
    const minutes = (points.at(-1)?.x ?? 0) - (points[0]?.x ?? 0)
    return {
      rows: [{
        streams: count,
        minutes: minutes.toFixed(1),
        "heap at first KiB": points[0]?.y.toFixed(0) ?? "",
        "at last KiB": points.at(-1)?.y.toFixed(0) ?? "",
        "growth KiB/minute": slope.toFixed(1),
        "noise KiB": noise.toFixed(1),
        "resident MiB": (rss / 1024 / 1024).toFixed(0)
      }],
      figures: { streams: count, minutes, slopeKibPerMinute: slope, noiseKib: noise, points },
      notes: [
        `heap and external memory after garbage collection, every ${intervalMs / 1_000} s; growth is the slope of a ` +
        "line through all points, noise how far they lie from it"
      ]
    }
  }
}
