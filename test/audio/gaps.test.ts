/**
 * Containers that show a missing part, as recordings of someone who was silent do, and containers with padding to cut
 * off.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as WebmReader from "../../src/audio/matroska/WebmReader.ts"
import { collect } from "./listen.ts"
import { opusMp4 as mp4, type Timed } from "./mp4/opusMp4.ts"
import {
  concat,
  ebml,
  element,
  opusHead,
  type Packet,
  packet,
  readPackets,
  segment,
  trackEntry,
  tracks
} from "./samples.ts"

const bytesOf = (name: string) => new Uint8Array(readFileSync(fileURLToPath(new URL(`files/${name}`, import.meta.url))))

const u16 = (value: number) => Uint8Array.of((value >> 8) & 255, value & 255)
const u32 = (value: number) => concat(u16(value / 65_536), u16(value & 65_535))

/** A block with a time relative to its cluster. */
const block = (id: string, atMs: number, ...parts: ReadonlyArray<Uint8Array>) =>
  element(id, concat(Uint8Array.of(0x81), u16(atMs), Uint8Array.of(0x80), ...parts))

/** A cluster for each second, with packets at their times. */
const parts = (packets: ReadonlyArray<Timed>, entry = trackEntry()): ReadonlyArray<Uint8Array> => {
  const clusters = new Map<number, Array<Uint8Array>>()
  for (const { atMs, data } of packets) {
    const second = Math.floor(atMs / 1_000)
    const blocks = clusters.get(second) ?? []
    blocks.push(block("a3", atMs - 1_000 * second, data))
    clusters.set(second, blocks)
  }
  return [
    tracks(entry),
    ...[...clusters].map(([second, blocks]) =>
      element("1f43b675", concat(element("e7", u32(1_000 * second)), ...blocks))
    )
  ]
}

const file = (packets: ReadonlyArray<Timed>, entry?: Uint8Array) => concat(ebml(), segment(parts(packets, entry)))

/** Packets of 20 ms, from the given time on. */
const run = (fromMs: number, count: number, seed = 0): Array<Timed> =>
  Array.from({ length: count }, (_, i) => ({ atMs: fromMs + 20 * i, data: packet(seed + i).data }))

const played = (bytes: Uint8Array, seekMs?: number) =>
  collect(AudioSource.fromBytes(bytes, { ffmpeg: false }), seekMs === undefined ? {} : { seekMs })

const isSilent = ({ data }: { readonly data: Uint8Array }) => data.length === 3 && data[1] === 0xff && data[2] === 0xfe

/** Frames as text: runs of silence and runs of sound, with their length in milliseconds. */
const shape = (frames: ReadonlyArray<Packet>) => {
  const runs: Array<[silent: boolean, ms: number]> = []
  for (const frame of frames) {
    const last = runs.at(-1)
    if (last !== undefined && last[0] === isSilent(frame)) last[1] += frame.samples / 48
    else runs.push([isSilent(frame), frame.samples / 48])
  }
  return runs.map(([silent, ms]) => `${silent ? "silence" : "sound"} ${ms}`)
}

describe("a gap in the timestamps", () => {
  it.live("becomes silence in Opus that is passed through", () =>
    Effect.gen(function*() {
      const packets = [...run(0, 50), ...run(3_000, 50, 50), ...run(4_380, 10, 100)]
      const bytes = file(packets)
      const whole = yield* played(bytes)
      assert.strictEqual(whole.end, "Done")
      assert.deepStrictEqual(shape(whole.frames), [
        "sound 1000",
        "silence 2000",
        "sound 1000",
        "silence 380",
        "sound 200"
      ])
      assert.deepStrictEqual(
        whole.frames.filter((frame) => !isSilent(frame)).map(({ data }) => data),
        packets.map(({ data }) => data)
      )
      const pieces = Array.from({ length: Math.ceil(bytes.length / 71) }, (_, i) => bytes.slice(71 * i, 71 * (i + 1)))
      const streamed = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
      assert.deepStrictEqual(streamed.frames, whole.frames)
    }))

  it.live("can be sought into and past, by the timestamps of the container", () =>
    Effect.gen(function*() {
      const bytes = file([...run(0, 50), ...run(3_000, 50, 50), ...run(4_380, 10, 100)])
      const whole = yield* played(bytes)
      const totalMs = 4_580
      for (const seekMs of [0, 500, 990, 1_010, 2_000, 2_955, 2_990, 3_000, 3_510, 4_050, 4_390]) {
        const { frames, soughtMs = -1 } = yield* played(bytes, seekMs)
        assert.isAtMost(soughtMs, Math.max(seekMs, seekMs > 2_960 ? 3_000 : 0), `${seekMs}`)
        assert.isAtLeast(soughtMs, seekMs - 20, `${seekMs}`)
        assert.strictEqual(frames.reduce((sum, { samples }) => sum + samples, 0) / 48, totalMs - soughtMs, `${seekMs}`)
        assert.deepStrictEqual(frames, whole.frames.slice(soughtMs / 20), `${seekMs}`)
      }
    }))

  it.live("is not assumed if timestamps are rounded, jitter, drift, go back or begin late", () =>
    Effect.gen(function*() {
      const packets = run(5_000, 500)
      const cases: ReadonlyArray<(atMs: number, i: number) => number> = [
        (atMs) => atMs,
        (atMs, i) => atMs + ([0, 7, 15, 3, 19][i % 5] ?? 0),
        (atMs, i) => atMs + Math.floor(i / 5),
        (atMs, i) => atMs - Math.floor(i / 5),
        (atMs, i) => i < 250 ? atMs : atMs - 3_000
      ]
      for (const [index, move] of cases.entries()) {
        const { end, frames } = yield* played(file(packets.map(({ atMs, data }, i) => ({ atMs: move(atMs, i), data }))))
        assert.deepStrictEqual([end, shape(frames)], ["Done", ["sound 10000"]], `${index}`)
      }
    }))

  it.live("is found in each of several concatenated segments", () =>
    Effect.gen(function*() {
      const bytes = concat(file([...run(0, 50), ...run(2_000, 10)]), file([...run(0, 10), ...run(500, 10)]))
      const { end, frames } = yield* played(bytes)
      assert.strictEqual(end, "Done")
      assert.deepStrictEqual(shape(frames), ["sound 1000", "silence 1000", "sound 400", "silence 300", "sound 200"])
    }))

  it.live("becomes silence in decoded audio", () =>
    Effect.gen(function*() {
      const rate = 8_000
      const entry = trackEntry({ codec: "A_PCM/INT/LIT", head: null, channels: 1, rate, bits: 8 })
      const loud = (fromMs: number, count: number): Array<Timed> =>
        Array.from({ length: count }, (_, i) => ({ atMs: fromMs + 20 * i, data: new Uint8Array(rate / 50).fill(192) }))
      const bytes = file([...loud(0, 50), ...loud(2_500, 50)], entry)
      const whole = yield* played(bytes)
      assert.deepStrictEqual([whole.end, whole.pcm.length / 96], ["Done", 3_500])
      const level = (atMs: number) => whole.pcm[96 * atMs] ?? 0
      assert.closeTo(level(500), 0.5, 0.01)
      assert.closeTo(level(1_750), 0, 0.01)
      assert.closeTo(level(3_000), 0.5, 0.01)
      const { pcm } = yield* played(bytes, 1_750)
      assert.strictEqual(pcm.length / 96, 1_750)
      assert.closeTo(pcm[96 * 500] ?? 1, 0, 0.01)
      assert.closeTo(pcm[96 * 1_000] ?? 0, 0.5, 0.01)
    }))

  it.live("becomes silence in Opus from MP4, too", () =>
    Effect.gen(function*() {
      const { end, frames } = yield* played(yield* mp4([...run(0, 50), ...run(1_500, 50)]))
      assert.deepStrictEqual([end, shape(frames)], ["Done", ["sound 1000", "silence 500", "sound 1000"]])
      const late = yield* played(yield* mp4(run(500, 50)))
      assert.deepStrictEqual([late.end, shape(late.frames)], ["Done", ["silence 500", "sound 1000"]])
    }))

  it.live("is not assumed before an MP4 that keeps the timestamps of the stream that it was cut from", () =>
    Effect.gen(function*() {
      for (const fromMs of [15_000, 5_000_000]) {
        for (const options of [{}, { fastStart: "fragmented" }] as const) {
          const packets = [...run(fromMs, 50), ...run(fromMs + 1_500, 50, 50)]
          const bytes = yield* mp4(packets, options)
          const { durationMs = 0, end, frames } = yield* played(bytes)
          assert.deepStrictEqual([end, shape(frames)], ["Done", ["sound 1000", "silence 500", "sound 1000"]])
          assert.closeTo(durationMs, 2_500, 1)
          const sought = yield* played(bytes, 2_010)
          assert.closeTo(sought.soughtMs ?? -1, 2_000, 1)
          assert.deepStrictEqual(sought.frames.map(({ data }) => data), packets.slice(75).map(({ data }) => data))
        }
      }
    }))

  it.live("of more than an hour is Corrupt, and a shorter one is filled piece by piece", () =>
    Effect.gen(function*() {
      const hours = yield* played(file([...run(0, 50), ...run(2 * 3_600_000, 50)]))
      assert.deepStrictEqual([hours.end, hours.positionMs, shape(hours.frames)], ["Corrupt", 1_000, ["sound 1000"]])
      const opened = yield* AudioSource.fromBytes(file([...run(0, 5), ...run(3_000_000, 50)]), { ffmpeg: false }).open
      assert(opened.format === "opus")
      yield* opened.pull
      const silence = yield* opened.pull
      assert.deepStrictEqual(shape(silence), ["silence 1000"])
    }).pipe(Effect.scoped))
})

describe("DiscardPadding", () => {
  /** Packets as one block group each. The last one has padding of the given number of nanoseconds to discard. */
  const grouped = (packets: ReadonlyArray<Timed>, entry: Uint8Array, ns: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(BigInt(ns))
    const groups = packets.map(({ atMs, data }, i) =>
      element(
        "a0",
        concat(block("a1", atMs, data), i === packets.length - 1 ? element("75a2", bytes) : new Uint8Array(0))
      )
    )
    return concat(ebml(), segment([tracks(entry), element("1f43b675", concat(element("e7", u32(0)), ...groups))]))
  }

  const ogg = bytesOf("chirp.opus.ogg")
  const opus = readPackets(ogg, Buffer.from(ogg).readUInt32LE(14)).slice(2, 52)
  const timed = opus.map((data, i) => ({ atMs: 20 * i, data }))

  it.live("is cut off decoded audio, but not off audio that is passed through", () =>
    Effect.gen(function*() {
      const gained = trackEntry({ head: opusHead({ gain: 256 }) })
      for (const [ns, cutMs] of [[0, 0], [13_500_000, 13.5], [33_000_000, 33], [-5_000_000, 0]] as const) {
        const bytes = grouped(timed, gained, ns)
        const { end, pcm } = yield* played(bytes)
        assert.strictEqual(end, "Done")
        // the pre-skip is 312 samples
        assert.strictEqual(pcm.length / 2, 48_000 - 312 - 48 * Math.min(cutMs, 20), `${ns}`)
        const passed = yield* played(grouped(timed, trackEntry(), ns))
        assert.deepStrictEqual(passed.frames.map(({ data }) => data), opus)
        const pieces = Array.from({ length: bytes.length }, (_, i) => bytes.slice(i, i + 1))
        const streamed = yield* collect(AudioSource.fromStream(Stream.fromIterable(pieces), { ffmpeg: false }))
        assert.strictEqual(streamed.pcm.length, pcm.length)
      }
    }))

  it("is awaited: a group's packet comes with the group's last byte, or at the end of the data", () => {
    const bytes = grouped(timed.slice(0, 2), trackEntry(), 1_000_000)
    for (const cut of [0, 1, 5, 9, 12]) {
      const reader = WebmReader.make()
      reader.push(bytes.slice(0, bytes.length - cut))
      const taken = reader.take().length
      reader.end()
      assert.deepStrictEqual([taken, taken + reader.take().length], [cut === 0 ? 2 : 1, 2])
      assert.strictEqual(reader.problem()?.kind, cut === 0 ? undefined : "Truncated")
    }
    const malformed = element("a0", concat(block("a1", 0, packet(1).data), element("75a2", new Uint8Array(9))))
    const reader = WebmReader.make()
    reader.push(
      concat(ebml(), segment([tracks(trackEntry()), element("1f43b675", concat(element("e7", u32(0)), malformed))]))
    )
    assert.deepStrictEqual([reader.take().length, reader.problem()?.kind], [1, "Corrupt"])
  })
})
