import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as DcaReader from "../../../src/audio/format/DcaReader.ts"
import * as Mp3Reader from "../../../src/audio/format/Mp3Reader.ts"
import * as OpusHead from "../../../src/audio/format/OpusHead.ts"
import type { Packet, PacketReader, Place } from "../../../src/audio/format/PacketReader.ts"
import * as PacketSource from "../../../src/audio/format/PacketSource.ts"

const mp3 = readFileSync(new URL("../files/chirp.mp3", import.meta.url))

const frameBytes = 4_000

/**
 * Concatenated streams with the given numbers of frames and samples per frame, and a record of what is read from them.
 */
const joined = (...streams: ReadonlyArray<{ readonly frames: number; readonly samples: number }>) => {
  const places: Array<Place> = []
  for (const { frames, samples } of streams) {
    for (let i = 0; i < frames; i++) places.push({ offset: places.length * frameBytes, start: i * samples })
  }
  const size = places.length * frameBytes
  const last = streams.at(-1)
  const reads: Array<readonly [start: number, end: number]> = []
  const random: ByteSource.RandomAccess = {
    size,
    read: (start, end) =>
      Effect.sync(() => {
        reads.push([start, end])
        return new Uint8Array(end - start)
      })
  }
  let given = false
  const reader: PacketReader = {
    push: () => undefined,
    end: () => undefined,
    take: () => {
      if (given) return []
      given = true
      return [{ data: new Uint8Array(1), samples: 1, start: 0, offset: 0 }]
    },
    header: () => ({
      codec: "flac",
      rate: 48_000,
      channels: 2,
      setup: [],
      sampleFormat: undefined,
      delay: 0,
      total: undefined,
      warmUp: 0,
      tags: {}
    }),
    durationMs: () => undefined,
    durationByTail: () => (last?.frames ?? 0) * (last?.samples ?? 0) / 48,
    tailBytes: 262_144,
    problem: () => undefined,
    restart: () => undefined,
    placeIn: (bytes, offset) => {
      const place = places[Math.ceil(offset / frameBytes)]
      return place !== undefined && place.offset < offset + bytes.length ? place : undefined
    },
    // frames of 1000 samples take as many bytes as if they were not compressed
    follows: (earlier, later) =>
      later.start > earlier.start && later.offset - earlier.offset <= 4 * (later.start - earlier.start) + 2 * frameBytes
  }
  return { reader, reads, size, source: ByteSource.ofRandomAccess("it", random) }
}

describe("PacketSource", () => {
  it.effect("needs only a few reads to find that the end of a file belongs to its first stream", () =>
    Effect.gen(function*() {
      const { reader, reads, size, source } = joined({ frames: 10_000, samples: 1_600 })
      const { durationMs } = yield* PacketSource.open(source, reader)
      assert.strictEqual(durationMs, 10_000 * 1_600 / 48)
      const near = [65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 33_554_432].map((at) =>
        [at, at + 65_536] as const
      )
      assert.deepStrictEqual(reads, [[size - 262_144, size], ...near])
      // nothing of the last piece is read again
      const short = joined({ frames: 80, samples: 1_600 })
      yield* PacketSource.open(short.source, short.reader)
      assert.deepStrictEqual(short.reads, [[short.size - 262_144, short.size]])
    }))

  it.effect("knows the length even if the sound becomes less or more dense", () =>
    Effect.gen(function*() {
      for (const [before, behind] of [[1_600, 1_100], [1_600, 4_000], [40_000, 1_600], [1_600, 40_000]] as const) {
        for (const share of [0.01, 0.1, 0.3, 0.6, 0.95]) {
          const { reader, source } = joined({ frames: 10_000, samples: behind })
          const { placeIn = () => undefined } = reader
          const isBefore = (offset: number) => offset < share * 10_000 * frameBytes
          const changed: PacketReader = {
            ...reader,
            durationByTail: () => 10_000 * (share * before + (1 - share) * behind) / 48,
            placeIn: (bytes, offset) => {
              const place = placeIn(bytes, offset)
              if (place === undefined) return undefined
              const frame = place.offset / frameBytes
              const start = isBefore(place.offset)
                ? frame * before
                : share * 10_000 * before + (frame - share * 10_000) * behind
              return { offset: place.offset, start }
            }
          }
          const { durationMs } = yield* PacketSource.open(source, changed)
          assert.isDefined(durationMs, `${before}, ${behind} behind ${share}`)
        }
      }
    }))

  it.effect("does not claim a length if another stream is appended, wherever that begins", () =>
    Effect.gen(function*() {
      // also if the second stream has fewer samples per byte, as another song may
      for (const samples of [1_300, 1_600, 1_900]) {
        for (let frames = 20; frames < 9_950; frames = Math.ceil(frames * 1.05)) {
          const { reader, source } = joined({ frames, samples: 1_600 }, { frames: 10_000 - frames, samples })
          assert.isUndefined((yield* PacketSource.open(source, reader)).durationMs, `behind ${frames} frames`)
        }
      }
    }))

  it.effect("reports the position of a failure from the packets that it delivered", () =>
    Effect.gen(function*() {
      // 20 ms each, the last one cut short
      const packet = Uint8Array.of(3, 0, 0xf8, 0xff, 0xfe)
      const bytes = new Uint8Array(
        Buffer.concat([Buffer.from("DCA1"), new Uint8Array(4), packet, packet, packet.subarray(1)])
      )
      const { pull } = yield* PacketSource.open(ByteSource.memory(bytes, "it"), DcaReader.make())
      assert.strictEqual((yield* pull).length, 2)
      const { reason } = yield* Effect.flip(Effect.catchTag(pull, "Done", () => Effect.die("it is cut")))
      assert.deepInclude(reason, { _tag: "SourceFailed", kind: "Corrupt", positionMs: 40 })
    }))

  it.effect("subtracts the delay from a failure's position only if the packets are decoded", () =>
    Effect.gen(function*() {
      for (const [opus, positionMs] of [[undefined, 20], [OpusHead.plain, 13.5]] as const) {
        const { reader, source } = joined({ frames: 1, samples: 960 })
        const header = reader.header()
        if (header === undefined) return assert.fail("it has a header")
        const one: PacketReader = {
          ...reader,
          header: () => ({ ...header, codec: "opus", delay: 312, opus }),
          take: () => reader.take().map(({ data, offset, start }) => ({ data, samples: 960, start, offset })),
          problem: () => ({ kind: "Corrupt", detail: "it is cut" })
        }
        const { pull } = yield* PacketSource.open(source, one)
        assert.strictEqual((yield* pull).length, 1)
        const { reason } = yield* Effect.flip(Effect.catchTag(pull, "Done", () => Effect.die("it is cut")))
        assert.deepInclude(reason, { _tag: "SourceFailed", positionMs })
      }
    }))

  it.effect("seeks back to the exact place of a packet that it has already read past", () =>
    Effect.gen(function*() {
      const packets = Array.from({ length: 4 }, (_, i): Packet => ({
        data: Uint8Array.of(i),
        samples: 48_000,
        start: 48_000 * i,
        offset: 100 * i
      }))
      const restarts: Array<Place> = []
      let waiting = [...packets]
      const { reader, source } = joined({ frames: 4, samples: 48_000 })
      const one: PacketReader = {
        ...reader,
        take: () => waiting.splice(0),
        placeIn: undefined,
        restart: (place) => {
          restarts.push(place)
          waiting = packets.filter(({ start }) => start >= place.start)
        }
      }
      const { pull, seek } = yield* PacketSource.open(source, one)
      assert.lengthOf(yield* pull, 4)
      for (const sample of [96_000, 95_999]) yield* seek?.(sample) ?? Effect.void
      assert.deepStrictEqual(restarts, [{ offset: 200, start: 96_000 }, { offset: 100, start: 48_000 }])
    }))

  it.effect("seeks to a packet whose header spans two of the pieces that it reads", () =>
    Effect.gen(function*() {
      const headBytes = 20
      // only those that span the end of a 64 KiB piece after the middle of the remaining range
      const places: ReadonlyArray<Place> = [{ offset: 0, start: 0 }, { offset: 500_000 + 65_526, start: 1_600 }]
      const bytes = ByteSource.memory(new Uint8Array(1_000_000), "it")
      const restarts: Array<Place> = []
      const { reader } = joined({ frames: 250, samples: 1_600 })
      const one: PacketReader = {
        ...reader,
        follows: undefined,
        restart: (place) => void restarts.push(place),
        placeIn: (piece, offset) =>
          places.find((place) => place.offset >= offset && place.offset + headBytes <= offset + piece.length)
      }
      const { seek } = yield* PacketSource.open(bytes, one)
      if (seek === undefined) return assert.fail("it can be sought in")
      yield* seek(2_000)
      assert.deepStrictEqual(restarts, [places[1]])
    }))

  it.effect("fails a seek if reading fails, and can seek again afterwards", () =>
    Effect.gen(function*() {
      let isBroken = false
      const memory = ByteSource.memory(mp3, "it")
      const bytes: ByteSource.ByteSource = {
        ...memory,
        next: Effect.suspend(() => isBroken ? ByteSource.failure("it", "Unreadable", "the line is dead") : memory.next)
      }
      const { header, pull, seek } = yield* PacketSource.open(bytes, Mp3Reader.make())
      if (seek === undefined) return assert.fail("it can be sought in")
      // places that it has read past are found again without reading
      yield* pull
      isBroken = true
      const { reason } = yield* Effect.flip(seek(header.rate))
      assert.strictEqual(reason._tag === "SourceFailed" && reason.kind, "Unreadable")
      isBroken = false
      yield* seek(header.rate)
      const start = (yield* pull)[0]?.start ?? 0
      assert.closeTo(start / header.rate, 1, 0.1)
    }))

  it.effect("begins at the start of a stream with its own decoder settings if a seek would go past that", () =>
    Effect.gen(function*() {
      for (const own of [{ opus: OpusHead.plain }, { vorbis: [new Uint8Array(30)] }] satisfies Array<Partial<Packet>>) {
        const packets = Array.from({ length: 10 }, (_, i): Packet => ({
          data: Uint8Array.of(i),
          samples: 960,
          start: 960 * i,
          offset: 0,
          ...(i === 4 ? own : {})
        }))
        let waiting = [...packets]
        const { reader, source } = joined({ frames: 10, samples: 960 })
        const one: PacketReader = {
          ...reader,
          take: () => waiting.splice(0),
          placeIn: undefined,
          restart: () => {
            waiting = [...packets]
          }
        }
        const { pull, seek } = yield* PacketSource.open(source, one)
        if (seek === undefined) return assert.fail("it can be sought in")
        for (const [sample, first] of [[960 * 2, 2], [960 * 8, 4]] as const) {
          yield* seek(sample)
          assert.deepStrictEqual((yield* pull)[0], packets[first])
        }
      }
    }))

  it.effect("ignores the frame count of a file if much more is appended", () =>
    Effect.gen(function*() {
      const alone = yield* PacketSource.open(ByteSource.memory(mp3, "it"), Mp3Reader.make())
      assert.closeTo(alone.durationMs ?? 0, 3_000, 1)
      const file = new Uint8Array(Buffer.concat(Array.from({ length: 25 }, () => mp3)))
      const { durationMs } = yield* PacketSource.open(ByteSource.memory(file, "it"), Mp3Reader.make())
      // it is derived from the number of bytes, including those of tags
      assert.closeTo(durationMs ?? 0, 75_000, 2_500)
    }))

  it.effect("accepts a seek beyond the end, which the next pull reports as Done", () =>
    Effect.gen(function*() {
      const { header, pull, seek } = yield* PacketSource.open(ByteSource.memory(mp3, "it"), Mp3Reader.make())
      if (seek === undefined) return assert.fail("it can be sought in")
      yield* seek(1_000 * header.rate)
      yield* pull
      const end = yield* Effect.flip(pull)
      assert.strictEqual(end._tag, "Done")
    }))
})
