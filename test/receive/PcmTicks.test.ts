import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Scope } from "effect"
import * as OpusDecoder from "../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../src/OpusEncoder.ts"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as Pcm from "../../src/receive/Pcm.ts"
import * as PcmTicks from "../../src/receive/PcmTicks.ts"
import type { ReceivedFrame, Tick, TickPart } from "../../src/receive/ReceivedFrame.ts"
import * as Ticker from "../../src/receive/Ticker.ts"
import * as Undecodable from "../../src/receive/Undecodable.ts"
import { MockOpusDecoder } from "../../src/testing/index.ts"
import * as VoiceError from "../../src/VoiceError.ts"

const user = UserId.make("100000000000000001")

const frameOf = (data: Uint8Array, atMs: number, options: Partial<ReceivedFrame> = {}): ReceivedFrame => ({
  userId: user,
  ssrc: Ssrc.make(1),
  sequence: 0,
  timestamp: 0,
  samples: 960,
  atMs,
  kind: "audio",
  data,
  packets: 1,
  ...options
})

const encoded = Effect.fnUntraced(function*(count: number, samples: number) {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
  return yield* Effect.forEach(Array.from({ length: count }), (_, frame) => {
    const pcm = new Int16Array(samples * 2)
    for (let i = 0; i < pcm.length; i++) pcm[i] = 8_000 * Math.sin((frame * samples + (i >> 1)) / 20)
    return encoder.encode(pcm)
  })
}, Effect.scoped)

const ticksOf = (frames: ReadonlyArray<ReceivedFrame>, untilMs: number) => {
  const ticks: Array<Tick> = []
  const ticker = Ticker.make({ startMs: 0, delayMs: 0, participants: () => [user], onTick: (tick) => ticks.push(tick) })
  for (const frame of frames) ticker.onFrame(frame)
  ticker.advance(untilMs)
  return ticks
}

const joined = (pieces: ReadonlyArray<Int16Array>) => Int16Array.from(pieces.flatMap((piece) => [...piece]))

const codecs = Layer.merge(OpusEncoder.layer, OpusDecoder.layer)

describe("PcmTicks", () => {
  it.effect("rejects an unsupported rate or channel count before anyone speaks", () =>
    Effect.gen(function*() {
      // as an untyped program may request it
      for (const options of [{ rate: 44_100 as 48_000 }, { channels: 3 as 2 }]) {
        const { message, reason } = yield* Effect.flip(PcmTicks.make(options))
        assert.strictEqual(reason._tag, "Unsupported")
        assert.match(message, /the rate is 44100, not one of 8000|there are 3 channels, not 1 or 2/)
      }
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  for (const samples of [120, 480, 960, 1_920, 2_880]) {
    it.effect(`cuts packets of ${samples / 48} ms into ticks without changing a sample`, () =>
      Effect.gen(function*() {
        const count = 5_760 / samples
        const packets = yield* encoded(count, samples)
        const ticks = ticksOf(packets.map((data, i) => frameOf(data, i * samples / 48, { samples })), 120)
        const toPcm = yield* PcmTicks.make()
        const parts = yield* Effect.forEach(ticks, toPcm)
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
        const expected = joined(yield* Effect.forEach(packets, decoder.decode))
        const heard = parts.map(({ participants }) => participants.get(user)?.pcm ?? new Int16Array(0))
        assert.isTrue(heard.every(({ length }) => length === 1_920))
        assert.deepStrictEqual(joined(heard), expected)
        assert.isTrue(parts.every(({ participants }) => participants.get(user)?.kind === "audio"))
      }).pipe(Effect.scoped, Effect.provide(codecs)))
  }

  it.effect("conceals missing, lost and non-Opus packets, and drops a packet that comes too late", () =>
    Effect.gen(function*() {
      const packets = yield* encoded(10, 960)
      const nothing = new Uint8Array(0)
      const frames = packets.map((data, i) => frameOf(data, i * 20))
      frames[3] = frameOf(nothing, 60, { kind: "lost" })
      frames[5] = frameOf(Uint8Array.of(0xff, 0xff), 100)
      const toPcm = yield* PcmTicks.make({ rate: 16_000, channels: 1 })
      const ticks = ticksOf(frames, 200)
      const missing: TickPart = { kind: "missing", frames: [], aheadSamples: 0 }
      const late: TickPart = { kind: "audio", frames: frames.slice(7, 9), aheadSamples: 0 }
      const replaced = ticks.map(({ atMs, index, participants }): Tick => ({
        index,
        atMs,
        participants: index === 7 ? new Map([[user, missing]]) : index === 8 ? new Map([[user, late]]) : participants
      }))
      const parts = (yield* Effect.forEach(replaced, toPcm)).map(({ participants }) => participants.get(user))
      assert.isTrue(parts.every((part) => part?.pcm.length === 320))
      assert.deepStrictEqual(
        parts.map((part) => part?.kind),
        ["audio", "audio", "audio", "concealed", "audio", "concealed", "audio", "concealed", "concealed", "audio"]
      )
      // of the two packets that came together, the later one is heard
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ rate: 16_000, channels: 1 })
      let expected = new Int16Array(0)
      for (const i of [0, 1, 2, undefined, 4, undefined, 6, undefined, 7, 8]) {
        expected = Int16Array.from(
          yield* i === undefined ? decoder.conceal(960) : decoder.decode(packets[i] ?? new Uint8Array(0))
        )
      }
      assert.deepStrictEqual(parts[8]?.pcm, expected)
      for (const part of parts.slice(1)) assert.isAbove(Math.max(...(part?.pcm ?? [])), 1_000)
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  it.effect("reports a tick as audio if the end of earlier speech sounds in it", () =>
    Effect.gen(function*() {
      const [one = new Uint8Array(0), two = new Uint8Array(0), three = new Uint8Array(0)] = yield* encoded(3, 480)
      const toPcm = yield* PcmTicks.make()
      const parts = [
        {
          kind: "audio",
          frames: [one, two, three].map((data) => frameOf(data, 0, { samples: 480 })),
          aheadSamples: 480
        },
        { kind: "silence", frames: [], aheadSamples: 0 },
        { kind: "silence", frames: [], aheadSamples: 0 }
      ] satisfies ReadonlyArray<TickPart>
      const heard = yield* Effect.forEach(
        parts,
        (part, index) =>
          Effect.map(toPcm({ index, atMs: index * 20, participants: new Map([[user, part]]) }), ({ participants }) =>
            participants.get(user))
      )
      assert.deepStrictEqual(
        heard.map((part) =>
          part?.kind
        ),
        ["audio", "audio", "silence"]
      )
      const second = heard[1]?.pcm ?? new Int16Array(0)
      assert.isTrue(second.subarray(0, 960).some((sample) => Math.abs(sample) > 1_000))
      // the speech fades within some milliseconds, and is not cut off
      assert.isBelow(Math.abs((second[960] ?? 0) - (second[958] ?? 0)), 1_000)
      assert.isTrue(second.subarray(960, 1_200).some((sample) => sample !== 0))
      assert.isTrue(second.subarray(1_440).every((sample) => Math.abs(sample) < 20))
      assert.lengthOf(second, 1_920)
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  it.effect("lets the last sound of a user who leaves fade out", () =>
    Effect.gen(function*() {
      const [packet = new Uint8Array(0)] = yield* encoded(1, 960)
      const toPcm = yield* PcmTicks.make()
      yield* toPcm({
        index: 0,
        atMs: 0,
        participants: new Map([[user, { kind: "audio", frames: [frameOf(packet, 0)], aheadSamples: 0 }]])
      })
      const gone = (index: number) => toPcm({ index, atMs: index * 20, participants: new Map() })
      const { participants: last } = yield* gone(1)
      assert.isTrue(last.get(user)?.pcm.some((sample) => sample !== 0))
      assert.strictEqual((yield* gone(2)).participants.size, 0)
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  for (const [rate, channels] of [[48_000, 2], [16_000, 1]] as const) {
    it.effect(`drops the surplus when packets hold more than the tick says, at ${rate} Hz`, () =>
      Effect.gen(function*() {
        const packets = yield* encoded(4, 480)
        const toPcm = yield* PcmTicks.make({ rate, channels })
        const frames = packets.map((data, i) => frameOf(data, i * 10, { samples: 480 }))
        const first = yield* toPcm({
          index: 0,
          atMs: 0,
          participants: new Map([[user, { kind: "audio", frames, aheadSamples: 480 }]])
        })
        const second = yield* toPcm({
          index: 1,
          atMs: 20,
          participants: new Map([[user, { kind: "silence", frames: [], aheadSamples: 0 }]])
        })
        const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ rate, channels })
        const expected = joined(yield* Effect.forEach(packets, decoder.decode))
        const ms = rate / 1_000 * channels
        assert.deepStrictEqual(first.participants.get(user), {
          kind: "concealed",
          pcm: expected.slice(10 * ms, 30 * ms)
        })
        assert.deepStrictEqual(second.participants.get(user)?.pcm.subarray(0, 10 * ms), expected.slice(30 * ms))
      }).pipe(Effect.scoped, Effect.provide(codecs)))
  }

  it.effect("reports sound recovered from the packet after a loss as concealed", () =>
    Effect.gen(function*() {
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({
        application: "voip",
        bitrate: 24_000,
        fec: true,
        expectedLossPercent: 30,
        signal: "voice"
      })
      const packets = yield* Effect.forEach(
        Array.from({ length: 10 }, (_, n) => n),
        (n) => encoder.encode(Int16Array.from({ length: 1_920 }, (_, i) => 8_000 * Math.sin((n * 960 + (i >> 1)) / 20)))
      )
      const toPcm = yield* PcmTicks.make()
      const last = packets.at(-1) ?? new Uint8Array(0)
      const frame = frameOf(new Uint8Array(0), 0, { kind: "lost", recovery: last })
      const { participants } = yield* toPcm({
        index: 0,
        atMs: 0,
        participants: new Map([[user, { kind: "audio", frames: [frame], aheadSamples: 0 }]])
      })
      assert.strictEqual(participants.get(user)?.kind, "concealed")
    }).pipe(Effect.scoped, Effect.provide(codecs)))

  it.effect("keeps the decoder of a user who sends silence for a long time", () =>
    Effect.gen(function*() {
      const mock = yield* MockOpusDecoder.MockOpusDecoder
      const toPcm = yield* PcmTicks.make()
      const silence = frameOf(Uint8Array.of(0xf8, 0xff, 0xfe), 0, { kind: "silence" })
      for (let index = 0; index < 600; index++) {
        yield* toPcm({
          index,
          atMs: index * 20,
          participants: new Map([[user, { kind: "silence", frames: [silence], aheadSamples: 0 }]])
        })
      }
      assert.strictEqual(yield* mock.live, 1)
    }).pipe(Effect.scoped, Effect.provide(MockOpusDecoder.layer)))

  it.effect("makes a decoder for a user who speaks, and frees it after long silence or when the user is gone", () =>
    Effect.gen(function*() {
      const mock = yield* MockOpusDecoder.MockOpusDecoder
      const scope = yield* Scope.make()
      const toPcm = yield* Scope.provide(PcmTicks.make(), scope)
      const silent = (index: number): Tick => ({
        index,
        atMs: 0,
        participants: new Map([[user, { kind: "silence", frames: [], aheadSamples: 0 }]])
      })
      const speaking = (index: number): Tick => ({
        index,
        atMs: 0,
        participants: new Map([[user, {
          kind: "audio",
          frames: [frameOf(Uint8Array.of(0xfc, 0), 0)],
          aheadSamples: 0
        }]])
      })
      yield* toPcm(silent(0))
      assert.strictEqual(yield* mock.live, 0)
      yield* toPcm(speaking(1))
      yield* toPcm(silent(500))
      assert.strictEqual(yield* mock.live, 1)
      yield* toPcm(silent(501))
      assert.strictEqual(yield* mock.live, 0)
      yield* toPcm(speaking(502))
      yield* toPcm({ index: 503, atMs: 0, participants: new Map() })
      assert.strictEqual(yield* mock.live, 0)
    }).pipe(Effect.provide(MockOpusDecoder.layer)))

  it.effect("releases what a decoder that failed to start had acquired, and reports its packet as concealed", () =>
    Effect.gen(function*() {
      let taken = 0
      let counted = 0
      const failing = OpusDecoder.OpusDecoder.of({
        make: () =>
          Effect.andThen(
            Effect.acquireRelease(Effect.sync(() => taken++), () => Effect.sync(() => taken--)),
            VoiceError.fail(new VoiceError.CodecUnavailable({ codec: "none", detail: "there are no more" }))
          )
      })
      const undecodable = Undecodable.make(() => counted++)
      const toPcm = yield* Effect.provideService(PcmTicks.make({}, undecodable), OpusDecoder.OpusDecoder, failing)
      const part: TickPart = { kind: "audio", frames: [frameOf(Uint8Array.of(0xfc, 0), 0)], aheadSamples: 0 }
      const { participants } = yield* toPcm({ index: 0, atMs: 0, participants: new Map([[user, part]]) })
      assert.deepStrictEqual(participants.get(user), { kind: "concealed", pcm: new Int16Array(1_920) })
      assert.strictEqual(taken, 0)
      assert.strictEqual(counted, 1)
    }).pipe(Effect.scoped))
})

describe("Pcm", () => {
  it.effect("makes hours of silence piece by piece, exact to the sample", () =>
    Effect.gen(function*() {
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make({ rate: 8_000, channels: 1 })
      const samples = 3_600 * 48_000 + 7
      const gap = frameOf(new Uint8Array(0), 5, { kind: "silence", packets: 0, samples, timestamp: 11, dropped: 2 })
      let length = 0
      let at = 11
      let pieces = 0
      for (const piece of yield* Pcm.make(decoder).decode(gap)) {
        assert.strictEqual(piece.timestamp, at)
        assert.strictEqual(piece.dropped, pieces === 0 ? 2 : undefined)
        at += piece.samples
        length += piece.pcm.length
        pieces++
      }
      assert.strictEqual(pieces, 3_601)
      assert.strictEqual(length, Math.floor((11 + samples) / 6) - Math.floor(11 / 6))
    }).pipe(Effect.scoped, Effect.provide(OpusDecoder.layer)))
})
