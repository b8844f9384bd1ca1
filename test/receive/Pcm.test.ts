import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as Pcm from "../../src/receive/Pcm.ts"
import type { ReceivedFrame } from "../../src/receive/ReceivedFrame.ts"

const speech = (frame: number, channels: number) =>
  Int16Array.from({ length: 960 * channels }, (_, i) => {
    const at = frame * 960 + Math.floor(i / channels)
    return 8_000 * Math.sin(at * (0.02 + frame / 2_000)) + 1_000 * Math.sin(at * 0.7)
  })

/** A lost frame that the next packet may have once more. */
const lost = (recovery: Uint8Array): ReceivedFrame => ({
  userId: UserId.make("1"),
  ssrc: Ssrc.make(1),
  sequence: 1,
  timestamp: 0,
  samples: 960,
  atMs: 0,
  kind: "lost",
  data: new Uint8Array(),
  packets: 1,
  recovery
})

describe("Pcm", () => {
  const voip = { application: "voip", bitrate: 24_000 } as const
  for (
    const [what, options, isThere] of [
      ["CELT", { application: "audio", bitrate: 64_000 }, false],
      ["SILK without error correction", { ...voip, fec: false }, false],
      ["SILK with error correction", { ...voip, fec: true, expectedLossPercent: 20 }, true],
      ["SILK in two channels", { ...voip, bitrate: 40_000, channels: 2, fec: true, expectedLossPercent: 20 }, true]
    ] as const
  ) {
    it.effect(`says of a lost frame whether it was recovered or made up: ${what}`, () =>
      Effect.gen(function*() {
        const channels = "channels" in options ? options.channels : 1
        const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels, ...options })
        const decoders = yield* OpusDecoder.OpusDecoder
        const one = yield* decoders.make({ channels })
        const other = yield* decoders.make({ channels })
        const packets: Array<Uint8Array> = []
        for (let i = 0; i < 30; i++) packets.push(yield* encoder.encode(speech(i, channels)))
        for (const data of packets.slice(0, 20)) {
          yield* one.decode(data)
          yield* other.decode(data)
        }
        const next = packets[21] ?? new Uint8Array()
        assert.strictEqual(OpusPacket.hasRecovery(next), isThere)
        const [frame] = [...yield* Pcm.decode(one, lost(next))]
        const conceived = yield* other.conceal(960)
        assert.strictEqual(frame?.kind, isThere ? "recovered" : "concealed")
        assert.strictEqual(frame?.pcm.every((sample, i) => sample === conceived[i]), !isThere)
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(OpusDecoder.layer, OpusEncoder.layer))))
  }
})
