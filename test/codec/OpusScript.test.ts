import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { codec } from "../../src/codec/OpusScript.ts"

const tone = (samples: number): Int16Array =>
  Int16Array.from({ length: 2 * samples }, (_, i) => 8_000 * Math.sin(2 * Math.PI * 440 * (i >> 1) / 48_000))

const levelOf = (pcm: Int16Array): number => Math.sqrt(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length)

/** More than fits into the module's memory. */
const huge = new Int16Array(10_000_000).fill(0x7777)

describe("opusscript", () => {
  it.effect("says why libopus rejects something, and says when it is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const encoder = yield* Scope.provide(codec.encoder({ channels: 2 }), scope)
      const decoder = yield* Scope.provide(codec.decoder(2, 48_000), scope)
      // the services never pass such a frame or packet
      assert.throws(() => encoder.encode(tone(100)), "bad argument")
      assert.throws(() => decoder.decode(Uint8Array.of(3, 0)), "invalid packet")
      yield* Scope.close(scope, Exit.void)
      assert.throws(() => encoder.encode(tone(960)), "the codec is closed")
      assert.throws(() => encoder.setBitrate(64_000), "the codec is closed")
      assert.throws(() => decoder.decode(Uint8Array.of(0xf8, 0xff, 0xfe)), "the codec is closed")
    }))

  it.effect("fills a gap completely", () =>
    Effect.gen(function*() {
      const encoder = yield* codec.encoder({ channels: 2 })
      const packets = Array.from({ length: 10 }, () => encoder.encode(tone(960)))
      for (const [rate, scale] of [[48_000, 1], [16_000, 1 / 3]] as const) {
        for (const samples of [120, 240, 360, 480, 600, 840, 960, 1_080]) {
          const decoder = yield* codec.decoder(2, rate)
          for (const packet of packets) decoder.decode(packet)
          const gap = decoder.conceal(samples)
          assert.strictEqual(gap.length, 2 * samples * scale)
          // each 2.5 ms contains a whole period of the tone, and the concealment fades
          const step = 240 * scale
          for (let at = 0; at < gap.length; at += step) {
            assert.isAbove(levelOf(gap.subarray(at, at + step)), 1_000, `${at} of ${samples} at ${rate} Hz`)
          }
        }
      }
    }).pipe(Effect.scoped))

  it.effect("frees its memory, so that any number of codecs work one after another", () =>
    Effect.gen(function*() {
      const once = Effect.scoped(
        Effect.map(codec.encoder({ channels: 2 }), (encoder) => encoder.encode(tone(960)).length)
      )
      yield* once
      const before = process.memoryUsage().external
      for (let i = 0; i < 300; i++) assert.isAbove(yield* once, 3)
      // 120 kB each would be 36 MB
      assert.isBelow(process.memoryUsage().external - before, 18_000_000)
    }))

  it.effect("is loaded again after it has broken, and codecs that shared its memory say so and can be closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const breaking = yield* Scope.provide(codec.encoder({ channels: 2 }), scope)
      const other = yield* Scope.provide(codec.encoder({ channels: 2 }), scope)
      assert.throws(() => breaking.encode(huge), "memory access out of bounds")
      for (const encoder of [breaking, other]) {
        assert.throws(() => encoder.encode(tone(960)), "another codec has corrupted the memory that they share")
      }
      const next = yield* codec.encoder({ channels: 2 })
      assert.isAbove(next.encode(tone(960)).length, 3)
      yield* Scope.close(scope, Exit.void)
      assert.isAbove(next.encode(tone(960)).length, 3)
    }).pipe(Effect.scoped))
})
