import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"
import * as OpusPacket from "../../../src/protocol/OpusPacket.ts"
import * as Silence from "../../../src/receive/record/Silence.ts"

describe("Silence", () => {
  it.prop("fills any duration with packets of that total length, down to 2.5 ms", {
    samples: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: -10, maximum: 100_000 })))
  }, ({ samples }) => {
    let filled = 0
    Silence.fill(samples, (data, length) => {
      assert.strictEqual(OpusPacket.samples(data), length)
      assert.isTrue(length === 5_760 || Silence.isSilent(data))
      filled += length
    })
    assert.strictEqual(filled, Math.max(0, Math.floor(samples / 120) * 120))
  })

  it.effect("decodes to complete silence", () =>
    Effect.gen(function*() {
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
      const packets: Array<Uint8Array> = []
      Silence.fill(5_760 + 960 + 480 + 240 + 120, (data) => packets.push(data))
      assert.lengthOf(packets, 5)
      for (const packet of packets) assert.isTrue((yield* decoder.decode(packet)).every((sample) => sample === 0))
    }).pipe(Effect.scoped, Effect.provide(OpusDecoder.layer)))

  it.effect("tells an encoder's silence from its sound", () =>
    Effect.gen(function*() {
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ application: "lowdelay" })
      const sound = Int16Array.from({ length: 1_920 }, (_, i) => 8_000 * Math.sin(i / 9))
      assert.isFalse(Silence.isSilent(yield* encoder.encode(sound)))
      // its filters ring for a while
      for (let i = 0; i < 50; i++) yield* encoder.encode(new Int16Array(1_920))
      assert.isTrue(Silence.isSilent(yield* encoder.encode(new Int16Array(1_920))))
      assert.isFalse(Silence.isSilent(new Uint8Array()))
    }).pipe(Effect.scoped, Effect.provide(OpusEncoder.layer)))
})
