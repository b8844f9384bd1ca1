import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { createDecoder } from "libopus-wasm"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import { fromHex } from "../vectors/hex.ts"
import vectors from "../vectors/opus-toc.json" with { type: "json" }
import { bytes, u8, uint } from "./arbitraries.ts"

describe("OpusPacket", () => {
  it("reads all 32 configurations in mono and stereo", () => {
    assert.strictEqual(vectors.configs.length, 32)
    for (const { bandwidth, config, frameSamples, mode } of vectors.configs) {
      for (const channels of [1, 2]) {
        const packet = Uint8Array.of((config << 3) | (channels === 2 ? 4 : 0), 0xaa)
        const result = OpusPacket.decode(packet)
        assert.isTrue(Result.isSuccess(result))
        if (Result.isFailure(result)) continue
        assert.deepEqual<unknown>(
          result.success,
          { mode, bandwidth, channels, frameSamples, frameCount: 1, samples: frameSamples }
        )
      }
    }
  })

  it.each(vectors.valid)("accepts: $name", ({ frameCount, hex, samples }) => {
    const packet = fromHex(hex)
    const result = OpusPacket.decode(packet)
    assert.isTrue(Result.isSuccess(result))
    if (Result.isSuccess(result)) {
      assert.strictEqual(result.success.frameCount, frameCount)
      assert.strictEqual(result.success.samples, samples)
    }
    assert.strictEqual(OpusPacket.samples(packet), samples)
  })

  it.each(vectors.invalid)("rejects: $name", ({ hex, kind }) => {
    const packet = fromHex(hex)
    const result = OpusPacket.decode(packet)
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.strictEqual(result.failure.kind, kind)
    assert.strictEqual(OpusPacket.samples(packet), -1)
  })

  it("accepts every frame count up to 120 ms, and none beyond", () => {
    for (const { config, frameSamples } of vectors.configs) {
      for (let count = 0; count < 64; count++) {
        const packet = Uint8Array.of((config << 3) | 3, count)
        const total = count * frameSamples
        assert.strictEqual(
          OpusPacket.samples(packet),
          count > 0 && total <= OpusPacket.maxPacketSamples ? total : -1
        )
      }
    }
  })

  it("respects the given length", () => {
    const buffer = new Uint8Array(1500)
    buffer.set(fromHex("f9 aabb"))
    assert.strictEqual(OpusPacket.samples(buffer, 3), 1920)
    assert.strictEqual(OpusPacket.samples(buffer, 2), -1)
    assert.strictEqual(OpusPacket.samples(buffer, 0), -1)
    assert.strictEqual(OpusPacket.samples(buffer, 1501), -1)
    buffer.set(OpusPacket.silenceFrame())
    assert.isTrue(OpusPacket.isSilence(buffer, 3))
    assert.isFalse(OpusPacket.isSilence(buffer))
  })

  it("accepts frames of up to 1,275 bytes, in every packing", () => {
    const most = OpusPacket.maxFrameBytes
    /** What stands in front of the frames, and how many bytes they have. */
    const packed = (head: string, frames: number) => Uint8Array.of(...fromHex(head), ...new Uint8Array(frames))
    const failure = (packet: Uint8Array) => {
      const result = OpusPacket.decode(packet)
      return Result.isFailure(result) ? result.failure.kind : undefined
    }
    for (const [head, frames] of [["f8", 1], ["f9", 2], ["fb02", 2], ["fb81", 1]] as const) {
      assert.isUndefined(failure(packed(head, frames * most)), head)
      assert.strictEqual(failure(packed(head, frames * (most + 1))), "FrameTooLong", head)
    }
    // the length of the first one is written, and is the longest that can be
    for (const head of ["faffff", "fb82ffff"]) {
      assert.isUndefined(failure(packed(head, 2 * most)), head)
      assert.strictEqual(failure(packed(head, 2 * most + 1)), "FrameTooLong", head)
    }
  })

  it("has a silence that nobody can spoil", () => {
    const spoiled = OpusPacket.silenceFrame()
    assert.deepStrictEqual(spoiled, Uint8Array.of(0xf8, 0xff, 0xfe))
    assert.isTrue(OpusPacket.isSilence(spoiled))
    assert.strictEqual(OpusPacket.samples(spoiled), OpusPacket.silenceSamples)
    spoiled.fill(0)
    assert.isFalse(OpusPacket.isSilence(spoiled))
    assert.isTrue(OpusPacket.isSilence(OpusPacket.silenceFrame()))
    for (const hex of ["", "f8", "f8ff", "f8fffe00", "f8ffff", "f8fefe", "fcfffe"]) {
      assert.isFalse(OpusPacket.isSilence(fromHex(hex)), hex)
    }
  })

  it.prop("finds the same samples with `decode` and `samples`", [u8, bytes(60)], ([toc, body]) => {
    const packet = Uint8Array.of(toc, ...body)
    const result = OpusPacket.decode(packet)
    assert.strictEqual(Result.isSuccess(result) ? result.success.samples : -1, OpusPacket.samples(packet))
    if (Result.isSuccess(result)) {
      const { frameCount, frameSamples, samples } = result.success
      assert.strictEqual(samples, frameCount * frameSamples)
      assert.isAtMost(samples, OpusPacket.maxPacketSamples)
    }
  })

  const decoder = Effect.acquireRelease(
    Effect.promise(() => createDecoder({ sampleRate: 48000, channels: 2 })),
    (decoder) => Effect.sync(() => decoder.free())
  )

  it("tells by its flags whether a packet repeats the frame before it", () => {
    // configuration, stereo, first byte of the frame, expected result
    const cases: ReadonlyArray<readonly [config: number, stereo: boolean, flags: number, has: boolean]> = [
      [9, false, 0b1000_0000, false],
      [9, false, 0b1100_0000, true],
      // 10 ms
      [8, false, 0b1100_0000, true],
      // the flags of the other channel follow: speech, then what is repeated
      [9, true, 0b1010_0000, false],
      [9, true, 0b1001_0000, true],
      // three times 20 ms, with three speech flags in front
      [11, false, 0b1110_0000, false],
      [11, false, 0b0001_0000, true],
      [11, true, 0b1110_1110, false],
      [11, true, 0b1110_1111, true],
      // hybrid, and CELT, which never repeats a frame
      [13, false, 0b1100_0000, true],
      [31, false, 0b1111_1111, false]
    ]
    for (const [config, stereo, flags, has] of cases) {
      const toc = (config << 3) | (stereo ? 4 : 0)
      assert.strictEqual(OpusPacket.hasRecovery(Uint8Array.of(toc, flags, 1, 2)), has, `${config} ${flags}`)
    }
    // several frames: of one byte behind more than 254 of padding, the only one with lengths, and a first one that is empty
    const toc = 9 << 3
    assert.isTrue(OpusPacket.hasRecovery(Uint8Array.of(toc | 3, 0x41, 255, 0, 0b1100_0000, ...new Uint8Array(254))))
    assert.isTrue(OpusPacket.hasRecovery(Uint8Array.of(toc | 3, 0x81, 0b1100_0000)))
    assert.isFalse(OpusPacket.hasRecovery(Uint8Array.of(toc | 2, 0, 0b1100_0000)))
    assert.isFalse(OpusPacket.hasRecovery(Uint8Array.of(9 << 3)))
    assert.isFalse(OpusPacket.hasRecovery(new Uint8Array()))
  })

  it.prop("looks for a repeated frame in any bytes", [bytes(60)], ([packet]) => {
    assert.isBoolean(OpusPacket.hasRecovery(packet))
  })

  it.effect("agrees with libopus on which vectors are packets", () =>
    Effect.gen(function*() {
      const reference = yield* decoder
      for (const { hex, name, samples } of vectors.valid) {
        assert.strictEqual(reference.decode(fromHex(hex)).length, 2 * samples, name)
      }
      for (const { hex, name } of vectors.invalid.filter(({ hex }) => hex !== "")) {
        assert.throws(() => reference.decode(fromHex(hex)), undefined, undefined, name)
      }
    }))

  it.effect.prop("agrees with libopus on arbitrary packets", [uint(31), uint(3), u8, bytes(30)], ([
    config,
    code,
    head,
    body
  ]) =>
    Effect.gen(function*() {
      const reference = yield* decoder
      const packet = Uint8Array.of((config << 3) | code, head, ...body)
      const samples = yield* Effect.try({ try: () => reference.decode(packet).length / 2, catch: () => -1 }).pipe(
        Effect.catch((failure) => Effect.succeed(failure))
      )
      assert.strictEqual(OpusPacket.samples(packet), samples)
    }))
})
