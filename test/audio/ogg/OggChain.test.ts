import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ByteSource from "../../../src/audio/ByteSource.ts"
import * as PacketSource from "../../../src/audio/format/PacketSource.ts"
import * as OggReader from "../../../src/audio/ogg/OggReader.ts"
import { concat, noise, ogg, type Packet, packet } from "../samples.ts"

/** The given number of seconds of Opus, in packets whose sizes depend on their index. */
const seconds = (count: number, bytes: (index: number) => number): Array<Packet> =>
  Array.from({ length: 50 * count }, (_, i) => packet(i % 50, 3, bytes(i)))

const steady = (count: number) => seconds(count, () => 160)

/** The stated duration of a file, the reads away from its two ends, and whether it is seekable. */
const opened = (bytes: Uint8Array) =>
  Effect.gen(function*() {
    const places: Array<number> = []
    const source = ByteSource.ofRandomAccess("it", {
      size: bytes.length,
      read: (start, end) =>
        Effect.sync(() => {
          if (start > 65_536 && end < bytes.length) places.push(start)
          return bytes.subarray(start, end)
        })
    })
    const { durationMs, seek } = yield* PacketSource.open(source, OggReader.make())
    return { durationMs, places, reads: places.length, seekable: seek !== undefined }
  })

const preSkipMs = 312 / 48

describe("the duration of an Ogg file", () => {
  it.effect("is unknown if streams with the same serial number follow each other", () =>
    Effect.gen(function*() {
      for (
        const [a, b, c] of [[60, 60, 0], [60, 20, 0], [20, 60, 0], [10, 90, 0], [30, 30, 30], [200, 20, 20], [3, 2, 0]]
      ) {
        const file = concat(...[a ?? 0, b ?? 0, c ?? 0].filter((count) => count > 0).map((count) => ogg(steady(count))))
        const { durationMs, reads, seekable } = yield* opened(file)
        assert.deepStrictEqual([durationMs, seekable], [undefined, false], `${a}, ${b} and ${c} seconds`)
        assert.isAtMost(reads, 8)
      }
    }))

  it.effect("is taken from the last page if there is a single stream, without extra reads", () =>
    Effect.gen(function*() {
      for (const count of [1, 10, 60, 300]) {
        for (const segments of [20, 51, 250]) {
          const { durationMs, reads, seekable } = yield* opened(ogg(steady(count), { segments }))
          assert.closeTo(durationMs ?? 0, 1_000 * count - preSkipMs, 0.001)
          assert.deepStrictEqual([reads, seekable], [0, true], `${count} seconds, ${segments} segments`)
        }
      }
    }))

  it.effect("is searched for at another place if the first one had no complete page", () =>
    Effect.gen(function*() {
      // pages of almost the maximum size, except for the first and the last ones
      const file = ogg(seconds(14, (i) => i < 100 || i > 600 ? 3 : 1_018), { segments: 255 })
      const { durationMs, places } = yield* opened(file)
      assert.closeTo(durationMs ?? 0, 14_000 - preSkipMs, 0.001)
      assert.isAbove(places.length, 0)
      assert.isAtMost(places.length, 8)
      assert.deepStrictEqual(places, [...new Set(places)])
      assert.deepInclude(yield* opened(concat(file, file)), { durationMs: undefined, seekable: false })
    }))

  it.effect("is known however the bitrate varies", () =>
    Effect.gen(function*() {
      const sizes: ReadonlyArray<(index: number) => number> = [
        (i) => i < 500 || i > 8_000 ? 3 : 300,
        (i) => i < 5_000 ? 3 : 300,
        (i) => i > 5_000 ? 3 : 300,
        (i) => 3 + Math.floor(i / 30),
        (i) => i % 3_000 < 1_000 ? 3 : 400,
        (i) => (noise(Math.floor(i / 100), 1)[0] ?? 0) + 1
      ]
      for (const [index, bytes] of sizes.entries()) {
        const { durationMs, reads } = yield* opened(ogg(seconds(200, bytes), { segments: 50 }))
        assert.closeTo(durationMs ?? 0, 200_000 - preSkipMs, 0.001, `${index}`)
        assert.isAtMost(reads, 8)
      }
    }))
})
