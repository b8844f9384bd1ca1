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

/** A lost frame that the next packet may contain once more. */
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

const codecs = Layer.merge(OpusDecoder.layer, OpusEncoder.layer)

/** A tone of 300 Hz, with a steepest slope of 400 per sample. */
const tone = (frame: number) =>
  Int16Array.from({ length: 960 }, (_, i) => 10_000 * Math.sin(2 * Math.PI * 300 * (frame * 960 + i) / 48_000))

const steepest = (pcm: Int16Array) =>
  pcm.reduce((most, value, i) => i === 0 ? 0 : Math.max(most, Math.abs(value - (pcm[i - 1] ?? 0))), 0)

describe("Pcm", () => {
  it.effect("asks for the end of a sound once, however long nothing follows it", () =>
    Effect.gen(function*() {
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1 })
      const reader = Pcm.make(yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 1 }))
      assert.isUndefined(yield* reader.trail(960))
      yield* reader.decode({ ...lost(new Uint8Array()), kind: "audio", data: yield* encoder.encode(tone(0)) })
      assert.strictEqual((yield* reader.trail(960))?.length, 960)
      assert.isUndefined(yield* reader.trail(960))
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  for (const samples of [120, 480, 960, 100_000]) {
    it.effect(`neither cuts off a speaker before a pause of ${samples} samples nor replays the end after it`, () =>
      Effect.gen(function*() {
        const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1 })
        const reader = Pcm.make(yield* (yield* OpusDecoder.OpusDecoder).make({ channels: 1 }))
        const at = { userId: UserId.make("1"), ssrc: Ssrc.make(1), sequence: 1, timestamp: 0, atMs: 0 }
        const audio = (data: Uint8Array): ReceivedFrame => ({ ...at, samples: 960, kind: "audio", data, packets: 1 })
        const pause: ReceivedFrame = { ...at, samples, kind: "silence", data: new Uint8Array(), packets: 0 }
        const quiet: ReceivedFrame = { ...audio(OpusPacket.silenceFrame()), kind: "silence" }
        const pieces: Array<Int16Array> = []
        const hear = Effect.fnUntraced(function*(frame: ReceivedFrame) {
          for (const { kind, pcm } of yield* reader.decode(frame)) {
            assert.strictEqual(kind, frame.kind)
            pieces.push(pcm)
          }
        })
        for (let i = 0; i < 10; i++) yield* hear(audio(yield* encoder.encode(tone(i))))
        yield* hear(pause)
        const until = pieces.length
        // silence that comes later, and what is said next
        yield* hear(quiet)
        if (samples >= 480) assert.isTrue(pieces.at(-1)?.every((sample) => Math.abs(sample) < 20))
        const fresh = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1 })
        for (let i = 0; i < 5; i++) yield* hear(audio(yield* fresh.encode(tone(i))))
        const all = Int16Array.from(pieces.flatMap((pcm) => [...pcm]))
        assert.isBelow(steepest(all), 700)
        assert.strictEqual(pieces.slice(10, until).reduce((sum, { length }) => sum + length, 0), samples)
      }).pipe(Effect.scoped, Effect.provide(codecs)))
  }

  const voip = { application: "voip", bitrate: 24_000 } as const
  for (
    const [what, options, isThere] of [
      ["CELT", { application: "audio", bitrate: 64_000 }, false],
      ["SILK without error correction", { ...voip, fec: false }, false],
      ["SILK with error correction", { ...voip, fec: true, expectedLossPercent: 20 }, true],
      ["SILK in two channels", { ...voip, bitrate: 40_000, channels: 2, fec: true, expectedLossPercent: 20 }, true]
    ] as const
  ) {
    it.effect(`tells whether a lost frame was recovered or concealed: ${what}`, () =>
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
        const [frame] = [...yield* Pcm.make(one).decode(lost(next))]
        const conceived = yield* other.conceal(960)
        assert.strictEqual(frame?.kind, isThere ? "recovered" : "concealed")
        assert.strictEqual(frame?.pcm.every((sample, i) => sample === conceived[i]), !isThere)
      }).pipe(Effect.scoped, Effect.provide(codecs)))
  }
})
