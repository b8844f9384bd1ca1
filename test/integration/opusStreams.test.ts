import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as LibOpus from "libopus-wasm"
import { vi } from "vitest"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import { collect } from "../audio/listen.ts"
import { concat, ogg, opusHead } from "../audio/samples.ts"

const decoders = vi.hoisted(() => ({ made: 0, freed: 0, most: Infinity }))

vi.mock("libopus-wasm", async (original) => {
  const real = await original<typeof LibOpus>()
  const createDecoder: typeof real.createDecoder = async (options) => {
    if (decoders.made >= decoders.most) throw new Error("no memory is left")
    const decoder = await real.createDecoder(options)
    decoders.made++
    const free = decoder.free.bind(decoder)
    decoder.free = () => {
      decoders.freed++
      free()
    }
    return decoder
  }
  return { ...real, createDecoder }
})

/** Two packets with this many streams, of 20 ms of silence each. */
const silent = (streams: number, mapping: ReadonlyArray<number>): Uint8Array => {
  const toc = 31 << 3
  const data = concat(...Array.from({ length: streams - 1 }, () => Uint8Array.of(toc, 0)), Uint8Array.of(toc))
  const head = concat(
    opusHead({ family: 1, channels: mapping.length, preSkip: 0 }),
    Uint8Array.of(streams, 0, ...mapping)
  )
  const packet = { data, samples: 960 }
  return ogg([packet, packet], { head })
}

const play = (streams: number, mapping: ReadonlyArray<number>) => {
  decoders.made = 0
  decoders.freed = 0
  return collect(AudioSource.fromBytes(silent(streams, mapping), { ffmpeg: false }))
}

describe("Opus with many streams", () => {
  it.live("has one decoder for each stream that is heard, and no more", () =>
    Effect.gen(function*() {
      for (const [mapping, made] of [[[254], 1], [[3, 3], 1], [[0, 7, 255], 2], [[255, 255, 255], 0]] as const) {
        const { end, pcm } = yield* play(255, mapping)
        assert.deepStrictEqual([end, pcm.length], ["Done", 2 * 2 * 960])
        assert.deepStrictEqual([decoders.made, decoders.freed], [made, made])
      }
    }))

  it.live("frees the first decoders if there is no memory for the next", () =>
    Effect.gen(function*() {
      decoders.most = 2
      const { end, message } = yield* play(4, [0, 1, 2, 3])
      assert.strictEqual(end, "Unsupported")
      assert.match(message, /no memory is left/)
      assert.deepStrictEqual([decoders.made, decoders.freed], [2, 2])
    }).pipe(Effect.ensuring(Effect.sync(() => {
      decoders.most = Infinity
    }))))
})
